// Published vectors of load balancers and of Redis: nginx, Envoy's ring and Maglev, HAProxy, hash slots, jump hash.
import { describe, expect, test } from 'vitest'
import {
  HASH_CRC32A,
  HASH_DECIMAL,
  HASH_DJB2,
  HASH_MURMUR2_64,
  HASH_SDBM,
  HASH_WT6,
} from '../../../assembly/ring/abi.ts'
import { HashRing } from '../../../src/core/hash-ring.ts'
import type { RingOptions, RingServer } from '../../../src/core/ring-build.ts'
import { core, coreHash, inspect, ownersOf, widePointsOf } from './support.ts'

function lookups(servers: readonly RingServer[], options: RingOptions, keys: readonly string[]): string[] {
  using ring = new HashRing(servers, { ...options, core })
  return ring.lookupMany(keys)
}

const local = (weights: readonly number[], first = 1): RingServer[] =>
  weights.map((weight, i) => ({ id: `127.0.0.1:${first + i}`, weight }))

describe('nginx 1.22', () => {
  const keys = Array.from({ length: 20 }, (_, i) => `key${i}`)

  test.each([
    ['nginx', [1, 1, 1], '13221323333331222221'],
    ['nginx', [1, 1, 10], '33333333333333323331'],
    ['nginx-plain', [1, 2, 1], '31222213131322223131'],
  ] as const)('%s, weights %j', (compat, weights, digits) => {
    const found = lookups(local(weights), { compat }, keys)
    expect(found.map((id) => id.at(-1)).join('')).toBe(digits)
  })

  test('the points: 160 per unit of weight, repeats left out', () => {
    using ring = new HashRing(local([1, 1, 10]), { compat: 'nginx', core })
    expect(ring.stats().points).toBe(1920)
  })

  test('unix: and a missing port are no part of the host; a port is what follows the last colon', () => {
    const place = (id: string): unknown => {
      using ring = new HashRing([{ id }, { id: 'other' }], { compat: 'nginx', core })
      return ring.stats().servers[0]!.share
    }
    expect(place('unix:/tmp/a')).toBe(place('/tmp/a'))
    expect(place('UNIX:/tmp/a')).toBe(place('/tmp/a'))
    const shares = ['a', 'a:80', 'a:8', '[::1]:80', '[::1]', ':80', '80'].map(place)
    expect(new Set(shares).size).toBe(shares.length)
  })
})

const SIX = local([1, 1, 1, 1, 1, 1], 90)

describe('Envoy', () => {
  test.each([
    ['', 6142509188972423790n],
    ['foo', 9631199822919835226n],
    ['bar', 11474628671133349555n],
  ])('murmur2 of %j', (text, value) => {
    expect(coreHash(HASH_MURMUR2_64, text)).toBe(value)
  })

  test('a ring of 12', () => {
    inspect(SIX, { compat: 'envoy', minimumRingSize: 12 }, (ring) => {
      expect(widePointsOf(ring).map(({ position, server }) => [position, server + 90])).toEqual([
        [833437586790550860n, 94],
        [928266305478181108n, 92],
        [1033482794131418490n, 90],
        [3551244743356806947n, 95],
        [3851675632748031481n, 93],
        [5583722120771150861n, 91],
        [6311230543546372928n, 91],
        [7700377290971790572n, 93],
        [13144177310400110813n, 95],
        [13444792449719432967n, 92],
        [15516499411664133160n, 94],
        [16117243373044804889n, 90],
      ])
      const owner = (hash: bigint): number => core.exports.ringOwner(ring, hash) + 90
      expect([0n, 833437586790550860n, 833437586790550861n, (1n << 64n) - 1n].map(owner)).toEqual([94, 94, 92, 94])
    })
  })

  test('weights 1, 2 and 3 in a ring of 6144', () => {
    inspect(local([1, 2, 3], 90), { compat: 'envoy', minimumRingSize: 6144 }, (ring) => {
      const counts = [0, 0, 0]
      const step = ((1n << 64n) - 1n) / 6000n
      for (let i = 0n; i < 6000n; i++) counts[core.exports.ringOwner(ring, i * step)]!++
      expect(counts).toEqual([987, 1932, 3081])
    })
  })

  test('the lightest server has a whole number of points, and the size has its bounds', () => {
    const points = (weights: readonly number[], options: RingOptions): number[] => {
      using ring = new HashRing(local(weights), { compat: 'envoy', core, ...options })
      return ring.stats().servers.map((server) => server.points)
    }
    expect(points([1, 1, 1], {})).toEqual([342, 342, 342])
    expect(points([1, 3], { minimumRingSize: 3 })).toEqual([1, 3])
    expect(points([1, 1, 1], { minimumRingSize: 1, maximumRingSize: 1 })).toEqual([1, 0, 0])
    expect(points([1, 1, 1], { minimumRingSize: 1, maximumRingSize: 2 })).toEqual([1, 1, 0])
  })
})

describe('Maglev', () => {
  test.each([
    [7, SIX, [92, 94, 90, 91, 95, 90, 93]],
    [17, local([1, 2], 90), [1, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1].map((server) => server + 90)],
  ] as const)('%i slots', (tableSize, servers, expected) => {
    const owners = inspect(servers, { compat: 'maglev', tableSize }, ownersOf)
    expect(owners.map((server) => server + 90)).toEqual(expected)
  })

  test('weights 1 and 2 in 65537 slots', () => {
    using ring = new HashRing(local([1, 2], 90), { compat: 'maglev', core })
    expect(ring.stats().servers.map(({ points }) => points)).toEqual([21846, 43691])
  })

  test('the order of the list does not matter', () => {
    const owners = inspect(SIX, { compat: 'maglev', tableSize: 251 }, ownersOf)
    const backwards = inspect([...SIX].reverse(), { compat: 'maglev', tableSize: 251 }, ownersOf)
    expect(backwards.map((server) => 5 - server)).toEqual(owners)
  })
})

describe('HAProxy', () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i)

  test.each([
    ['sdbm', HASH_SDBM, 905707648, 3103804144],
    ['djb2', HASH_DJB2, 2589693061, 600622701],
    ['wt6', HASH_WT6, 4090277559, 1192658767],
    ['crc32', HASH_CRC32A, 688229491, 4230317029],
  ] as const)('%s of the bytes 0 … 255, and its avalanche', (hash, number, value, mixed) => {
    expect(coreHash(number, all)).toBe(BigInt(value))
    for (const avalanche of [false, true]) {
      using ring = new HashRing([{ id: 'a' }, { id: 'b' }], { compat: 'haproxy', hash, avalanche, core })
      expect(ring.position(all)).toBe(avalanche ? mixed : value)
    }
  })

  test('none takes the number that a key begins with', () => {
    expect(coreHash(HASH_DECIMAL, '4294967295')).toBe(4294967295n)
    expect(coreHash(HASH_DECIMAL, '12ab')).toBe(12n)
    expect(coreHash(HASH_DECIMAL, '-1')).toBe((1n << 64n) - 1n)
    expect(coreHash(HASH_DECIMAL, '')).toBe(0n)
    using ring = new HashRing([{ id: 'a' }, { id: 'b' }], { compat: 'haproxy', hash: 'none', core })
    expect(ring.position('4294967297')).toBe(1)
  })

  test('balance-uri.vtc', () => {
    const found = lookups(local([1, 1, 1, 1]), { compat: 'haproxy-map' }, ['/url1', '/url2', '/url3', '/url4'])
    expect(found.map((id) => id.at(-1)).join('')).toBe('2341')
  })

  test('balance-hash-maxconn.vtc', () => {
    expect(lookups(local([1, 1]), { compat: 'haproxy' }, ['/test-url'])).toEqual(['127.0.0.1:1'])
  })
})

describe('Redis Cluster', () => {
  test.each([
    ['foo', 12182],
    ['bar', 5061],
    ['hello', 866],
    ['', 0],
    ['{user1000}.following', 3443],
    ['foo{}{bar}', 8363],
    ['foo{{bar}}zap', 4015],
    ['foo{bar}{zap}', 5061],
    ['{}foo', 9500],
    ['a{b', 13340],
    ['a}b{c}', 7365],
    [Uint8Array.of(0xff, 0, 0x0d, 0x0a), 7349],
    ['123456789', 0x31c3],
  ])('the slot of %j is %i', (key, slot) => {
    using ring = new HashRing(local([1, 1, 1]), { compat: 'redis-slots', core })
    expect(ring.position(key)).toBe(slot)
  })

  test('slots are shared out as redis-cli does, or as written', () => {
    const owners = inspect(local([1, 1, 1]), { compat: 'redis-slots' }, ownersOf)
    expect([0, 5460, 5461, 10922, 10923, 16383].map((slot) => owners[slot])).toEqual([0, 0, 1, 1, 2, 2])
    const written = [
      { id: 'a', slots: '0-99,200 16383' },
      { id: 'b', slots: '100-199 201-16382' },
      { id: 'c', slots: '' },
    ]
    const found = inspect(written, { compat: 'redis-slots' }, ownersOf)
    expect([0, 99, 100, 199, 200, 201, 16382, 16383].map((slot) => found[slot])).toEqual([0, 0, 1, 1, 0, 1, 1, 0])
  })
})

describe('jump hash', () => {
  const buckets = (count: number): RingServer[] => Array.from({ length: count }, (_, i) => ({ id: String(i) }))

  test("Guava's golden keys 0 … 19 among 100", () => {
    const keys = Array.from({ length: 20 }, (_, i) => String(i))
    expect(lookups(buckets(100), { compat: 'jump', hash: 'none' }, keys).map(Number)).toEqual([
      0, 55, 62, 8, 45, 59, 86, 97, 82, 59, 73, 37, 17, 56, 86, 21, 90, 37, 38, 83,
    ])
  })

  test.each([
    ['10863919174838991', 11, 6],
    ['2016238256797177309', 11, 3],
    ['1673758223894951030', 11, 5],
  ] as const)('%s among %i is %i', (key, count, bucket) => {
    expect(lookups(buckets(count), { compat: 'jump', hash: 'none' }, [key])).toEqual([String(bucket)])
  })

  // more buckets than servers may be: one server in weights stands for many
  test.each([
    ['2', 80343],
    ['2201', 22152],
    ['2202', 15018],
  ])('%s among 100,001 is %i', (key, bucket) => {
    const servers = [
      { id: 'before', weight: bucket },
      { id: 'it', weight: 1 },
      { id: 'after', weight: 100_000 - bucket },
    ]
    expect(lookups(servers, { compat: 'jump', hash: 'none' }, [key])).toEqual(['it'])
  })
})
