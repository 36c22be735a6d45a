// Thousands of random commands against the model of model.ts, with a clock that jumps; at the end every byte is back.
// A failure prints the seed that repeats it.
import { expect, test } from 'vitest'
import { Random, SEED } from '../../system/random.ts'
import type { Word } from '../../system/wire.ts'
import { TestCore, TestKv } from '../core-test.ts'
import { Model } from './model.ts'

const ROUNDS = 6
const COMMANDS = 6_000
const SLOT_MS = 256

type Case = readonly [words: Word[], reply: (model: Model) => string]

class Source {
  readonly #random: Random
  readonly #keys: number

  constructor(random: Random) {
    this.#random = random
    this.#keys = random.pick([5, 50, 3000])
  }

  key(): string {
    const random = this.#random
    const n = random.below(this.#keys)
    return n % 7 === 0 ? `${'long key '.repeat(n % 40)}${n}` : `k${n}`
  }

  keys(): string[] {
    return Array.from({ length: this.#random.between(1, 8) }, () => this.key())
  }

  text(): string {
    const random = this.#random
    const kind = random.below(20)
    if (kind === 0) return 'L'.repeat(random.between(16_300, 16_500))
    if (kind === 1) return 'M'.repeat(random.between(16_384, 70_000))
    if (kind < 6) return String(random.between(-1000, 1000))
    if (kind < 8) return random.pick(['9223372036854775807', '-9223372036854775808', '', '\0', '\r\n', '007'])
    return random.bytes(random.below(120)).toString('latin1')
  }

  pairs(): [string, string][] {
    return this.keys().map((key) => [key, this.text()])
  }

  ms(): number {
    return this.#random.pick([1, 5, 100, 300, 2_000, 60_000, 3_000_000])
  }

  next(): Case {
    const random = this.#random
    const key = this.key()
    const text = this.text()
    const ms = this.ms()
    switch (random.below(17)) {
      case 0:
      case 1:
        return [['GET', key], (m) => m.get(key)]
      case 2:
      case 3:
        return [['SET', key, text], (m) => m.set(key, text, {})]
      case 4:
        return this.#setWithOptions(key, text, ms)
      case 5:
        return random.chance(0.5)
          ? [['GETDEL', key], (m) => m.getdel(key)]
          : [['GETSET', key, text], (m) => m.set(key, text, { get: true })]
      case 6:
        return random.chance(0.5)
          ? [['GETEX', key, 'PX', ms], (m) => m.getex(key, ms)]
          : [['GETEX', key, 'PERSIST'], (m) => m.getex(key, undefined)]
      case 7: {
        const keys = this.keys()
        return [['MGET', ...keys], (m) => m.mget(keys)]
      }
      case 8: {
        const pairs = this.pairs()
        return [['MSET', ...pairs.flat()], (m) => m.mset(pairs)]
      }
      case 9: {
        const pairs = this.pairs()
        return [['MSETNX', ...pairs.flat()], (m) => m.msetnx(pairs)]
      }
      case 10: {
        const keys = this.keys()
        return [[random.pick(['DEL', 'UNLINK']), ...keys], (m) => m.del(keys)]
      }
      case 11: {
        const keys = this.keys()
        return [[random.pick(['EXISTS', 'TOUCH']), ...keys], (m) => m.exists(keys)]
      }
      case 12: {
        const by = random.pick([1n, -1n, 1000n, 2n ** 62n, -(2n ** 63n)])
        return [['INCRBY', key, String(by)], (m) => m.incrby(key, by)]
      }
      case 13:
        return random.chance(0.7) ? [['APPEND', key, text], (m) => m.append(key, text)] : this.#setrange(key, text)
      case 14: {
        const [start, end] = [random.between(-50, 50), random.between(-20_000, 20_000)]
        return [['GETRANGE', key, start, end], (m) => m.getrange(key, start, end)]
      }
      case 15: {
        const condition = random.pick(['', 'NX', 'XX', 'GT', 'LT'] as const)
        const when = random.chance(0.1) ? -1 : ms
        const words = ['PEXPIRE', key, when, ...(condition === '' ? [] : [condition])]
        return [words, (m) => m.pexpire(key, when, condition)]
      }
      default:
        return random.pick<Case>([
          [['PTTL', key], (m) => m.pttl(key)],
          [['PERSIST', key], (m) => m.persist(key)],
          [['STRLEN', key], (m) => m.strlen(key)],
        ])
    }
  }

  #setWithOptions(key: string, text: string, ms: number): Case {
    const random = this.#random
    const options: { nx?: true; xx?: true; get?: true; keepttl?: true; px?: number } = {}
    const words: Word[] = ['SET', key, text]
    const condition = random.pick(['nx', 'xx', undefined] as const)
    if (condition) {
      options[condition] = true
      words.push(condition)
    }
    if (random.chance(0.4)) {
      options.get = true
      words.push('GET')
    }
    if (random.chance(0.3)) {
      options.keepttl = true
      words.push('keepttl')
    } else if (random.chance(0.6)) {
      options.px = ms
      words.push('PX', ms)
    }
    return [words, (m) => m.set(key, text, options)]
  }

  #setrange(key: string, text: string): Case {
    const offset = this.#random.pick([0, 1, 50, 300, 17_000])
    return [['SETRANGE', key, offset, text], (m) => m.setrange(key, offset, text)]
  }
}

test.each(Array.from({ length: ROUNDS }, (_, round) => SEED + round))('random commands, MILLRACE_SEED=%i', (seed) => {
  const random = new Random(seed)
  const source = new Source(random)
  const core = new TestCore({ heapBytes: 256 << 20, seed: BigInt(seed) })
  const kv = new TestKv(core, { maxmemory: 200 << 20 })
  const model = new Model(core.nowMs)
  for (let i = 0; i < COMMANDS; i++) {
    const [words, reply] = source.next()
    const got = kv.run(...words)
    const wanted = reply(model)
    if (got !== wanted) {
      const shown = words.map((word) => String(word).slice(0, 40)).join(' ')
      expect(got.slice(0, 200), `MILLRACE_SEED=${seed}, command ${i}: ${shown}`).toBe(wanted.slice(0, 200))
      expect.unreachable(`MILLRACE_SEED=${seed}, command ${i}: ${shown}: replies differ beyond what is shown`)
    }
    if (random.chance(0.02)) {
      core.advance(random.pick([1, 10, 100, 1_000, 100_000]))
      model.nowMs = core.nowMs
    }
    if (random.chance(0.05)) kv.tick()
    if (random.chance(0.0003)) {
      expect(kv.run('FLUSHALL')).toBe(model.flush())
    }
  }
  // what had expired a slot ago is gone, what has not expired is there
  const alive = model.size
  core.advance(2 * SLOT_MS)
  model.nowMs = core.nowMs
  kv.tick()
  expect(kv.keys()).toBeLessThanOrEqual(alive)
  expect(kv.keys()).toBeGreaterThanOrEqual(model.size)
  expect(kv.keys()).toBe(Number(kv.run('DBSIZE').slice(1)))
  kv.core.call('testPoolCheck', kv.kv)
  kv.checkEmpty()
})

test.each([1, 2, 8])('under allkeys-lru, with %i MiB, a reply is the last value set, or none', (mib) => {
  const random = new Random(SEED)
  const core = new TestCore()
  const kv = new TestKv(core, { policy: 'allkeys-lru', maxmemory: mib << 20 })
  const last = new Map<string, string>()
  let found = 0
  for (let i = 0; i < 40_000; i++) {
    const key = `k${random.below(20_000)}`
    if (random.chance(0.5)) {
      const text = String(i).repeat(random.pick([1, 10, 30, 4000]))
      expect(kv.run('SET', key, text), `MILLRACE_SEED=${SEED}`).toBe('+OK\r\n')
      last.set(key, text)
      if (random.chance(0.01)) core.call('testPoolCheck', kv.kv)
    } else {
      const reply = kv.run('GET', key)
      if (reply === '$-1\r\n') continue
      found++
      const text = last.get(key) ?? ''
      expect(reply === `$${text.length}\r\n${text}\r\n`, `MILLRACE_SEED=${SEED}, ${key}`).toBe(true)
    }
    if (i % 50 === 0) core.advance(10)
  }
  expect(found).toBeGreaterThan(100)
  expect(kv.stat('peak')).toBeLessThanOrEqual(mib << 20)
  kv.core.call('testPoolCheck', kv.kv)
  kv.checkEmpty()
})
