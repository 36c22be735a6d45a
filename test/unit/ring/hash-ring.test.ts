// HashRing as people use it: lookups against the twin, what moves when servers change, balance, tags, bad input.
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { HashRing } from '../../../src/core/hash-ring.ts'
import type { RingCompat, RingOptions, RingServer } from '../../../src/core/ring-build.ts'
import { core, fnv1a64, md5, type Point, tagged, twinOwner, twinPoints, xxh64 } from './support.ts'

const RINGS: readonly RingOptions[] = [{ compat: 'native', points: 100 }, { compat: 'ketama' }, { compat: 'twemproxy' }]
const named = (ids: readonly string[], weight = 1): RingServer[] => ids.map((id) => ({ id, weight }))
const hosts = (count: number): RingServer[] => named(Array.from({ length: count }, (_, i) => `10.0.0.${i}:6379`))
const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `key:${i}`)

const made: HashRing[] = []

function ringOf(servers: readonly RingServer[], options: RingOptions = {}): HashRing {
  const ring = new HashRing(servers, { ...options, core })
  made.push(ring)
  return ring
}

afterEach(() => {
  for (const ring of made.splice(0)) ring.dispose()
  core.exports.heapCheck()
})

/** A key's position in the twin's 48 bits. */
function twinPosition(compat: RingCompat, key: Uint8Array): bigint {
  if (compat === 'native') return xxh64(key) >> 16n
  if (compat === 'twemproxy' && key.length === 0) return 0n
  return BigInt(compat === 'ketama' ? md5(key).readUInt32LE(0) : fnv1a64(key)) << 16n
}

describe.each(RINGS)('a $compat ring', (options) => {
  const compat = options.compat!
  const tags = fc.constantFrom('', '{}', '$$')
  const bytes = fc.uint8Array({ maxLength: 80 })
  const tagBytes = fc
    .array(fc.constantFrom(...Buffer.from('{}$ab')), { maxLength: 40 })
    .map((all) => Uint8Array.from(all))

  test('finds the server that a search over all points finds', () => {
    const twins = new Map<number, Point[]>()
    const check = fc.property(
      fc.integer({ min: 1, max: 8 }),
      tags,
      fc.array(fc.oneof(bytes, tagBytes)),
      (count, tag, keys) => {
        const servers = hosts(count)
        const points = twins.get(count) ?? twinPoints(servers, compat, options.points)
        twins.set(count, points)
        using ring = new HashRing(servers, { ...options, hashTag: tag, core })
        for (const key of keys) {
          const position = twinPosition(compat, tagged(key, tag))
          expect(BigInt(ring.position(key)) << (compat === 'native' ? 0n : 16n)).toBe(position)
          expect(ring.lookup(key)).toBe(servers[twinOwner(points, position)]!.id)
        }
      },
    )
    fc.assert(check)
  })

  test('moves keys only to a server that is added, and only from one that is removed', () => {
    const check = fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.uniqueArray(fc.string(), { maxLength: 200 }),
      (count, keys) => {
        using few = new HashRing(hosts(count), { ...options, core })
        using many = new HashRing(hosts(count + 1), { ...options, core })
        for (const key of keys) {
          if (few.lookup(key) !== many.lookup(key)) expect(many.lookup(key)).toBe(`10.0.0.${count}:6379`)
        }
      },
    )
    fc.assert(check, { numRuns: 50 })
  })

  test('shares add up to 1, and say what many keys do', () => {
    const ring = ringOf([...hosts(6), { id: 'heavy', weight: 3 }], options)
    const { servers } = ring.stats()
    expect(servers.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12)
    const keys = numbered(100_000)
    const owned = new Map<string, number>()
    for (const id of ring.lookupMany(keys)) owned.set(id, (owned.get(id) ?? 0) + 1)
    // fnv1a_64 mixes similar keys badly
    const slack = compat === 'twemproxy' ? 0.05 : 0.006
    for (const { id, share } of servers) expect(Math.abs(owned.get(id)! / keys.length - share)).toBeLessThan(slack)
  })

  test('migration names the range of every key that moves, and no other', () => {
    const before = ringOf([...hosts(5), { id: 'gone', weight: 2 }], options)
    const after = ringOf([...hosts(6), { id: 'new', weight: 2 }], options)
    const { share, moves, ranges } = before.migration(after)
    const end = 2 ** (compat === 'native' ? 48 : 32)
    for (const [i, range] of ranges.entries()) {
      expect(range.first).toBeGreaterThan(ranges[i - 1]?.last ?? -1)
      expect(range.last).toBeGreaterThanOrEqual(range.first)
      expect(range.last).toBeLessThan(end)
    }
    expect(moves.reduce((sum, move) => sum + move.share, 0)).toBeCloseTo(share, 12)
    let moved = 0
    for (const key of numbered(3000)) {
      const [from, to, at] = [before.lookup(key), after.lookup(key), before.position(key)]
      const range = ranges.find(({ first, last }) => first <= at && at <= last)
      expect(range === undefined ? from : range.to).toBe(to)
      if (range !== undefined) {
        expect(range.from).toBe(from)
        moved++
      }
    }
    expect(moved).toBeGreaterThan(0)
  })

  test('migration to an equal ring moves nothing', () => {
    const ring = ringOf(hosts(4), options)
    expect(ring.migration(ringOf(hosts(4), options))).toEqual({ share: 0, moves: [], unit: 'position', ranges: [] })
  })

  test('replicas are the owner and then others, each once', () => {
    const ring = ringOf([...hosts(5), { id: 'idle', weight: 0 }], options)
    for (const key of numbered(200)) {
      const all = ring.replicas(key, 99)
      expect(all[0]).toBe(ring.lookup(key))
      expect([...all].sort()).toEqual(hosts(5).map(({ id }) => id))
      expect(ring.replicas(key, 2)).toEqual(all.slice(0, 2))
    }
  })

  test('the second replica takes over when the owner goes', () => {
    const ring = ringOf(hosts(5), options)
    for (const key of numbered(200)) {
      const [owner, second] = ring.replicas(key, 2)
      const left = ringOf(
        hosts(5).filter(({ id }) => id !== owner),
        options,
      )
      expect(left.lookup(key)).toBe(second)
    }
  })

  test('one server owns everything', () => {
    const ring = ringOf([{ id: 'alone', weight: 7 }], options)
    expect(ring.lookupMany(['', 'a', 'b', Uint8Array.of(255)])).toEqual(['alone', 'alone', 'alone', 'alone'])
  })
})

describe('balance', () => {
  test.each([
    ['native', undefined, 0.12],
    ['ketama', undefined, 0.35],
    ['twemproxy', 'murmur', 0.35],
  ] as const)('%s: ten equal servers', (compat, hash, slack) => {
    for (const { share } of ringOf(hosts(10), { compat, hash }).stats().servers) {
      expect(Math.abs(share * 10 - 1)).toBeLessThan(slack)
    }
  })

  test('a native ring follows the weights', () => {
    const weights = [1, 2, 3, 5, 8]
    const { servers } = ringOf(weights.map((weight) => ({ id: `w${weight}`, weight }))).stats()
    for (const { weight, share } of servers) expect(Math.abs((share * 19) / weight - 1)).toBeLessThan(0.12)
  })

  test('adding a server moves about its share', () => {
    const { share, moves } = ringOf(hosts(10)).migration(ringOf(hosts(11)))
    expect(Math.abs(share * 11 - 1)).toBeLessThan(0.12)
    expect(new Set(moves.map(({ to }) => to))).toEqual(new Set(['10.0.0.10:6379']))
  })
})

describe('keys', () => {
  test.each([
    ['{a}b', '{a}c', true],
    ['x{a}y', 'a', true],
    ['{}a', '{}b', false],
    ['{a', '{b', false],
    ['a}b{c}', 'c', true],
    ['{{a}x', '{a', true],
    ['{a}{b}', 'a', true],
  ])('under the tag {}: %s goes with %s: %s', (a, b, together) => {
    const ring = ringOf(hosts(50), { hashTag: '{}' })
    expect(ring.position(a) === ring.position(b)).toBe(together)
  })

  test('text is UTF-8, of any length', () => {
    const ring = ringOf(hosts(9))
    const texts = [
      '',
      'é',
      '\u{1f600}',
      'a'.repeat(63),
      'a'.repeat(65),
      `${'a'.repeat(30)}é`,
      'é'.repeat(5000),
      '\ud800',
    ]
    for (const text of texts) expect(ring.position(text)).toBe(ring.position(Buffer.from(text)))
  })

  test('a key of 16 MiB', () => {
    const big = new Uint8Array(16 << 20).fill(7)
    const ring = ringOf(hosts(3))
    expect(hosts(3).map(({ id }) => id)).toContain(ring.lookup(big))
    expect(ring.lookup('a')).toBe(ring.lookup(Buffer.from('a')))
  })
})

describe('bad input', () => {
  const bad = (servers: unknown, options: unknown = {}): unknown => {
    try {
      new HashRing(servers as RingServer[], { ...(options as RingOptions), core })
    } catch (error) {
      return error
    }
    return undefined
  }

  test.each([
    ['no servers', [], {}, /^servers must be an array of 1 to 65536 servers; received an array of 0/],
    ['not an array', 'a', {}, /^servers must be an array/],
    ['no id', [{ id: '' }], {}, /^servers\[0\]\.id must be/],
    ['a long id', [{ id: 'x'.repeat(256) }], {}, /^servers\[0\]\.id must be 1 to 255 bytes of text/],
    ['an empty name', [{ id: 'a', name: '' }], {}, /^servers\[0\]\.name must be 1 to 255 bytes/],
    ['a fraction', [{ id: 'a', weight: 1.5 }], {}, /^servers\[0\]\.weight must be an integer from 0 to 2147483647/],
    ['a negative weight', [{ id: 'a', weight: -1 }], {}, /^servers\[0\]\.weight must be/],
    ['no weight in all', named(['a', 'b'], 0), {}, /^the sum of all weights must be from 1 to/],
    ['the same id', named(['a', 'b', 'a']), {}, /^servers\[2\]\.id must be another one than that of servers\[0\]/],
    ['the same name', [{ id: 'a:11211' }, { id: 'a' }], { compat: 'twemproxy' }, /^servers\[1\]\.name must be another/],
    ['too heavy', [{ id: 'a', weight: 1025 }], {}, /from 1 to 1024 in a native ring of 1024 points/],
    ['too many points', hosts(6600), { compat: 'ketama' }, /^servers must be few and light enough for 1048576/],
    [
      'a mode',
      [{ id: 'a' }],
      { compat: 'modula' },
      /^compat must be one of native, ketama, .*, jump; received 'modula'/,
    ],
    ['an option of another mode', [{ id: 'a' }], { tableSize: 7 }, /^tableSize must be left out: only maglev rings/],
    [
      'points of a ketama ring',
      [{ id: 'a' }],
      { compat: 'ketama', points: 7 },
      /^points must be left out: only native/,
    ],
    [
      'a distribution',
      [{ id: 'a' }],
      { compat: 'twemproxy', distribution: 'x' },
      /^distribution must be one of ketama,/,
    ],
    [
      'no prime',
      [{ id: 'a' }],
      { compat: 'maglev', tableSize: 65536 },
      /^tableSize must be a prime number up to 5000011/,
    ],
    [
      'a ring size',
      [{ id: 'a' }],
      { compat: 'envoy', minimumRingSize: 0 },
      /^minimumRingSize must be an integer from 1/,
    ],
    [
      'ring sizes the wrong way round',
      [{ id: 'a' }],
      { compat: 'envoy', minimumRingSize: 9, maximumRingSize: 8 },
      /^minimumRingSize must be an integer from 1 to 8/,
    ],
    ['a point hash', [{ id: 'a' }], { compat: 'envoy', pointHash: 'md5' }, /^pointHash must be one of xxh64, murmur2/],
    ['a balance factor', [{ id: 'a' }], { balanceFactor: 99 }, /^balanceFactor must be a percentage from 100 to/],
    ["HAProxy's weight", [{ id: 'a', weight: 257 }], { compat: 'haproxy' }, /weight must be an integer from 0 to 256/],
    [
      "HAProxy's number",
      [{ id: 'a', name: 'x' }],
      { compat: 'haproxy' },
      /name must be the number that is the server's/,
    ],
    ['vnodes elsewhere', [{ id: 'a', vnodes: 9 }], {}, /^servers\[0\]\.vnodes must be left out/],
    ['vnodes', [{ id: 'a', vnodes: -1 }], { compat: 'hash_ring' }, /^servers\[0\]\.vnodes must be an integer from 1/],
    ['slots elsewhere', [{ id: 'a', slots: '0' }], {}, /^servers\[0\]\.slots must be left out/],
    [
      'a slot',
      [{ id: 'a', slots: '0-16384' }],
      { compat: 'redis-slots' },
      /slots must be ranges of slots from 0 to 16383/,
    ],
    ['a free slot', [{ id: 'a', slots: '0-5,7-9' }], { compat: 'redis-slots' }, /each has an owner; 6 has none/],
    [
      'a slot of two',
      [
        { id: 'a', slots: '0-5' },
        { id: 'b', slots: '5-9' },
      ],
      { compat: 'redis-slots' },
      /^servers\[1\]\.slots must be free of slot 5, which a has/,
    ],
    ['a heavy table', [{ id: 'a', weight: 1048577 }], { compat: 'nginx-plain' }, /^servers must be few and light/],
    ['a hash', [{ id: 'a' }], { compat: 'twemproxy', hash: 'xxh64' }, /^hash must be one of fnv1a_64, one_at_a_time/],
    ['a hash of another mode', [{ id: 'a' }], { hash: 'md5' }, /^hash must be xxh64 in a native ring/],
    ['a tag', [{ id: 'a' }], { hashTag: '{' }, /^hashTag must be two printable ASCII characters/],
    ['points', [{ id: 'a' }], { points: 0 }, /^points must be an integer from 1 to 1024/],
  ])('%s', (_, servers, options, message) => {
    const error = bad(servers, options)
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE', message: expect.stringMatching(message) })
  })

  test('replicas wants a count, migration a ring that hashes alike', () => {
    const ring = ringOf(hosts(3))
    expect(() => ring.replicas('a', 0)).toThrow(/^count must be an integer from 1/)
    expect(() => ring.migration(ringOf(hosts(3), { compat: 'ketama' }))).toThrow(
      /^next must be a ring that hashes keys alike/,
    )
    expect(() => ring.migration(ringOf(hosts(3), { hashTag: '{}' }))).toThrow(
      /^next must be a ring that hashes keys alike/,
    )
  })
})

describe('memory', () => {
  test('a disposed ring is gone and says so', () => {
    const ring = ringOf(hosts(2))
    ring.dispose()
    ring.dispose()
    expect(() => ring.lookup('a')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }))
  })

  test('is given back: 30 rings of 13 MB, one after the other, in 128 MiB', () => {
    const servers = Array.from({ length: 1024 }, (_, i) => ({ id: `s${i}` }))
    for (let i = 0; i < 30; i++) new HashRing(servers, { core }).dispose()
  })

  test('exhausted, it says so, and goes on', () => {
    const servers = Array.from({ length: 1024 }, (_, i) => ({ id: `s${i}` }))
    const fill = (): void => {
      for (let i = 0; i < 30; i++) ringOf(servers)
    }
    expect(fill).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_ALLOCATION_FAILED' }))
    for (const ring of made.splice(0)) ring.dispose()
    expect(ringOf(servers).stats().points).toBe(1 << 20)
  })
})
