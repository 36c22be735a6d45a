// Keys that expire: exactly when touched, and soon without being touched, whatever the clock does.
import { expect, test } from 'vitest'
import { encodeAll } from '../../system/wire.ts'
import { TestCore, TestKv } from '../core-test.ts'

const SLOT_MS = 256
const ROUND_MS = 4096 * SLOT_MS

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

test('keys go without being touched, at most a slot late', () => {
  const kv = fresh()
  for (let i = 0; i < 1000; i++) kv.run('SET', `k${i}`, 'x', 'PX', String(1 + i * 10))
  kv.run('SET', 'stays', 'x')
  expect(kv.expires()).toBe(1000)
  for (let ms = 0; ms < 11_000; ms += 100) {
    kv.core.advance(100)
    kv.tick()
    const due = Math.floor((ms + 100 - 2 - SLOT_MS) / 10)
    expect(kv.keys()).toBeLessThanOrEqual(1001 - Math.max(0, Math.min(1000, due)))
    expect(kv.keys()).toBeGreaterThanOrEqual(1001 - Math.ceil((ms + 100) / 10))
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

test('a time to live longer than a round of the wheel', () => {
  const kv = fresh()
  kv.run('SET', 'a', 'x', 'PX', String(3 * ROUND_MS + 100))
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 64; i++) {
      kv.core.advance(ROUND_MS / 64)
      kv.tick()
    }
    expect(kv.keys()).toBe(1)
  }
  kv.core.advance(100 + 2 * SLOT_MS)
  kv.tick()
  expect(kv.keys()).toBe(0)
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
  kv.core.advance(10_000 + 2 * SLOT_MS)
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

test('kvTickable tells whether there is anything to wait for', () => {
  const kv = fresh()
  const tickable = (): number => kv.core.call('kvTickable', kv.kv)
  expect(tickable()).toBe(0)
  kv.run('SET', 'a', 'x', 'EX', '100')
  expect(tickable()).toBe(1)
  kv.run('PERSIST', 'a')
  expect(tickable()).toBe(0)
  kv.run('FLUSHALL')
  expect(tickable()).toBe(0)
})
