// Published vectors: what other programs say about the same hashes, points and keys.
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { HASH_MD5, HASH_XXH64 } from '../../../assembly/ring/abi.ts'
import { HashRing } from '../../../src/core/hash-ring.ts'
import { RING_HASHES, type RingServer } from '../../../src/core/ring-build.ts'
import { core, coreHash, inspect, md5, pointCounts, pointsOf, xxh64 } from './support.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

/** libketama's ketama.servers. */
const KETAMA_SERVERS: RingServer[] = [600, 300, 200, 350, 1000, 800, 950, 100].map((weight, i) => ({
  id: `10.0.1.${i + 1}:11211`,
  weight,
}))

describe('hashes', () => {
  // twemproxy src/test_all.c, after libmemcached tests/hash_results.h
  const apple = {
    one_at_a_time: 2297466611,
    md5: 3195025439,
    crc16: 3662830516,
    crc32: 10542,
    crc32a: 2838417488,
    fnv1_32: 67176023,
    fnv1a_32: 280767167,
    fnv1_64: 473199127,
    fnv1a_64: 1488911807,
    hsieh: 3738850110,
    murmur: 4142305122,
    jenkins: 1442444624,
  } as const

  test('there is a vector for each hash of a twemproxy ring', () => {
    expect(Object.keys(apple).sort()).toEqual([...RING_HASHES.twemproxy].sort())
  })

  test.each(Object.entries(apple))('%s of apple is %i', (hash, value) => {
    using ring = new HashRing([{ id: 'a' }, { id: 'b' }], {
      compat: 'twemproxy',
      hash: hash as keyof typeof apple,
      core,
    })
    expect(ring.position('apple')).toBe(value)
  })

  test('fnv1a_64 extends the sign of bytes from 0x80 on, as on x86-64', () => {
    using ring = new HashRing([{ id: 'a' }, { id: 'b' }], { compat: 'twemproxy', core })
    expect(ring.position(Uint8Array.of(0xc3, 0xa9))).toBe(3033280513)
  })

  test.each([
    ['', 17241709254077376921n],
    ['foo', 3728699739546630719n],
    ['bar', 5234164152756840025n],
    ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
  ])('xxh64 of %j', (text, value) => {
    expect(coreHash(HASH_XXH64, bytes(text))).toBe(value)
    expect(xxh64(bytes(text))).toBe(value)
  })

  test('xxh64 and MD5 at every length around their blocks', () => {
    const data = Uint8Array.from({ length: 200 }, (_, i) => (i * 167 + 13) & 255)
    for (let length = 0; length <= data.length; length++) {
      const part = data.subarray(0, length)
      expect(coreHash(HASH_XXH64, part)).toBe(xxh64(part))
      expect(coreHash(HASH_MD5, part)).toBe(BigInt(md5(part).readUInt32LE(0)))
    }
  })

  test("xxh64 gives the points of Envoy's ring of 12", () => {
    const positions = [90, 91, 92, 93, 94, 95]
      .flatMap((port) => [0, 1].map((i) => ({ port, hash: coreHash(HASH_XXH64, bytes(`127.0.0.1:${port}_${i}`)) })))
      .sort((a, b) => (a.hash < b.hash ? -1 : 1))
    expect(positions.map(({ port }) => port)).toEqual([94, 92, 90, 95, 93, 91, 91, 93, 95, 92, 94, 90])
    expect(positions[0]?.hash).toBe(833437586790550860n)
    expect(positions.at(-1)?.hash).toBe(16117243373044804889n)
  })
})

describe('ketama', () => {
  test("libketama's test.sh: a million keys", () => {
    inspect(KETAMA_SERVERS, { compat: 'ketama' }, (ring) => {
      const words = new Uint32Array(core.memory.buffer)
      const { ringLocate, ringPosition } = core.exports
      const sum = createHash('md5').update('\n')
      let lines = ''
      for (let i = 0; i < 1_000_000; i++) {
        const length = core.put(String(i))
        const entry = (ringLocate(ring, core.stage, length) >>> 0) / 4
        const server = KETAMA_SERVERS[words[entry]! & 0xffff]?.id
        lines += `${ringPosition(ring, core.stage, length)} ${words[entry + 1]} ${server}\n`
        if (i % 1000 === 999) {
          sum.update(lines)
          lines = ''
        }
      }
      expect(sum.digest('hex')).toBe('5672b131391f5aa2b280936aec1eea74')
    })
  })

  test('python_ketama', () => {
    const servers = [
      { id: '127.0.0.1:11211', weight: 600 },
      { id: '127.0.0.1:11212', weight: 400 },
    ]
    using ring = new HashRing(servers, { compat: 'ketama', core })
    expect(ring.position('test')).toBe(3446378249)
    expect(ring.lookup('test')).toBe('127.0.0.1:11211')
    expect(ring.stats().points).toBe(320)
    const owner = inspect(servers, { compat: 'ketama' }, pointsOf).find(
      ({ position }) => position >> 16n >= 3446378249n,
    )
    expect(owner).toEqual({ position: 3454255383n << 16n, server: 0 })
  })

  test("libketama's servers get 1264 points", () => {
    const counts = inspect(KETAMA_SERVERS, { compat: 'ketama' }, pointCounts)
    expect(counts).toEqual([176, 88, 56, 104, 296, 236, 280, 28])
  })
})

describe('twemproxy', () => {
  test('ketama_hash of server1-8', () => {
    const points = inspect([{ id: 'server1' }], { compat: 'twemproxy' }, pointsOf)
    const positions = points.map(({ position }) => Number(position >> 16n))
    expect(positions).toHaveLength(160)
    expect(positions).toContain(3853726576)
    expect(positions).toContain(2667054752)
  })

  // libmemcached's test/fixtures/ketama.hpp: same names, points and weights, keys by MD5
  test.each([
    ['SVa_]_V41)', 443691461, 7],
    ['*/Z;?V(.\\8', 1422915503, 1],
    ['30C1*Z*S/_', 1473165754, 2],
    ['VDEAAAAA', 0xfffcd1b5, 3],
  ])('a weighted libmemcached ring: %s', (key, position, server) => {
    using ring = new HashRing(KETAMA_SERVERS, { compat: 'twemproxy', hash: 'md5', core })
    expect(ring.position(key)).toBe(position)
    expect(ring.lookup(key)).toBe(`10.0.1.${server}:11211`)
    expect(ring.stats().servers.map(({ points }) => points)).toEqual([176, 88, 56, 104, 296, 236, 280, 28])
  })

  test('a weight of 1 beside 100000 gets no points', () => {
    using ring = new HashRing([{ id: 'a', weight: 100_000 }, { id: 'b' }], { compat: 'twemproxy', core })
    expect(ring.stats().servers.map(({ points }) => points)).toEqual([316, 0])
    expect(ring.stats().servers.map(({ share }) => share)).toEqual([1, 0])
  })

  test('the empty key hashes to 0', () => {
    using ring = new HashRing([{ id: 'a' }, { id: 'b' }, { id: 'c' }], { compat: 'twemproxy', core })
    expect(ring.position('')).toBe(0)
    const first = inspect([{ id: 'a' }, { id: 'b' }, { id: 'c' }], { compat: 'twemproxy' }, pointsOf)[0]
    expect(ring.lookup('')).toBe('abc'[first!.server])
  })
})
