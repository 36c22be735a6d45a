// Timers that every packet puts off, in a loop without a kernel: packets cost the wheel nothing, and the timeout still
// comes exactly as long after the last of them.
import { expect, test } from 'vitest'
import { STATE_CLOSING, STATE_LINGERING } from '../../../assembly/abi.ts'
import { TestCore } from '../core-test.ts'

const MS = 1_000_000n
const LEVELS = 11

class Loop {
  readonly core = new TestCore({ heapBytes: 1 << 20, slabBytes: 1 << 20 })
  readonly channel: number
  now = 86_400_000n * MS

  constructor() {
    this.channel = this.core.call('testChannel')
    expect(this.channel).not.toBe(0)
    this.wait(0n)
  }

  /** Lets time go by, and the loop take a turn. */
  wait(ns: bigint): void {
    this.now += ns
    this.core.call('clockSet', 0n, this.now)
    this.core.call('timeoutsTick')
  }

  placed(): number {
    return this.core.call('timersPlaced') >>> 0
  }

  told(): number {
    const count = this.core.call('upcallCount')
    this.core.call('upcallsDone')
    return count
  }
}

test('a packet of a channel with timeouts touches no wheel: a step a level and period, however many packets', () => {
  const loop = new Loop()
  const { core, channel } = loop
  const PERIOD_MS = 30_000
  expect(core.call('timeouts', 0, 1, PERIOD_MS, 0, PERIOD_MS)).toBe(1)
  core.call('idleBegin', channel)
  const before = loop.placed()
  const packets = 30_000
  for (let i = 0; i < packets; i++) {
    loop.wait(10n * MS) // ten periods in all
    const placed = loop.placed()
    core.call('idleHeard', channel)
    expect(loop.placed()).toBe(placed)
  }
  expect(loop.placed() - before).toBeLessThanOrEqual(10 * LEVELS)
  expect(loop.told()).toBe(0)
  loop.wait(BigInt(PERIOD_MS) * MS - 1n)
  expect(loop.told()).toBe(0)
  loop.wait(1n)
  expect(loop.told()).toBe(2)
  loop.wait(BigInt(PERIOD_MS) * MS - 1n)
  expect(loop.told()).toBe(0)
  loop.wait(1n)
  expect(loop.told()).toBe(2)
  core.call('idleEnd', channel)
  loop.wait(BigInt(PERIOD_MS) * MS)
  expect(loop.told()).toBe(0)
  expect(core.call('timersNext')).toBe(-1n) // nothing is pending
})

test('what a lingering channel still receives touches no wheel', () => {
  const loop = new Loop()
  const { core, channel } = loop
  new DataView(core.exports.memory.buffer).setUint32(channel, STATE_LINGERING, true)
  core.call('lingerBegin', channel)
  const before = loop.placed()
  for (let i = 0; i < 1000; i++) {
    loop.wait(MS)
    core.call('lingerOn', channel)
  }
  expect(loop.placed() - before).toBeLessThanOrEqual(10 * LEVELS)
  loop.wait(100n * MS - 1n)
  expect(core.call('state', channel)).toBe(STATE_LINGERING)
  loop.wait(1n)
  expect(core.call('state', channel)).toBe(STATE_CLOSING)
})

test('a channel lingers two seconds at most, whatever it receives', () => {
  const loop = new Loop()
  const { core, channel } = loop
  new DataView(core.exports.memory.buffer).setUint32(channel, STATE_LINGERING, true)
  core.call('lingerBegin', channel)
  let ms = 0
  for (; core.call('state', channel) === STATE_LINGERING; ms++) {
    expect(ms).toBeLessThan(3000)
    core.call('lingerOn', channel)
    loop.wait(MS)
  }
  expect(ms).toBeGreaterThan(2000)
  expect(ms).toBeLessThanOrEqual(2101)
})
