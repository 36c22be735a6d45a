// The naive twin of the memcached decoder: written from doc/protocol.txt and what memcached 1.6 answers, over one
// string that holds the whole stream (latin1).

export interface Limits {
  readonly maxKeyLength?: number
  readonly maxItemSize?: number
  readonly maxLine?: number
}

/** A command's words and data; or an error, the bytes in whose place it stands, and whether `noreply` was said. */
export type Seen =
  | readonly [words: readonly string[], data: string | undefined]
  | readonly [error: string, length: number, noreply: boolean]

const FORMAT = 'CLIENT_ERROR bad command line format'
const STORAGE: Readonly<Record<string, number>> = { set: 5, add: 5, replace: 5, append: 5, prepend: 5, cas: 6 }
/** Least and most words of commands without data. */
const WORDS: Readonly<Record<string, readonly [number, number]>> = {
  ...{ get: [2, Infinity], gets: [2, Infinity], bget: [2, Infinity], gat: [2, Infinity], gats: [2, Infinity] },
  ...{ mg: [2, Infinity], md: [2, Infinity], ma: [2, Infinity], me: [1, Infinity], mn: [1, Infinity] },
  ...{ incr: [3, 4], decr: [3, 4], touch: [3, 4], delete: [2, 4], flush_all: [1, 3], verbosity: [2, 3] },
  ...{ stats: [1, Infinity], version: [1, Infinity], quit: [1, Infinity], slabs: [1, Infinity] },
  ...{ watch: [1, Infinity], lru: [2, Infinity], lru_crawler: [1, Infinity], shutdown: [1, Infinity] },
  ...{ cache_memlimit: [2, 3] },
}

const number = (text: string, signed: boolean): boolean => {
  if (!/^[+-]?\d+$/.test(text) || BigInt(text.replace(/^[+-]/, '')) > 2n ** 64n - 1n) return false
  const value = BigInt(text.replace(/^\+/, ''))
  return signed ? BigInt.asIntN(64, value) === value : value >= 0n
}

function dataLength(text: string): number | undefined {
  return number(text, false) && BigInt(text.replace('+', '')) <= 2n ** 31n - 3n ? Number(text) : undefined
}

/** Why a line is refused (fatal with an exclamation mark), and how long its data is. */
function judge(words: readonly string[], line: string, maxKey: number): { error?: string; data?: number | undefined } {
  const [command = '', key = ''] = words
  if (command.length < 2) return { error: 'ERROR' }
  const badKey = key.length > maxKey || line.includes('\0')
  const least = STORAGE[command]
  if (least !== undefined) {
    if (words.length < 5) return { error: 'ERROR' }
    const data = dataLength(words[4]!)
    if (data === undefined) return { error: `!${FORMAT}` }
    if (words.length !== least && words.length !== least + 1) return { error: 'ERROR', data }
    const good = number(words[2]!, false) && number(words[3]!, true) && (least === 5 || number(words[5]!, false))
    return badKey || !good ? { error: FORMAT, data } : { data }
  }
  if (command === 'ms') {
    if (words.length < 2) return { error: 'ERROR' }
    if (words.length === 2) return { error: FORMAT }
    const data = dataLength(words[2]!)
    if (data === undefined) return { error: `!${FORMAT}` }
    return badKey ? { error: FORMAT, data } : { data }
  }
  const range = Object.hasOwn(WORDS, command) ? WORDS[command] : undefined
  if (range === undefined) return { error: words.at(-1)!.startsWith('HTTP/') ? '!http' : 'ERROR' }
  if (words.length < range[0] || words.length > range[1]) return { error: 'ERROR' }
  const error = refusal(words, line, maxKey, badKey)
  return error === undefined ? {} : { error }
}

function refusal(words: readonly string[], line: string, maxKey: number, badKey: boolean): string | undefined {
  const [command, key = '', third = ''] = words
  const nul = line.includes('\0')
  const noreply = words.length > 1 && words.at(-1) === 'noreply'
  switch (command) {
    case 'gat':
    case 'gats':
      if (!number(key, true)) return 'CLIENT_ERROR invalid exptime argument'
      return nul || words.slice(2).some((word) => word.length > maxKey) ? FORMAT : undefined
    case 'get':
    case 'gets':
    case 'bget':
      return nul || words.slice(1).some((word) => word.length > maxKey) ? FORMAT : undefined
    case 'me':
      return words.length < 2 || badKey ? FORMAT : undefined
    case 'mg':
    case 'md':
    case 'ma':
      return badKey ? FORMAT : undefined
    case 'incr':
    case 'decr':
      if (badKey) return FORMAT
      return number(third, false) ? undefined : 'CLIENT_ERROR invalid numeric delta argument'
    case 'touch':
      if (badKey) return FORMAT
      return number(third, true) ? undefined : 'CLIENT_ERROR invalid exptime argument'
    case 'delete': {
      const rest = words.slice(2).join(' ')
      if (!['', '0', 'noreply', '0 noreply'].includes(rest)) return `${FORMAT}.  Usage: delete <key> [noreply]`
      return badKey ? FORMAT : undefined
    }
    case 'flush_all':
      if (nul) return FORMAT
      if (words.length === (noreply ? 2 : 1) || number(key, true)) return undefined
      return 'CLIENT_ERROR invalid exptime argument'
    case 'verbosity':
      return nul || !number(key, false) ? FORMAT : undefined
    default:
      return nul ? FORMAT : undefined
  }
}

/** Every result of a stream. */
export function memcachedTwin(stream: string, limits: Limits = {}): Seen[] {
  const { maxKeyLength = 250, maxItemSize = 1 << 20, maxLine = 8192 } = limits
  const results: Seen[] = []
  for (let at = 0; at < stream.length; ) {
    const incomplete: Seen = ['incomplete', stream.length - at, false]
    if (stream[at] === '\x80') return [...results, ['CLIENT_ERROR binary protocol is not supported', 1, false]]
    const feed = stream.indexOf('\n', at)
    const raw = stream.slice(at, feed < 0 ? stream.length : feed)
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw
    if (line.length > maxLine) return [...results, ['CLIENT_ERROR line too long', maxLine + 1, false]]
    if (feed < 0) return [...results, incomplete]
    const words = line.split(' ').filter((word) => word !== '')
    const { error, data } = judge(words, line, maxKeyLength)
    const end = feed + 1 + (data === undefined ? 0 : data + 2)
    const noreply = words.length > 1 && words.at(-1) === 'noreply' && error !== 'ERROR'
    if (error?.startsWith('!')) {
      const text = error === '!http' ? 'CLIENT_ERROR possible cross-protocol attack' : error.slice(1)
      return [...results, [text, feed + 1 - at, false]]
    }
    const tooLarge = data !== undefined && data > maxItemSize
    if (error !== undefined || tooLarge) {
      results.push([error ?? 'SERVER_ERROR object too large for cache', end - at, noreply])
    } else if (end > stream.length) {
      return [...results, incomplete]
    } else if (data !== undefined && stream.slice(end - 2, end) !== '\r\n') {
      results.push(['CLIENT_ERROR bad data chunk', end - at, noreply])
    } else {
      results.push([words, data === undefined ? undefined : stream.slice(feed + 1, end - 2)])
    }
    at = end
  }
  return results
}
