// The RESP reply codec against a naive twin: values, elements and errors however a stream is cut, in both versions and
// under any limits; records that run full; nesting to the limit and beyond.
import { describe, expect, test } from 'vitest'
import { type RespOptions, resp } from '../../../src/core/codec/resp.ts'
import { encodeReply } from '../../../src/core/codec/resp-encode.ts'
import {
  RespAttributed,
  RespError,
  RespPush,
  type RespValue,
  RespVerbatim,
} from '../../../src/core/codec/resp-value.ts'
import type { Result } from '../../../src/core/decoder.ts'
import { instantiateCore } from '../../../src/core/load.ts'
import { readCore } from '../../../src/kernel/core-file.ts'
import { Random, SEED } from '../../system/random.ts'
import { encode, show } from '../../system/wire.ts'
import { Edge } from './edge.ts'
import { integer } from './resp-twin.ts'
import { codecCore, cuts, everyCut } from './support.ts'

const core = instantiateCore(readCore())
const edgeCore = codecCore()

type Options = Omit<RespOptions, 'messages'>
/** An element: its type, what it says (null where it is one), and how many elements it announces. */
type Token = readonly [type: string, text: string | null, count: number]
/** The elements of a reply; a fatal error's message and the bytes that made it certain. */
type Seen = readonly Token[] | readonly [error: string, length: number]

const VALUES: Readonly<Record<string, RegExp>> = {
  ':': /^/,
  _: /^$/,
  '#': /^[tf]$/,
  ',': /^[+-]?(\d+(\.\d+)?([eE][+-]?\d+)?|inf|nan)$/,
  '(': /^[+-]?\d+$/,
}

class Wrong extends Error {
  readonly length: number

  constructor(message: string, length: number) {
    super(message)
    this.length = length
  }
}

/** Reads one element after the other, counting down what is still to come; undefined where the reply is not whole. */
function replyTwin(text: string, start: number, options: Options): { tokens: Token[]; next: number } | undefined {
  const { version = 3, maxBulkLength = 2 ** 29, maxInline = 65536, maxElements = 2 ** 20, maxDepth = 128 } = options
  const tokens: Token[] = []
  const levels: { left: number; attribute: boolean }[] = []
  let at = start
  for (;;) {
    if (at >= text.length) return undefined
    const wrong = (message: string, end: number): Wrong => new Wrong(`Protocol error: ${message}`, end - start)
    const type = text.charAt(at)
    if (!(version === 3 ? '+-:$*_#,(=!~%>|' : '+-:$*').includes(type))
      throw wrong(`got '${type.replace(/[\r\n]/, ' ')}' as reply type byte`, at + 1)
    if (type === '>' && levels.length > 0) throw wrong('push inside a reply', at + 1)
    const stop = text.slice(at).search(/[\r\n]/)
    const cr = stop < 0 ? -1 : at + stop
    const size = (cr < 0 ? text.length : cr) - at - 1
    if (size > maxInline) throw wrong('too big reply line', at + maxInline + 2)
    if (text[cr] === '\n') throw wrong('line not followed by CRLF', cr + 1)
    if (cr < 0 || cr + 1 === text.length) return undefined
    let next = cr + 2
    if (text[cr + 1] !== '\n') throw wrong('line not followed by CRLF', next)
    const line = text.slice(at + 1, cr)
    let count = 0
    if ('$=!'.includes(type)) {
      const length = Number(integer(line) ?? -2n)
      if (length < (type === '$' ? -1 : 0) || length > maxBulkLength) throw wrong('invalid bulk length', next)
      if (type === '=' && length >= 0 && length < 4) throw wrong('bad reply value', next)
      if (length < 0) tokens.push([type, null, 0])
      else {
        const end = next + length
        if (end + 2 > text.length) return undefined
        if (text.slice(end, end + 2) !== '\r\n') throw wrong('bulk string not followed by CRLF', end + 2)
        if (type === '=' && text[next + 3] !== ':') throw wrong('bad reply value', end + 2)
        tokens.push([type, text.slice(next, end), 0])
        next = end + 2
      }
    } else if ('*~%>|'.includes(type)) {
      count = Number(integer(line) ?? -2n)
      if (count < (type === '*' ? -1 : 0) || count > maxElements) throw wrong('invalid multibulk length', next)
      const all = '%|'.includes(type) ? 2 * count : count
      tokens.push([type, count < 0 ? null : '', Math.max(0, all)])
      if (count > 0) {
        if (levels.length === maxDepth) throw wrong('reply nested too deep', next)
        levels.push({ left: all, attribute: type === '|' })
      }
    } else {
      if (type === ':' && integer(line.replace(/^\+(?!-)/, '')) === undefined) throw wrong('bad reply value', next)
      if (VALUES[type]?.test(line) === false) throw wrong('bad reply value', next)
      tokens.push([type, type === '_' ? null : line, 0])
    }
    at = next
    if (count > 0 || (type === '|' && count === 0)) continue
    let open = false
    while (!open && levels.length > 0) {
      const top = levels.at(-1)!
      top.left--
      if (top.left > 0) open = true
      else {
        levels.pop()
        open = top.attribute
      }
    }
    if (!open) return { tokens, next: at }
  }
}

function twin(text: string, options: Options): Seen[] {
  const results: Seen[] = []
  try {
    for (let at = 0; ; ) {
      const found = replyTwin(text, at, options)
      if (found === undefined) {
        if (at < text.length) results.push(['incomplete', text.length - at])
        return results
      }
      results.push(found.tokens)
      at = found.next
    }
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    results.push([error.message, error.length])
    return results
  }
}

function seen(results: readonly Result<RespValue>[]): Seen[] {
  return results.map(({ error, tokens }) => {
    if (error !== undefined)
      return [error.code === 'MILLRACE_ERR_FRAME_INCOMPLETE' ? 'incomplete' : error.message, error.length]
    return tokens!.map(({ type, bytes, count }) => [type, bytes && Buffer.from(bytes).toString('latin1'), count])
  })
}

function decode(chunks: readonly Buffer[], options: Options = {}): Result<RespValue>[] {
  const decoder = core.decoder(resp({ ...options, messages: 'replies' }))
  const results = chunks.flatMap((chunk) => decoder.push(chunk))
  results.push(...decoder.end())
  decoder.dispose()
  return results
}

function atTheEdge(chunks: readonly Buffer[], options: Options): Result<RespValue>[] {
  const edge = new Edge(edgeCore, resp({ ...options, messages: 'replies' }))
  for (const chunk of chunks) edge.push(chunk)
  edge.end()
  return edge.results
}

function compare(stream: Buffer, chunks: readonly Buffer[], options: Options): void {
  const wanted = JSON.stringify(twin(stream.toString('latin1'), options))
  for (const results of [decode(chunks, options), ...(stream.length < 300 ? [atTheEdge(chunks, options)] : [])]) {
    if (JSON.stringify(seen(results)) !== wanted)
      expect(JSON.stringify(seen(results)), `"${show(stream)}" ${JSON.stringify(options)}`).toBe(wanted)
  }
}

const SAMPLES = [
  '+OK\r\n-ERR no\r\n:-12\r\n$5\r\nhello\r\n$-1\r\n$0\r\n\r\n*-1\r\n*0\r\n+\r\n',
  '*3\r\n*2\r\n:1\r\n$2\r\n\r\n\r\n$-1\r\n*1\r\n*0\r\n+next\r\n',
  '_\r\n#t\r\n,1.5\r\n,-inf\r\n(12345678901234567890\r\n=8\r\ntxt:text\r\n!5\r\nERR x\r\n',
  '%2\r\n+a\r\n:1\r\n+b\r\n~2\r\n_\r\n#f\r\n%0\r\n~0\r\n+next\r\n',
  '>2\r\n+message\r\n$1\r\nx\r\n+OK\r\n>0\r\n',
  '|1\r\n+ttl\r\n:10\r\n*2\r\n|0\r\n+a\r\n|1\r\n+k\r\n*1\r\n+v\r\n$12\r\n0123456789ab\r\n+next\r\n',
  '|1\r\n+a\r\n+b\r\n|1\r\n+c\r\n+d\r\n>1\r\n+x\r\n',
  '*2\r\n>1\r\n+x\r\n:1\r\n',
  ...[...'%~>|=!'].map((type) => `$-1\r\n${type}-1\r\n+OK\r\n`),
  ...['x\r\n', '\r\n', '\0', 'OK\r\n'].map((text) => `*1\r\n${text}`),
  ...[
    '$abc',
    '$-2',
    '$+5',
    '$05',
    '*abc',
    '*01',
    ':x',
    ':01',
    ':9223372036854775808',
    '=3',
    '_x',
    '#x',
    ',1.',
    '(x',
  ].map((head) => `+OK\r\n${head}\r\nabc\r\n`),
  '$6\r\nfoobarr\r\n',
  '+OK\rx\r\n',
]

describe.each([2, 3] as const)('RESP%i', (version) => {
  test.each(SAMPLES)('%j, cut anywhere', (sample) => {
    const stream = Buffer.from(sample, 'latin1')
    for (const chunks of [[stream], ...everyCut(stream)]) compare(stream, chunks, { version })
  })
})

test('a line feed in a line is no part of it', () => {
  for (const [head, length] of [
    ['+a\nb', 3],
    ['-\nERR', 2],
    [':1\n', 3],
    ['$1\n', 3],
    ['*1\n', 3],
  ] as const) {
    const stream = Buffer.from(`${head}\r\n+OK\r\n`)
    for (const chunks of [[stream], ...everyCut(stream)]) {
      expect(seen(decode(chunks))).toEqual([['Protocol error: line not followed by CRLF', length]])
    }
  }
})

test('limits are those of the codec', () => {
  const options = { maxBulkLength: 5, maxInline: 16, maxElements: 3, maxDepth: 2 }
  for (const text of [
    '$5\r\nhello\r\n$6\r\nhellos\r\n',
    `+${'a'.repeat(16)}\r\n+${'a'.repeat(17)}\r\n`,
    '*3\r\n:1\r\n:1\r\n:1\r\n*4\r\n',
    `%3\r\n${':1\r\n'.repeat(6)}%4\r\n`,
    '*1\r\n*1\r\n*0\r\n*1\r\n*1\r\n*1\r\n',
    '|1\r\n+a\r\n*1\r\n:1\r\n+ok\r\n*1\r\n|1\r\n+a\r\n*1\r\n',
  ]) {
    const stream = Buffer.from(text)
    expect(twin(text, options).length, text).toBe(2)
    for (const chunks of [[stream], ...everyCut(stream)]) compare(stream, chunks, options)
  }
})

test('as deep as the limit and no deeper, and neither stack overflows', () => {
  for (const [maxDepth, depth] of [
    [128, 128],
    [128, 129],
    [50_000, 50_000],
    [50_000, 50_001],
  ] as const) {
    const stream = Buffer.from(`${'*1\r\n'.repeat(depth)}:7\r\n+next\r\n`)
    for (const chunks of [[stream], [stream.subarray(0, 1001), stream.subarray(1001)]]) {
      const results = decode(chunks, { maxDepth })
      if (depth > maxDepth) {
        expect(seen(results)).toEqual([['Protocol error: reply nested too deep', 4 * depth]])
        continue
      }
      let value: unknown = results[0]!.message
      let levels = 0
      for (; Array.isArray(value); levels++) [value] = value as unknown[]
      expect([levels, value, results[1]!.message]).toEqual([depth, 7, 'next'])
      expect(encodeReply(results[0]!.message!, 3).length).toBe(4 * depth + 4)
    }
  }
})

test('records that run full stop before a reply, and nothing is lost', () => {
  const replies = Array.from({ length: 7000 }, (_, i) => (i % 3 ? '+OK\r\n' : `*2\r\n:${i}\r\n$1\r\na\r\n`))
  const wide = `*30000\r\n${':1\r\n'.repeat(30000)}`
  const stream = Buffer.from([...replies, wide, '+between\r\n', wide, ...replies].join(''))
  const wanted = JSON.stringify(twin(stream.toString(), {}))
  for (const cut of [0, 33_333, stream.length - 3]) {
    const results = decode([stream.subarray(0, cut), stream.subarray(cut)])
    expect(JSON.stringify(seen(results)) === wanted).toBe(true)
    expect(Buffer.concat(results.map(({ frame }) => frame!)).equals(stream)).toBe(true)
  }
})

test('a stream that stops inside an aggregate gives its stack back', () => {
  const heap = edgeCore.call('heapUsed')
  for (let i = 0; i < 50; i++) {
    const edge = new Edge(edgeCore, resp({ messages: 'replies' }))
    edge.push(Buffer.from('*2\r\n*2\r\n*2\r\n:1\r\n'.repeat(i + 1)))
    edge.end()
  }
  expect(edgeCore.call('heapUsed') - heap).toBeLessThan(4096)
})

test('values are what JavaScript has for them', () => {
  const text = [
    '+OK\r\n:7\r\n:-9007199254740993\r\n$2\r\nab\r\n$-1\r\n_\r\n#f\r\n',
    ',-1.5e3\r\n,inf\r\n(-12345678901234567890123\r\n(+5\r\n',
    '=7\r\nmkd:\u00e9!\r\n%1\r\n+a\r\n~1\r\n:1\r\n|1\r\n+ttl\r\n:3\r\n*2\r\n|0\r\n:1\r\n:2\r\n',
  ].join('')
  const values = decode([Buffer.from(text)]).map(({ message }) => message)
  expect(values).toEqual([
    'OK',
    7,
    -9007199254740993n,
    Uint8Array.of(97, 98),
    null,
    null,
    false,
    -1500,
    Infinity,
    -12345678901234567890123n,
    5n,
    new RespVerbatim('mkd', Uint8Array.from(Buffer.from('\u00e9!'))),
    new Map([['a', new Set([1])]]),
    new RespAttributed(new Map([['ttl', 3]]), [new RespAttributed(new Map(), 1), 2]),
  ])
  const [error, bulkError, push] = decode([Buffer.from('-MOVED 1 a:1\r\n!8\r\nERR a\r\nb\r\n>1\r\n+x\r\n')])
  expect([error!.message, (error!.message as RespError).code]).toEqual([new RespError('MOVED 1 a:1'), 'MOVED'])
  expect(bulkError!.message).toBeInstanceOf(RespError)
  expect((bulkError!.message as RespError).message).toBe('ERR a\r\nb')
  expect(push!.message).toEqual(new RespPush(['x']))
})

function reply(random: Random, depth = 0): string {
  const kinds = depth > 3 ? '+-:$_#,(=!' : '+-:$$*_#,(=!~%|>'
  const type = random.pick([...kinds])
  const bytes = (): string => random.bytes(random.below(random.pick([3, 12, 90]))).toString('latin1')
  const many = (count: number): string => Array.from({ length: count }, () => reply(random, depth + 1)).join('')
  const count = random.below(4)
  if (type === '*' || type === '~' || (type === '>' && depth === 0)) return `${type}${count}\r\n${many(count)}`
  if (type === '%') return `%${count}\r\n${many(2 * count)}`
  if (type === '|') return `|${count}\r\n${many(2 * count)}${reply(random, depth)}`
  if (type === '$' || type === '!') return encodeBulk(type, bytes())
  if (type === '=') return encodeBulk('=', `txt:${bytes()}`)
  const lines: Record<string, string> = { ':': `${random.between(-99, 99)}`, _: '', '#': 't', ',': '1.25', '(': '123' }
  return type === '>' ? '+x\r\n' : `${type}${lines[type] ?? bytes().replace(/\r/g, '')}\r\n`
}

const encodeBulk = (type: string, text: string): string => `${type}${text.length}\r\n${text}\r\n`

test(`random replies and limits, cut at random (MILLRACE_SEED=${SEED})`, () => {
  let whole = 0
  for (let round = 0; round < 500; round++) {
    const random = new Random(SEED + round)
    const text = Array.from({ length: random.between(1, 7) }, () => reply(random)).join('')
    const stream = Buffer.from(text, 'latin1')
    if (random.chance(0.3)) stream[random.below(stream.length)] = random.pick([13, 10, 42, 36, 58, 62, 124, 48, 57, 0])
    const options: Options = random.chance(0.5)
      ? {}
      : {
          maxDepth: random.between(1, 4),
          maxBulkLength: random.below(60),
          maxElements: 3,
          maxInline: random.between(16, 70),
        }
    compare(stream, [stream], options)
    for (let i = 0; i < 3; i++) compare(stream, cuts(random, stream), options)
    whole += twin(stream.toString('latin1'), options).length
  }
  expect(whole).toBeGreaterThan(800)
})

test('a push is no reply to a command, nor part of one', () => {
  const kinds = decode([Buffer.concat([Buffer.from('>1\r\n+a\r\n'), encode('b'), Buffer.from('>1\r\n+c\r\n')])])
  expect(kinds.map(({ message }) => message instanceof RespPush)).toEqual([true, false, true])
})
