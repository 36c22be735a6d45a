// The HTTP/1.1 codec: its parameters, and what heads and trailers mean.
import {
  CODEC_FLAG_REPLIES,
  CODEC_FLAGS,
  CODEC_HTTP1,
  CODEC_MAX_BODY,
  CODEC_MAX_CHUNK_LINE,
  CODEC_MAX_ELEMENTS,
  CODEC_MAX_FRAME,
  CODEC_MAX_LINE,
  CODEC_MAX_TARGET,
  HTTP1_FLAG_CHUNKED,
  HTTP1_FLAG_EXPECT_CONTINUE,
  HTTP1_FLAG_KEEP_ALIVE,
  HTTP1_FLAG_MINOR_1,
  HTTP1_FLAG_UPGRADE,
  HTTP1_HEAD_PARTS,
  HTTP1_TELL_CONNECT,
  HTTP1_TELL_HEAD,
  HTTP1_TELL_REQUEST,
  HTTP1_TELL_UPGRADED,
  RECORD_DATA,
  RECORD_HEAD,
  RECORD_TRAILERS,
} from '../../../assembly/codec/abi.ts'
import type { Frame } from '../frame.ts'
import { InvalidArgumentError } from '../invalid-argument.ts'
import { type Codec, codec, integer } from './codec.ts'

export interface Http1Options {
  /** What the stream holds: what clients send, or what servers answer. `'requests'` by default. */
  readonly messages?: 'requests' | 'responses'
  /** Longest head, and longest trailers, in bytes from the first to the empty line. 16384 by default. */
  readonly maxHeadBytes?: number
  /** Longest request target. 8192 by default. */
  readonly maxTargetBytes?: number
  /** Longest field line, without its line end. 8192 by default. */
  readonly maxFieldBytes?: number
  /** Most fields of a head, and of trailers. 100 by default. */
  readonly maxHeaders?: number
  /** Longest body in bytes, without the framing of its chunks. 2^53 − 1 by default. */
  readonly maxBodyBytes?: number
  /** Longest line with a chunk's size and extensions, without its line end. 1024 by default. */
  readonly maxChunkLineBytes?: number
}

/** Names as they were sent, values without the blanks around them; both as latin1. */
export type Http1Headers = (readonly [name: string, value: string])[]

interface Http1Head {
  readonly type: 'head'
  /** What it is served as: of a later minor version than 1.1, as 1.1. */
  readonly version: '1.0' | '1.1'
  readonly headers: Http1Headers
  /** What Content-Length says. */
  readonly contentLength?: number
  readonly chunked: boolean
  /** The connection stays open for another message. */
  readonly keepAlive: boolean
  /** Upgrade is asked for or granted; of a request also a CONNECT. */
  readonly upgrade: boolean
}

export interface Http1RequestHead extends Http1Head {
  readonly method: string
  readonly target: string
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectContinue: boolean
}

export interface Http1ResponseHead extends Http1Head {
  readonly status: number
  readonly reason: string
}

type Http1Rest =
  | { readonly type: 'data' }
  | { readonly type: 'trailers'; readonly headers: Http1Headers }
  | { readonly type: 'end' }

/** Events of a stream of requests: each begins with a head and ends with an end. */
export type Http1RequestMessage = Http1RequestHead | Http1Rest
/** Events of a stream of responses. */
export type Http1ResponseMessage = Http1ResponseHead | Http1Rest

/**
 * HTTP/1.1, of which a message is a sequence of events: a head, pieces of the body as they were received, trailers if
 * there are any, an end. A stream that any two programs might read differently is refused. What is written goes out as
 * it is: see encodeRequestHead, encodeResponseHead, encodeChunk.
 */
export function http1(options?: Http1Options & { readonly messages?: 'requests' }): Codec<Http1RequestMessage>
export function http1(options: Http1Options & { readonly messages: 'responses' }): Codec<Http1ResponseMessage>
export function http1(options: Http1Options): Codec<Http1RequestMessage> | Codec<Http1ResponseMessage>
export function http1(options: Http1Options = {}): Codec<Http1RequestMessage> | Codec<Http1ResponseMessage> {
  const messages = options.messages ?? 'requests'
  if (messages !== 'requests' && messages !== 'responses') {
    throw new InvalidArgumentError('messages', "'requests' or 'responses'", messages)
  }
  const head = integer('maxHeadBytes', options.maxHeadBytes ?? 16384, 16, HEAD_MAX)
  const target = integer('maxTargetBytes', options.maxTargetBytes ?? 8192, 1, HEAD_MAX)
  const field = integer('maxFieldBytes', options.maxFieldBytes ?? 8192, 1, HEAD_MAX)
  const fields = integer('maxHeaders', options.maxHeaders ?? 100, 1, FIELDS_MAX)
  const body = integer('maxBodyBytes', options.maxBodyBytes ?? Number.MAX_SAFE_INTEGER, 0, Number.MAX_SAFE_INTEGER)
  const line = integer('maxChunkLineBytes', options.maxChunkLineBytes ?? 1024, 1, CHUNK_LINE_MAX)
  const replies = messages === 'responses'
  const made = codec('http1', CODEC_HTTP1, (view, at) => {
    view.setUint32(at + CODEC_FLAGS, replies ? CODEC_FLAG_REPLIES : 0, true)
    view.setBigUint64(at + CODEC_MAX_FRAME, BigInt(head), true)
    view.setUint32(at + CODEC_MAX_TARGET, target, true)
    view.setUint32(at + CODEC_MAX_LINE, field, true)
    view.setUint32(at + CODEC_MAX_ELEMENTS, fields, true)
    view.setBigUint64(at + CODEC_MAX_BODY, BigInt(body), true)
    view.setUint32(at + CODEC_MAX_CHUNK_LINE, line, true)
  })
  return replies
    ? { ...made, message: (frame) => event(frame, responseHead), tell: tellResponses }
    : { ...made, message: (frame) => event(frame, requestHead), tell: tellRequests }
}

/** Limits of the limits. */
const HEAD_MAX = 1 << 20
const FIELDS_MAX = 65535
const CHUNK_LINE_MAX = 65535

function event<H>(frame: Frame, head: (frame: Frame) => H): H | Http1Rest {
  switch (frame.kind) {
    case RECORD_HEAD:
      return head(frame)
    case RECORD_DATA:
      return { type: 'data' }
    case RECORD_TRAILERS:
      return { type: 'trailers', headers: headersOf(frame, 0) }
    default:
      return { type: 'end' }
  }
}

function requestHead(frame: Frame): Http1RequestHead {
  const flags = frame.partExtra(2)
  return {
    type: 'head',
    method: frame.partText(0, 'latin1'),
    target: frame.partText(1, 'latin1'),
    ...common(frame, flags),
    expectContinue: (flags & HTTP1_FLAG_EXPECT_CONTINUE) !== 0,
  }
}

function responseHead(frame: Frame): Http1ResponseHead {
  const flags = frame.partExtra(0)
  return {
    type: 'head',
    status: frame.partExtra(1),
    reason: frame.partText(2, 'latin1'),
    ...common(frame, flags),
  }
}

function common(frame: Frame, flags: number) {
  const length = frame.partExists(LENGTH) ? { contentLength: Number(frame.partText(LENGTH, 'latin1')) } : undefined
  return {
    version: flags & HTTP1_FLAG_MINOR_1 ? '1.1' : '1.0',
    headers: headersOf(frame, HTTP1_HEAD_PARTS),
    ...length,
    chunked: (flags & HTTP1_FLAG_CHUNKED) !== 0,
    keepAlive: (flags & HTTP1_FLAG_KEEP_ALIVE) !== 0,
    upgrade: (flags & HTTP1_FLAG_UPGRADE) !== 0,
  } as const
}

const LENGTH = HTTP1_HEAD_PARTS - 1

function headersOf(frame: Frame, first: number): Http1Headers {
  const headers: Http1Headers = []
  for (let i = first; i < frame.parts; i += 2) {
    headers.push([frame.partText(i, 'latin1'), frame.partText(i + 1, 'latin1')])
  }
  return headers
}

function tellRequests(what: string): number {
  if (what !== 'upgrade') throw new InvalidArgumentError('what', "'upgrade', of a decoder of requests", what)
  return HTTP1_TELL_UPGRADED
}

function tellResponses(what: string): number {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Z]+$/.test(what)) throw new InvalidArgumentError('what', 'a method', what)
  return what === 'HEAD' ? HTTP1_TELL_HEAD : what === 'CONNECT' ? HTTP1_TELL_CONNECT : HTTP1_TELL_REQUEST
}
