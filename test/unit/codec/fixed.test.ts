// The fixed-length codec against a twin over whole streams.
import { describe, expect, test } from 'vitest'
import { fixed } from '../../../src/core/codec/fixed.ts'
import { Random, SEED } from '../../system/random.ts'
import { decode, type Outcome, prove, proveTold, SCALAR, SIMD, WAYS } from './framing.ts'
import { everyCut } from './support.ts'

function twin(frameLength: number, stream: Buffer): Outcome {
  const text = stream.toString('latin1')
  const whole = Math.floor(text.length / frameLength)
  const rest = text.length % frameLength
  return {
    results: Array.from({ length: whole }, (_, i) => text.slice(i * frameLength, (i + 1) * frameLength)),
    end: rest === 0 ? [] : [['IN', rest]],
  }
}

test('A / BC / DEFG / HI with 3, and at every other cut', () => {
  const stream = Buffer.from('ABCDEFGHI')
  const samples = ['A', 'BC', 'DEFG', 'HI'].map((text) => Buffer.from(text))
  for (const [, make] of WAYS) {
    for (const chunks of [samples, [stream], ...everyCut(stream)]) {
      expect(decode(make, fixed({ frameLength: 3 }), chunks)).toEqual({ results: ['ABC', 'DEF', 'GHI'], end: [] })
    }
    const short = [Buffer.from('ABCD')]
    expect(decode(make, fixed({ frameLength: 3 }), short)).toEqual({ results: ['ABC'], end: [['IN', 1]] })
  }
})

test(`random lengths, streams and cuts (MILLRACE_SEED=${SEED})`, () => {
  for (let round = 0; round < 100; round++) {
    const random = new Random(SEED + round)
    const frameLength = 1 + random.below(random.pick([3, 20, 300]))
    const stream = random.bytes(random.below(random.pick([40, 2000])))
    const of = (bytes: Buffer): Outcome => twin(frameLength, bytes)
    prove(fixed({ frameLength }), of, stream, random, `${frameLength}, round ${round}`)
    proveTold(fixed({ frameLength }), of, stream.subarray(0, 100), `${frameLength}, round ${round}`)
  }
})

test('more frames than there are records', () => {
  const stream = Buffer.alloc(10_000, 'x')
  const results = new Array<string>(10_000).fill('x')
  for (const [, make] of WAYS) expect(decode(make, fixed({ frameLength: 1 }), [stream])).toEqual({ results, end: [] })
})

test('the encoder passes frames of the length, and refuses all others', () => {
  for (const core of [SIMD, SCALAR]) {
    const codec = fixed({ frameLength: 5 })
    expect(Buffer.from(core.encode(codec, 'hello')).toString()).toBe('hello')
    for (const message of ['', 'four', 'sixsix']) {
      expect(() => core.encode(codec, message)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }) as Error)
    }
  }
})

describe('a length that cannot work is refused at once, by name:', () => {
  test.each([0, -1, 1.5, 2 ** 31, Number.NaN, undefined as unknown as number])('%s', (frameLength) => {
    const named = expect.objectContaining({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining('frameLength') as string,
    }) as Error
    expect(() => fixed({ frameLength })).toThrow(named)
  })
})
