// The RESP codec: its parameters, and what a request means.
import {
  CODEC_FLAG_REPLIES,
  CODEC_FLAG_RESP3,
  CODEC_FLAGS,
  CODEC_MAX_DEPTH,
  CODEC_MAX_ELEMENTS,
  CODEC_MAX_FRAME,
  CODEC_MAX_LINE,
  CODEC_RESP,
} from '../../../assembly/codec/abi.ts'
import { InvalidArgumentError } from '../invalid-argument.ts'
import { type Codec, codec, integer, wordsOf } from './codec.ts'
import { respMessage, respTokens } from './resp-reply.ts'
import type { RespValue } from './resp-value.ts'

/** Limits of Redis, under its names where it has any. */
export interface RespOptions {
  /** What is decoded: what clients send, or what servers answer. Requests by default. */
  readonly messages?: 'requests' | 'replies'
  /** Which types replies may have: those of RESP2, or also those of RESP3. 3 by default. Requests know no versions. */
  readonly version?: 2 | 3
  /** Longest bulk string in bytes (proto-max-bulk-len). 512 MiB by default. */
  readonly maxBulkLength?: number
  /** Longest line in bytes without its end: inline commands, headers, simple strings. 64 KiB by default. */
  readonly maxInline?: number
  /** Most elements of one command or aggregate; pairs of a map. 1,048,576 by default. */
  readonly maxElements?: number
  /** How deep aggregates may lie in each other. 128 by default. */
  readonly maxDepth?: number
}

export function resp(options?: RespOptions & { readonly messages?: 'requests' }): Codec<Uint8Array[]>
export function resp(options: RespOptions & { readonly messages: 'replies' }): Codec<RespValue>
/** The protocol of Redis. Requests: a message is the arguments of a command. Replies: a message is a value. */
export function resp(options: RespOptions = {}): Codec<Uint8Array[]> | Codec<RespValue> {
  const { messages = 'requests', version = 3 } = options
  if (messages !== 'requests' && messages !== 'replies') {
    throw new InvalidArgumentError('messages', "'requests' or 'replies'", messages)
  }
  if (version !== 2 && version !== 3) throw new InvalidArgumentError('version', '2 or 3', version)
  const bulk = integer('maxBulkLength', options.maxBulkLength ?? 1 << 29, 0, BULK_MAX)
  const line = integer('maxInline', options.maxInline ?? 65536, LINE_MIN, LINE_MAX)
  const elements = integer('maxElements', options.maxElements ?? 1 << 20, 1, ELEMENTS_MAX)
  const depth = integer('maxDepth', options.maxDepth ?? 128, 1, DEPTH_MAX)
  const flags = (messages === 'replies' ? CODEC_FLAG_REPLIES : 0) | (version === 3 ? CODEC_FLAG_RESP3 : 0)
  const plain = codec('resp', CODEC_RESP, (view, at) => {
    view.setUint32(at + CODEC_FLAGS, flags, true)
    view.setBigUint64(at + CODEC_MAX_FRAME, BigInt(bulk), true)
    view.setUint32(at + CODEC_MAX_LINE, line, true)
    view.setUint32(at + CODEC_MAX_ELEMENTS, elements, true)
    view.setUint32(at + CODEC_MAX_DEPTH, depth, true)
  })
  if (messages === 'requests') return { ...plain, message: (frame) => wordsOf(frame, frame.parts) }
  return { ...plain, message: respMessage, tokens: respTokens }
}

// Ranges of the parameters.
const BULK_MAX = 1 << 30
/** Room for every header that the other limits allow. */
const LINE_MIN = 16
const LINE_MAX = 1 << 24
const ELEMENTS_MAX = 1 << 28
const DEPTH_MAX = 65535
