// The naive twin of the RESP request decoder: written from the protocol and Redis's limits, over one string that holds
// the whole stream (latin1). What it says is the truth that the core is compared with.

/** What a decoder is held to. */
export interface RespLimits {
  readonly line: number
  readonly elements: number
  readonly bulk: number
}

const REDIS: RespLimits = { line: 65536, elements: 1048576, bulk: 536870912 }

export const RESP_ERRORS = {
  badMultibulk: -1,
  badBulk: -2,
  expectedBulk: -3,
  unbalanced: -4,
  bigInline: -5,
  bigCount: -6,
  bigBulkCount: -7,
  noCrlf: -8,
  unauthenticatedMultibulk: -9,
  unauthenticatedBulk: -10,
} as const

/** A command's arguments, or an error's name (with the byte that came instead of '$'). */
export type RespResult = readonly string[] | string

type Parsed = { readonly result: RespResult; readonly next: number } | undefined
type Line = { readonly text: string; readonly next: number } | 'incomplete' | 'bad' | 'long'

/** Every result of a stream; after an error nothing follows. Commands without arguments are no results. */
export function respTwin(stream: string, restricted = false): RespResult[] {
  return respFrames(stream, REDIS, restricted).map(({ result }) => result)
}

/** The same, with the bytes of each. */
export function respFrames(
  stream: string,
  limits: RespLimits = REDIS,
  restricted = false,
): { readonly result: RespResult; readonly frame: string }[] {
  const results: { result: RespResult; frame: string }[] = []
  for (let at = 0; at < stream.length; ) {
    const parsed = stream[at] === '*' ? multibulk(stream, at, limits, restricted) : inline(stream, at, limits)
    if (parsed === undefined) break
    const frame = stream.slice(at, parsed.next)
    if (typeof parsed.result === 'string' || parsed.result.length > 0) results.push({ result: parsed.result, frame })
    if (typeof parsed.result === 'string') break
    at = parsed.next
  }
  return results
}

const failed = (name: keyof typeof RESP_ERRORS, got = ''): Parsed => ({ result: name + got, next: 0 })

function multibulk(stream: string, start: number, limits: RespLimits, restricted: boolean): Parsed {
  const head = line(stream, start + 1, limits.line)
  if (head === 'incomplete') return undefined
  if (head === 'long') return failed('bigCount')
  const count = head === 'bad' ? undefined : integer(head.text)
  if (head === 'bad' || count === undefined || count > limits.elements) return failed('badMultibulk')
  if (restricted && count > 10) return failed('unauthenticatedMultibulk')
  const words: string[] = []
  let at = head.next
  while (words.length < count) {
    if (at >= stream.length) return undefined
    if (stream[at] !== '$') return failed('expectedBulk', stream[at])
    const size = line(stream, at + 1, limits.line)
    if (size === 'incomplete') return undefined
    if (size === 'long') return failed('bigBulkCount')
    const length = size === 'bad' ? undefined : integer(size.text)
    if (size === 'bad' || length === undefined || length < 0n || length > limits.bulk) return failed('badBulk')
    if (restricted && length > 16384) return failed('unauthenticatedBulk')
    const end = size.next + Number(length)
    if (end + 2 > stream.length) return undefined
    if (stream.slice(end, end + 2) !== '\r\n') return failed('noCrlf')
    words.push(stream.slice(size.next, end))
    at = end + 2
  }
  return { result: words, next: at }
}

/** A header: it ends at the first carriage return, which a line feed must follow. */
function line(stream: string, from: number, max: number): Line {
  const cr = stream.indexOf('\r', from)
  const end = cr < 0 ? stream.length : cr
  if (end - from > max) return 'long'
  if (cr < 0 || cr + 1 === stream.length) return 'incomplete'
  return stream[cr + 1] === '\n' ? { text: stream.slice(from, cr), next: cr + 2 } : 'bad'
}

/** What string2ll of Redis accepts: one way to write each integer of 64 bits. */
export function integer(text: string): bigint | undefined {
  if (!/^(0|-?[1-9][0-9]{0,18})$/.test(text)) return undefined
  const value = BigInt(text)
  return BigInt.asIntN(64, value) === value ? value : undefined
}

function inline(stream: string, start: number, limits: RespLimits): Parsed {
  const feed = stream.indexOf('\n', start)
  const rest = stream.slice(start, feed < 0 ? stream.length : feed)
  const text = rest.endsWith('\r') ? rest.slice(0, -1) : rest
  if (text.length > limits.line) return failed('bigInline')
  if (feed < 0) return undefined
  const words = split(text)
  return words === undefined ? failed('unbalanced') : { result: words, next: feed + 1 }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' }
const isSpace = (c: string): boolean => c !== '' && ' \t\n\v\f\r'.includes(c)

/** sdssplitargs of Redis: words, quoted ones with their escapes resolved; undefined where quotes do not balance. */
export function split(text: string): string[] | undefined {
  const line = text.split('\0')[0] ?? '' // a C string
  const at = (i: number): string => line.charAt(i)
  const words: string[] = []
  for (let i = 0; ; ) {
    while (isSpace(at(i))) i++ // isspace(3), though only four of its bytes end a word
    if (at(i) === '') return words
    let word = ''
    let quote = ''
    for (let done = false; !done; ) {
      const c = at(i)
      const next = at(i + 1)
      if (quote === '') {
        if (c === '' || ' \n\r\t'.includes(c)) done = true
        else if (c === '"' || c === "'") quote = c
        else word += c
      } else if (c === '') {
        return undefined
      } else if (quote === '"' && /^\\x[0-9a-fA-F]{2}/.test(line.slice(i, i + 4))) {
        word += String.fromCharCode(Number.parseInt(line.slice(i + 2, i + 4), 16))
        i += 3
      } else if (quote === '"' && c === '\\' && next !== '') {
        word += ESCAPES[next] ?? next
        i++
      } else if (quote === "'" && c === '\\' && next === "'") {
        word += "'"
        i++
      } else if (c === quote) {
        if (next !== '' && !isSpace(next)) return undefined
        done = true
      } else {
        word += c
      }
      if (c !== '') i++
    }
    words.push(word)
  }
}
