// SCAN's promise: what is there from the first call to the last is returned, however the table grows and shrinks
// meanwhile. And the table itself: it grows and shrinks with its keys.
import { expect, test } from 'vitest'
import { Random, SEED } from '../../system/random.ts'
import { encodeAll, parse } from '../../system/wire.ts'
import { TestCore, TestKv } from '../core-test.ts'

const BATCH = 1000

function fill(kv: TestKv, prefix: string, from: number, to: number): void {
  for (let i = from; i < to; i += BATCH) {
    const names = Array.from({ length: Math.min(BATCH, to - i) }, (_, j) => `${prefix}${i + j}`)
    kv.feed(encodeAll(names.map((name) => ['SET', name, 'x'])))
  }
}

function clear(kv: TestKv, prefix: string, from: number, to: number): void {
  for (let i = from; i < to; i += BATCH) {
    kv.run('DEL', ...Array.from({ length: Math.min(BATCH, to - i) }, (_, j) => `${prefix}${i + j}`))
  }
}

function step(kv: TestKv, cursor: string, ...options: string[]): [cursor: string, keys: string[]] {
  return parse(kv.feed(encodeAll([['SCAN', cursor, ...options]]))) as [string, string[]]
}

/** A whole SCAN; `between` runs after every call. */
function scan(kv: TestKv, between: () => void, ...options: string[]): string[] {
  const seen: string[] = []
  let cursor = '0'
  do {
    const [next, keys] = step(kv, cursor, ...options)
    seen.push(...keys)
    cursor = next
    between()
  } while (cursor !== '0')
  return seen
}

const NONE = (): void => undefined

test('an undisturbed SCAN returns every key once', () => {
  const kv = new TestKv(new TestCore())
  for (const size of [0, 1, 3, 4, 5, 10, 11, 100, 1023, 1024, 1025, 5000]) {
    kv.run('FLUSHALL')
    fill(kv, 'k', 0, size)
    const seen = scan(kv, NONE)
    expect(seen.length).toBe(size)
    expect(new Set(seen).size).toBe(size)
    const all = parse(kv.feed(encodeAll([['KEYS', 'k*']]))) as string[]
    expect(new Set(all)).toEqual(new Set(seen))
    expect(all.length).toBe(size)
  }
  kv.checkEmpty()
})

test('COUNT is how many keys are looked at, MATCH which of them are returned', () => {
  const kv = new TestKv(new TestCore())
  fill(kv, 'key:', 0, 10_000)
  const [, keys] = step(kv, '0', 'COUNT', '500')
  expect(keys.length).toBeGreaterThanOrEqual(500)
  expect(keys.length).toBeLessThan(520)
  expect(scan(kv, NONE, 'MATCH', 'key:12*', 'COUNT', '1000').length).toBe(111)
  expect(step(kv, '0', 'COUNT', '9223372036854775807')[1].length).toBe(10_000)
})

test.each(['grows', 'shrinks', 'does both'] as const)(`nothing is missed while the table %s`, (how) => {
  const random = new Random(SEED)
  for (let round = 0; round < 12; round++) {
    const kv = new TestKv(new TestCore())
    const steady = random.between(1, 3000)
    fill(kv, 'steady', 0, steady)
    const others = how === 'grows' ? 0 : 20_000
    fill(kv, 'other', 0, others)
    let low = 0
    let high = others
    const seen = scan(
      kv,
      () => {
        const grow = how === 'grows' || (how === 'does both' && random.chance(0.5))
        const change = random.between(0, 1500)
        if (grow) {
          const to = Math.min(high + change, 60_000)
          fill(kv, 'other', high, to)
          high = to
        } else {
          const to = Math.min(low + change, high)
          clear(kv, 'other', low, to)
          low = to
        }
      },
      'COUNT',
      String(random.between(1, 300)),
    )
    const found = new Set(seen.filter((key) => key.startsWith('steady')))
    expect(found.size, `MILLRACE_SEED=${SEED}, round ${round}`).toBe(steady)
    kv.checkEmpty()
  }
})

test('a table shrinks with its keys, and all of its memory comes back', () => {
  const kv = new TestKv(new TestCore())
  const before = kv.stat('used')
  fill(kv, 'k', 0, 50_000)
  expect(kv.stat('used')).toBeGreaterThan(50_000 * 60)
  clear(kv, 'k', 0, 50_000)
  expect(kv.keys()).toBe(0)
  expect(kv.stat('used') - before).toBeLessThan(24_000) // a wheel of 16 KiB, a segment and a directory
  expect(scan(kv, NONE)).toEqual([])
  kv.checkEmpty()
})

test('RANDOMKEY reaches every key', () => {
  const kv = new TestKv(new TestCore())
  fill(kv, 'k', 0, 20)
  const seen = new Set<unknown>()
  for (let i = 0; i < 2000; i++) seen.add(parse(kv.feed(encodeAll([['RANDOMKEY']]))))
  expect(seen.size).toBe(20)
})

test('keys that have expired are not returned', () => {
  const kv = new TestKv(new TestCore())
  fill(kv, 'k', 0, 10)
  for (let i = 0; i < 9; i++) kv.run('PEXPIRE', `k${i}`, '5')
  kv.core.advance(10)
  expect(scan(kv, NONE)).toEqual(['k9'])
  expect(kv.run('KEYS', '*')).toBe('*1\r\n$2\r\nk9\r\n')
  expect(kv.run('RANDOMKEY')).toBe('$2\r\nk9\r\n')
})
