// Every sample of test/fixtures through every build: whole, byte by byte, and cut at every place.
import { beforeAll, describe, expect, test } from 'vitest'
import { difference, likened } from '../../twins/compare.ts'
import { NAMES, SUBJECTS, twinOf } from '../../twins/index.ts'
import { print } from '../../twins/print.ts'
import { BUILDS, feed, type Open, openBuild, pieces } from './builds.ts'
import { titledSamplesOf } from './fixture.ts'

const TWO_CUTS_BYTES_MAX = 48 // every pair of cuts up to here
const CUTS_MAX = 800 // of a longer sample: the ends at every place, the middle at as many as this

function cutsOf(length: number): number[][] {
  const step = Math.ceil(length / CUTS_MAX) || 1
  const edge = Math.min(length, 64)
  const places = Array.from({ length: Math.max(length - 1, 0) }, (_, i) => i + 1)
  const chosen = places.filter((at) => at < edge || at > length - edge || at % step === 0)
  const once = chosen.map((at) => [at])
  if (length > TWO_CUTS_BYTES_MAX) return once
  return [...once, ...places.flatMap((a) => places.filter((b) => b > a).map((b) => [a, b]))]
}

describe.each(BUILDS)('%s', (build) => {
  let open: Open
  beforeAll(async () => {
    open = await openBuild(build)
  })

  describe.each(NAMES)('%s', (name) => {
    const { kind } = SUBJECTS[name]

    test.each(titledSamplesOf(name))('%s', (_, { options, input, results, end }) => {
      const whole = feed(open(name, options), [input])
      const told = print(kind, whole.results)
      expect(likened(told, results)).toEqual(results)
      const last = print(kind, whole.end)
      expect(likened(last, end)).toEqual(end)
      expect(difference(kind, whole, twinOf(name, options), input)).toBeUndefined()
    })

    test.each(titledSamplesOf(name))('cut anywhere: %s', (_, { options, input }) => {
      const said = (chunks: readonly Buffer[]): string[] => {
        const { results, end } = feed(open(name, options), chunks)
        return [...print(kind, results, { raw: true }), 'end:', ...print(kind, end, { raw: true })]
      }
      const whole = said([input])
      const bytes = Array.from(input, (_, at) => input.subarray(at, at + 1))
      expect(said(bytes), 'byte by byte').toEqual(whole)
      for (const cuts of cutsOf(input.length)) {
        expect(said(pieces(input, cuts)), `cut at ${cuts.join(' and ')}`).toEqual(whole)
      }
    })
  })
})
