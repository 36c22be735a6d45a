// The naive twin of http1(): the head is found by its empty line, judged as a whole, and the body is read after it.
import {
  bodyOf,
  type Header,
  headersOf,
  hostFault,
  keepsAlive,
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
}

const CRLF = '\r\n'
const HEX_DIGITS_MAX = 13 // 2^52: what counts exactly

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
    while (requests && this.#text.startsWith(CRLF, this.at)) this.at += CRLF.length // RFC 9112, 2.2
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
    const text = this.#text
    const requests = messages === 'requests'
    const found = text.indexOf(CRLF + CRLF, this.at)
    const end = found < 0 ? Infinity : found + 4
    const early = this.#certain().filter(([at]) => at <= Math.min(end, text.length))
    if (early.length > 0) {
      const [at, status] = early.reduce((first, next) => (next[0] < first[0] ? next : first))
      const whole = text
        .slice(this.at, at - 1)
        .split(CRLF)
        .slice(0, -1) // lines that may have been judged before
      throw new Fails(...new Set([status, ...judge(whole, requests, maxHeaders).faults]))
    }
    if (found < 0) throw new Waits()
    const { line, headers, body, faults } = judge(text.slice(this.at, found).split(CRLF), requests, maxHeaders)
    if (requests && hostFault(headers, line.minor ?? 1)) faults.add(400)
    if (faults.size > 0) throw new Fails(...faults)

    const bytes = this.#stream.subarray(this.at, end)
    this.at = end
    const { problems: _, minor = 1, ...start } = line
    const status = Number(start.status ?? 200)
    const bodiless = !requests && (status < 200 || status === 204 || status === 304)
    const { chunked, contentLength } = body
    const untilEnd = !requests && !bodiless && !chunked && contentLength === undefined
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
    return {
      chunked,
      contentLength: contentLength ?? 0,
      untilEnd: !requests && !chunked && contentLength === undefined,
    }
  }

  /** The faults that are certain before a head has ended: how much of the stream shows them, and their status. */
  #certain(): [at: number, status: number][] {
    const { maxHeadBytes, maxHeaders, maxTargetBytes, messages } = this.#options
    const head = this.#text.slice(this.at)
    const faults: [number, number][] = [[this.at + maxHeadBytes + 1, 431]]
    if (!(messages === 'requests' ? /^[!#$%&'*+.^_`|~0-9A-Za-z-]/ : /^H/).test(head)) faults.push([this.at + 1, 400])
    const bare = /(?<!\r)\n|\r[^\n]/.exec(head)
    if (bare) faults.push([this.at + bare.index + bare[0].length, 400])
    const lines = head.split(CRLF)
    const beyond = lines.slice(0, maxHeaders + 1).join(CRLF).length + CRLF.length // where one field too many begins
    if (lines.length > maxHeaders + 1 && TOKEN.test(head.charAt(beyond))) faults.push([this.at + beyond + 1, 431])
    const method = messages === 'requests' ? /^[A-Z]+ (?=[!-~])/.exec(head)?.[0].length : undefined
    if (method !== undefined && /^[!-~]*/.exec(head.slice(method))![0].length > maxTargetBytes) {
      faults.push([this.at + method + maxTargetBytes + 1, 414])
    }
    return faults
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

  #chunks(): void {
    const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
    const quoted = '"(?:[\\t !\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t -\\x7e\\x80-\\xff])*"'
    const size = new RegExp(`^([0-9a-fA-F]+)(?:;${token}(?:=(?:${token}|${quoted}))?)*$`)
    for (;;) {
      const match = size.exec(this.#line())
      if (!match || match[1]!.replace(/^0+/, '').length > HEX_DIGITS_MAX) throw new Fails(400)
      const length = Number.parseInt(match[1]!, 16)
      if (length === 0) break
      this.#data(length, this.at + length)
      const after = this.#text.slice(this.at, this.at + 2)
      if (!CRLF.startsWith(after)) throw new Fails(400)
      if (after.length < 2) throw new Waits()
      this.at += 2
    }
    const lines: string[] = []
    for (let line = this.#line(); line !== ''; line = this.#line()) lines.push(line)
    const { headers, problems } = headersOf(lines)
    if (problems.length > 0) throw new Fails(...new Set(problems))
    if (headers.length > 0) this.#emit(Buffer.alloc(0), { type: 'trailers', headers })
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

function statusLine(line: string): Verdict {
  const match = /^HTTP\/1\.([0-9]) ([1-9][0-9][0-9])(?: ([\t -~\x80-\xff]*))?$/.exec(line)
  if (!match) return { problems: [400] }
  return { problems: [], minor: Number(match[1]), status: Number(match[2]), reason: match[3] ?? '' }
}

export function http1(options: Http1Options): Twin {
  const full = { messages: 'requests', maxTargetBytes: 8192, maxHeaders: 100, ...options } as Required<Http1Options>
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
