// What every mode promises alike: batches, replicas, shares, migrations, hash tags; against sampled keys.
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { HashRing } from '../../../src/core/hash-ring.ts'
import { RING_COMPATS, type RingOptions, type RingServer } from '../../../src/core/ring-build.ts'
import type { RingMigration, RingPosition, RingRange } from '../../../src/core/ring-migration.ts'
import { core } from './support.ts'

const DETERMINISTIC: readonly RingOptions[] = [
  ...RING_COMPATS.map((compat) => ({ compat })),
  { compat: 'twemproxy', distribution: 'modula', hash: 'murmur' },
  { compat: 'envoy', pointHash: 'murmur2', hash: 'murmur2', minimumRingSize: 100 },
  { compat: 'maglev', tableSize: 251 },
  { compat: 'haproxy', hash: 'wt6' },
]
const RANDOM: RingOptions = { compat: 'twemproxy', distribution: 'random' }
const IS_TABLE = /modula|nginx-plain|maglev|map|slots|jump/

const title = ({ compat, ...rest }: RingOptions): string => [compat, ...Object.values(rest)].join(' ')
const hosts = (weights: readonly number[]): RingServer[] =>
  weights.map((weight, i) => ({ id: `10.0.0.${i}:6379`, weight }))
const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `key:${(i * 7919) % 1_000_003}`)

afterAll(() => core.exports.heapCheck())

describe.each(DETERMINISTIC.map((options) => [title(options), options] as const))('%s', (name, options) => {
  test('many keys at once go where each goes alone', () => {
    using ring = new HashRing(hosts([1, 2, 3, 1]), { ...options, core })
    const key = fc.oneof(fc.string(), fc.uint8Array(), fc.string({ unit: 'grapheme', maxLength: 200 }))
    const check = fc.property(fc.array(key, { maxLength: 50 }), (keys) => {
      expect(ring.lookupMany(keys)).toEqual(keys.map((each) => ring.lookup(each)))
    })
    fc.assert(check, { numRuns: 30 })
  })

  test('replicas are the owner and then all others that own something, each once', () => {
    using ring = new HashRing(hosts([1, 2, 0, 1, 1]), { ...options, core })
    for (const key of numbered(60)) {
      const all = ring.replicas(key, 99)
      expect(all[0]).toBe(ring.lookup(key))
      expect([...all].sort()).toEqual(hosts([1, 2, 0, 1, 1]).flatMap(({ id, weight }) => (weight ? [id] : [])))
      expect(ring.replicas(key, 2)).toEqual(all.slice(0, 2))
    }
  })

  test('shares add up to 1, follow the weights, and say what keys do', () => {
    using ring = new HashRing(hosts([1, 2, 1, 0]), { ...options, core })
    const { servers } = ring.stats()
    expect(servers.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9)
    expect(servers[3]).toMatchObject({ points: 0, share: 0 })
    const equal = name === 'libmemcached-plain' // has no weights
    if (!equal) expect(servers[1]!.share).toBeGreaterThan(servers[0]!.share * 1.3)
    const counts = new Map<string, number>()
    const keys = numbered(30_000)
    for (const id of ring.lookupMany(keys)) counts.set(id, (counts.get(id) ?? 0) + 1)
    for (const { id, share } of servers) {
      // sdbm without avalanche, wt6 and fnv1a_64 mix similar keys badly
      expect(Math.abs((counts.get(id) ?? 0) / keys.length - share), id).toBeLessThan(
        /haproxy|twemproxy/.test(name) ? 0.06 : 0.02,
      )
    }
  })

  test.each([
    ['a server comes', [1, 1, 2], [1, 1, 2, 1]],
    ['a weight changes', [1, 2, 1], [1, 1, 2]],
    ['a server goes', [2, 1, 1, 1], [2, 1, 1]],
  ] as const)('migration when %s', (_, weights, others) => {
    using before = new HashRing(hosts(weights), { ...options, core })
    using after = new HashRing(hosts(others), { ...options, core })
    checkMigration(before, after, IS_TABLE.test(name))
  })

  test('nothing moves to an equal ring', () => {
    using before = new HashRing(hosts([1, 2]), { ...options, core })
    using after = new HashRing(hosts([1, 2]), { ...options, core })
    expect(before.migration(after)).toMatchObject({ share: 0, moves: [], ranges: [] })
  })

  test('a hash tag keeps keys together', () => {
    using ring = new HashRing(hosts([1, 1, 1, 1, 1, 1, 1]), { ...options, hashTag: '{}', core })
    for (let i = 0; i < 30; i++) {
      expect(ring.position(`a{${i}}b`)).toBe(ring.position(`{${i}}c`))
      expect(ring.lookup(`a{${i}}b`)).toBe(ring.lookup(String(i)))
    }
  })
})

/** Every sampled key that moves must be announced, with its range where there are ranges; no other may. */
function checkMigration(before: HashRing, after: HashRing, isTable: boolean): void {
  const migration: RingMigration = before.migration(after)
  const { share, moves, unit, ranges } = migration
  expect(unit === 'position').toBe(!isTable)
  expect(moves.reduce((sum, move) => sum + move.share, 0)).toBeCloseTo(share, 9)
  for (const [i, { first, last }] of ranges.entries()) {
    expect(last >= first).toBe(true)
    if (i > 0) expect(first > ranges[i - 1]!.last).toBe(true)
  }
  const keys = numbered(3000)
  const found = new Set<string>()
  const wrong: string[] = []
  const [owners, heirs] = [before.lookupMany(keys), after.lookupMany(keys)]
  let moved = 0
  for (const [i, key] of keys.entries()) {
    const [from, to] = [owners[i]!, heirs[i]!]
    if (unit !== 'none' && (rangeOf(ranges, before.position(key))?.to ?? from) !== to) wrong.push(key)
    if (from === to) continue
    moved++
    found.add(`${from} ${to}`)
  }
  expect(wrong).toEqual([])
  expect(Math.abs(moved / keys.length - share)).toBeLessThan(0.06)
  const announced = new Set(moves.map(({ from, to }) => `${from} ${to}`))
  expect([...found].filter((pair) => !announced.has(pair))).toEqual([])
}

/** The range that a place lies in, by halving. */
function rangeOf(ranges: RingMigration['ranges'], at: RingPosition): RingRange | undefined {
  let [low, high] = [0, ranges.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ranges[middle]!.last < at) low = middle + 1
    else high = middle
  }
  return low < ranges.length && ranges[low]!.first <= at ? ranges[low] : undefined
}

describe('twemproxy random', () => {
  test('any live server, each about as often, and no migration', () => {
    using ring = new HashRing(hosts([1, 9, 0, 1]), { ...RANDOM, core })
    const counts = new Map<string, number>()
    for (const id of ring.lookupMany(numbered(30_000))) counts.set(id, (counts.get(id) ?? 0) + 1)
    expect([...counts.keys()].sort()).toEqual(['10.0.0.0:6379', '10.0.0.1:6379', '10.0.0.3:6379'])
    for (const count of counts.values()) expect(Math.abs(count / 10_000 - 1)).toBeLessThan(0.05)
    expect(new Set(ring.replicas('k', 9))).toEqual(new Set(counts.keys()))
    expect(() => ring.migration(ring)).toThrow(/^next must be a ring where keys have a place/)
  })
})

describe('the order of those who take over', () => {
  test('Maglev hashes anew as Envoy does', () => {
    using ring = new HashRing(hosts([1, 1, 1, 1]), { compat: 'maglev', tableSize: 251, core })
    const slots = (key: string): string[] => {
      using plain = new HashRing(hosts([1, 1, 1, 1]), { compat: 'envoy', core })
      const hash = plain.position(key) as bigint // xxh64, as in the table
      return [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n].map((attempt) => {
        const tried = attempt === 0n ? hash : hash ^ BigInt.asUintN(64, (1n << 64n) - 1n - attempt + 1n)
        return owners[Number(tried % 251n)]!
      })
    }
    const owners: string[] = []
    for (let i = 0; owners.filter(Boolean).length < 251; i++)
      owners[Number(ring.position(`s${i}`))] = ring.lookup(`s${i}`)
    for (const key of numbered(100)) {
      const tried = [...new Set(slots(key))]
      expect(ring.replicas(key, 4).slice(0, tried.length)).toEqual(tried)
    }
  })

  test('jump hash and modula reach everybody even from a table of one slot each', () => {
    for (const compat of ['jump', 'nginx-plain'] as const) {
      using ring = new HashRing(hosts(Array(50).fill(1)), { compat, core })
      for (const key of numbered(20)) expect(new Set(ring.replicas(key, 50)).size).toBe(50)
    }
  })
})
