// The naive twin of memcached(): a client's commands in the text protocol, as memcached 1.6 takes or refuses them.
import { ANY, frameError, incomplete, MEMCACHED, type Result, type Twin } from './twin.ts'

export interface MemcachedOptions {
  readonly maxKeyLength?: number
  readonly maxItemSize?: number
  readonly maxLine?: number
}

const CR = 0x0d
const LF = 0x0a
const BINARY = 0x80 // a request of the binary protocol
const INT_MAX = 2 ** 31 - 1

const ERROR = 'ERROR'
const BAD_LINE = 'CLIENT_ERROR bad command line format'
const BAD_CHUNK = 'CLIENT_ERROR bad data chunk'
const BAD_DELTA = 'CLIENT_ERROR invalid numeric delta argument'
const BAD_EXPTIME = 'CLIENT_ERROR invalid exptime argument'
const BAD_DELETE = 'CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]'
const TOO_LARGE = 'SERVER_ERROR object too large for cache'

/** How many words a command may have, its name counted. */
const WORDS: Readonly<Record<string, readonly [number, number]>> = {
  get: [2, Infinity],
  gets: [2, Infinity],
  gat: [2, Infinity],
  gats: [2, Infinity],
  bget: [2, Infinity],
  set: [5, 6],
  add: [5, 6],
  replace: [5, 6],
  append: [5, 6],
  prepend: [5, 6],
  cas: [6, 7],
  incr: [3, 4],
  decr: [3, 4],
  touch: [3, 4],
  delete: [2, 4],
  mg: [2, Infinity],
  ms: [2, Infinity],
  md: [2, Infinity],
  ma: [2, Infinity],
  me: [1, Infinity],
  mn: [1, Infinity],
  flush_all: [1, 3],
  verbosity: [2, 3],
  cache_memlimit: [2, 3],
  lru: [2, Infinity],
  lru_crawler: [1, Infinity],
  watch: [1, Infinity],
  slabs: [1, Infinity],
  stats: [1, Infinity],
  shutdown: [1, Infinity],
  version: [1, Infinity],
  quit: [1, Infinity],
}

/** The value of a word that strtoll would take whole: it may have a sign, and zeros in front. */
const numberOf = (word = ''): bigint | undefined =>
  /^[+-]?[0-9]+$/.test(word) ? BigInt(word.replace('+', '')) : undefined

const isBetween = (word: string | undefined, low: bigint, high: bigint): boolean => {
  const value = numberOf(word)
  return value !== undefined && value >= low && value < high
}
const isUnsigned = (word?: string): boolean => isBetween(word, 0n, 2n ** 64n)
const isSigned = (word?: string): boolean => isBetween(word, -(2n ** 63n), 2n ** 63n)

interface Verdict {
  /** What memcached answers to the line, or undefined where it goes on. */
  readonly error: string | undefined
  /** The length of the data block that follows the line. */
  readonly data: number | undefined
  /** Nothing behind the line can be understood, a data block of unknown length above all. */
  readonly closes?: boolean
}

/** Judges a command line by its words alone. */
function judge(words: readonly string[], limits: Required<MemcachedOptions>): Verdict {
  const name = words[0] ?? ''
  const range = Object.hasOwn(WORDS, name) ? WORDS[name]! : undefined
  if (!range) {
    const browser = name.length > 1 && !name.endsWith('\0') && words.at(-1)!.startsWith('HTTP/')
    return browser ? { error: ANY, data: undefined, closes: true } : { error: ERROR, data: undefined }
  }
  const hasNul = words.some((word) => word.includes('\0')) // memcached would see the line end there
  const stores = ['set', 'add', 'replace', 'append', 'prepend', 'cas', 'ms'].includes(name)
  if (stores) {
    const length = words[name === 'ms' ? 2 : 4] ?? ''
    const readable = isBetween(length, 0n, BigInt(INT_MAX - 1))
    const data = readable ? Number(length) : undefined
    const [low, high] = range
    if (!readable && length !== '') return { error: BAD_LINE, data: undefined, closes: true }
    if (words.length < low || words.length > high) return { error: ERROR, data }
    if (!readable) return { error: BAD_LINE, data: undefined }
    if (hasNul || words[1]!.length > limits.maxKeyLength) return { error: BAD_LINE, data }
    if (name !== 'ms') {
      const [, , flags = '', exptime = '', , unique = ''] = words
      if (!isUnsigned(flags) || !isSigned(exptime)) return { error: BAD_LINE, data }
      if (name === 'cas' && !isUnsigned(unique)) return { error: BAD_LINE, data }
    }
    if (data! > limits.maxItemSize) return { error: TOO_LARGE, data }
    return { error: undefined, data }
  }
  return { error: judgeLine(name, words, hasNul, range, limits), data: undefined }
}

/** Judges a command that has no data block. */
function judgeLine(
  name: string,
  words: readonly string[],
  hasNul: boolean,
  [low, high]: readonly [number, number],
  { maxKeyLength }: Required<MemcachedOptions>,
): string | undefined {
  if (words.length < low || words.length > high) return ERROR
  const isBad = (keys: readonly string[]): boolean => hasNul || keys.some((key) => key.length > maxKeyLength)
  switch (name) {
    case 'get':
    case 'gets':
    case 'bget':
      return isBad(words.slice(1)) ? BAD_LINE : undefined
    case 'gat':
    case 'gats':
      if (!isSigned(words[1]!)) return BAD_EXPTIME
      return isBad(words.slice(2)) ? BAD_LINE : undefined
    case 'incr':
    case 'decr':
      if (isBad([words[1]!])) return BAD_LINE
      return isUnsigned(words[2]!) ? undefined : BAD_DELTA
    case 'touch':
      if (isBad([words[1]!])) return BAD_LINE
      return isSigned(words[2]!) ? undefined : BAD_EXPTIME
    case 'delete': {
      const more = words.slice(2)
      const fine = more.length === 0 || ['0', 'noreply', '0 noreply'].includes(more.join(' '))
      if (!fine) return BAD_DELETE
      return isBad([words[1]!]) ? BAD_LINE : undefined
    }
    case 'mg':
    case 'md':
    case 'ma':
    case 'me':
      return words.length < 2 || isBad([words[1]!]) ? BAD_LINE : undefined
    case 'flush_all': {
      const more = words.slice(1)
      if (hasNul) return BAD_LINE
      return more.join(' ') === 'noreply' || more.length === 0 || isSigned(more[0]) ? undefined : BAD_EXPTIME
    }
    case 'verbosity':
      return hasNul || !isUnsigned(words[1]) ? BAD_LINE : undefined
    default:
      return hasNul ? BAD_LINE : undefined
  }
}

export function memcached(options: MemcachedOptions = {}): Twin {
  const limits = { maxKeyLength: 250, maxItemSize: 1 << 20, maxLine: 2048, ...options }
  const refuse = (message: string): Result => frameError(MEMCACHED, 0, message)

  return (stream) => {
    const results: Result[] = []
    let at = 0
    while (at < stream.length) {
      if (stream[at] === BINARY) return { results: [...results, refuse(ANY)], end: [] }
      const lf = stream.indexOf(LF, at)
      const stop = lf < 0 ? stream.length : lf
      const end = stop > at && stream[stop - 1] === CR ? stop - 1 : stop
      if (end - at > limits.maxLine) return { results: [...results, refuse(ANY)], end: [] } // closed without an answer
      if (lf < 0) break
      const words = stream
        .toString('latin1', at, end)
        .split(' ')
        .filter((word) => word !== '')
      const { error, data, closes } = judge(words, limits)
      const line = lf + 1
      const next = data === undefined ? line : line + data + 2
      const whole = stream.length >= next
      if (error !== undefined) {
        results.push(refuse(error))
        if (closes) return { results, end: [] }
        if (!whole) return { results, end: [], endOpen: true }
      } else if (!whole) {
        break
      } else if (data !== undefined && (stream[next - 2] !== CR || stream[next - 1] !== LF)) {
        results.push(refuse(BAD_CHUNK))
      } else {
        results.push({
          frame: stream.subarray(at, next),
          message: {
            words: words.map((word) => Buffer.from(word, 'latin1')),
            data: data === undefined ? undefined : stream.subarray(line, next - 2),
          },
        })
      }
      at = next
    }
    return { results, end: incomplete(stream.length - at) }
  }
}
