// The memcached codec against its twin: commands, data and errors however a stream is cut and under any limits; refused
// data that is swallowed and never kept; records that run full; and the encoder as its mirror.
import { describe, expect, test } from 'vitest'
import { encodeMemcached, type MemcachedCommand, memcached } from '../../../src/core/codec/memcached.ts'
import type { Result } from '../../../src/core/decoder.ts'
import { instantiateCore } from '../../../src/core/load.ts'
import { readCore } from '../../../src/kernel/core-file.ts'
import { Random, SEED } from '../../system/random.ts'
import { show } from '../../system/wire.ts'
import { Edge } from './edge.ts'
import { type Limits, memcachedTwin, type Seen } from './memcached-twin.ts'
import { codecCore, cuts, everyCut } from './support.ts'

const core = instantiateCore(readCore())
const edgeCore = codecCore()
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

function seen(results: readonly Result<MemcachedCommand>[]): Seen[] {
  return results.map(({ error, message }) => {
    if (error === undefined) return [message!.words.map(text), message!.data && text(message!.data)]
    if (error.code === 'MILLRACE_ERR_FRAME_INCOMPLETE') return ['incomplete', error.length, false]
    expect(error.code).toBe('MILLRACE_ERR_MEMCACHED')
    return [error.message, error.length, error.noreply === true]
  })
}

function decode(chunks: readonly Buffer[], limits?: Limits): Result<MemcachedCommand>[] {
  const decoder = core.decoder(memcached(limits))
  const results = chunks.flatMap((chunk) => decoder.push(chunk))
  results.push(...decoder.end())
  decoder.dispose()
  return results
}

function atTheEdge(chunks: readonly Buffer[], limits?: Limits): Result<MemcachedCommand>[] {
  const edge = new Edge(edgeCore, memcached(limits))
  for (const chunk of chunks) edge.push(chunk)
  edge.end()
  return edge.results
}

function compare(stream: Buffer, chunks: readonly Buffer[], limits?: Limits): void {
  const wanted = JSON.stringify(memcachedTwin(stream.toString('latin1'), limits))
  for (const got of [decode(chunks, limits), ...(stream.length < 300 ? [atTheEdge(chunks, limits)] : [])]) {
    if (JSON.stringify(seen(got)) !== wanted) expect(JSON.stringify(seen(got)), show(stream)).toBe(wanted)
  }
}

const LONG = 'k'.repeat(251)
const SAMPLES = [
  'get a\r\ngets a b  c \r\ngat 10 a\r\ngats -1 a b\r\nget a\n',
  'set k 0 0 3\r\nabc\r\nadd k 1 -1 0\r\n\r\ncas k 0 0 2 77 noreply\r\n\r\n\r\nset k 4294967296 +5 03\nabc\r\n',
  'get\r\nget \r\nGET a\r\n\r\n\n\r\r\nx\r\n \r\nfoo a b\r\nmx a\r\n',
  `set ${LONG} 0 0 5\r\nflush\r\nset a 0 0 3\r\nabc\r\n`,
  'set a -1 0 5\r\nflush\r\nset a 0 x 5 noreply\r\nflush\r\ncas a 0 0 5 x\r\nflush\r\nmn\r\n',
  'set a 0 0 5 noreply x\r\nflush\r\nmn\r\n',
  ...['-1', 'abc', '2147483646', '99999999999999999999', '3x'].map(
    (length) => `mn\r\nset a 0 0 ${length}\r\nflush_all\r\n`,
  ),
  'set a 0 0\r\ncas a 0 0 1\r\n\r\n\r\ntouch a\r\ntouch a 0\r\ntouch a x noreply\r\nincr a\r\n',
  'set a 0 0 3\r\nabcdef\r\nmn\r\nset a 0 0 3 noreply\r\nabcd\r\n\r\nmn\r\nset a 0 0 0\r\nx\r\n',
  'set a 0 0 2000000\r\nabc',
  'incr a -1\r\nincr a 1\r\ndecr a 18446744073709551615 noreply\r\ndecr a 18446744073709551616 noreply\r\nincr a x\r\n',
  'delete a\r\ndelete a 0\r\ndelete a noreply\r\ndelete a 0 noreply\r\ndelete a b\r\ndelete a noreply 0\r\ndelete\r\n',
  'flush_all\r\nflush_all 10\r\nflush_all noreply\r\nflush_all 0 noreply\r\nflush_all x\r\nflush_all a b c\r\n',
  'verbosity 1\r\nverbosity\r\nverbosity x\r\nversion\r\nstats\r\nstats items\r\nquit\r\n',
  'mn\r\nlru\r\nlru tune\r\nslabs a\r\n',
  'mg a v t\r\nms a 2 T0 c\r\nhi\r\nms a\r\nms\r\nms a 3 S9\r\nabc\r\nms a S3\r\nabc\r\nmn\r\n',
  'md a\r\nma a N0\r\nme a\r\nme\r\nmg\r\n',
  'ms a x T0\r\nabc\r\n',
  `ms ${LONG} 3\r\nabc\r\nmg ${LONG}\r\nget a ${LONG} b\r\ngat 0 ${LONG}\r\ntouch ${LONG} 0\r\nmn\r\n`,
  'get a\0b\r\nset a\0 0 0 3\r\nabc\r\nstats\0\r\nmn\r\n',
  'get a\tb\r\nget a\rb\r\nget \x01\xff\r\n',
  'mn\r\n\x80\x01\0\0',
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'cache_memlimit 10\r\ncache_memlimit\r\nlru_crawler enable\r\nwatch evictions\r\n',
  'lru_crawle\r\nverbositx 1\r\nflush_all_ 1\r\n',
]

describe('every sample', () => {
  test.each(SAMPLES)('%j, cut anywhere', (sample) => {
    const stream = Buffer.from(sample, 'latin1')
    for (const chunks of [[stream], ...everyCut(stream)]) compare(stream, chunks)
  })
})

test('a name is not taken for the one without its NUL', () => {
  for (const name of ['stats\0', 'set\0', 'flush_all\0', 'verbosit\0']) {
    expect(seen(decode([Buffer.from(`${name} 1\r\n`)]))).toEqual([['ERROR', name.length + 4, false]])
  }
})

test('the length of a meta set is its third word, and no flag', () => {
  const wrong = 'CLIENT_ERROR bad command line format'
  for (const line of ['ms a S3', 'ms a T0 S3', 'ms a +S3', 'ms a x 3']) {
    expect(seen(decode([Buffer.from(`${line}\r\nabc\r\nmn\r\n`)]))).toEqual([[wrong, line.length + 2, false]])
  }
})

test('limits are those of the codec', () => {
  const limits = { maxKeyLength: 3, maxItemSize: 5, maxLine: 30 }
  const line = (bytes: number): string => `get ${'a '.repeat(bytes)}`.slice(0, bytes)
  const stream = Buffer.from(
    `get abc\r\nget abcd\r\nset a 0 0 5\r\n12345\r\nset a 0 0 6\r\n123456\r\nset a 0 0 6 noreply\r\n123456\r\n` +
      `${line(30)}\r\n${line(29)}\n${line(31)}\r\nmn\r\n`,
  )
  expect(seen(decode([stream], limits)).map(([first]) => (typeof first === 'string' ? first : first[0]))).toEqual([
    'get',
    'CLIENT_ERROR bad command line format',
    'set',
    'SERVER_ERROR object too large for cache',
    'SERVER_ERROR object too large for cache',
    'get',
    'get',
    'CLIENT_ERROR line too long',
  ])
  for (const chunks of everyCut(stream)) compare(stream, chunks, limits)
})

test('what is swallowed is never kept', () => {
  const decoder = core.decoder(memcached())
  const [result] = decoder.push(Buffer.from('set a 0 0 500000000\r\n'))
  expect(result!.error).toMatchObject({ message: 'SERVER_ERROR object too large for cache', length: 500000023 })
  const piece = Buffer.alloc(1 << 20, 'get a\r\n')
  for (let left = 500000002; left > 0; left -= piece.length) {
    if (left < piece.length) expect(decoder.push(piece.subarray(0, left))).toEqual([])
    else expect(decoder.push(piece)).toEqual([])
    expect(decoder.pending).toBe(0)
  }
  expect(decoder.push(Buffer.from('mn\r\n'))).toHaveLength(1)
  decoder.dispose()
})

test('a data block is asked for to the byte', () => {
  const decoder = core.decoder(memcached())
  expect(decoder.push(Buffer.from('set a 0 0 100000\r\nxyz'))).toEqual([])
  expect(decoder.wants).toBe(100002 - 3)
  decoder.dispose()
})

test('records that run full stop before a command, and nothing is lost', () => {
  const commands = Array.from({ length: 4000 }, (_, i) => `set k${i} 0 0 1\r\nx\r\n`).join('')
  const wide = `get ${Array.from({ length: 9000 }, (_, i) => `k${i}`).join(' ')}\r\n`
  const stream = Buffer.from(`${commands}${wide}mn\r\n${wide}${commands}`)
  const limits = { maxLine: 100_000 }
  const wanted = JSON.stringify(memcachedTwin(stream.toString(), limits))
  for (const cut of [0, 70_000, stream.length - 9]) {
    const results = decode([stream.subarray(0, cut), stream.subarray(cut)], limits)
    expect(JSON.stringify(seen(results)) === wanted).toBe(true)
    expect(Buffer.concat(results.map(({ frame }) => frame!)).equals(stream)).toBe(true)
  }
})

function piece(random: Random): string {
  const key = (): string => 'k'.repeat(random.chance(0.05) ? 251 : random.between(1, 9))
  const end = (): string => random.pick(['\r\n', '\r\n', '\r\n', '\n'])
  const quiet = (): string => (random.chance(0.2) ? ' noreply' : '')
  const data = random.bytes(random.below(random.pick([4, 60]))).toString('latin1')
  const length = random.chance(0.1) ? data.length + random.between(-1, 2) : data.length
  switch (random.below(6)) {
    case 0:
      return random.pick(SAMPLES)
    case 1:
      return `${random.pick(['get', 'gets', 'mg', 'gat 0', 'delete', 'foo', 'me'])} ${key()} ${key()}${end()}`
    case 2:
      return `${random.pick(['incr', 'touch', 'flush_all', 'verbosity'])} ${key()} 12${quiet()}${end()}`
    case 3:
      return `ms ${key()} ${random.pick(['', '', '', 'S'])}${length} c${end()}${data}\r\n`
    default:
      return `${random.pick(['set', 'add', 'cas', 'append'])} ${key()} 0 0 ${length}${quiet()}${end()}${data}\r\n`
  }
}

test(`random streams and limits, cut at random (MILLRACE_SEED=${SEED})`, () => {
  let results = 0
  for (let round = 0; round < 400; round++) {
    const random = new Random(SEED + round)
    const stream = Buffer.from(Array.from({ length: random.between(1, 9) }, () => piece(random)).join(''), 'latin1')
    if (random.chance(0.2)) stream[random.below(stream.length)] = random.pick([0, 10, 13, 32, 45, 48, 128])
    const limits = random.chance(0.5)
      ? undefined
      : { maxKeyLength: random.between(1, 9), maxItemSize: random.below(40), maxLine: random.between(16, 300) }
    compare(stream, [stream], limits)
    for (let i = 0; i < 3; i++) compare(stream, cuts(random, stream), limits)
    results += memcachedTwin(stream.toString('latin1'), limits).length
  }
  expect(results).toBeGreaterThan(1500)
})

test(`the encoder is the decoder's mirror, and lets no word become two (MILLRACE_SEED=${SEED})`, () => {
  const commands: { words: string[]; data?: Uint8Array }[] = [
    { words: ['get', 'a', 'b'] },
    { words: ['set', 'k', '0', '0', '3'], data: Uint8Array.of(13, 10, 0) },
    { words: ['ms', 'k', '0', 'T0'], data: new Uint8Array(0) },
    { words: ['ms', 'k', '2', 'S9'], data: Uint8Array.of(1, 2) },
  ]
  const random = new Random(SEED)
  const stream = Buffer.concat(commands.map((command) => encodeMemcached(command)))
  const back = decode(cuts(random, stream)).map(({ message }) => message!)
  expect(back.map(({ words, data }) => ({ words: words.map(text), ...(data && { data }) }))).toEqual(commands)
  for (const wrong of [
    { words: [] },
    { words: ['get', ''] },
    { words: ['get', 'a b'] },
    { words: ['get', 'a\r\nflush_all'] },
    { words: ['get', 'a\0'] },
    { words: ['set', 'k', '0', '0', '3'] },
    { words: ['set', 'k', '0', '0', '3'], data: 'ab' },
    { words: ['get', 'k'], data: 'ab' },
  ]) {
    expect(() => encodeMemcached(wrong)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
  }
})

describe('parameters that cannot work are refused at once, by name:', () => {
  test.each([
    ['maxKeyLength', { maxKeyLength: 0 }],
    ['maxItemSize', { maxItemSize: -1 }],
    ['maxItemSize', { maxItemSize: 2 ** 31 }],
    ['maxLine', { maxLine: 8.5 }],
  ])('%s in %j', (name, wrong) => {
    expect(() => memcached(wrong)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringContaining(name) as string,
      }) as Error,
    )
  })
})
