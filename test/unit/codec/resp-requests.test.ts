// The RESP request codec: the same commands, bytes and errors however a stream is cut, under any limits; records that
// run full; and nothing read beyond the input.
import { describe, expect, test } from 'vitest'
import type { RespOptions } from '../../../src/core/codec/resp.ts'
import { resp } from '../../../src/core/codec/resp.ts'
import type { Result } from '../../../src/core/decoder.ts'
import { instantiateCore } from '../../../src/core/load.ts'
import { readCore } from '../../../src/kernel/core-file.ts'
import { Random, SEED } from '../../system/random.ts'
import { encode, show } from '../../system/wire.ts'
import { Edge } from './edge.ts'
import { type RespLimits, respFrames } from './resp-twin.ts'
import { codecCore, cuts, everyCut } from './support.ts'

const core = instantiateCore(readCore())
const edgeCore = codecCore()

const MESSAGES: Readonly<Record<string, string>> = {
  badMultibulk: 'invalid multibulk length',
  badBulk: 'invalid bulk length',
  unbalanced: 'unbalanced quotes in request',
  bigInline: 'too big inline request',
  bigCount: 'too big mbulk count string',
  bigBulkCount: 'too big bulk count string',
  noCrlf: 'bulk string not followed by CRLF',
  foreign: 'possible cross-protocol attack',
}

/** A command as its bytes and its arguments, an error as its message, in latin1. */
type Seen = string | readonly [frame: string, ...words: string[]]

function seen(results: readonly Result<Uint8Array[]>[]): Seen[] {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
  return results.map(({ error, frame, message }) => {
    if (error === undefined) return [text(frame), ...message!.map(text)]
    expect(error.code).toBe(error.message.startsWith('Protocol') ? 'MILLRACE_ERR_RESP_PROTOCOL' : error.code)
    return error.code === 'MILLRACE_ERR_FRAME_INCOMPLETE' ? `incomplete ${error.length}` : error.message
  })
}

function twin(stream: string, limits?: RespLimits): Seen[] {
  const results: Seen[] = []
  let over = false
  for (const { result, frame } of respFrames(stream, limits)) {
    const foreign = typeof result !== 'string' && /^(post|host:)$/i.test(result[0] ?? '')
    over = foreign || typeof result === 'string'
    if (typeof result !== 'string' && !foreign) results.push([frame, ...result])
    else {
      const name = foreign ? 'foreign' : String(result)
      const got = name.replace('expectedBulk', '').replace(/[\r\n]/, ' ')
      results.push(`Protocol error: ${MESSAGES[name] ?? `expected '$', got '${got}'`}`)
    }
    if (over) return results
  }
  const left = leftOf(stream, limits)
  return left > 0 ? [...results, `incomplete ${left}`] : results
}

/** Bytes of the incomplete command at the end: what is left once all that is whole is gone. */
function leftOf(stream: string, limits?: RespLimits): number {
  let rest = stream
  for (;;) {
    const found = respFrames(rest, limits)[0]
    if (found !== undefined) rest = rest.slice(rest.indexOf(found.frame) + found.frame.length)
    else break
  }
  return rest.replace(/^(\r?\n|[ \t\v\f]+\r?\n|\*(0|-[1-9]\d*)\r\n|\0[^\n]*\n)*/, '').length
}

function optionsOf(limits?: RespLimits): RespOptions & { messages?: 'requests' } {
  return limits === undefined
    ? {}
    : { maxInline: limits.line, maxBulkLength: limits.bulk, maxElements: limits.elements }
}

function decode(chunks: readonly Buffer[], limits?: RespLimits): Result<Uint8Array[]>[] {
  const decoder = core.decoder(resp(optionsOf(limits)))
  const results = chunks.flatMap((chunk) => decoder.push(chunk))
  results.push(...decoder.end())
  decoder.dispose()
  return results
}

function atTheEdge(chunks: readonly Buffer[], limits?: RespLimits): Result<Uint8Array[]>[] {
  const edge = new Edge(edgeCore, resp(optionsOf(limits)))
  for (const chunk of chunks) edge.push(chunk)
  edge.end()
  return edge.results
}

const lengths = (results: readonly Result<Uint8Array[]>[]): (number | undefined)[] =>
  results.map(({ error }) => error?.length)

/** Compares with the twin; the errors' lengths are those of the stream in one piece. */
function compare(stream: Buffer, chunks: readonly Buffer[], limits?: RespLimits): void {
  const whole = decode([stream], limits)
  for (const got of [decode(chunks, limits), ...(stream.length < 400 ? [atTheEdge(chunks, limits)] : [])]) {
    const same = JSON.stringify([seen(got), lengths(got)]) === JSON.stringify([seen(whole), lengths(whole)])
    if (!same) expect([seen(got), lengths(got)], show(stream)).toEqual([seen(whole), lengths(whole)])
  }
}

const SAMPLES = [
  '*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\nPING\r\n\n\r\nSET k "v w"\n',
  '\r\n\n*0\r\n*-1\r\n*-10\r\nPING\r\n*1\r\n',
  'ECHO "a\\x41\\xzz\\n\\"\\\\" \'it\\\'s\' ""\n \t\r\nGET k\r',
  'GET "a\n',
  '*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000001\r\n$200\r\nshort',
  '*1\r\n$4\r\nPINGxx\r\nPING\r\n',
  ...['*3000000000', '*abc', '*01', '*', '*1 '].map((head) => `PING\r\n${head}\r\n$4\r\nPING\r\n`),
  ...['$-10', '$-1', '$2000000000', '$blabla', '$+4', '$04', '$ 4'].map((head) => `*2\r\n$3\r\nGET\r\n${head}\r\nx`),
  ...['foo', '*1\r\n', '\r\n', '\n', '\xff'].map((head) => `*2\r\n$3\r\nGET\r\n${head}`),
  'POST / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET a\r\nhost: a\r\n',
  '*1\r\n$4\r\npost\r\n',
  '*2\r\n$5\r\nHost:\r\n$1\r\na\r\nPING\r\n',
  'POSTS a\r\nHost a\r\nHos:t\r\n',
]

describe('every sample', () => {
  test.each(SAMPLES)('%j', (sample) => {
    const stream = Buffer.from(sample, 'latin1')
    expect(seen(decode([stream]))).toEqual(twin(sample))
    for (const chunks of [[stream], ...everyCut(stream)]) compare(stream, chunks)
  })
})

test('an error says how many bytes made it certain', () => {
  const cases: [string, number][] = [
    ['*1\r\nfoo', 5],
    ['*abc\r\n$1', 6],
    ['*1\rx', 4],
    ['*1\r\n$abc\r\nPING', 10],
    ['*1\r\n$4\r\nPINGxxyy', 14],
    ['GET "a\r\nPING\r\n', 8],
    [`*${'1'.repeat(70000)}`, 65538],
    [`*1\r\n$${'1'.repeat(70000)}`, 4 + 65538],
    ['a'.repeat(70000), 65537],
    ['POST / HTTP/1.1\r\nHost', 17],
  ]
  for (const [stream, length] of cases) expect(lengths(decode([Buffer.from(stream)]))).toEqual([length])
})

test('limits are those of the codec', () => {
  const limits = { line: 20, bulk: 7, elements: 3 }
  const good = ['*3\r\n$7\r\n1234567\r\n$0\r\n\r\n$1\r\na\r\n', `${'a'.repeat(20)}\r\n`]
  const bad = [
    ['*4\r\n', 'invalid multibulk length'],
    ['*1\r\n$8\r\n', 'invalid bulk length'],
    ['*1\r\n$10\r\n', 'invalid bulk length'],
    [`${'a'.repeat(21)}\r\n`, 'too big inline request'],
    [`*${'0'.repeat(21)}`, 'too big mbulk count string'],
    [`*1\r\n$${'0'.repeat(21)}`, 'too big bulk count string'],
  ] as const
  for (const [text, message] of bad) {
    const stream = Buffer.from([...good, text].join(''))
    const results = decode([stream], limits)
    expect(seen(results).slice(2)).toEqual([`Protocol error: ${message}`])
    for (const chunks of everyCut(stream)) compare(stream, chunks, limits)
  }
  // and nobody else's: a kv decodes in the same instance
  decode([Buffer.from('*4\r\n')], limits)
  expect(decode([encode('a', 'b', 'c', 'd'.repeat(100))])).toHaveLength(1)
})

test('records that run full stop before a command, and nothing is lost', () => {
  const commands = Array.from({ length: 6000 }, (_, i) =>
    i % 7 ? encode('SET', `k${i}`, 'v') : Buffer.from(`x "${i}"\r\n`),
  )
  const wide = encode('MSET', ...Array.from({ length: 9000 }, (_, i) => `w${i}`))
  const wideInline = Buffer.from(`MGET ${Array.from({ length: 9000 }, (_, i) => `"${i}"`).join(' ')}\n`)
  const stream = Buffer.concat([...commands, wide, encode('PING'), wideInline, ...commands])
  const results = decode([stream])
  expect(results.map(({ message }) => message?.length)).toEqual([
    ...commands.map((_, i) => (i % 7 ? 3 : 2)),
    9001,
    1,
    9001,
    ...commands.map((_, i) => (i % 7 ? 3 : 2)),
  ])
  expect(Buffer.concat(results.map(({ frame }) => frame!)).equals(stream)).toBe(true)
  const odd = decode([stream.subarray(0, 70_001), stream.subarray(70_001)])
  expect(JSON.stringify(seen(odd))).toBe(JSON.stringify(seen(results)))
})

test('a large argument is asked for to the byte, and gathered once', () => {
  const decoder = core.decoder(resp())
  expect(decoder.push(Buffer.from('*2\r\n$3\r\nGET\r\n$100000\r\n'))).toEqual([])
  expect(decoder.wants).toBe(100002)
  const space = decoder.space(100002)!
  space.fill(65)
  space.set([13, 10], 100000)
  expect(decoder.commit(100002)[0]!.message![1]).toHaveLength(100000)
  decoder.dispose()
})

test('a command fed byte by byte costs as much as it is long', () => {
  const run = (words: number): number => {
    const stream = encode('MSET', ...Array.from({ length: words }, () => 'x'))
    const decoder = core.decoder(resp())
    const from = performance.now()
    let found = 0
    for (let i = 0; i < stream.length; i++) found += decoder.push(stream.subarray(i, i + 1)).length
    decoder.dispose()
    expect(found).toBe(1)
    return performance.now() - from
  }
  run(500)
  const few = Math.min(run(1000), run(1000), run(1000))
  expect(Math.min(run(8000), run(8000))).toBeLessThan(few * 8 * 4)
})

function piece(random: Random): string {
  const word = (): string => random.bytes(random.pick([0, 1, 9, 10, 11, random.below(40)])).toString('latin1')
  const letters = (): string => Array.from({ length: random.below(9) }, () => random.pick([...'ab"\'\\x4 \t'])).join('')
  switch (random.below(6)) {
    case 0:
      return random.pick(SAMPLES)
    case 1:
      return `${letters()}${random.pick(['\n', '\r\n'])}`
    case 2:
      return `set ${letters().replace(/["']/g, '')}\r\n`
    default: {
      const good = encode(...Array.from({ length: random.between(1, random.pick([3, 12])) }, word))
      if (random.chance(0.06)) good[random.below(Math.min(good.length, 12))] = random.pick([0, 10, 13, 36, 42, 48, 97])
      return good.toString('latin1')
    }
  }
}

test(`random streams and limits, cut at random (MILLRACE_SEED=${SEED})`, () => {
  let results = 0
  for (let round = 0; round < 250; round++) {
    const random = new Random(SEED + round)
    const stream = Buffer.from(Array.from({ length: random.between(1, 9) }, () => piece(random)).join(''), 'latin1')
    const limits = random.chance(0.5)
      ? { line: random.between(16, 40), bulk: random.below(30), elements: random.between(1, 12) }
      : undefined
    const got = seen(decode([stream], limits)).filter((result) => !String(result).startsWith('incomplete'))
    const wanted = twin(stream.toString('latin1'), limits).filter((result) => !String(result).startsWith('incomplete'))
    if (JSON.stringify(got) !== JSON.stringify(wanted)) expect(got, show(stream)).toEqual(wanted)
    for (let i = 0; i < 3; i++) compare(stream, cuts(random, stream), limits)
    results += wanted.length
  }
  expect(results).toBeGreaterThan(500)
})

describe('parameters that cannot work are refused at once, by name:', () => {
  test.each([
    ['messages', { messages: 'both' as 'requests' }],
    ['version', { version: 4 as 3 }],
    ['maxBulkLength', { maxBulkLength: -1 }],
    ['maxBulkLength', { maxBulkLength: 2 ** 31 }],
    ['maxInline', { maxInline: 15 }],
    ['maxElements', { maxElements: 0 }],
    ['maxDepth', { maxDepth: 1.5 }],
  ])('%s in %j', (name, wrong) => {
    expect(() => resp(wrong)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringContaining(name) as string,
      }) as Error,
    )
  })
})
