// How many points each server gets and where they lie, against the twin, over all that can be asked for.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RingCompat, RingServer } from '../../../src/core/ring-build.ts'
import { inspect, pointCounts, pointsOf, twinCount, twinPoints } from './support.ts'

const equal = (count: number): RingServer[] => Array.from({ length: count }, (_, i) => ({ id: `10.0.0.${i}:6379` }))

/** The numbers of equal servers, up to `most`, for which a ring is 4 points per server short. */
function shortCounts(compat: RingCompat, most: number): number[] {
  const short: number[] = []
  for (let count = 1; count <= most; count++) {
    const points = new Set(inspect(equal(count), { compat }, pointCounts))
    expect([...points].every((number) => number === 160 || number === 156)).toBe(true)
    if (points.has(156)) short.push(count)
  }
  return short
}

describe('equal weights', () => {
  test('a twemproxy ring has 156 points per server for 54 numbers of servers up to 512', () => {
    const short = shortCounts('twemproxy', 512)
    expect(short).toHaveLength(54)
    expect(short.slice(0, 9)).toEqual([25, 47, 50, 55, 61, 71, 94, 100, 107])
  })

  test('a ketama ring for other ones', () => {
    expect(shortCounts('ketama', 512)).toEqual([61, 122, 237, 244, 474, 488])
  })
})

const weights = fc.array(fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 100_000 }), fc.constant(2147483647)), {
  minLength: 1,
  maxLength: 12,
})

test.each(['ketama', 'twemproxy'] as const)('%s: counts follow the float rule for any weights', (compat) => {
  fc.assert(
    fc.property(weights, (list) => {
      const total = list.reduce((sum, weight) => sum + weight, 0)
      fc.pre(total > 0 && total <= 0xffffffff)
      const servers = list.map((weight, i) => ({ id: `s${i}`, weight }))
      const live = list.filter((weight) => weight > 0).length
      const expected = list.map((weight) => twinCount(compat, weight, total, live))
      fc.pre(expected.some((count) => count > 0))
      expect(inspect(servers, { compat }, pointCounts)).toEqual(expected)
    }),
  )
})

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 6 })
const cases = fc.tuple(names, fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 6, maxLength: 6 }))

test.each([
  ['ketama', 1],
  ['twemproxy', 1],
  ['native', 1],
  ['native', 3],
  ['native', 160],
] as const)('%s: the points are those of the twin (%i per weight if native)', (compat, points) => {
  const check = fc.property(cases, ([ids, list]) => {
    const servers = ids.map((id, i) => ({ id, name: id, weight: list[i]! }))
    const options = { compat, ...(compat === 'native' ? { points } : {}) }
    expect(inspect(servers, options, pointsOf)).toEqual(twinPoints(servers, compat, points))
  })
  fc.assert(check, { numRuns: 20 })
})

test('a native ring has 1024 points per unit of weight', () => {
  const servers = [{ id: 'a' }, { id: 'b', weight: 3 }, { id: 'c', weight: 0 }]
  expect(inspect(servers, {}, pointCounts)).toEqual([1024, 3072, 0])
})

test('the largest ring: a million points', () => {
  const servers = Array.from({ length: 1024 }, (_, i) => ({ id: `10.1.${i >> 8}.${i & 255}:6379` }))
  inspect(servers, {}, (ring) => {
    const points = pointsOf(ring)
    expect(points).toHaveLength(1 << 20)
    expect(points.every(({ position }, i) => i === 0 || points[i - 1]!.position <= position)).toBe(true)
  })
})

test('positions that two servers share go to the one that nutcracker sorts first: shorter names, then by bytes', () => {
  // all 1024 servers have 160 points in 2^32 positions; some 3 pairs coincide
  const servers = Array.from({ length: 1024 }, (_, i) => ({ id: `s${1023 - i}` }))
  const points = inspect(servers, { compat: 'twemproxy' }, pointsOf)
  const tied = points.flatMap((point, i) =>
    point.position === points[i + 1]?.position ? [[point, points[i + 1]!]] : [],
  )
  expect(tied.length).toBeGreaterThan(0)
  for (const [first, second] of tied) {
    const [a, b] = [servers[first!.server]!.id, servers[second!.server]!.id]
    expect(a.length < b.length || (a.length === b.length && a < b)).toBe(true)
  }
})
