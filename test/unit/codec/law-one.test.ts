// Law 1 as a property: however a stream is cut, a decoder says what its naive twin says of the whole.
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { difference } from '../../twins/compare.ts'
import { NAMES, SUBJECTS, twinOf } from '../../twins/index.ts'
import { print } from '../../twins/print.ts'
import { BUILDS, feed, type Open, openBuild, pieces } from './builds.ts'
import { CASES, cutting, placesOf } from './streams.ts'

const RUNS = Number(process.env.MILLRACE_RUNS ?? 150)
const SEED = Number(process.env.MILLRACE_SEED ?? Date.now() % 2 ** 31) // fast-check prints it with a failure

describe.each(BUILDS)('%s', (build) => {
  let open: Open
  beforeAll(async () => {
    open = await openBuild(build)
  })

  test.each(NAMES)(`%s, seed ${SEED}`, (name) => {
    const { kind } = SUBJECTS[name]
    const property = fc.property(CASES[name], cutting, ({ options, stream }, how) => {
      const twin = twinOf(name, options)
      const whole = feed(open(name, options), [stream])
      expect(difference(kind, whole, twin, stream)).toBeUndefined()

      const chunks = pieces(stream, placesOf(how, stream.length))
      const cut = feed(open(name, options), chunks, (results, pushed) => {
        if (kind !== 'frames') return
        const expected = print(kind, twin(stream.subarray(0, pushed)).results) // told as soon as it is certain
        expect(print(kind, results), `after ${pushed} bytes`).toEqual(expected)
      })
      expect(print(kind, cut.results, { raw: true })).toEqual(print(kind, whole.results, { raw: true }))
      expect(print(kind, cut.end, { raw: true })).toEqual(print(kind, whole.end, { raw: true }))
    })
    fc.assert(property, { numRuns: RUNS, seed: SEED })
  })

  test.each(NAMES)(`%s may end after any push, seed ${SEED}`, (name) => {
    const { kind } = SUBJECTS[name]
    const property = fc.property(CASES[name], fc.nat(10_000), fc.nat(10_000), ({ options, stream }, stop, cut) => {
      const short = stream.subarray(0, stop % (stream.length + 1))
      const outcome = feed(open(name, options), pieces(short, [cut % (short.length + 1)]))
      expect(difference(kind, outcome, twinOf(name, options), short)).toBeUndefined()
    })
    fc.assert(property, { numRuns: RUNS / 2, seed: SEED })
  })
})

test('streams are good enough to prove something: many give frames, some give errors', () => {
  const numRuns = 400
  for (const name of NAMES) {
    const { kind } = SUBJECTS[name]
    const lines = fc.sample(CASES[name], { numRuns, seed: SEED }).map(({ options, stream }) => {
      const { results, end } = twinOf(name, options)(stream)
      return [...print(kind, results), ...print(kind, end)].map((line) => line.replace(/[ ].*/s, ''))
    })
    const count = (of: RegExp): number => lines.filter((list) => list.some((line) => of.test(line))).length
    expect(count(/^(frame|command|reply|head)/), name).toBeGreaterThan(numRuns / 4)
    expect(count(/^(too|corrupted|incomplete|error)/), name).toBeGreaterThan(numRuns / 10)
  }
})
