// The delimiter codec against a twin over whole streams: delimiters that overlap in every way, every cut, limits, and
// input that is hard to search.
import { describe, expect, test } from 'vitest'
import { type DelimiterOptions, delimiter } from '../../../src/core/codec/delimiter.ts'
import { Random, SEED } from '../../system/random.ts'
import { decode, type Outcome, prove, proveTold, type Result, SCALAR, SIMD, timeOf, WAYS } from './framing.ts'
import { everyCut } from './support.ts'

const latin = (bytes: string | Uint8Array): string => Buffer.from(bytes as Uint8Array).toString('latin1')

/** The first place where a delimiter stands and the longest there; undefined where bytes to come decide. */
function first(text: string, delimiters: string[], ended: boolean): { at: number; found: string | undefined } {
  for (let at = 0; at < text.length; at++) {
    const rest = text.slice(at)
    if (!ended && delimiters.some((one) => one.length > rest.length && one.startsWith(rest))) {
      return { at, found: undefined }
    }
    const here = delimiters.filter((one) => rest.startsWith(one)).sort((a, b) => b.length - a.length)
    if (here[0] !== undefined) return { at, found: here[0] }
  }
  return { at: text.length, found: undefined }
}

function twin(options: DelimiterOptions, stream: Buffer): Outcome {
  const { maxFrameLength: most, stripDelimiter = true, failFast = true } = options
  const delimiters = options.delimiters.map(latin)
  let text = stream.toString('latin1')
  let told = false
  const take = (into: Result[], ended: boolean): void => {
    for (;;) {
      const { at, found } = first(text, delimiters, ended)
      if (at > most && failFast && !told && (found !== undefined || !ended)) {
        told = true
        into.push(['TL', most + 1])
      }
      if (found === undefined) return
      if (at > most && !failFast) into.push(['TL', at])
      else if (at <= most) into.push(text.slice(0, stripDelimiter ? at : at + found.length))
      text = text.slice(at + found.length)
      told = false
    }
  }
  const results: Result[] = []
  take(results, false)
  const end: Result[] = []
  take(end, true)
  if (text !== '' && !told) end.push(['IN', text.length])
  return { results, end }
}

const one = (maxFrameLength: number, ...delimiters: string[]): DelimiterOptions => ({ delimiters, maxFrameLength })
const SAMPLES: [DelimiterOptions, string, Result[], Result[]][] = [
  [one(3, '$_'), 'abc$_ok$_', ['abc', 'ok'], []],
  [one(3, '$_'), 'abcd$_ok$_abcdefgh$x$_$_', [['TL', 4], 'ok', ['TL', 4], ''], []],
  [{ ...one(3, '$_'), failFast: false }, 'abcd$_ok$_abcde$x$_$_abcd', [['TL', 4], 'ok', ['TL', 7], ''], [['IN', 4]]],
  [one(3, '$_'), 'abc$', [], [['IN', 4]]],
  [one(3, '$_'), 'abc$$', [['TL', 4]], []],
  [one(9, '\n', '\r\n'), 'abc\r\ndef\nghi\r\r\n', ['abc', 'def', 'ghi\r'], []],
  [one(9, 'b', 'ab'), '1ab2bab', ['1', '2', ''], []],
  [one(9, 'ab', 'abc'), '1abc2abx3ab', ['1', '2'], ['x3']],
  [one(9, 'bc', 'abcd'), '1abcd2abcx3abc', ['1', '2a'], ['x3a']],
  [one(9, 'a', 'aab'), 'xaaab', ['x', ''], []],
  [one(9, 'a', 'aab'), 'xaa', [], ['x', '']],
  [one(9, 'b', 'abcdef'), 'xabcde', [], ['xa', ['IN', 3]]],
  [{ ...one(4, '\0'), stripDelimiter: false }, 'ab\0\0cdef\0ghijk\0', ['ab\0', '\0', 'cdef\0', ['TL', 5]], []],
  [one(20, 'aab'), `xaaab${'a'.repeat(18)}bc`, ['xa', 'a'.repeat(16)], [['IN', 1]]],
]

describe.each(WAYS)('%s: every sample at every cut', (_, make) => {
  test.each(SAMPLES)('%j %j', (options, text, results, end) => {
    const stream = Buffer.from(text)
    expect(twin(options, stream)).toEqual({ results, end })
    for (const chunks of [[stream], ...everyCut(stream)]) {
      expect(decode(make, delimiter(options), chunks)).toEqual({ results, end })
    }
  })
})

function word(random: Random, letters: string, length: number): string {
  return Array.from({ length }, () => random.pick([...letters])).join('')
}

/** Delimiters out of few letters, so that they hide in one another; or as people choose them. */
function randomSet(random: Random): string[] {
  const usual = [['\r\n', '\n'], ['\r\n'], ['\0'], ['$_'], ['--ABCD--'], ['\r\n\r\n'], ['a', 'ab', 'abc']]
  if (random.chance(0.2)) return random.pick(usual)
  const letters = random.pick(['a', 'ab', 'ab', 'abc', 'abcdefgh\xff\x80'])
  const count = random.pick([1, 1, 2, 3, random.between(1, 16)])
  const longest = random.pick([2, 4, 6, 20, 64])
  const set = Array.from({ length: count }, () => word(random, letters, random.between(1, longest)))
  if (count > 1 && random.chance(0.5)) set[1] = (set[0] as string).slice(random.below((set[0] as string).length))
  return set
}

function randomStream(random: Random, set: string[], most: number): Buffer {
  const letters = random.pick([`${[...new Set(set.join(''))].join('')}z`, 'ab', 'xyz', set[0] as string])
  const pieces = Array.from({ length: random.between(1, random.pick([4, 30])) }, () => {
    const found = random.pick(set)
    const half = found.slice(0, random.below(found.length + 1))
    const length = random.pick([0, 1, most, most + 1, random.below(most + 2), random.below(260)])
    return word(random, letters, length) + random.pick([found, found, found, half, half + half, half + found])
  })
  return Buffer.from(pieces.join(''), 'latin1')
}

test(`random sets, streams and cuts (MILLRACE_SEED=${SEED})`, () => {
  const kinds = { frame: 0, TL: 0, IN: 0 }
  for (let round = 0; round < 120; round++) {
    const random = new Random(SEED + round)
    const set = randomSet(random)
    const options: DelimiterOptions = {
      delimiters: set.map((text) => Buffer.from(text, 'latin1')),
      maxFrameLength: 1 + random.below(random.pick([3, 20, 70, 300])),
      stripDelimiter: random.chance(0.5),
      failFast: random.chance(0.5),
    }
    const about = `${JSON.stringify({ ...options, delimiters: set })}, round ${round}`
    const stream = randomStream(random, set, options.maxFrameLength)
    const of = (bytes: Buffer): Outcome => twin(options, bytes)
    const { results, end } = prove(delimiter(options), of, stream, random, about)
    proveTold(delimiter(options), of, stream.subarray(0, 120), about)
    for (const result of [...results, ...end]) kinds[typeof result === 'string' ? 'frame' : (result[0] as 'TL')]++
  }
  for (const count of Object.values(kinds)) expect(count).toBeGreaterThan(8)
})

test('a delimiter at every place around the blocks of a sweep, and none where one byte differs', () => {
  for (const [, make] of WAYS) {
    for (const set of [['\n'], ['$_'], ['abc'], ['--ABCD--'], ['0123456789ABCDEF'.repeat(4)]]) {
      const end = set[0] as string
      const wrong = `${end.slice(0, -2)}!${end.slice(-1)}`
      for (let length = 0; length < 40; length++) {
        const text = 'x'.repeat(length) + (end.length > 1 ? wrong : '') + 'y'.repeat(7)
        const stream = Buffer.from(`${text}${end}${'z'.repeat(200)}${end}`)
        const wanted = { results: [text, 'z'.repeat(200)], end: [] }
        expect(decode(make, delimiter(one(300, ...set)), [stream])).toEqual(wanted)
      }
    }
  }
})

test('sixteen delimiters of every byte there is', () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  const delimiters = Array.from({ length: 16 }, (_, i) =>
    Buffer.concat([all.subarray(i * 16, i * 16 + 16), all]).subarray(0, 64),
  )
  const stream = Buffer.concat(delimiters.flatMap((bytes, i) => [Buffer.alloc(i * 9, i * 16 + 1), bytes]))
  const options = { delimiters, maxFrameLength: 1000 }
  const wanted = { results: delimiters.map((_, i) => latin(Buffer.alloc(i * 9, i * 16 + 1))), end: [] }
  for (const [, make] of WAYS) {
    expect(decode(make, delimiter(options), [stream])).toEqual(wanted)
    expect(
      decode(
        make,
        delimiter(options),
        Array.from(stream, (byte) => Buffer.of(byte)),
      ),
    ).toEqual(wanted)
  }
})

test('a frame that is too long is not kept, whatever may become a delimiter', () => {
  for (const core of [SIMD, SCALAR]) {
    for (const set of [['$_'], ['a', `${'a'.repeat(40)}b`], ['xx', `${'x'.repeat(63)}y`]]) {
      const decoder = core.decoder(delimiter({ ...one(10, ...set), failFast: false }))
      for (let i = 0; i < 300; i++) {
        decoder.push(Buffer.from(i % 50 ? 'zzzzz' : 'zzzz$'))
        expect(decoder.pending).toBeLessThan(10 + 64)
      }
      expect(decoder.pending).toBe(0)
      decoder.dispose()
    }
  }
})

test('frames gathered together stay whole while what is behind them is gathered on', () => {
  const codec = delimiter(one(100, 'a', `${'a'.repeat(60)}b`))
  for (const core of [SIMD, SCALAR]) {
    const decoder = core.decoder(codec)
    decoder.push(Buffer.from(`zzza${'a'.repeat(50)}`))
    const frames = decoder.push(Buffer.from('yyyaxxxa'.repeat(2000))).map(({ frame }) => Buffer.from(frame!).toString())
    expect(frames.slice(0, 52)).toEqual(['zzz', ...new Array<string>(50).fill(''), 'yyy'])
    expect(new Set(frames.slice(51))).toEqual(new Set(['yyy', 'xxx']))
    decoder.dispose()
  }
})

describe('the time is linear in the input:', () => {
  const a = (count: number): string => 'a'.repeat(count)
  test.each([
    ['nearly the delimiter everywhere', [`${a(63)}b`], 'a'],
    ['its end everywhere', [`b${a(63)}`], 'a'],
    ['its halves everywhere', [`${a(31)}b${a(32)}`], 'a'],
    ['many of them nearly', Array.from({ length: 16 }, (_, i) => `${a(20 + i)}b${a(20)}`), 'a'],
    ['a short one that might become a long one', ['a', `${a(62)}b`], 'a'],
  ])('%s', (_, set, letter) => {
    const codec = delimiter(one(2 ** 30, ...set))
    for (const core of [SIMD, SCALAR]) {
      for (const piece of [1, 30_000]) {
        const sizes = piece === 1 ? [8_000, 64_000] : [30_000, 240_000]
        const [short, long] = sizes.map((bytes) => timeOf(core, codec, Buffer.alloc(bytes, letter), piece))
        expect(long! / short!, `eight times as much, by ${piece}`).toBeLessThan(24)
      }
    }
  })
})

test('the encoder appends the delimiter that is named first', () => {
  for (const core of [SIMD, SCALAR]) {
    const codec = delimiter(one(10, '\n', '\r\n', '$_'))
    expect(Buffer.from(core.encode(codec, 'hello')).toString()).toBe('hello\n')
    const long = delimiter({ delimiters: [Buffer.alloc(64, 1), 'x'], maxFrameLength: 5 })
    expect(Buffer.from(core.encode(long, ''))).toEqual(Buffer.alloc(64, 1))
  }
})

describe('parameters that cannot work are refused at once, by name:', () => {
  test.each([
    ['maxFrameLength', { maxFrameLength: 0 }],
    ['maxFrameLength', { maxFrameLength: 2 ** 31 }],
    ['delimiters', { delimiters: [] }],
    ['delimiters', { delimiters: [''] }],
    ['delimiters', { delimiters: ['x'.repeat(65)] }],
    ['delimiters', { delimiters: Array.from({ length: 17 }, (_, i) => String(i)) }],
    ['delimiters', { delimiters: '\n' as unknown as string[] }],
    ['delimiters', { delimiters: [10 as unknown as string] }],
    ['delimiters', { delimiters: undefined as unknown as string[] }],
    ['stripDelimiter', { stripDelimiter: 0 as unknown as boolean }],
    ['failFast', { failFast: 'no' as unknown as boolean }],
  ])('%s in %j', (name, wrong) => {
    const named = expect.objectContaining({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining(name) as string,
    }) as Error
    expect(() => delimiter({ ...one(10, '\n'), ...wrong })).toThrow(named)
  })
})
