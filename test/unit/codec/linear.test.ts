// What a byte may cost: no input of n bytes costs more than O(n), and slowness of the sender costs the sender alone.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Name } from '../../twins/index.ts'
import { BUILDS, type Decoder, type Open, openBuild } from './builds.ts'
import { ONE_FRAME, SHAPES } from './shapes.ts'

const GROWTH = 6
const COST_MAX = 3 // as many bytes in longer streams: what is linear costs as much, what is quadratic 6 times
const SMALL_BYTES = { whole: 20 << 10, bytes: 2 << 10 }
const DECODERS_MAX = 64
const PIECE_BYTES = 16 << 10 // as receive buffers bring it
const PUSHES = 4000
const SLOW_COST_MAX = 3
const ROUNDS_MIN = 3 // the first one compiles
const ROUNDS_MAX = 8
const RETRIES = 2 // the machine is shared; a cost that is real is there every time

/** Times one decoder after the other, because one short stream is too quick to be timed; others do not count. */
function milliseconds(decoders: readonly Decoder[], stream: Buffer, pieceBytes: number, silent = false): number {
  let results = 0
  const start = process.cpuUsage()
  for (const decoder of decoders) {
    for (let at = 0; at < stream.length; at += pieceBytes) {
      results += decoder.push(stream.subarray(at, at + pieceBytes)).length
    }
    results += decoder.end().length
  }
  const { user, system } = process.cpuUsage(start)
  for (const decoder of decoders) decoder[Symbol.dispose]?.()
  expect(results === 0).toBe(silent) // every other shape ends in a frame or in an error
  return (user + system) / 1000
}

/**
 * How many times more processor time `much` costs than `little`: the least of the one, since noise only adds, against
 * the middle of the other, whose collections of garbage are few. Rounds go on while the ratio is above `enough`.
 */
function ratio(little: () => number, much: () => number, enough: number): number {
  const small: number[] = []
  let large = Infinity
  for (let round = 1; ; round++) {
    small.push(little())
    large = Math.min(large, much())
    const middle = small.toSorted((a, b) => a - b)[small.length >> 1]!
    if (round >= ROUNDS_MAX || (round >= ROUNDS_MIN && large / middle < enough)) return large / middle
  }
}

describe.each(BUILDS)('%s', (build) => {
  let open: Open
  beforeAll(async () => {
    open = await openBuild(build)
  })

  const titled = SHAPES.map((shape) => [`${shape.name}: ${shape.title}`, shape] as const)
  describe.each(titled)('%s', (_, { name, options, make, bytesMax = Infinity, silent }) => {
    const grows = (wanted: number, pieceBytes: number): void => {
      const small = Math.min(wanted, Math.floor(bytesMax / GROWTH))
      const count = Math.min(Math.ceil(wanted / small), DECODERS_MAX)
      const few = make(small)
      const many = make(small * GROWTH)
      expect(many.length).toBeGreaterThan(few.length * (GROWTH - 1))
      const fresh = (times: number): Decoder[] => Array.from({ length: times }, () => open(name, options))
      // as much garbage, too: its collector must not be taken for the decoder
      const little = (): number => milliseconds(fresh(count * GROWTH), few, pieceBytes, silent)
      const much = (): number => milliseconds(fresh(count), many, pieceBytes, silent)
      expect(ratio(little, much, COST_MAX)).toBeLessThan(COST_MAX)
    }

    test('in pieces', { retry: RETRIES }, () => {
      grows(SMALL_BYTES.whole, PIECE_BYTES)
    })

    test('a byte at a time', { retry: RETRIES }, () => {
      grows(SMALL_BYTES.bytes, 1)
    })
  })

  const names = Object.keys(ONE_FRAME) as Name[]
  test.each(names)('%s: a push of one byte costs at most what three whole frames cost', { retry: RETRIES }, (name) => {
    const { options, frame } = ONE_FRAME[name]
    const frames = Buffer.concat(Array.from({ length: PUSHES }, () => frame))
    const slow = (): number => milliseconds([open(name, options)], frames.subarray(0, PUSHES), 1)
    const whole = (): number => milliseconds([open(name, options)], frames, frame.length)
    expect(ratio(whole, slow, SLOW_COST_MAX)).toBeLessThan(SLOW_COST_MAX)
  })
})
