// Published vectors of memcached clients: libmemcached's hashes and rings, spymemcached's way, hashring's fixtures.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import { HashRing } from '../../../src/core/hash-ring.ts'
import type { RingHash, RingOptions, RingServer } from '../../../src/core/ring-build.ts'
import { core } from './support.ts'

const published = JSON.parse(readFileSync(new URL('../../fixtures/libmemcached.json', import.meta.url), 'utf8')) as {
  readonly ketama: readonly [key: string, hash: number, point: number, ketama: number, spy: number][]
  readonly words: readonly string[]
  readonly hashes: Readonly<Record<string, readonly number[]>>
}

const WEIGHTED: readonly RingServer[] = [600, 300, 200, 350, 1000, 800, 950, 100].map((weight, i) => ({
  id: `10.0.1.${i + 1}:11211`,
  weight,
}))

describe('libmemcached', () => {
  test.each(Object.keys(published.hashes))('%s of 26 words', (hash) => {
    const options = { compat: 'libmemcached-plain', hash: hash as RingHash, core } as const
    using ring = new HashRing([{ id: 'a' }, { id: 'b' }], options)
    expect(published.words.map((word) => ring.position(word))).toEqual(published.hashes[hash])
  })

  test.each([
    ['libmemcached', 3],
    ['libmemcached-spy', 4],
  ] as const)('%s: 99 keys', (compat, column) => {
    using ring = new HashRing(WEIGHTED, { compat, core })
    for (const row of published.ketama) {
      expect(ring.position(row[0])).toBe(row[1])
      expect(ring.lookup(row[0])).toBe(`10.0.1.${row[column]}:11211`)
    }
    expect(ring.stats().servers.map(({ points }) => points)).toEqual([176, 88, 56, 104, 296, 236, 280, 28])
  })

  test('a key behind the last point goes to the first', () => {
    using ring = new HashRing(WEIGHTED, { compat: 'libmemcached', core })
    expect(ring.position('VDEAAAAA')).toBe(0xfffcd1b5)
    expect(ring.lookup('VDEAAAAA')).toBe('10.0.1.3:11211')
  })

  test('plain: 100 points per server, of any weight, by the key hash', () => {
    const servers = [{ id: 'a:11211' }, { id: 'b:11212', weight: 7 }]
    using ring = new HashRing(servers, { compat: 'libmemcached-plain', hash: 'murmur', core })
    expect(ring.stats().servers.map(({ points }) => points)).toEqual([100, 100])
    // a key that reads like a point lies on it: its owner is the point's server
    for (const i of [0, 50, 99]) {
      expect(ring.lookup(`a-${i}`)).toBe('a:11211')
      expect(ring.lookup(`b:11212-${i}`)).toBe('b:11212')
    }
  })
})

interface Peer {
  get(key: string): string
  find(hash: number): number
  hashValue(key: string): number
  range(key: string, count: number): string[]
  readonly ring: readonly { readonly value: number; readonly server: string }[]
}
type PeerClass = new (servers: object, algorithm: string, options: object) => Peer

const load = createRequire(import.meta.url)
const Hashring = load('hashring') as PeerClass
const fixture = (name: string): string[] =>
  readFileSync(load.resolve(`hashring/tests/fixtures/${name}`), 'utf8').split('\n')

const FIVE: readonly RingServer[] = [1, 2, 3, 4, 5].map((weight) => ({ id: `0.0.0.${weight}`, weight }))
const PYLIBMC: readonly RingServer[] = [
  { id: '0.0.0.1:11211', name: '0.0.0.1' },
  { id: '0.0.0.2:11211', name: '0.0.0.2' },
  { id: '0.0.0.3' },
  { id: '0.0.0.4:11213' },
  { id: '0.0.0.5:11212' },
]

describe('node-hashring', () => {
  test.each([
    ['ketama.txt', FIVE, { compat: 'node-hashring' }, 792],
    ['hash_ring.txt', FIVE, { compat: 'hash_ring' }, 594],
    ['pylibmc.txt', PYLIBMC, { compat: 'node-hashring' }, 800],
    ['pylibmc.txt', PYLIBMC, { compat: 'libmemcached' }, 800],
  ] as [string, readonly RingServer[], RingOptions, number][])('%s: 100,000 keys', (name, servers, options, points) => {
    using ring = new HashRing(servers, { ...options, core })
    expect(ring.stats().points).toBe(points)
    const keys = Array.from({ length: 100_000 }, (_, i) => String(i))
    const ours = ring.lookupMany(keys).map((id, i) => `${i} ${id}`)
    expect(ours.join('\n') === fixture(name).slice(0, 100_000).join('\n')).toBe(true)
  })

  test.each([1, 2, 7, 14, 25, 28, 49])('%i equal servers have the points that the package gives them', (count) => {
    const ids = Array.from({ length: count }, (_, i) => `10.0.0.${i}:11211`)
    const peer = new Hashring(Object.fromEntries(ids.map((id) => [id, 1])), 'md5', {})
    using ring = new HashRing(
      ids.map((id) => ({ id })),
      { compat: 'node-hashring', core },
    )
    const points = peer.ring.reduce((sum, { server }) => sum.set(server, (sum.get(server) ?? 0) + 1), new Map())
    expect(ring.stats().servers.map((server) => server.points)).toEqual(ids.map((id) => points.get(id)))
    for (let i = 0; i < 500; i++) expect(ring.lookup(`k${i}`)).toBe(peer.get(`k${i}`))
    for (let i = 0; i < 50; i++) expect(ring.replicas(`k${i}`, 3)).toEqual(peer.range(`k${i}`, Math.min(3, count)))
  })

  test('vnodes of a ring and of a server', () => {
    const servers = { 'a:1': { weight: 2 }, 'b:1': { weight: 1, vnodes: 25 }, 'c:1': { weight: 1, vnodes: 60 } }
    const peer = new Hashring(servers, 'md5', { 'vnode count': 60 })
    const ours = [
      { id: 'a:1', weight: 2 },
      { id: 'b:1', vnodes: 25 },
      { id: 'c:1', vnodes: 60 },
    ]
    using ring = new HashRing(ours, { compat: 'node-hashring', vnodes: 60, core })
    expect(ring.stats().points).toBe(peer.ring.length)
    for (let i = 0; i < 500; i++) expect(ring.lookup(`k${i}`)).toBe(peer.get(`k${i}`))
  })
})
