// --maxmemory: never exceeded, refused in Redis' words under noeviction, evicted for under allkeys-lru; RSS follows.
import { describe, expect, it } from 'vitest'
import { client, during, KV_IS_REDIS, type Program, startKv } from './harness.ts'
import { Random, SEED } from './random.ts'
import { type Client, parse, ReplyError } from './wire.ts'

const MiB = 1 << 20
const LIMIT = 64 * MiB
const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
/** What a process may take beyond its data: Node itself, buffers, slabs that are partly used. */
const RSS_BESIDES = 160 * MiB
/** Redis counts the buffers of its clients, and checks before a command what it then exceeds. */
const EXCESS = KV_IS_REDIS ? LIMIT : 0

async function usedMemory(on: Client): Promise<number> {
  const used = /^used_memory:(\d+)\r$/m.exec(String(await on.ask('INFO', 'memory')))
  return Number(used?.[1])
}

const startLimited = (policy: string): Promise<Program> =>
  startKv(['--maxmemory', '64mb', '--maxmemory-policy', policy])

/** Writes keys until one is refused; returns how many were taken. */
async function fill(on: Client, prefix: string, value: Buffer): Promise<number> {
  for (let taken = 0; ; ) {
    const replies = await on.pipeline(Array.from({ length: 500 }, (_, i) => ['SET', `${prefix}${taken + i}`, value]))
    expect(await usedMemory(on)).toBeLessThanOrEqual(LIMIT + EXCESS)
    const refused = replies.findIndex((reply) => reply.toString() !== '+OK\r\n')
    if (refused >= 0) {
      expect(
        replies
          .slice(refused)
          .map(String)
          .filter((reply) => reply !== OOM && reply !== '+OK\r\n'),
      ).toEqual([])
      return taken + refused
    }
    taken += replies.length
    expect(taken * value.length, 'the limit is met').toBeLessThan(2 * LIMIT)
  }
}

describe('maxmemory with noeviction', () => {
  it('refuses writes with -OOM, goes on reading and deleting, and takes writes again after deletes', async () => {
    const kv = await during(startLimited('noeviction'))
    const on = await client(kv)
    const value = Buffer.alloc(1000, 'v')
    const count = await fill(on, 'k', value)
    expect(count * 1000, 'most of the limit is data').toBeGreaterThan(LIMIT / 2)
    expect(await on.ask('DBSIZE')).toBeGreaterThanOrEqual(count)
    expect(await on.ask('GET', 'k0')).toBe(value.toString())
    expect(await on.ask('EXISTS', 'k0', `k${count - 1}`)).toBe(2)
    expect(await on.ask('EXPIRE', 'k0', 1000)).toBe(1)
    expect(await on.ask('GETDEL', 'k1')).toBe(value.toString())

    const big = Buffer.alloc(MiB, 'b')
    const before = await on.ask('DBSIZE')
    for (const command of [
      ['SET', 'new', big],
      ['SET', 'k2', big],
      ['SETNX', 'new', big],
      ['SETEX', 'new', '100', big],
      ['PSETEX', 'new', '100000', big],
      ['GETSET', 'k2', big],
      ['MSET', 'new', 'x', 'k2', big, 'k3', big],
      ['MSETNX', 'new', big, 'newer', big],
      ['APPEND', 'k2', big],
      ['APPEND', 'new', big],
      ['SETRANGE', 'new', '4000000', 'x'],
      ['SETRANGE', 'k2', '4000000', 'x'],
    ]) {
      expect(await on.raw(...command), command[0] as string).toBe(OOM)
    }
    expect(await on.ask('DBSIZE'), 'a refused command leaves nothing behind').toBe(before)
    expect(await on.ask('MGET', 'new', 'k2', 'k3')).toEqual([null, value.toString(), value.toString()])
    expect(await usedMemory(on)).toBeLessThanOrEqual(LIMIT + EXCESS)

    await on.pipeline(Array.from({ length: 5000 }, (_, i) => [i % 2 ? 'DEL' : 'UNLINK', `k${i * 2}`]))
    expect(await on.raw('SET', 'new', Buffer.alloc(1000, 'n'))).toBe('+OK\r\n')
    await on.ask('FLUSHALL')
    expect(await fill(on, 'again', Buffer.alloc(100, 'v')), 'the memory came back').toBeGreaterThan(LIMIT / 100 / 4)
    await on.ask('FLUSHALL')
    expect(await fill(on, 'big', Buffer.alloc(100_000, 'v')), 'for other sizes too').toBeGreaterThan(
      LIMIT / 100_000 / 2,
    )
    expect(kv.rss()).toBeLessThan(LIMIT + RSS_BESIDES)
  })

  it.skipIf(KV_IS_REDIS)('a value larger than all the memory is refused and the connection goes on', async () => {
    for (const policy of ['noeviction', 'allkeys-lru']) {
      const kv = await during(startLimited(policy))
      const on = await client(kv)
      expect(await on.raw('SET', 'a', '1')).toBe('+OK\r\n')
      expect(await on.raw('SET', 'huge', Buffer.alloc(80 * MiB, 'h'))).toBe(OOM)
      expect(await on.raw('SETRANGE', 'huge', 80 * MiB, 'h')).toBe(OOM)
      expect(await on.raw('EXISTS', 'huge')).toBe(':0\r\n')
      expect(await on.raw('SET', 'b', '2')).toBe('+OK\r\n')
      expect(kv.rss()).toBeLessThan(2 * LIMIT + RSS_BESIDES)
    }
  })

  it('memory taken by keys that expire comes back by itself', async () => {
    const kv = await during(startLimited('noeviction'))
    const on = await client(kv)
    const value = Buffer.alloc(1000, 'v')
    for (let round = 0; round < 3; round++) {
      const commands = Array.from({ length: 30_000 }, (_, i) => ['SET', `r${round}:${i}`, value, 'PX', '300'])
      const replies = await on.pipeline(commands)
      expect(replies.map(String).filter((reply) => reply !== '+OK\r\n')).toEqual([])
      const deadline = Date.now() + 5_000
      while ((await on.ask('DBSIZE')) !== 0) expect(Date.now(), 'expired keys go').toBeLessThan(deadline)
    }
    expect(await usedMemory(on)).toBeLessThan(LIMIT / 4)
  })
})

describe('maxmemory with allkeys-lru', () => {
  it('keeps what is used, drops what is not, never answers an error, stays below the limit', async () => {
    const kv = await during(startLimited('allkeys-lru'))
    const on = await client(kv)
    const hot = Array.from({ length: 1000 }, (_, i) => `hot:${i}`)
    const value = Buffer.alloc(1000, 'v')
    await on.pipeline(hot.map((key) => ['SET', key, value]))
    const rounds = 100
    for (let round = 0; round < rounds; round++) {
      const sets = Array.from({ length: 2000 }, (_, i) => ['SET', `cold:${round * 2000 + i}`, value])
      const replies = await on.pipeline([...sets, ...hot.map((key) => ['GET', key])], 20_000)
      expect(
        replies
          .slice(0, sets.length)
          .map(String)
          .filter((reply) => reply !== '+OK\r\n'),
      ).toEqual([])
      expect(await usedMemory(on)).toBeLessThanOrEqual(LIMIT + EXCESS)
    }
    const alive = Number(await on.ask('EXISTS', ...hot))
    // Redis' clock of use ticks once a second, this test lasts two
    expect(alive, 'hot keys that are still there').toBeGreaterThanOrEqual(hot.length * (KV_IS_REDIS ? 0.1 : 0.9))
    const size = Number(await on.ask('DBSIZE'))
    expect(size, 'keys were evicted').toBeLessThan(rounds * 2000 * 0.5)
    expect(size * 1000, 'but not more than needed').toBeGreaterThan(LIMIT / 2)
    expect(await on.ask('EXISTS', `cold:${rounds * 2000 - 1}`), 'the newest key').toBe(1)
    const old = Array.from({ length: 1000 }, (_, i) => `cold:${i}`)
    expect(await on.ask('EXISTS', ...old), 'the oldest keys').toBeLessThan(500)
    expect(kv.rss()).toBeLessThan(LIMIT + RSS_BESIDES)
  })

  it('makes room for values of every size after it was filled with another', async () => {
    const kv = await during(startLimited('allkeys-lru'))
    const on = await client(kv)
    for (const size of [100, 4096, 10, 65_536, 1000, MiB, 300]) {
      const count = Math.min(60_000, Math.ceil((1.2 * LIMIT) / size))
      for (let at = 0; at < count; at += 500) {
        const some = Array.from({ length: Math.min(500, count - at) }, (_, i) => [
          'SET',
          `${size}:${at + i}`,
          Buffer.alloc(size),
        ])
        const replies = await on.pipeline(some, 20_000)
        expect(
          replies.map(String).filter((reply) => reply !== '+OK\r\n'),
          `values of ${size}`,
        ).toEqual([])
      }
      const newest = await on.ask('STRLEN', `${size}:${count - 1}`)
      if (!KV_IS_REDIS) expect(newest, 'the newest').toBe(size)
      expect(await usedMemory(on)).toBeLessThanOrEqual(LIMIT + EXCESS)
    }
    expect(kv.rss()).toBeLessThan(LIMIT + RSS_BESIDES)
  })

  it('what it still has is right: values of random size, written and overwritten', async () => {
    const kv = await during(startLimited('allkeys-lru'))
    const on = await client(kv)
    const random = new Random(SEED)
    const written = new Map<string, number>()
    for (let round = 0; round < 60; round++) {
      const sets = Array.from({ length: 400 }, () => {
        const size = random.chance(0.02) ? random.below(200_000) : random.below(5000)
        const key = `k${random.below(30_000)}`
        written.set(key, size)
        return ['SET', key, Buffer.alloc(size, key)]
      })
      const errors = (await on.pipeline(sets, 20_000))
        .map((reply) => parse(reply))
        .filter((r) => r instanceof ReplyError)
      expect(errors, `seed ${SEED}`).toEqual([])
    }
    const keys = [...written.keys()]
    for (let at = 0; at < keys.length; at += 200) {
      const some = keys.slice(at, at + 200)
      const values = (await on.ask('MGET', ...some)) as (string | null)[]
      for (const [i, value] of values.entries()) {
        if (value === null) continue
        const key = some[i] as string
        if (value !== Buffer.alloc(written.get(key) ?? 0, key).toString())
          expect.fail(`${key} is not as written (seed ${SEED})`)
      }
    }
  })
})
