// The twins themselves: they give what the samples of the reference say, and no prefix of a stream is taken back.
import { describe, expect, test } from 'vitest'
import { delimiter, line } from '../../twins/framing.ts'
import { NAMES, SUBJECTS, twinOf } from '../../twins/index.ts'
import { lineMatches, print } from '../../twins/print.ts'
import { samplesOf } from './fixture.ts'

const PREFIXES_MAX = 400

/** `actual` with the lines that match `expected` written as there. */
function likened(actual: readonly string[], expected: readonly string[]): string[] {
  return actual.map((text, i) => (lineMatches(text, expected[i] ?? '') ? expected[i]! : text))
}

describe.each(NAMES)('the twin of %s', (name) => {
  const { kind } = SUBJECTS[name]

  test.each(samplesOf(name))('$title', ({ options, input, results, end }) => {
    const twin = twinOf(name, options)
    const outcome = twin(input)
    const told = print(kind, outcome.results)
    expect(likened(told, results)).toEqual(results)
    const last = print(kind, outcome.end)
    expect(likened(last, end)).toEqual(end)
  })

  test.each(samplesOf(name))('takes nothing back: $title', ({ options, input }) => {
    const twin = twinOf(name, options)
    const whole = twin(input).results
    const step = Math.ceil(input.length / PREFIXES_MAX) || 1
    for (let length = 0; length < input.length; length += step) {
      const { results } = twin(input.subarray(0, length))
      expect(results, `after ${length} bytes`).toEqual(whole.slice(0, results.length))
    }
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
