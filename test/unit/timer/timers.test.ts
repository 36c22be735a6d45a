// The timers of a loop: how deadlines in nanoseconds meet a wheel of milliseconds and one of nanoseconds, how long a
// loop may wait, and timers that the host starts when nobody knows how late it is.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SEED } from '../../system/random.ts'
import { TestCore } from '../core-test.ts'
import { NEVER } from './support.ts'

const MS = 1_000_000n
const START = 86_400_123_456_789n

const shared = new TestCore()

class Timers {
  readonly core = shared
  readonly timers: number[]

  constructor(count = 8) {
    this.at(START)
    expect(this.core.call('timersCreate')).toBe(1)
    const bytes = this.core.global('TIMER_BYTES')
    this.timers = Array.from({ length: count }, (_, i) => {
      const timer = this.core.call('alloc', bytes)
      this.core.bytes.fill(0xff, timer, timer + bytes)
      this.core.call('timerInit', timer, i + 1, 4096 + i)
      return timer
    })
  }

  /** Sets the turn's clock. */
  at(ns: bigint): void {
    this.core.call('clockSet', 0n, ns)
  }

  call(name: 'timerArm' | 'timerArmFine' | 'timerStart' | 'timerCancel' | 'timerHas', i: number, ns?: bigint): boolean {
    return this.core.call(name, this.timers[i]!, ...(ns === undefined ? [] : [ns])) !== 0
  }

  /** One turn: which timers come. */
  turn(ns: bigint): number[] {
    this.at(ns)
    this.core.call('timersBegin')
    const out: number[] = []
    for (let at = this.core.call('timersTake'); at !== 0; at = this.core.call('timersTake')) {
      const i = this.timers.indexOf(at)
      expect(this.core.call('timerKind', at)).toBe(i + 1)
      expect(this.core.call('timerOwner', at)).toBe(4096 + i)
      out.push(i)
    }
    expect(this.core.call('timersSpent')).toBe(0)
    return out
  }

  next(): bigint {
    return BigInt.asUintN(64, BigInt(this.core.call('timersNext')))
  }
}

/** The first whole millisecond that is not before. */
const ceiled = (ns: bigint): bigint => ((ns + MS - 1n) / MS) * MS

describe('a deadline', () => {
  test.each([0n, 1n, MS - 1n, MS, 10n * MS + 7n])('%i ns past a millisecond: on its wheel of milliseconds', (off) => {
    const timers = new Timers()
    const deadline = ceiled(START) + 5n * MS + off
    timers.turn(START)
    timers.call('timerArm', 0, deadline)
    expect(timers.next()).toBe(ceiled(deadline))
    expect(timers.turn(ceiled(deadline) - 1n)).toEqual([])
    expect(timers.next()).toBe(ceiled(deadline))
    expect(timers.turn(ceiled(deadline))).toEqual([0])
    expect(timers.next()).toBe(NEVER)
  })

  test.each([1n, 63n, 64n, 4096n, 12_345n, MS, 3_600_000n * MS + 1n])(
    '%i ns away: on the wheel of nanoseconds',
    (ns) => {
      const timers = new Timers()
      timers.turn(START)
      timers.call('timerArmFine', 0, START + ns)
      expect(timers.next()).toBe(START + ns)
      expect(timers.turn(START + ns - 1n)).toEqual([])
      expect(timers.next()).toBe(START + ns)
      expect(timers.turn(START + ns)).toEqual([0])
      expect(timers.next()).toBe(NEVER)
    },
  )

  test('the loop waits for the earlier of both wheels', () => {
    const timers = new Timers()
    timers.turn(START)
    timers.call('timerArm', 0, START + 3n * MS)
    timers.call('timerArmFine', 1, START + 2n * MS + 1n)
    expect(timers.next()).toBe(START + 2n * MS + 1n)
    timers.call('timerArm', 1, START + 60n * MS) // from one wheel to the other
    expect(timers.next()).toBe(ceiled(START + 3n * MS))
    timers.call('timerArmFine', 0, START + 1n)
    expect(timers.next()).toBe(START + 1n)
    expect(timers.turn(START + 1n)).toEqual([0])
    expect(timers.turn(ceiled(START + 60n * MS))).toEqual([1])
  })
})

test('a timer that the host starts counts from the next turn, however old the clock is', () => {
  const timers = new Timers()
  timers.turn(START)
  timers.call('timerStart', 0, 5n * MS)
  timers.call('timerStart', 1, 5n * MS)
  timers.call('timerStart', 2, 5n * MS)
  expect([0, 1, 2].map((i) => timers.call('timerHas', i))).toEqual([true, true, true])
  expect(timers.call('timerCancel', 1)).toBe(true)
  expect(timers.call('timerCancel', 1)).toBe(false)
  const late = START + 1000n * MS
  expect(timers.turn(late)).toEqual([])
  expect(timers.turn(late + 5n * MS - 1n)).toEqual([])
  expect(timers.turn(ceiled(late + 5n * MS)).sort()).toEqual([0, 2])
})

test('whatever is armed, moved, started and cancelled: never early, at most a tick late, no wait too long', () => {
  const ns = fc.oneof(fc.bigInt(0n, 5n * MS), fc.bigInt(0n, 5000n), fc.bigInt(0n, 7200_000n * MS))
  const which = fc.nat(7)
  const step = fc.oneof(
    fc.record({ kind: fc.constantFrom('timerArm', 'timerArmFine', 'timerStart'), which, ns }),
    fc.record({ kind: fc.constant('timerCancel'), which, ns }),
    fc.record({ kind: fc.constant('turn'), which, ns }),
    fc.record({ kind: fc.constant('wait'), which, ns }),
  )
  const property = fc.property(fc.array(step, { maxLength: 60 }), (script) => {
    const timers = new Timers()
    const pending = new Map<number, { due: bigint; tick: bigint; fresh: boolean }>()
    let now = START
    const turn = (to: bigint): void => {
      now = to
      for (const [i, it] of pending) if (it.fresh) pending.set(i, { due: now + it.due, tick: MS, fresh: false })
      for (const i of timers.turn(now)) {
        expect(pending.get(i)!.due).toBeLessThanOrEqual(now)
        pending.delete(i)
      }
      // whole ticks: what is armed for now may take one more
      for (const { due, tick } of pending.values()) expect(now - due).toBeLessThanOrEqual(tick)
      let first = NEVER
      for (const { due, tick } of pending.values()) if (due + tick < first) first = due + tick
      expect(timers.next()).toBeLessThanOrEqual(first > now ? first : now + MS)
    }
    turn(now)
    for (const { kind, which: i, ns: amount } of script) {
      if (kind === 'turn') {
        turn(now + amount)
      } else if (kind === 'wait') {
        if (timers.next() !== NEVER && timers.next() > now) turn(timers.next())
      } else if (kind === 'timerCancel') {
        expect(timers.call('timerCancel', i)).toBe(pending.delete(i))
      } else {
        const fresh = kind === 'timerStart'
        timers.call(kind, i, fresh ? amount : now + amount)
        pending.set(i, { due: fresh ? amount : now + amount, tick: kind === 'timerArmFine' ? 1n : MS, fresh })
      }
      expect([...pending.keys()].every((i) => timers.call('timerHas', i))).toBe(true)
    }
  })
  fc.assert(property, { seed: SEED, numRuns: 100 })
})
