// The twins themselves: they give what the samples of the reference say, and no prefix of a stream is taken back.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { likened } from '../../twins/compare.ts'
import { delimiter, line } from '../../twins/framing.ts'
import { NAMES, SUBJECTS, twinOf } from '../../twins/index.ts'
import { type Kind, print } from '../../twins/print.ts'
import type { Result } from '../../twins/twin.ts'
import { samplesOf, titledSamplesOf } from './fixture.ts'
import { CASES } from './streams.ts'

const PREFIXES_MAX = 400
const RUNS = 300
const SEED = Number(process.env.MILLRACE_SEED ?? Date.now() % 2 ** 31)

const told = (kind: Kind, results: readonly Result[]): string[] => print(kind, results, { raw: true })

describe.each(NAMES)('the twin of %s', (name) => {
  const { kind } = SUBJECTS[name]

  test.each(titledSamplesOf(name))('%s', (_, { options, input, results, end }) => {
    const twin = twinOf(name, options)
    const outcome = twin(input)
    const first = print(kind, outcome.results)
    expect(likened(first, results)).toEqual(results)
    const last = print(kind, outcome.end)
    expect(likened(last, end)).toEqual(end)
  })

  test.each(titledSamplesOf(name))('takes nothing back: %s', (_, { options, input }) => {
    const twin = twinOf(name, options)
    const whole = twin(input).results
    const step = Math.ceil(input.length / PREFIXES_MAX) || 1
    for (let length = 0; length < input.length; length += step) {
      const { results } = twin(input.subarray(0, length))
      expect(told(kind, results), `after ${length} bytes`).toEqual(told(kind, whole.slice(0, results.length)))
    }
  })

  test(`takes nothing back of random streams, seed ${SEED}`, () => {
    const property = fc.property(CASES[name], fc.nat(10_000), ({ options, stream }, cut) => {
      const twin = twinOf(name, options)
      const { results } = twin(stream.subarray(0, cut % (stream.length + 1)))
      expect(told(kind, results)).toEqual(told(kind, twin(stream).results.slice(0, results.length)))
    })
    fc.assert(property, { numRuns: RUNS, seed: SEED })
  })
})

test('a line is what \\n and \\r\\n delimit', () => {
  for (const sample of samplesOf('line')) {
    const { maxLength, ...options } = sample.options as { maxLength: number; failFast?: boolean }
    const lines = line({ failFast: false, ...options, maxLength })
    const same = delimiter({ failFast: false, ...options, maxFrameLength: maxLength, delimiters: ['\n', '\r\n'] })
    expect(same(sample.input), sample.title).toEqual(lines(sample.input))
  }
})
