// Bounded loads: no server gets more than its share and the factor allow, keys go to the next one instead, and what is
// released makes room again.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HashRing } from '../../../src/core/hash-ring.ts'
import type { RingCompat, RingServer } from '../../../src/core/ring-build.ts'
import { core } from './support.ts'

const hosts = (weights: readonly number[]): RingServer[] => weights.map((weight, i) => ({ id: `s${i}`, weight }))

/** arXiv 1608.01350: ⌈c (m + 1) w / W⌉ with m requests under way. */
function cap(total: number, factor: number, weight: number, weights: number): number {
  return Math.max(1, Math.ceil(((total + 1) * factor * weight) / (weights * 100)))
}

/** HAProxy: the sum rounded up, whole slots by weight, the rest by the weights before. */
function haproxyCap(total: number, factor: number, weights: readonly number[], server: number): number {
  const slots = Math.floor(((total + 1) * factor + 99) / 100)
  const all = weights.reduce((sum, weight) => sum + weight * 16, 0)
  const before = weights.slice(0, server).reduce((sum, weight) => sum + weight * 16, 0)
  const weight = weights[server]! * 16
  const rest = slots % all
  const extra = Math.floor(((before + weight) * rest) / all) - Math.floor((before * rest) / all)
  return Math.max(1, weight * Math.floor(slots / all) + extra)
}

const COMPATS: readonly RingCompat[] = [
  'native',
  'ketama',
  'nginx',
  'envoy',
  'maglev',
  'haproxy',
  'jump',
  'nginx-plain',
]

describe.each(COMPATS)('%s', (compat) => {
  test('every request goes to the first of its servers that has room', () => {
    const step = fc.record({ key: fc.nat({ max: 5 }), release: fc.boolean() })
    const weights = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 6 })
    const check = fc.property(weights, fc.integer({ min: 100, max: 300 }), fc.array(step), (list, factor, steps) => {
      using ring = new HashRing(hosts(list), { compat, balanceFactor: factor, core })
      const all = list.reduce((sum, weight) => sum + weight, 0)
      const busy = list.map(() => 0)
      const owed: string[] = []
      for (const { key, release } of steps) {
        const total = owed.length
        const caps = list.map((weight, i) =>
          compat === 'haproxy' ? haproxyCap(total, factor, list, i) : cap(total, factor, weight, all),
        )
        expect(ring.loads()).toEqual(list.map((_, i) => ({ id: `s${i}`, requests: busy[i]!, cap: caps[i]! })))
        const order = ring.replicas(`k${key}`, list.length)
        const expected = order.find((id) => busy[Number(id.slice(1))]! < caps[Number(id.slice(1))]!) ?? order[0]
        const got = ring.acquire(`k${key}`)
        expect(got).toBe(expected)
        busy[Number(got.slice(1))]!++
        owed.push(got)
        if (!release) continue
        const done = owed.shift()!
        expect(ring.release(done)).toBe(true)
        busy[Number(done.slice(1))]!--
      }
    })
    fc.assert(check, { numRuns: 25 })
  })

  test('one hot key is spread over the servers as the factor says', () => {
    using ring = new HashRing(hosts([1, 1, 1, 1, 1]), { compat, balanceFactor: 125, core })
    for (let i = 0; i < 1000; i++) ring.acquire('hot')
    for (const { requests } of ring.loads()) expect(requests).toBeLessThanOrEqual(251)
    expect(ring.loads().reduce((sum, { requests }) => sum + requests, 0)).toBe(1000)
  })
})

describe('what is owed', () => {
  test('is released server by server, and never below nothing', () => {
    using ring = new HashRing(hosts([1, 1]), { balanceFactor: 200, core })
    const id = ring.acquire('k')
    expect(ring.release(id, 2)).toBe(false)
    expect(ring.release(id)).toBe(true)
    expect(ring.release(id)).toBe(false)
    expect(ring.release('somebody else')).toBe(false)
    expect(() => ring.release(id, 0)).toThrow(/^requests must be an integer from 1/)
    expect(ring.loads().map(({ requests }) => requests)).toEqual([0, 0])
  })

  test('goes on with the next ring, for the servers that stay', () => {
    using before = new HashRing(hosts([1, 1, 1]), { balanceFactor: 100, core })
    for (let i = 0; i < 9; i++) before.acquire(`k${i}`)
    using after = new HashRing(hosts([1, 1]), { balanceFactor: 100, core })
    after.adopt(before)
    expect(after.loads().map(({ requests }) => requests)).toEqual([3, 3])
    expect(after.release('s0', 3)).toBe(true)
    expect(after.release('s2')).toBe(false)
  })

  test('needs a balanceFactor', () => {
    using ring = new HashRing(hosts([1, 1]), { core })
    for (const use of [() => ring.acquire('k'), () => ring.release('s0'), () => ring.loads()]) {
      expect(use).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }))
    }
  })

  test('its memory is given back with the ring', () => {
    for (let i = 0; i < 2000; i++) new HashRing(hosts([1, 1, 1]), { points: 8, balanceFactor: 125, core }).dispose()
    core.exports.heapCheck()
  })
})
