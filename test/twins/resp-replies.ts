// The naive twin of resp({ messages: 'replies' }): the grammar of RESP2 and RESP3, read recursively.
import { ANY, frameError, incomplete, type Outcome, RESP_PROTOCOL, type Result, type Token, type Twin } from './twin.ts'

export interface RespReplyOptions {
  readonly version?: 2 | 3
  readonly maxBulkLength?: number
  readonly maxInline?: number
  readonly maxElements?: number
  readonly maxDepth?: number
}

const CR = 0x0d
const LF = 0x0a
const RESP2 = '+-:$*'
const RESP3 = `${RESP2}_#,(!=%~>|`

const NUMBER = /^(\+?(0|[1-9][0-9]*)|-[1-9][0-9]*)$/ // no -0, as string2ll reads it
const LINE_FORMS: Readonly<Record<string, RegExp>> = {
  '+': /^[^\r\n]*$/s,
  '-': /^[^\r\n]*$/s,
  ':': NUMBER,
  _: /^$/,
  '#': /^[tf]$/,
  ',': /^[+-]?([0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?|inf|nan)$/,
  '(': /^[+-]?[0-9]+$/,
}

class Waits extends Error {}
class Fails extends Error {}

interface Limits extends Required<RespReplyOptions> {}

/** Reads one reply of `stream` from `at` on. */
class Reader {
  readonly tokens: Token[] = []
  at: number
  readonly #stream: Buffer
  readonly #limits: Limits

  constructor(stream: Buffer, at: number, limits: Limits) {
    this.#stream = stream
    this.at = at
    this.#limits = limits
  }

  /** One value and the attributes before it. */
  value(depth: number): void {
    while (this.#one(depth) === '|');
  }

  /** One value or attribute; returns its type. */
  #one(depth: number): string {
    const { version, maxDepth, maxElements, maxBulkLength } = this.#limits
    if (this.at >= this.#stream.length) throw new Waits()
    const type = String.fromCharCode(this.#stream[this.at]!)
    if (!(version === 3 ? RESP3 : RESP2).includes(type)) throw new Fails()
    if (type === '>' && depth > 1) throw new Fails()
    const text = this.#line()

    if (type in LINE_FORMS) {
      if (!LINE_FORMS[type]!.test(text)) throw new Fails()
      if (type === ':' && (BigInt(text) < -(2n ** 63n) || BigInt(text) >= 2n ** 63n)) throw new Fails()
      this.tokens.push({ type, bytes: Buffer.from(text, 'latin1'), count: 0 })
      return type
    }

    const isNull = text === '-1' && (type === '$' || type === '*')
    if (isNull) {
      this.tokens.push({ type, bytes: null, count: 0 })
      return type
    }
    if (!/^(0|[1-9][0-9]{0,18})$/.test(text)) throw new Fails()
    const announced = Number(text)
    if ('$!='.includes(type)) {
      if (announced > maxBulkLength) throw new Fails()
      if (type === '=' && announced < 4) throw new Fails()
      this.tokens.push({ type, bytes: this.#bulk(announced, type), count: 0 })
      return type
    }
    const count = '%|'.includes(type) ? announced * 2 : announced
    if (announced > maxElements || (count > 0 && depth > maxDepth)) throw new Fails()
    this.tokens.push({ type, bytes: Buffer.alloc(0), count })
    for (let i = 0; i < count; i++) this.value(depth + 1)
    return type
  }

  /** The rest of the line whose type byte is at `at`, without CRLF. */
  #line(): string {
    const stream = this.#stream
    const start = this.at + 1
    const end = start + stream.subarray(start).findIndex((byte) => byte === CR || byte === LF)
    const length = (end < start ? stream.length : end) - start
    if (length > this.#limits.maxInline) throw new Fails()
    if (end >= start && stream[end] === LF) throw new Fails()
    if (end < start || end + 1 >= stream.length) throw new Waits()
    if (stream[end + 1] !== LF) throw new Fails()
    this.at = end + 2
    return stream.toString('latin1', start, end)
  }

  #bulk(length: number, type: string): Buffer {
    const stream = this.#stream
    const end = this.at + length
    if (stream.length < end + 2) throw new Waits()
    if (stream[end] !== CR || stream[end + 1] !== LF) throw new Fails()
    if (type === '=' && stream[this.at + 3] !== 0x3a) throw new Fails()
    const bytes = stream.subarray(this.at, end)
    this.at = end + 2
    return bytes
  }
}

export function respReplies(options: RespReplyOptions = {}): Twin {
  const limits: Limits = {
    version: 2,
    maxBulkLength: 512 << 20,
    maxInline: 64 << 10,
    maxElements: 1 << 20,
    maxDepth: 128,
    ...options,
  }
  return (stream): Outcome => {
    const results: Result[] = []
    let at = 0
    while (at < stream.length) {
      const reader = new Reader(stream, at, limits)
      try {
        reader.value(1)
      } catch (reason) {
        if (reason instanceof Waits) break
        if (reason instanceof Fails) return { results: [...results, frameError(RESP_PROTOCOL, 0, ANY)], end: [] }
        throw reason
      }
      results.push({ frame: stream.subarray(at, reader.at), tokens: reader.tokens })
      at = reader.at
    }
    return { results, end: incomplete(stream.length - at) }
  }
}
