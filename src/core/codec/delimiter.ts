// The delimiter codec: its parameters.
import {
  CODEC_BYTES,
  CODEC_DELIMITER,
  CODEC_DELIMITER_FIRST,
  CODEC_DELIMITER_TABLE,
  CODEC_DELIMITER_WORK,
  CODEC_DELIMITERS,
  CODEC_FLAG_FAIL_FAST,
  CODEC_FLAG_STRIP,
  CODEC_FLAGS,
  CODEC_MAX_FRAME,
  DELIMITER_BYTES_MAX,
  DELIMITER_NODE_BYTES,
  DELIMITER_UNIT_BYTES,
  DELIMITER_WORK_BYTES,
  DELIMITERS_MAX,
} from '../../../assembly/codec/abi.ts'
import { InvalidArgumentError } from '../invalid-argument.ts'
import { type Codec, codec, FRAME_MAX, flag, integer } from './codec.ts'

/** Parameters of Netty's DelimiterBasedFrameDecoder, under its names. */
export interface DelimiterOptions {
  /** What may end a frame: 1 to 16 of them, text (as UTF-8) or bytes, each of 1 to 64 bytes. */
  readonly delimiters: readonly (string | Uint8Array)[]
  /** Longest frame in bytes, without its delimiter. */
  readonly maxFrameLength: number
  /** Frames come without their delimiter. True by default. */
  readonly stripDelimiter?: boolean
  /** Report a frame that is too long as soon as that is certain, not where it ends. True by default. */
  readonly failFast?: boolean
}

/**
 * Frames that end at the first of several delimiters; of two that begin at the same byte, at the longer. The encoder
 * appends the one that is named first.
 */
export function delimiter(options: DelimiterOptions): Codec {
  const max = integer('maxFrameLength', options.maxFrameLength, 1, FRAME_MAX)
  const given = bytesOf(options.delimiters)
  const flags =
    flag('stripDelimiter', options.stripDelimiter ?? true, CODEC_FLAG_STRIP) |
    flag('failFast', options.failFast ?? true, CODEC_FLAG_FAIL_FAST)
  const sorted = [...given].sort((a, b) => b.length - a.length)
  const entries = sorted.reduce((sum, bytes) => sum + entryBytes(bytes), CODEC_DELIMITER_TABLE)
  const all = sorted.flatMap((bytes) => [...bytes])
  const node = roundUp(DELIMITER_NODE_BYTES + 2 * (new Set(all).size + 1), DELIMITER_UNIT_BYTES)
  const bytes = Math.max(CODEC_BYTES, entries + DELIMITER_WORK_BYTES + (1 + all.length) * node)
  const base = codec('delimiter', CODEC_DELIMITER, (view, at) => {
    view.setUint32(at + CODEC_FLAGS, flags, true)
    view.setBigUint64(at + CODEC_MAX_FRAME, BigInt(max), true)
    view.setUint32(at + CODEC_DELIMITERS, sorted.length, true)
    view.setUint32(at + CODEC_DELIMITER_WORK, entries, true)
    let entry = CODEC_DELIMITER_TABLE
    for (const one of sorted) {
      if (one === given[0]) view.setUint32(at + CODEC_DELIMITER_FIRST, entry, true)
      view.setUint32(at + entry, one.length, true)
      one.forEach((byte, i) => {
        view.setUint8(at + entry + 4 + i, byte)
      })
      entry += entryBytes(one)
    }
  })
  return { ...base, bytes }
}

function entryBytes(bytes: Uint8Array): number {
  return 4 + roundUp(bytes.length, 4)
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step
}

/** The delimiters as bytes of their own, each once. */
function bytesOf(delimiters: DelimiterOptions['delimiters']): Uint8Array[] {
  if (!Array.isArray(delimiters) || delimiters.length === 0 || delimiters.length > DELIMITERS_MAX) {
    throw new InvalidArgumentError('delimiters', `an array of 1 to ${DELIMITERS_MAX} delimiters`, delimiters)
  }
  const found: Uint8Array[] = []
  for (const one of delimiters as DelimiterOptions['delimiters']) {
    const bytes = typeof one === 'string' ? encoder.encode(one) : one
    if (!(bytes instanceof Uint8Array) || bytes.length === 0 || bytes.length > DELIMITER_BYTES_MAX) {
      throw new InvalidArgumentError('delimiters', `strings or bytes of 1 to ${DELIMITER_BYTES_MAX} bytes each`, one)
    }
    if (!found.some((other) => equal(other, bytes))) found.push(Uint8Array.from(bytes))
  }
  return found
}

const encoder = new TextEncoder()

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
