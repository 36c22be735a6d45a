// The line codec against a twin over whole streams: every parameter, every cut, limits, and what the end leaves.
import { describe, expect, test } from 'vitest'
import { type LineOptions, line } from '../../../src/core/codec/line.ts'
import { Random, SEED } from '../../system/random.ts'
import { decode, type Outcome, prove, proveTold, type Result, SCALAR, SIMD, timeOf, WAYS } from './framing.ts'
import { everyCut } from './support.ts'

function twin({ maxLength, stripDelimiter = true, failFast = false }: LineOptions, stream: Buffer): Outcome {
  const results: Result[] = []
  const pieces = stream.toString('latin1').split('\n')
  const last = pieces.pop() as string
  for (const piece of pieces) {
    const content = piece.endsWith('\r') ? piece.slice(0, -1) : piece
    if (content.length > maxLength) results.push(['TL', failFast ? maxLength + 1 : content.length])
    else results.push(stripDelimiter ? content : `${piece}\n`)
  }
  const certain = last.endsWith('\r') ? last.length - 1 : last.length
  if (failFast && certain > maxLength) return { results: [...results, ['TL', maxLength + 1]], end: [] }
  return { results, end: last === '' ? [] : [['IN', last.length]] }
}

const SAMPLES: [LineOptions, string, Result[], Result[]][] = [
  [{ maxLength: 8192 }, 'first\r\nsecond\nthird', ['first', 'second'], [['IN', 5]]],
  [
    { maxLength: 16, stripDelimiter: false },
    '12345678901234567890\r\nfirst\nsecond',
    [['TL', 20], 'first\n'],
    [['IN', 6]],
  ],
  [{ maxLength: 5 }, '12345\r\n', ['12345'], []],
  [{ maxLength: 5 }, '123456\r\n', [['TL', 6]], []],
  [{ maxLength: 5, failFast: true }, '123456789\r\nok\n', [['TL', 6], 'ok'], []],
  [{ maxLength: 5 }, '\n\r\n\r\r\na\rb\n', ['', '', '\r', 'a\rb'], []],
  [{ maxLength: 5, stripDelimiter: false }, '\n\r\n\r\r\na\rb\n', ['\n', '\r\n', '\r\r\n', 'a\rb\n'], []],
  [{ maxLength: 5, failFast: true }, '12345\r', [], [['IN', 6]]],
  [{ maxLength: 5, failFast: true }, '12345\rx', [['TL', 6]], []],
  [{ maxLength: 5 }, '123456\rx', [], [['IN', 8]]],
  [{ maxLength: 5 }, `${'1234567'.repeat(100)}\r\n\r\n`, [['TL', 700], ''], []],
]

describe.each(WAYS)('%s: every sample at every cut', (_, make) => {
  test.each(SAMPLES)('%j %j', (options, text, results, end) => {
    const stream = Buffer.from(text)
    expect(twin(options, stream)).toEqual({ results, end })
    for (const chunks of [[stream], ...everyCut(stream)]) {
      expect(decode(make, line(options), chunks)).toEqual({ results, end })
    }
  })
})

function randomStream(random: Random, most: number): Buffer {
  const letters = random.pick(['\n\r', 'a\n\r', 'abcdefgh\r', 'abcdefgh', 'x'])
  const content = (): string => {
    const length = random.pick([0, 1, most - 1, most, most + 1, random.below(most + 3), random.below(90)])
    return Array.from({ length: Math.max(0, length) }, () => random.pick([...letters])).join('')
  }
  const lines = Array.from({ length: random.between(1, random.pick([4, 60])) }, () => {
    return content() + random.pick(['\n', '\r\n', '\r\r\n'])
  })
  return Buffer.from(lines.join('') + (random.chance(0.5) ? content() + random.pick(['', '\r']) : ''))
}

test(`random parameters, streams and cuts (MILLRACE_SEED=${SEED})`, () => {
  const kinds = { frame: 0, TL: 0, IN: 0 }
  for (let round = 0; round < 100; round++) {
    const random = new Random(SEED + round)
    const options: LineOptions = {
      maxLength: 1 + random.below(random.pick([3, 20, 70, 400])),
      stripDelimiter: random.chance(0.5),
      failFast: random.chance(0.5),
    }
    const about = `${JSON.stringify(options)}, round ${round}`
    const stream = randomStream(random, options.maxLength)
    const of = (bytes: Buffer): Outcome => twin(options, bytes)
    const { results, end } = prove(line(options), of, stream, random, about)
    proveTold(line(options), of, stream.subarray(0, 150), about)
    for (const result of [...results, ...end]) kinds[typeof result === 'string' ? 'frame' : (result[0] as 'TL')]++
  }
  for (const count of Object.values(kinds)) expect(count).toBeGreaterThan(15)
})

test('a line feed at every place around the blocks of a scan', () => {
  for (const [, make] of WAYS) {
    for (let length = 0; length < 200; length++) {
      for (const end of ['\n', '\r\n']) {
        const stream = Buffer.from(`${'a'.repeat(length)}${end}${'b'.repeat(199 - length)}\n`)
        const wanted = ['a'.repeat(length), 'b'.repeat(199 - length)]
        expect(decode(make, line({ maxLength: 300 }), [stream])).toEqual({ results: wanted, end: [] })
      }
    }
  }
})

test('more lines than there are records', () => {
  const stream = Buffer.from('\r\n'.repeat(6000) + 'x\n'.repeat(6000))
  for (const [, make] of WAYS) {
    const { results } = decode(make, line({ maxLength: 1 }), [stream])
    expect(results).toEqual([...new Array<string>(6000).fill(''), ...new Array<string>(6000).fill('x')])
  }
})

test('a line that is too long is not kept', () => {
  for (const core of [SIMD, SCALAR]) {
    const decoder = core.decoder(line({ maxLength: 100 }))
    for (let i = 0; i < 50; i++) {
      decoder.push(Buffer.alloc(7, 'x'))
      expect(decoder.pending).toBeLessThanOrEqual(101)
    }
    expect(decoder.pending).toBe(0)
    const results = decoder.push(Buffer.from('\nok\n'))
    expect(results.map(({ error, frame }) => error?.length ?? String(frame))).toEqual([350, 'ok'])
    decoder.dispose()
  }
})

test('gathering a line that comes byte by byte costs O(n)', () => {
  for (const core of [SIMD, SCALAR]) {
    const codec = line({ maxLength: 1 << 30 })
    const [short, long] = [30_000, 240_000].map((bytes) => timeOf(core, codec, Buffer.alloc(bytes, 'x'), 1))
    expect(long! / short!, 'eight times as much').toBeLessThan(24)
  }
})

describe('the encoder', () => {
  test.each([
    [{}, 'hello', 'hello\n'],
    [{ delimiter: '\n' }, '', '\n'],
    [{ delimiter: '\r\n' }, 'hello', 'hello\r\n'],
  ] as [Partial<LineOptions>, string, string][])('%j %j → %j', (options, message, wanted) => {
    for (const core of [SIMD, SCALAR]) {
      expect(Buffer.from(core.encode(line({ maxLength: 10, ...options }), message)).toString()).toBe(wanted)
    }
  })
})

describe('parameters that cannot work are refused at once, by name:', () => {
  test.each([
    ['maxLength', { maxLength: 0 }],
    ['maxLength', { maxLength: 2 ** 31 }],
    ['maxLength', { maxLength: 1.5 }],
    ['stripDelimiter', { stripDelimiter: 1 as unknown as boolean }],
    ['failFast', { failFast: 'yes' as unknown as boolean }],
    ['delimiter', { delimiter: '\r' as '\n' }],
  ])('%s in %j', (name, wrong) => {
    const named = expect.objectContaining({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining(name) as string,
    }) as Error
    expect(() => line({ maxLength: 10, ...wrong })).toThrow(named)
  })
})
