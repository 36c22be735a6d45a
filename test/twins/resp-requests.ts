// The naive twin of resp({ messages: 'requests' }): what Redis 7.0 understands, and where it closes.
import { ANY, frameError, incomplete, type Outcome, RESP_PROTOCOL, type Result, type Twin } from './twin.ts'

export interface RespRequestOptions {
  readonly maxBulkLength?: number
  readonly maxInline?: number
  readonly maxElements?: number
}

const CR = 0x0d
const LF = 0x0a
const ATTACK = /^(post|host:)$/i

/** An integer as Redis reads lengths: no plus, no leading zeros, within int64. */
export function lengthOf(text: string): number | undefined {
  if (!/^(0|-?[1-9][0-9]*)$/.test(text)) return undefined
  const value = BigInt(text)
  return value >= -(2n ** 63n) && value < 2n ** 63n ? Number(value) : undefined
}

/** The words of an inline command, unescaped, as Redis's sdssplitargs finds them; undefined: a quote is not closed. */
export function splitInline(text: Buffer): Buffer[] | undefined {
  const [line = ''] = text.toString('latin1').split('\0') // Redis reads it as a string of C
  const words: Buffer[] = []
  const isSpace = (c: string | undefined): boolean => c !== undefined && ' \t\n\v\f\r'.includes(c)
  const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' }
  let i = 0
  for (;;) {
    while (isSpace(line[i])) i++
    if (i >= line.length) return words
    let word = ''
    let quote = ''
    for (;;) {
      const c = line[i]
      if (quote) {
        if (c === undefined) return undefined
        const hex = /^\\x([0-9a-fA-F]{2})/.exec(line.slice(i, i + 4))
        if (quote === '"' && hex) {
          word += String.fromCharCode(Number.parseInt(hex[1]!, 16))
          i += 4
        } else if (quote === '"' && c === '\\' && i + 1 < line.length) {
          word += escapes[line[i + 1]!] ?? line[i + 1]
          i += 2
        } else if (quote === "'" && c === '\\' && line[i + 1] === "'") {
          word += "'"
          i += 2
        } else if (c === quote) {
          if (i + 1 < line.length && !isSpace(line[i + 1])) return undefined
          i++
          break
        } else {
          word += c
          i++
        }
      } else if (c === undefined || ' \t\n\r'.includes(c)) {
        break
      } else {
        if (c === '"' || c === "'") quote = c
        else word += c
        i++
      }
    }
    words.push(Buffer.from(word, 'latin1'))
  }
}

export function respRequests(options: RespRequestOptions = {}): Twin {
  const { maxBulkLength = 512 << 20, maxInline = 64 << 10, maxElements = 1 << 20 } = options

  return (stream) => {
    const results: Result[] = []
    const waits = (from: number): Outcome => ({ results, end: incomplete(stream.length - from) })
    const fails = (text: string): Outcome => {
      const message = text === ANY ? ANY : `Protocol error: ${text.replace(/[\r\n]/g, ' ')}` // errors are one line
      return { results: [...results, frameError(RESP_PROTOCOL, 0, message)], end: [] }
    }

    let at = 0
    while (at < stream.length) {
      if (stream[at] !== 0x2a) {
        const lf = stream.indexOf(LF, at)
        const stop = lf < 0 ? stream.length : lf
        const end = stop > at && stream[stop - 1] === CR ? stop - 1 : stop
        if (end - at > maxInline) return fails('too big inline request')
        if (lf < 0) return waits(at)
        const words = splitInline(stream.subarray(at, end))
        if (!words) return fails('unbalanced quotes in request')
        if (ATTACK.test(words[0]?.toString('latin1') ?? '')) return fails(ANY)
        if (words.length > 0) results.push({ frame: stream.subarray(at, lf + 1), message: words })
        at = lf + 1
        continue
      }

      const header = headerLine(stream, at, maxInline)
      if (header === 'too big') return fails('too big mbulk count string')
      if (header === 'waits') return waits(at)
      const count = lengthOf(header.text)
      if (count === undefined || count > maxElements) return fails('invalid multibulk length')
      if (!header.lf) return fails(ANY)
      const words: Buffer[] = []
      let next = header.next
      while (words.length < count) {
        if (next >= stream.length) return waits(at)
        const isBulk = stream[next] === 0x24
        const bulk = headerLine(stream, next, maxInline)
        if (bulk === 'too big') return fails(isBulk ? 'too big bulk count string' : ANY)
        if (bulk === 'waits') return waits(at)
        if (!isBulk) return fails(`expected '$', got '${stream.toString('latin1', next, next + 1)}'`)
        const length = lengthOf(bulk.text)
        if (length === undefined || length < 0 || length > maxBulkLength) return fails('invalid bulk length')
        if (!bulk.lf) return fails(ANY)
        const end = bulk.next + length
        if (stream.length < end + 2) return waits(at)
        if (stream[end] !== CR || stream[end + 1] !== LF) return fails(ANY) // Redis would take it
        words.push(stream.subarray(bulk.next, end))
        next = end + 2
      }
      if (words.length > 0) results.push({ frame: stream.subarray(at, next), message: words })
      at = next
    }
    return waits(at)
  }
}

interface Header {
  readonly text: string
  readonly next: number
  /** A line feed follows the carriage return. */
  readonly lf: boolean
}

/** The line of the number after the type byte at `at`: it ends at its first CR, and counts with the byte after. */
function headerLine(stream: Buffer, at: number, max: number): Header | 'too big' | 'waits' {
  const cr = stream.indexOf(CR, at)
  if ((cr < 0 ? stream.length : cr) - at - 1 > max) return 'too big'
  if (cr < 0 || cr + 1 >= stream.length) return 'waits'
  return { text: stream.toString('latin1', at + 1, cr), next: cr + 2, lf: stream[cr + 1] === LF }
}
