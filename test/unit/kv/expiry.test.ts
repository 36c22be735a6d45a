// Keys that expire: exactly when touched, and soon without being touched, whatever the clock does.
import { expect, test } from 'vitest'
import { encodeAll } from '../../system/wire.ts'
import { TestCore, TestKv } from '../core-test.ts'

const HOUR_MS = 3_600_000

function fresh(): TestKv {
  return new TestKv(new TestCore())
}

test('a key lives up to its last millisecond, and no longer', () => {
  const kv = fresh()
  kv.run('SET', 'a', '1', 'PX', '100')
  kv.core.advance(99)
  expect(kv.run('PTTL', 'a')).toBe(':1\r\n')
  kv.core.advance(1)
  expect(kv.run('GET', 'a')).toBe('$1\r\n1\r\n')
  expect(kv.run('PTTL', 'a')).toBe(':0\r\n')
  kv.core.advance(1)
  expect(kv.run('GET', 'a')).toBe('$-1\r\n')
  expect(kv.run('TTL', 'a')).toBe(':-2\r\n')
  expect(kv.stat('expired')).toBe(1)
  kv.checkEmpty()
})

test('TTL rounds to the next second', () => {
  const kv = fresh()
  kv.run('SET', 'a', '1', 'PX', '1499')
  expect(kv.run('TTL', 'a')).toBe(':1\r\n')
  kv.run('SET', 'a', '1', 'PX', '1500')
  expect(kv.run('TTL', 'a')).toBe(':2\r\n')
})

test('keys go without being touched, the millisecond after their last', () => {
  const kv = fresh()
  for (let i = 0; i < 1000; i++) kv.run('SET', `k${i}`, 'x', 'PX', String(1 + i * 10))
  kv.run('SET', 'stays', 'x')
  expect(kv.expires()).toBe(1000)
  for (let ms = 0; ms < 11_000; ms += 100) {
    kv.core.advance(100)
    kv.tick()
    const over = Math.ceil((ms + 100 - 1) / 10) // k0 is gone after 2 ms, k1 after 12 …
    expect(kv.keys()).toBe(1001 - Math.min(1000, over))
  }
  expect(kv.keys()).toBe(1)
  expect(kv.expires()).toBe(0)
  expect(kv.stat('expired')).toBe(1000)
  kv.checkEmpty()
})

test('a tick looks at a limited number of keys', () => {
  const kv = fresh()
  kv.feed(encodeAll(Array.from({ length: 10_000 }, (_, i) => ['SET', `k${i}`, 'x', 'PX', '50'])))
  kv.core.advance(1000)
  expect(kv.core.call('kvTick', kv.kv)).toBe(1)
  expect(kv.keys()).toBeGreaterThan(9_000)
  expect(kv.tick()).toBeGreaterThan(30)
  expect(kv.keys()).toBe(0)
})

test('a time to live of hours, and one longer than all clocks', () => {
  const kv = fresh()
  kv.run('SET', 'a', 'x', 'PX', String(3 * HOUR_MS + 100))
  kv.run('SET', 'b', 'x', 'PXAT', '9223372036854775807')
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 64; i++) {
      kv.core.advance(HOUR_MS / 64)
      kv.tick()
    }
    expect(kv.keys()).toBe(2)
  }
  kv.core.advance(100)
  kv.tick()
  expect(kv.keys()).toBe(2)
  kv.core.advance(1)
  kv.tick()
  expect(kv.keys()).toBe(1)
  expect(kv.expires()).toBe(1)
})

test('the clock is set forward, and back', () => {
  const kv = fresh()
  kv.run('SET', 'a', 'x', 'EX', '100000')
  kv.run('SET', 'b', 'x', 'EX', '10')
  kv.core.advance(50_000_000)
  kv.tick()
  expect(kv.keys()).toBe(1)
  kv.core.advance(-49_000_000)
  kv.tick()
  kv.run('SET', 'c', 'x', 'EX', '10')
  expect(kv.run('TTL', 'a')).toBe(':99000\r\n')
  kv.core.advance(10_001)
  kv.tick()
  expect(kv.keys()).toBe(1)
  kv.checkEmpty()
})

test('what ends a time to live, and what passes it on', () => {
  const kv = fresh()
  const survives = (...words: string[]): boolean => {
    kv.run('SET', 'a', '5', 'EX', '100')
    kv.run(...words)
    return kv.expires() === 1
  }
  expect(survives('INCR', 'a')).toBe(true)
  expect(survives('APPEND', 'a', 'x'.repeat(100))).toBe(true)
  expect(survives('APPEND', 'a', 'x'.repeat(20_000))).toBe(true)
  expect(survives('SETRANGE', 'a', '3000', 'x')).toBe(true)
  expect(survives('SET', 'a', 'x'.repeat(500), 'KEEPTTL')).toBe(true)
  expect(survives('SET', 'a', '6')).toBe(false)
  expect(survives('SET', 'a', 'x'.repeat(500))).toBe(false)
  expect(survives('GETSET', 'a', '6')).toBe(false)
  expect(survives('MSET', 'a', '6')).toBe(false)
  expect(survives('PERSIST', 'a')).toBe(false)
  expect(survives('DEL', 'a')).toBe(false)
  kv.checkEmpty()
})

test('kvNext tells when there is something to do', () => {
  const kv = fresh()
  const next = (): number => kv.next() - kv.core.nowMs
  expect(kv.next()).toBe(Infinity)
  kv.run('SET', 'a', 'x', 'EX', '100')
  expect(next()).toBe(100_001)
  kv.run('SET', 'b', 'x', 'EX', '10')
  expect(next()).toBe(10_001)
  kv.run('SELECT', '3')
  kv.run('SET', 'c', 'x', 'PX', '1')
  expect(next()).toBe(2)
  kv.run('PERSIST', 'c')
  expect(next()).toBe(10_001)
  kv.run('FLUSHALL')
  kv.tick()
  expect(kv.next()).toBe(Infinity)
})
