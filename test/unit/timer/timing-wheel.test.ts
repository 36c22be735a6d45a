// TimingWheel as people use it: timers by handle on a clock of their own, against a plain list; handles that are stale,
// many timers, and bad input.
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { type Core, instantiateCore } from '../../../src/core/load.ts'
import { TimingWheel } from '../../../src/core/timing-wheel.ts'
import { readCore } from '../../../src/kernel/core-file.ts'
import { Random, SEED } from '../../system/random.ts'

const core: Core = instantiateCore(readCore())
const made: TimingWheel[] = []

function wheelAt(nowMs: number): TimingWheel {
  const wheel = new TimingWheel({ nowMs, core })
  made.push(wheel)
  return wheel
}

afterEach(() => {
  for (const wheel of made.splice(0)) wheel.dispose()
  core.exports.heapCheck()
})

describe('against a plain list', () => {
  const delay = fc.oneof(
    fc.integer({ min: 0, max: 100 }),
    fc.double({ min: 0, max: 5000, noNaN: true }),
    fc.integer({ min: 0, max: 36_000_000 }),
  )
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), delay }),
    fc.record({ kind: fc.constant('add' as const), delay }),
    fc.record({ kind: fc.constant('rearm' as const), delay, which: fc.nat() }),
    fc.record({ kind: fc.constant('cancel' as const), which: fc.nat() }),
    fc.record({ kind: fc.constant('advance' as const), delay, steps: fc.constantFrom(1, 3, 100, 0xffffffff) }),
  )
  const start = fc.constantFrom(0, 0.5, 2 ** 32 - 1, 2 ** 32 - 50.25, 1_700_000_000_000, 2 ** 52)

  test('never early, at most a millisecond late, none lost, none twice', () => {
    const property = fc.property(start, fc.array(step, { maxLength: 150 }), (nowMs, script) => {
      const wheel = wheelAt(nowMs)
      const pending = new Map<number, { id: number; due: number; from: number }>()
      const gone: number[] = []
      let now = nowMs
      let ids = 0
      const pick = (which: number): number | undefined => [...pending.keys()][which % Math.max(1, pending.size)]
      const advance = (to: number, steps: number): void => {
        now = to
        const fired = wheel.advance(now, steps)
        const late = new Map([...pending].map(([handle, it]) => [it.id, handle]))
        let last = 0
        for (const id of fired) {
          const handle = late.get(id)!
          const { due, from } = pending.get(handle)!
          expect(due).toBeLessThanOrEqual(now)
          if (Math.ceil(due) > from) {
            expect(Math.ceil(due)).toBeGreaterThanOrEqual(last)
            last = Math.ceil(due)
          }
          pending.delete(handle)
          gone.push(handle)
        }
        if (wheel.next() > now) {
          for (const { due, from } of pending.values()) {
            expect(Math.max(Math.ceil(due), from + 1)).toBeGreaterThan(Math.floor(now))
          }
        }
        expect(wheel.size).toBe(pending.size)
        expect(wheel.next()).toBeLessThanOrEqual(
          Math.min(...[...pending.values()].map(({ due, from }) => Math.max(Math.ceil(due), from + 1))),
        )
      }
      for (const it of script) {
        const handle = 'which' in it ? pick(it.which) : undefined
        if (it.kind === 'add') {
          pending.set(wheel.add(it.delay, ids), { id: ids++, due: now + it.delay, from: Math.floor(now) })
        } else if (it.kind === 'advance') {
          advance(now + it.delay, it.steps)
        } else if (handle === undefined) {
          if (gone.length > 0) expect(wheel.cancel(gone[gone.length - 1]!)).toBe(false)
        } else if (it.kind === 'cancel') {
          expect(wheel.cancel(handle)).toBe(true)
          expect(wheel.cancel(handle)).toBe(false)
          expect(wheel.rearm(handle, 1)).toBe(false)
          pending.delete(handle)
        } else {
          expect(wheel.rearm(handle, it.delay)).toBe(true)
          pending.set(handle, { id: pending.get(handle)!.id, due: now + it.delay, from: Math.floor(now) })
        }
      }
      for (let rounds = 0; pending.size > 0; rounds++) {
        expect(rounds).toBeLessThan(2000)
        advance(Math.max(now, wheel.next()), 0xffffffff)
      }
      expect(wheel.next()).toBe(Infinity)
      wheel.dispose()
    })
    fc.assert(property, { seed: SEED, numRuns: 150 })
  })
})

test('fractions of a millisecond are never rounded to the early side', () => {
  const wheel = wheelAt(10.75)
  wheel.add(0.5, 1) // 11.25
  wheel.add(0.25, 2) // 11
  expect(wheel.advance(10.999)).toEqual([])
  expect(wheel.advance(11)).toEqual([2])
  expect(wheel.next()).toBe(12)
  expect(wheel.advance(11.999)).toEqual([])
  expect(wheel.advance(12)).toEqual([1])
  expect(wheel.nowMs).toBe(12)
})

test('delays count from what advance was told, or from what add is told', () => {
  const wheel = wheelAt(1000)
  wheel.add(10, 1)
  wheel.add(10, 2, 1500)
  const later = wheel.add(10, 3)
  expect(wheel.rearm(later, 10, 2000)).toBe(true)
  expect(wheel.advance(1010)).toEqual([1])
  expect(wheel.advance(1509)).toEqual([])
  expect(wheel.advance(1510)).toEqual([2])
  expect(wheel.advance(2009)).toEqual([])
  expect(wheel.advance(2010)).toEqual([3])
})

test('a handle is good once: the timer that takes its place is another', () => {
  const wheel = wheelAt(0)
  const first = wheel.add(10, 1)
  expect(wheel.cancel(first)).toBe(true)
  const second = wheel.add(10, 2)
  expect(second).not.toBe(first)
  for (const stale of [first, 0, -1, 2 ** 60, 0.5, Number.NaN, Infinity, second + 2 ** 32, second + 1]) {
    expect(wheel.cancel(stale)).toBe(false)
    expect(wheel.rearm(stale, 1)).toBe(false)
  }
  expect(wheel.advance(10)).toEqual([2])
  expect(wheel.cancel(second)).toBe(false)
})

test('a hundred thousand timers, in order, and their memory comes back', () => {
  const before = core.exports.alloc(16) >>> 0
  core.exports.free(before)
  const wheel = wheelAt(0)
  const random = new Random(SEED)
  const due = Array.from({ length: 100_000 }, () => random.below(100_000))
  const handles = due.map((ms, id) => wheel.add(ms, id))
  expect(handles.filter((handle, id) => id % 2 === 0 && wheel.cancel(handle)).length).toBe(50_000)
  expect(wheel.size).toBe(50_000)
  const fired: number[] = []
  for (let now = 0; now <= 100_000; now += 777) fired.push(...wheel.advance(now))
  fired.push(...wheel.advance(100_001))
  expect(fired.length).toBe(50_000)
  expect(new Set(fired).size).toBe(50_000)
  expect(fired.every((id, i) => id % 2 === 1 && (i === 0 || Math.max(1, due[id]!) >= due[fired[i - 1]!]!))).toBe(true)
  wheel.dispose()
  expect(core.exports.alloc(16) >>> 0).toBe(before)
  core.exports.free(before)
})

test('steps bound one call; the rest follows, and next() says so', () => {
  const wheel = wheelAt(0)
  for (let id = 0; id < 5000; id++) wheel.add(1 + (id % 100), id)
  const ids = new Set<number>()
  let calls = 0
  while (wheel.next() <= 200) {
    const some = wheel.advance(200, 100)
    expect(some.length).toBeLessThanOrEqual(100)
    for (const id of some) ids.add(id)
    expect(++calls).toBeLessThan(200)
  }
  expect(ids.size).toBe(5000)
})

test('bad input is refused with the argument and the rule', () => {
  const wheel = wheelAt(0)
  const code = 'ERR_INVALID_ARG_VALUE'
  for (const delay of [-1, Number.NaN, Infinity, '5' as unknown as number]) {
    expect(() => wheel.add(delay, 1)).toThrow(expect.objectContaining({ code }))
    expect(() => wheel.rearm(1, delay)).toThrow(/delayMs/)
  }
  for (const id of [-1, 0.5, 2 ** 32, Number.NaN]) expect(() => wheel.add(1, id)).toThrow(/id must be/)
  for (const now of [-1, Number.NaN, 2 ** 54]) {
    expect(() => wheel.advance(now)).toThrow(/nowMs must be/)
    expect(() => new TimingWheel({ nowMs: now, core })).toThrow(/nowMs must be/)
  }
  expect(() => wheel.add(1, 1, -5)).toThrow(/nowMs must be/)
  expect(() => wheel.add(2 ** 53 - 1, 1, 5)).toThrow(/nowMs \+ delayMs must be/)
  expect(() => wheel.advance(1, 0)).toThrow(/steps must be/)
  expect(wheel.size).toBe(0)
  wheel.dispose()
  wheel.dispose()
  expect(() => wheel.add(1, 1)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }))
})

test('out of memory, add throws and nothing is lost', () => {
  const small = instantiateCore(readCore())
  const wheel = new TimingWheel({ core: small })
  wheel.add(5, 7)
  const taken: number[] = []
  for (let bytes = 64 << 20; bytes >= 32; bytes >>= 1) {
    for (let at = small.exports.alloc(bytes) >>> 0; at !== 0; at = small.exports.alloc(bytes) >>> 0) taken.push(at)
  }
  const fill = (): void => {
    for (let id = 0; id < 2000; id++) wheel.add(5, 8 + id)
  }
  expect(fill).toThrow(expect.objectContaining({ code: 'ERR_MEMORY_ALLOCATION_FAILED' }))
  expect(() => new TimingWheel({ core: small })).toThrow(/no memory/)
  expect(wheel.advance(5).length).toBe(1024) // what the first chunk holds
  for (const at of taken) small.exports.free(at)
  fill()
  expect(wheel.advance(10).length).toBe(2000)
  wheel.dispose()
  small.exports.heapCheck()
})
