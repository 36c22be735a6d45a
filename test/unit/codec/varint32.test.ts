// The varint codec against a twin over whole streams: prefixes of every length and form, cut anywhere, and limits.
import { describe, expect, test } from 'vitest'
import { varint32 } from '../../../src/core/codec/varint32.ts'
import { Random, SEED } from '../../system/random.ts'
import { decode, type Outcome, prove, proveTold, type Result, SCALAR, SIMD, WAYS } from './framing.ts'
import { everyCut } from './support.ts'

function twin(maxFrameLength: number, stream: Buffer): Outcome {
  const results: Result[] = []
  let at = 0
  while (at < stream.length) {
    let length = 0
    let bytes = 0
    for (;;) {
      if (bytes === 5) return { results: [...results, ['CF', 5]], end: [] }
      const byte = stream[at + bytes]
      if (byte === undefined) return { results, end: [['IN', stream.length - at]] }
      length += (byte % 128) * 128 ** bytes++
      if (byte < 128) break
    }
    if (length >= 2 ** 31) return { results: [...results, ['CF', 5]], end: [] }
    const whole = stream.length >= at + bytes + length
    if (length > maxFrameLength) {
      results.push(['TL', length])
      if (!whole) return { results, end: [] }
    } else if (whole) {
      results.push(stream.toString('latin1', at + bytes, at + bytes + length))
    } else {
      return { results, end: [['IN', stream.length - at]] }
    }
    at += bytes + length
  }
  return { results, end: [] }
}

/** The prefix of a length, in as many bytes at least. */
function prefix(length: number, bytes = 1): Buffer {
  const out: number[] = []
  for (let rest = length; rest > 0 || out.length < bytes; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128)
  out[out.length - 1]! &= 127
  return Buffer.from(out)
}

const SAMPLES: [string, Buffer, Result[], Result[]][] = [
  ['short', Buffer.from('\x05hello\0\x03abc', 'latin1'), ['hello', '', 'abc'], []],
  [
    'two bytes',
    Buffer.concat([prefix(128), Buffer.alloc(128, 'x'), prefix(300), Buffer.alloc(300, 'y')]),
    ['x'.repeat(128), 'y'.repeat(300)],
    [],
  ],
  ['longer than need be', Buffer.from('\x83\x80\x80\x80\0abc\x80\0\x81\0d', 'latin1'), ['abc', '', 'd'], []],
  [
    'too long, and the next',
    Buffer.concat([prefix(301), Buffer.alloc(301, 'x'), Buffer.from('\x02ok')]),
    [['TL', 301], 'ok'],
    [],
  ],
  ['the longest there is', Buffer.from('\xff\xff\xff\xff\x07abc', 'latin1'), [['TL', 2 ** 31 - 1]], []],
  ['2^31', Buffer.from('\x01a\x80\x80\x80\x80\x08\x01b', 'latin1'), ['a', ['CF', 5]], []],
  ['a fifth byte that goes on', Buffer.from('\x01a\x80\x80\x80\x80\x80\x01\x01b', 'latin1'), ['a', ['CF', 5]], []],
  ['cut short', Buffer.from('\x05hel', 'latin1'), [], [['IN', 4]]],
  ['a prefix cut short', Buffer.from('\x01a\xff\xff', 'latin1'), ['a'], [['IN', 2]]],
]

describe.each(WAYS)('%s: every sample at every cut', (_, make) => {
  test.each(SAMPLES)('%s', (_, stream, results, end) => {
    expect(twin(300, stream)).toEqual({ results, end })
    for (const chunks of [[stream], ...everyCut(stream)]) {
      expect(decode(make, varint32({ maxFrameLength: 300 }), chunks)).toEqual({ results, end })
    }
  })
})

test(`random streams and cuts (MILLRACE_SEED=${SEED})`, () => {
  const kinds = { frame: 0, TL: 0, CF: 0, IN: 0 }
  for (let round = 0; round < 100; round++) {
    const random = new Random(SEED + round)
    const most = 1 + random.below(random.pick([10, 200, 2000]))
    const frames = Array.from({ length: random.between(1, random.pick([5, 60])) }, () => {
      const length = random.pick([0, 1, 127, 128, most, most + 1, random.below(most + 2), random.below(40)])
      if (random.chance(0.01)) return Buffer.concat([prefix(2 ** 31 + random.below(2 ** 32)), random.bytes(9)])
      if (random.chance(0.01)) return prefix(2 ** 21 + random.below(2 ** 30))
      return Buffer.concat([prefix(length, random.pick([1, 1, 1, 2, 3, 4, 5])), random.bytes(length)])
    })
    const whole = Buffer.concat(frames).subarray(0, 9000)
    const stream = random.chance(0.3) ? whole.subarray(0, random.below(whole.length + 1)) : whole
    const of = (bytes: Buffer): Outcome => twin(most, bytes)
    const { results, end } = prove(varint32({ maxFrameLength: most }), of, stream, random, `${most}, round ${round}`)
    proveTold(varint32({ maxFrameLength: most }), of, stream.subarray(0, 150), `${most}, round ${round}`)
    for (const result of [...results, ...end]) kinds[typeof result === 'string' ? 'frame' : (result[0] as 'TL')]++
  }
  for (const count of Object.values(kinds)) expect(count).toBeGreaterThan(2)
})

test('more frames than there are records', () => {
  const stream = Buffer.alloc(10_000)
  const results = new Array<string>(10_000).fill('')
  for (const [, make] of WAYS)
    expect(decode(make, varint32({ maxFrameLength: 1 }), [stream])).toEqual({ results, end: [] })
})

test('the encoder writes the shortest prefix', () => {
  for (const core of [SIMD, SCALAR]) {
    const codec = varint32({ maxFrameLength: 10 })
    for (const length of [0, 1, 127, 128, 16383, 16384, 2 ** 21 - 1, 2 ** 21]) {
      const body = Buffer.alloc(length, 'x')
      const written = Buffer.from(core.encode(codec, body))
      expect(written.equals(Buffer.concat([prefix(length), body]))).toBe(true)
    }
  }
})

describe('a limit that cannot work is refused at once, by name:', () => {
  test.each([0, -1, 1.5, 2 ** 31, Number.NaN, undefined as unknown as number])('%s', (maxFrameLength) => {
    const named = expect.objectContaining({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining('maxFrameLength') as string,
    }) as Error
    expect(() => varint32({ maxFrameLength })).toThrow(named)
  })
})
