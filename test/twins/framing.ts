// Naive twins of the framing decoders: line, delimiter, fixed, lengthField and varint32.
import { corrupted, incomplete, type Result, type Twin, tooLong } from './twin.ts'

const LF = 0x0a
const CR = 0x0d

export interface LineOptions {
  readonly maxLength: number
  readonly stripDelimiter?: boolean
  readonly failFast?: boolean
}

export function line({ maxLength, stripDelimiter = true, failFast = false }: LineOptions): Twin {
  return (stream) => {
    const results: Result[] = []
    let at = 0
    for (let lf = stream.indexOf(LF); lf >= 0; lf = stream.indexOf(LF, at)) {
      const end = lf > at && stream[lf - 1] === CR ? lf - 1 : lf
      if (end - at > maxLength) results.push(tooLong(failFast ? maxLength + 1 : end - at))
      else results.push({ frame: stream.subarray(at, stripDelimiter ? end : lf + 1) })
      at = lf + 1
    }
    const rest = stream.length - at
    const content = rest > 0 && stream[stream.length - 1] === CR ? rest - 1 : rest // the CR of a delimiter?
    if (failFast && content > maxLength) return { results: [...results, tooLong(maxLength + 1)], end: [] }
    return { results, end: incomplete(rest) }
  }
}

export interface DelimiterOptions {
  readonly delimiters: readonly (string | Uint8Array)[]
  readonly maxFrameLength: number
  readonly stripDelimiter?: boolean
  readonly failFast?: boolean
}

/**
 * The first place from `from` on where a delimiter stands, and the length of the longest that stands there. Length 0:
 * none does before that place, and whether one begins at it depends on bytes that are not there yet.
 */
function findDelimiter(stream: Buffer, from: number, delimiters: readonly Buffer[], ended: boolean): [number, number] {
  for (let at = from; at < stream.length; at++) {
    const rest = stream.subarray(at)
    const whole = delimiters.filter((delimiter) => rest.subarray(0, delimiter.length).equals(delimiter))
    const halves = delimiters.filter(({ length }) => length > rest.length)
    if (!ended && halves.some((delimiter) => delimiter.subarray(0, rest.length).equals(rest))) return [at, 0]
    if (whole.length > 0) return [at, Math.max(...whole.map(({ length }) => length))]
  }
  return [stream.length, 0]
}

export function delimiter(options: DelimiterOptions): Twin {
  const { maxFrameLength, stripDelimiter = true, failFast = true } = options
  const delimiters = options.delimiters.map((bytes) => Buffer.from(bytes as string))

  function read(stream: Buffer, ended: boolean): { results: Result[]; at: number; told: boolean } {
    const results: Result[] = []
    let at = 0
    for (;;) {
      const [end, length] = findDelimiter(stream, at, delimiters, ended)
      const content = end - at // at least
      if (length === 0) {
        const told = !ended && failFast && content > maxFrameLength
        if (told) results.push(tooLong(maxFrameLength + 1))
        return { results, at, told }
      }
      if (content > maxFrameLength) results.push(tooLong(failFast ? maxFrameLength + 1 : content))
      else results.push({ frame: stream.subarray(at, stripDelimiter ? end : end + length) })
      at = end + length
    }
  }

  return (stream) => {
    const { results, at, told } = read(stream, false)
    const rest = stream.subarray(at)
    const whole = read(rest, true) // half a delimiter is none, and of two the shorter has won
    if (told && whole.results.length === 0) return { results, end: [] } // the long frame does not end
    const frames = whole.results.slice(told ? 1 : 0)
    return { results, end: [...frames, ...incomplete(rest.length - whole.at)] }
  }
}

export function fixed({ frameLength }: { readonly frameLength: number }): Twin {
  return (stream) => {
    const count = Math.floor(stream.length / frameLength)
    const results = Array.from({ length: count }, (_, i) => ({
      frame: stream.subarray(i * frameLength, (i + 1) * frameLength),
    }))
    return { results, end: incomplete(stream.length - count * frameLength) }
  }
}

export interface LengthFieldOptions {
  readonly maxFrameLength: number
  readonly lengthFieldOffset?: number
  readonly lengthFieldLength: 1 | 2 | 3 | 4 | 8
  readonly lengthAdjustment?: number
  readonly initialBytesToStrip?: number
  readonly byteOrder?: 'BE' | 'LE'
  readonly failFast?: boolean
}

/** The field's value, or undefined where it is negative or beyond 2^53 − 1. */
function fieldValue(field: Buffer, byteOrder: 'BE' | 'LE'): number | undefined {
  if (field.length < 8) {
    return byteOrder === 'BE' ? field.readUIntBE(0, field.length) : field.readUIntLE(0, field.length)
  }
  const value = byteOrder === 'BE' ? field.readBigInt64BE() : field.readBigInt64LE()
  return value < 0 || value > Number.MAX_SAFE_INTEGER ? undefined : Number(value)
}

export function lengthField(options: LengthFieldOptions): Twin {
  const { maxFrameLength, lengthFieldLength, lengthFieldOffset = 0, lengthAdjustment = 0 } = options
  const { initialBytesToStrip = 0, byteOrder = 'BE', failFast = true } = options
  const header = lengthFieldOffset + lengthFieldLength
  return (stream) => {
    const results: Result[] = []
    let at = 0
    while (stream.length - at >= header) {
      const value = fieldValue(stream.subarray(at + lengthFieldOffset, at + header), byteOrder)
      const length = value === undefined ? -1 : value + lengthAdjustment + header
      if (length < header) {
        results.push(corrupted(header))
        at += header
        continue
      }
      const whole = stream.length - at >= length
      if (length <= maxFrameLength && initialBytesToStrip > length) {
        results.push(corrupted(length))
        if (!whole) return { results, end: [] }
      } else if (length > maxFrameLength) {
        if (whole || failFast) results.push(tooLong(length))
        if (!whole) return { results, end: failFast ? [] : [tooLong(length)] } // it will not come to its end
      } else if (!whole) {
        break
      } else {
        results.push({ frame: stream.subarray(at + initialBytesToStrip, at + length) })
      }
      at += length
    }
    return { results, end: incomplete(stream.length - at) }
  }
}

const VARINT_BYTES_MAX = 5
const VARINT_END = 2 ** 31

export interface Varint32Options {
  readonly maxFrameLength: number
}

export function varint32({ maxFrameLength }: Varint32Options): Twin {
  return (stream) => {
    const results: Result[] = []
    let at = 0
    while (at < stream.length) {
      const last = stream.subarray(at, at + VARINT_BYTES_MAX).findIndex((byte) => byte < 0x80)
      if (last < 0 && stream.length - at < VARINT_BYTES_MAX) break
      const prefix = stream.subarray(at, at + last + 1)
      const length = prefix.reduce((sum, byte, i) => sum + (byte & 0x7f) * 2 ** (7 * i), 0)
      if (last < 0 || length >= VARINT_END) return { results: [...results, corrupted(VARINT_BYTES_MAX)], end: [] }
      const body = at + prefix.length
      const whole = stream.length - body >= length
      if (length > maxFrameLength) {
        results.push(tooLong(length))
        if (!whole) return { results, end: [] }
      } else {
        if (!whole) break
        results.push({ frame: stream.subarray(body, body + length) })
      }
      at = body + length
    }
    return { results, end: incomplete(stream.length - at) }
  }
}
