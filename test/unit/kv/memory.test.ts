// maxmemory: nothing goes beyond it, noeviction refuses whole commands, allkeys-lru drops the keys least used, and all
// of it comes back.
import { describe, expect, test } from 'vitest'
import { encode, encodeAll } from '../../system/wire.ts'
import { TestCore, TestKv } from '../core-test.ts'

const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
const LARGE = 16384
const MIB = 1 << 20

function fresh(policy: 'noeviction' | 'allkeys-lru', maxmemory = MIB): TestKv {
  return new TestKv(new TestCore(), { policy, maxmemory })
}

/** Sets keys until memory is full; how many fitted. */
function fillUp(kv: TestKv, value: string): number {
  for (let i = 0; ; i++) if (kv.run('SET', `k${i}`, value) === OOM) return i
}

describe('noeviction', () => {
  test('a full keyspace refuses, and serves what it has', () => {
    const kv = fresh('noeviction')
    const keys = fillUp(kv, 'x'.repeat(100))
    expect(keys * 164).toBeGreaterThan(MIB * 0.9)
    expect(kv.stat('used')).toBeLessThanOrEqual(MIB)
    expect(kv.run('GET', 'k0')).toBe(`$100\r\n${'x'.repeat(100)}\r\n`)
    expect(kv.run('SET', 'k0', 'y'.repeat(100))).toBe('+OK\r\n') // fits in place
    expect(kv.run('DBSIZE')).toBe(`:${keys}\r\n`)
    expect(kv.run('DEL', 'k1', 'k2')).toBe(':2\r\n')
    expect(kv.run('SET', 'new', 'z')).toBe('+OK\r\n')
    kv.core.call('testPoolCheck', kv.kv)
    kv.checkEmpty()
  })

  test('a refused command has changed nothing', () => {
    const kv = fresh('noeviction')
    fillUp(kv, 'x'.repeat(1000))
    const big = 'y'.repeat(5000)
    const before = ['k0', 'k1', 'fresh'].map((key) => kv.run('GET', key))
    for (const words of [
      ['MSET', 'k0', '1', 'fresh', big],
      ['MSETNX', 'fresh', '1', 'fresh2', big],
      ['SET', 'k0', big],
      ['SET', 'k0', big, 'GET'],
      ['GETSET', 'k0', big],
      ['SETNX', 'fresh', big],
      ['SETEX', 'k1', '100', big],
      ['APPEND', 'k0', big],
      ['SETRANGE', 'k0', '100000', 'x'],
    ]) {
      expect(kv.run(...words), words[0]).toBe(OOM)
    }
    expect(['k0', 'k1', 'fresh'].map((key) => kv.run('GET', key))).toEqual(before)
    expect(kv.run('TTL', 'k1')).toBe(':-1\r\n')
    kv.checkEmpty()
  })

  test('a value larger than the keyspace is refused', () => {
    const kv = fresh('noeviction')
    expect(kv.run('SET', 'a', 'x'.repeat(2 * MIB))).toBe(OOM)
    kv.checkEmpty()
  })
})

describe('allkeys-lru', () => {
  test('memory stays within the limit, and the latest keys stay', () => {
    const kv = fresh('allkeys-lru')
    for (let i = 0; i < 50_000; i += 100) {
      kv.core.advance(20)
      kv.feed(encodeAll(Array.from({ length: 100 }, (_, j) => ['SET', `k${i + j}`, 'x'.repeat(100)])))
    }
    expect(kv.stat('peak')).toBeLessThanOrEqual(MIB)
    const kept = kv.keys()
    expect(kept).toBeGreaterThan(5_000)
    expect(kv.stat('evicted')).toBe(50_000 - kept)
    // of the newest half of what fits, sampling may have hit a few
    let newest = 0
    for (let i = 50_000 - (kept >> 1); i < 50_000; i++) if (kv.run('EXISTS', `k${i}`) === ':1\r\n') newest++
    expect(newest / (kept >> 1)).toBeGreaterThan(0.95)
    kv.core.call('testPoolCheck', kv.kv)
    kv.checkEmpty()
  })

  test('a key in use outlives many that are not', () => {
    const kv = fresh('allkeys-lru')
    kv.run('SET', 'hot', 'x')
    for (let i = 0; i < 30_000; i++) {
      if (i % 100 === 0) kv.core.advance(20)
      if (i % 500 === 0) expect(kv.run('GET', 'hot'), `after ${i}`).toBe('$1\r\nx\r\n')
      kv.run('SET', `k${i}`, 'x'.repeat(100))
    }
  })

  test('an entry is not evicted by the command that works on it', () => {
    const kv = fresh('allkeys-lru')
    let value = ''
    for (let i = 0; i < 400; i++) {
      kv.core.advance(20)
      value += 'v'.repeat(500)
      expect(kv.run('APPEND', 'a', 'v'.repeat(500))).toBe(`:${value.length}\r\n`)
      for (let j = 0; j < 20; j++) kv.run('SET', `k${i % 50}:${j}`, 'x'.repeat(300))
      expect(kv.run('GET', 'a')).toBe(`$${value.length}\r\n${value}\r\n`)
    }
    kv.checkEmpty()
  })

  test('a value larger than the keyspace is refused and evicts nothing', () => {
    const kv = fresh('allkeys-lru')
    kv.run('SET', 'a', '1')
    expect(kv.run('SET', 'b', 'x'.repeat(2 * MIB))).toBe(OOM)
    expect(kv.keys()).toBe(1)
  })

  test.each([500, 5_000, 20_000, 100_000])('a value of %i bytes finds room among many small ones', (size) => {
    const kv = fresh('allkeys-lru', 8 * MIB)
    for (let i = 0; i < 80_000; i += 1000) {
      kv.core.advance(20)
      kv.feed(encodeAll(Array.from({ length: 1000 }, (_, j) => ['SET', `k${i + j}`, 'x'.repeat(50 + (j % 100))])))
    }
    const evicted = kv.stat('evicted')
    for (let i = 0; i < 20; i++) {
      kv.core.advance(20)
      expect(kv.run('SET', `large${i}`, 'y'.repeat(size))).toBe('+OK\r\n')
      expect(kv.run('STRLEN', `large${i}`)).toBe(`:${size}\r\n`)
      kv.core.call('testPoolCheck', kv.kv)
    }
    // not many more keys have gone than the bytes needed
    expect(kv.stat('evicted') - evicted).toBeLessThan(20 * (size / 100 + 40))
    kv.checkEmpty()
  })

  test('keyspaces that share their memory evict from each other', () => {
    const kv = fresh('allkeys-lru')
    const other = kv.share()
    for (let i = 0; i < 3000; i++) kv.run('SET', `k${i}`, 'x'.repeat(100))
    expect(other.run('GET', 'k0')).toBe('$-1\r\n')
    kv.core.advance(1000)
    for (let i = 0; i < 30_000; i++) other.run('SET', `k${i}`, 'x'.repeat(100))
    expect(kv.keys()).toBeLessThan(100)
    expect(kv.stat('evicted')).toBe(3000 - kv.keys())
    expect(kv.stat('used')).toBeLessThanOrEqual(MIB)
    other.run('FLUSHALL')
    expect(kv.run('DBSIZE')).toBe(`:${kv.keys()}\r\n`)
    kv.core.call('kvDestroy', kv.kv)
    other.checkEmpty()
    other.core.call('kvDestroy', other.kv)
    other.core.call('heapCheck')
  })
})

test('maxmemory can be lowered and raised again', () => {
  const kv = fresh('noeviction', 4 * MIB)
  kv.feed(encodeAll(Array.from({ length: 10_000 }, (_, i) => ['SET', `k${i}`, 'x'.repeat(100)])))
  expect(kv.core.call('kvSetMaxmemory', kv.kv, MIB)).toBe(1)
  expect(kv.stat('maxmemory')).toBe(MIB)
  expect(kv.run('SET', 'new', 'x')).toBe(OOM)
  kv.core.call('kvSetPolicy', kv.kv, 1)
  expect(kv.next()).toBe(0)
  expect(kv.tick()).toBeGreaterThan(10)
  expect(kv.run('SET', 'new', 'x')).toBe('+OK\r\n')
  expect(kv.stat('used')).toBeLessThanOrEqual(MIB)
  expect(kv.core.call('kvSetMaxmemory', kv.kv, 4 * MIB)).toBe(1)
  expect(kv.core.call('kvSetMaxmemory', kv.kv, 5 * MIB)).toBe(0)
  kv.checkEmpty()
})

test('a flushed keyspace is usable at once; its memory comes back in steps', () => {
  const kv = new TestKv(new TestCore(), { maxmemory: 32 * MIB })
  for (let i = 0; i < 100_000; i += 1000) {
    kv.feed(encodeAll(Array.from({ length: 1000 }, (_, j) => ['SET', `k${i + j}`, 'x', 'EX', '1000'])))
  }
  const used = kv.stat('used')
  expect(kv.run('FLUSHALL')).toBe('+OK\r\n')
  expect(kv.run('DBSIZE')).toBe(':0\r\n')
  expect(kv.expires()).toBe(0)
  expect(kv.next()).toBe(0)
  expect(kv.stat('used')).toBeGreaterThan(used / 2)
  kv.run('SET', 'k1', 'new', 'EX', '100')
  expect(kv.tick()).toBeGreaterThan(100)
  expect(kv.run('GET', 'k1')).toBe('$3\r\nnew\r\n')
  expect(kv.stat('used')).toBeLessThan(30_000)
  kv.checkEmpty()
})

test('what was flushed makes room before anything is refused', () => {
  const kv = fresh('noeviction')
  fillUp(kv, 'x'.repeat(20))
  kv.run('FLUSHALL')
  expect(kv.run('SET', 'a', 'x'.repeat(500_000))).toBe('+OK\r\n')
  kv.checkEmpty()
})

describe('large values', () => {
  test.each([LARGE - 1, LARGE, LARGE + 1, 32_768, 65_535, MIB])('of %i bytes', (size) => {
    const kv = new TestKv(new TestCore())
    const value = Buffer.alloc(size, 'abcdefghij')
    kv.run('SET', 'a', value)
    const reply = kv.run('GET', 'a')
    expect(reply === `$${size}\r\n${value.toString('latin1')}\r\n`).toBe(true)
    expect(kv.run('STRLEN', 'a')).toBe(`:${size}\r\n`)
    expect(kv.run('GETRANGE', 'a', '-10', '-1')).toBe(`$10\r\n${value.toString('latin1', size - 10)}\r\n`)
    expect(kv.run('SET', 'a', 'small')).toBe('+OK\r\n')
    expect(kv.stat('used')).toBeLessThan(24_000) // a wheel of 8.4 KiB, a segment and a directory
    kv.checkEmpty()
  })

  test('a reply that shares a value keeps it as it was', () => {
    const kv = new TestKv(new TestCore())
    const value = 'v'.repeat(20_000)
    const get = `$20000\r\n${value}\r\n`
    const others: [string[], string][] = [
      [['SETRANGE', 'a', '0', 'X'], ':20000\r\n'],
      [['APPEND', 'a', 'X'], ':20001\r\n'],
      [['SET', 'a', 'w'.repeat(20_000)], '+OK\r\n'],
      [['DEL', 'a'], ':1\r\n'],
      [['FLUSHALL'], '+OK\r\n'],
      [['GETDEL', 'a'], get],
    ]
    for (const [words, reply] of others) {
      kv.run('SET', 'a', value)
      const replies = kv.feed(Buffer.concat([encode('GET', 'a'), encode(...words), encode('PING')])).toString('latin1')
      expect(replies === `${get}${reply}+PONG\r\n`, words[0]).toBe(true)
      kv.core.call('testPoolCheck', kv.kv)
    }
    kv.checkEmpty()
  })
})
