// Fuzzing the decoders: kept inputs, then mutations of them for FUZZ_SECONDS, each compared with the decoder's twin.
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { Random } from '../system/random.ts'
import { difference } from '../twins/compare.ts'
import { type Name, SUBJECTS, twinOf } from '../twins/index.ts'
import { print } from '../twins/print.ts'
import type { Outcome } from '../twins/twin.ts'
import { BUILDS, feed, type Open, pieces } from '../unit/codec/builds.ts'
import { samplesOf } from '../unit/codec/fixture.ts'
import { CASES } from '../unit/codec/streams.ts'
import { corpusOf, keepEntry } from './corpus.ts'
import { mutate } from './mutate.ts'
import { WAYS } from './ways.ts'

const QUICK_SECONDS = 2 // in all, where nobody asked for more
const SECONDS = Number(process.env.FUZZ_SECONDS ?? QUICK_SECONDS)
const SEED = Number(process.env.MILLRACE_SEED ?? Date.now() % 2 ** 31)
const SHARE_MS = (SECONDS * 1000) / (BUILDS.length * WAYS.reduce((sum, { names }) => sum + names.length, 0))
const FRESH = 60 // generated streams to begin with
const POOL_MAX = 600
const STREAM_BYTES_MAX = 4096 // longer samples are for the fixtures' own test
const SHRINK_TRIES = 400

interface Input {
  readonly options: object
  readonly stream: Buffer
}

/** Feeds an input whole and in pieces; returns what is wrong, or undefined. */
function fault(open: Open, name: Name, { options, stream }: Input, cuts: readonly number[]): string | undefined {
  const { kind } = SUBJECTS[name]
  const said = ({ results, end }: Outcome): string =>
    [...print(kind, results, { raw: true }), 'end:', ...print(kind, end, { raw: true })].join('\n  ')
  try {
    const whole = feed(open(name, options), [stream])
    const wrong = difference(kind, whole, twinOf(name, options), stream)
    if (wrong) return wrong
    const places = cuts.map((at) => at % (stream.length + 1)).sort((a, b) => a - b)
    const cut = said(feed(open(name, options), pieces(stream, places)))
    return cut === said(whole) ? undefined : `cut at ${places}:\n  ${cut}\nwhole:\n  ${said(whole)}`
  } catch (reason) {
    return `threw ${reason}` // a trap, an assertion of the core among them
  }
}

/** A shorter input with a fault, found by leaving out pieces. */
function shrink(open: Open, name: Name, input: Input, cuts: readonly number[]): Buffer {
  let { stream } = input
  let tries = SHRINK_TRIES
  for (let size = stream.length >> 1; size > 0 && tries > 0; size >>= 1) {
    for (let at = 0; at < stream.length && tries > 0; tries--) {
      const shorter = Buffer.concat([stream.subarray(0, at), stream.subarray(at + size)])
      if (fault(open, name, { ...input, stream: shorter }, cuts)) stream = shorter
      else at += size
    }
  }
  return stream
}

/** What kinds of results an input has, in order and without repetitions: what makes an input new. */
function signature(name: Name, { options, stream }: Input): string {
  const { results, end } = twinOf(name, options)(stream)
  const lines = print(SUBJECTS[name].kind, [...results, ...end])
  const kinds = lines.map((line) => (line.startsWith('error') ? line : line.replace(/ .*/s, '')))
  return kinds.filter((kind, i) => kind !== kinds[i - 1]).join(',')
}

function seedsOf(name: Name): Input[] {
  const samples = samplesOf(name).filter(({ input }) => input.length <= STREAM_BYTES_MAX)
  return [
    ...corpusOf(name),
    ...samples.map(({ options, input }) => ({ options, stream: input })),
    ...fc.sample(CASES[name], { numRuns: FRESH, seed: SEED }),
  ]
}

describe.each(BUILDS)('%s', (build) => {
  describe.each(WAYS.map((way) => [way.title, way] as const))('%s', (_, way) => {
    let open: Open
    beforeAll(async () => {
      const opened = await way.open(build)
      if (!opened) throw new Error(`build/${build} cannot be fuzzed ${way.title}`)
      open = opened
    })

    test.each(way.names)('%s: what was kept', (name) => {
      for (const entry of corpusOf(name)) {
        const bytes = Array.from({ length: Math.max(entry.stream.length - 1, 0) }, (_, i) => i + 1)
        expect(fault(open, name, entry, bytes), entry.title).toBeUndefined()
      }
    })

    test.each(way.names)(`%s: mutations, seed ${SEED}`, (name) => {
      const random = new Random(SEED)
      const pool = seedsOf(name)
      const seen = new Set(pool.map((input) => signature(name, input)))
      const until = performance.now() + SHARE_MS
      let runs = 0
      for (; runs === 0 || performance.now() < until; runs++) {
        const { options, stream } = random.pick(pool)
        const input = { options, stream: mutate(random, name, stream, random.pick(pool).stream) }
        const cuts = Array.from({ length: 1 + random.below(5) }, () => random.below(1 << 20))
        const wrong = fault(open, name, input, cuts)
        if (wrong) {
          const short = shrink(open, name, input, cuts)
          const file = keepEntry(name, options, short)
          const again = fault(open, name, { options, stream: short }, cuts) ?? wrong
          expect.fail(`${file}, seed ${SEED}, options ${JSON.stringify(options)}\n${again}`)
        }
        const kind = signature(name, input)
        if (seen.has(kind) || pool.length >= POOL_MAX) continue
        seen.add(kind)
        pool.push(input)
      }
      if (SECONDS > QUICK_SECONDS) console.log(`${build}, ${name}: ${runs} streams, ${pool.length} kinds`)
    })
  })
})
