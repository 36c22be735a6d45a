// The naive twin of http1(): the head is found by its empty line, judged as a whole, and the body is read after it.
import {
  bodyOf,
  FIELD_BEGUN,
  type Header,
  headersOf,
  hostFault,
  keepsAlive,
  METHOD_BEFORE,
  requestBegun,
  requestLine,
  TOKEN,
  type Verdict,
} from './http1-head.ts'
import { frameError, HTTP, incomplete, type Outcome, type Result, type Twin } from './twin.ts'

export interface Http1Options {
  readonly messages?: 'requests' | 'responses'
  readonly maxHeadBytes: number
  readonly maxTargetBytes?: number
  readonly maxHeaders?: number
  readonly maxChunkLineBytes?: number
}

const CRLF = '\r\n'
const EMPTY_LINES_MAX = 4 // before a request
const HEX_DIGITS_MAX = 16 // zeros in front among them

const BLANKS = '[\\t ]*'
const NAME = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const QUOTED = '"(?:[\\t !\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t -\\x7e\\x80-\\xff])*'
const EXTENSION = `${BLANKS};${BLANKS}${NAME}(?:${BLANKS}=${BLANKS}(?:${NAME}|${QUOTED}"))?`
/** A chunk's size and extensions, and what may become one. */
const CHUNK_LINE = new RegExp(`^([0-9a-fA-F]+)(?:${EXTENSION})*$`)
const VALUE_BEGUN = `${BLANKS}=${BLANKS}(?:${NAME}|${QUOTED}(?:\\\\|")?)?`
const EXTENSION_BEGUN = `${BLANKS};${BLANKS}(?:${NAME}(?:${VALUE_BEGUN})?)?`
const CHUNK_LINE_BEGUN = new RegExp(`^[0-9a-fA-F]{1,16}(?:${EXTENSION})*(?:${EXTENSION_BEGUN})?${BLANKS}$`)

/** How much of the stream shows a fault, and its status. */
type Fault = readonly [at: number, status: number]

type Event =
  | { readonly type: 'data' | 'end' }
  | { readonly type: 'trailers'; readonly headers: readonly Header[] }
  | Readonly<Record<string, unknown>>

class Waits extends Error {}

class Fails extends Error {
  readonly status: number | readonly number[]

  constructor(...status: number[]) {
    super()
    this.status = status.length === 1 ? status[0]! : status
  }
}

/** One connection's side, read from its beginning. */
class Reader {
  readonly events: Result[] = []
  at = 0
  /** The body goes on until the connection ends. */
  untilEnd = false
  readonly #stream: Buffer
  readonly #text: string
  readonly #options: Required<Http1Options>

  constructor(stream: Buffer, options: Required<Http1Options>) {
    this.#stream = stream
    this.#text = stream.toString('latin1')
    this.#options = options
  }

  #emit(frame: Uint8Array, message: Event): void {
    this.events.push({ frame, message })
  }

  message(): void {
    const requests = this.#options.messages === 'requests'
    for (let empty = 1; requests && this.#text.startsWith(CRLF, this.at); empty++) {
      // RFC 9112, 2.2
      if (empty > EMPTY_LINES_MAX) throw new Fails(400)
      this.at += CRLF.length
    }
    if (this.at >= this.#text.length) return
    if (requests && this.#text.slice(this.at) === '\r') throw new Waits()
    const head = this.#head()
    if (head.chunked) {
      this.#chunks()
    } else if (head.untilEnd) {
      this.untilEnd = true
      this.#data(this.#text.length - this.at, this.#text.length)
      throw new Waits()
    } else if (head.contentLength > 0) {
      this.#data(head.contentLength, this.at + head.contentLength)
    }
    this.#emit(Buffer.alloc(0), { type: 'end' })
  }

  #head(): { chunked: boolean; contentLength: number; untilEnd: boolean } {
    const { maxHeaders, messages } = this.#options
    const requests = messages === 'requests'
    const found = this.#lines(1, this.#certain())
    const { line, headers, body, faults } = judge(this.#text.slice(this.at, found).split(CRLF), requests, maxHeaders)
    if (requests && hostFault(headers, line.minor ?? 1)) faults.add(400)
    const tunnel = requests && line.method === 'CONNECT'
    if (tunnel && (body.chunked || body.contentLength)) faults.add(400)
    if (faults.size > 0) throw new Fails(...faults)

    const bytes = this.#stream.subarray(this.at, found + 4)
    this.at = found + 4
    const { problems: _, minor = 1, ...start } = line
    const status = Number(start.status ?? 200)
    const switched = status === 101 // what follows is another protocol
    const bodiless = !requests && !switched && (status < 200 || status === 204 || status === 304)
    const { chunked, contentLength } = body
    const untilEnd = !requests && !bodiless && !switched && !chunked && contentLength === undefined
    this.#emit(bytes, {
      type: 'head',
      ...start,
      version: `1.${Math.min(minor, 1)}`,
      headers,
      ...(contentLength === undefined ? {} : { contentLength }),
      chunked,
      keepAlive: keepsAlive(headers, minor) && !untilEnd,
    })
    if (bodiless) return { chunked: false, contentLength: 0, untilEnd: false }
    if (tunnel || switched) return { chunked: false, contentLength: 0, untilEnd: true }
    return { chunked, contentLength: contentLength ?? 0, untilEnd }
  }

  /** The faults of a first line that are certain before its end: how much of the stream shows them, and the status. */
  #certain(): Fault[] {
    const { maxTargetBytes, messages } = this.#options
    const head = this.#text.slice(this.at)
    const faults: Fault[] = []
    if (!(messages === 'requests' ? TOKEN : /^H/).test(head.charAt(0))) faults.push([this.at + 1, 400])
    const method = messages === 'requests' ? METHOD_BEFORE.exec(head)?.[0].length : undefined
    if (method !== undefined && /^[!-~]*(?:[^ \r\n]|$)/.exec(head.slice(method))![0].length > maxTargetBytes) {
      faults.push([this.at + method + maxTargetBytes + 1, 414])
    }
    return faults
  }

  /**
   * Where the lines at `at` end, of which the first `before` are no fields. Throws what is certain of them, be they
   * whole or not, with `more` that the caller knows.
   */
  #lines(before: 0 | 1, more: readonly Fault[]): number {
    const { maxHeadBytes, maxHeaders, messages } = this.#options
    const requests = messages === 'requests'
    const text = this.#text
    const rest = text.slice(this.at)
    const faults: Fault[] = [[this.at + maxHeadBytes + 1, 431], ...more]
    const bare = /(?<!\r)\n|\r[^\n]/.exec(rest)
    if (bare) faults.push([this.at + bare.index + bare[0].length, 400])
    const fields = rest.split(CRLF).slice(before)
    // where one field too many begins
    const beyond = rest.split(CRLF, maxHeaders + before).join(CRLF).length + CRLF.length
    if (fields.length > maxHeaders && TOKEN.test(rest.charAt(beyond))) faults.push([this.at + beyond + 1, 431])

    const found = text.indexOf(CRLF + CRLF, this.at)
    const end = found < 0 ? text.length : found + 4
    const early = faults.filter(([at]) => at <= end)
    if (early.length > 0) {
      const [at, status] = early.reduce((first, next) => (next[0] < first[0] ? next : first))
      const lines = text.slice(this.at, at - 1).split(CRLF)
      const whole = lines.slice(0, -1) // lines that may have been judged before
      const partial = lines.at(-1)!
      const known = before ? judge(whole, requests, maxHeaders).faults : headersOf(whole).problems
      const inField = whole.length >= before
      const begun = inField ? FIELD_BEGUN.test(partial) : requests ? requestBegun(partial) : statusBegun(partial)
      throw new Fails(...new Set([status, ...known, ...(begun ? [] : [400])]))
    }
    if (found < 0) throw new Waits()
    return found
  }

  /** Emits what is there of the next `length` bytes, a byte at a time, and waits for the rest. */
  #data(length: number, end: number): void {
    const stop = Math.min(end, this.#stream.length)
    for (let i = this.at; i < stop; i++) this.#emit(this.#stream.subarray(i, i + 1), { type: 'data' })
    if (end - this.at !== length) throw new Error('a body has one end')
    if (this.#stream.length < end) throw new Waits()
    this.at = end
  }

  /** The line that begins at `at`, without its CRLF. */
  #line(): string {
    const end = this.#text.slice(this.at).search(/[\r\n]/) + this.at
    if (end < this.at) throw new Waits()
    if (this.#text[end] === '\n') throw new Fails(400)
    if (end + 1 >= this.#text.length) throw new Waits()
    if (this.#text[end + 1] !== '\n') throw new Fails(400)
    const line = this.#text.slice(this.at, end)
    this.at = end + 2
    return line
  }

  /** The line of a chunk's size at `at`, without its CRLF. */
  #chunkLine(): string {
    const { maxChunkLineBytes } = this.#options
    const rest = this.#text.slice(this.at)
    if (/^[^\r\n]*/.exec(rest)![0].length <= maxChunkLineBytes) return this.#line()
    throw new Fails(CHUNK_LINE_BEGUN.test(rest.slice(0, maxChunkLineBytes)) ? 413 : 400)
  }

  #chunks(): void {
    for (;;) {
      const match = CHUNK_LINE.exec(this.#chunkLine())
      if (!match || match[1]!.length > HEX_DIGITS_MAX) throw new Fails(400)
      const length = Number.parseInt(match[1]!, 16)
      if (length > Number.MAX_SAFE_INTEGER) throw new Fails(400)
      if (length === 0) break
      this.#data(length, this.at + length)
      const after = this.#text.slice(this.at, this.at + 2)
      if (!CRLF.startsWith(after)) throw new Fails(400)
      if (after.length < 2) throw new Waits()
      this.at += 2
    }
    if (this.#text.startsWith(CRLF, this.at)) {
      this.at += CRLF.length
      return
    }
    const found = this.#lines(0, [])
    const { headers, problems } = headersOf(this.#text.slice(this.at, found).split(CRLF))
    if (problems.length > 0) throw new Fails(...new Set(problems))
    this.at = found + 4
    this.#emit(Buffer.alloc(0), { type: 'trailers', headers })
  }
}

/** The first line, the fields, and their faults, of which the reference does not say which comes first. */
function judge(lines: readonly string[], requests: boolean, maxHeaders: number) {
  const [first = '', ...rest] = lines
  const line: Verdict = requests ? requestLine(first) : statusLine(first)
  const { headers, problems } = headersOf(rest)
  const body = bodyOf(headers, line.minor ?? 1)
  const faults = new Set([...(lines.length > 0 ? line.problems : []), ...problems, ...body.problems])
  if (headers.length > maxHeaders) faults.add(431)
  return { line, headers, body, faults }
}

/** Whether a status line may begin like this. */
function statusBegun(text: string): boolean {
  const line = text.replace(/\r$/, '')
  return !statusLine(line + 'HTTP/1.1 200'.slice(line.length)).problems.includes(400)
}

function statusLine(line: string): Verdict {
  const match = /^HTTP\/([0-9])\.([0-9]) ([1-9][0-9][0-9])(?: ([\t -~\x80-\xff]*))?$/.exec(line)
  if (!match) return { problems: [400] }
  if (match[1] !== '1') return { problems: [match[1] === '0' ? 400 : 505] }
  return { problems: [], minor: Number(match[2]), status: Number(match[3]), reason: match[4] ?? '' }
}

export function http1(options: Http1Options): Twin {
  const usual = { messages: 'requests', maxTargetBytes: 8192, maxHeaders: 100, maxChunkLineBytes: 1024 }
  const full = { ...usual, ...options } as Required<Http1Options>
  return (stream): Outcome => {
    const reader = new Reader(stream, full)
    try {
      while (reader.at < stream.length) reader.message()
    } catch (reason) {
      if (reason instanceof Fails) {
        const { error } = frameError(HTTP, 0) as { error: object }
        const failed = { error: { ...error, status: reason.status } } as Result
        return { results: [...reader.events, failed], end: [] }
      }
      if (!(reason instanceof Waits)) throw reason
      const ended: Result[] = [{ frame: Buffer.alloc(0), message: { type: 'end' } }]
      return { results: reader.events, end: reader.untilEnd ? ended : incomplete(1) }
    }
    return { results: reader.events, end: [] }
  }
}
