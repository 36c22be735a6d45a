// Programs and libraries that people use, unchanged: redis-cli, redis-benchmark, ioredis, node-redis; against the proxy
// in front of real servers, a ring of real and embedded ones, `millrace up` and `millrace kv`.
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  client,
  KV_IS_REDIS,
  NO_REDIS,
  NO_REDIS_TOOLS,
  PROXY_IS,
  type Program,
  run,
  shared,
  startKv,
  startMillrace,
  startProxy,
  startRedis,
  titled,
} from './harness.ts'
import { encode } from './wire.ts'

type Fleet = { program: Program; stop(): Promise<void> }

async function fleet(real: number, embedded: number): Promise<Fleet> {
  const servers = await Promise.all(Array.from({ length: real }, () => startRedis()))
  const list = [...servers.map((server) => `${server.server}:1`), ...Array(embedded).fill('embedded:1')]
  const program = await startProxy(list)
  const stop = async (): Promise<void> => {
    await program.stop()
    for (const server of servers) await server.stop()
  }
  return { program, stop }
}

const alone = async (starting: Promise<Program>): Promise<Fleet> => {
  const program = await starting
  return { program, stop: () => program.stop() }
}

const STANDS_IN = PROXY_IS !== 'millrace' || KV_IS_REDIS ? 'a stand-in is tested' : ''
const TWEMPROXY =
  PROXY_IS === 'nutcracker' ? 'twemproxy closes the connection of clients that ask for more than it has' : ''
const subjects: { name: string; start: () => Promise<Fleet>; lacks: string }[] = [
  { name: 'kv', start: () => alone(startKv()), lacks: '' },
  { name: 'up', start: () => alone(startMillrace('up')), lacks: STANDS_IN },
  { name: 'proxy, two real servers', start: () => fleet(2, 0), lacks: NO_REDIS || TWEMPROXY },
  { name: 'proxy, real and embedded servers', start: () => fleet(2, 1), lacks: NO_REDIS || TWEMPROXY },
]

for (const { name, start, lacks } of subjects) {
  describe.skipIf(lacks)(titled(`${name}: clients that exist`, lacks), () => {
    const subject = shared(start)
    const port = (): number => subject().program.port

    it('ioredis', async () => {
      const redis = new Redis(port(), '127.0.0.1', { maxRetriesPerRequest: 1 })
      onTestFinished(() => redis.disconnect())
      expect(await redis.set('io:a', '1')).toBe('OK')
      expect(await redis.get('io:a')).toBe('1')
      expect(await redis.get('io:missing')).toBe(null)
      expect(await redis.mset({ 'io:b': 'x', 'io:c': 'y' })).toBe('OK')
      expect(await redis.mget('io:c', 'io:missing', 'io:b', 'io:a')).toEqual(['y', null, 'x', '1'])
      expect(await redis.incrby('io:a', 41)).toBe(42)
      expect(await redis.set('io:t', 'v', 'EX', 100, 'NX')).toBe('OK')
      expect(await redis.ttl('io:t')).toBeGreaterThan(97)
      const binary = Buffer.from([0, 255, 13, 10, 36])
      await redis.set('io:bin', binary)
      expect(await redis.getBuffer('io:bin')).toEqual(binary)
      await expect(redis.incr('io:b')).rejects.toThrow('ERR value is not an integer or out of range')
      const pipeline = redis.pipeline()
      for (let i = 0; i < 500; i++) pipeline.set(`io:p${i}`, i).get(`io:p${i}`)
      const results = await pipeline.exec()
      expect(results?.filter((_, i) => i % 2).map(([error, value]) => error ?? value)).toEqual(
        Array.from({ length: 500 }, (_, i) => `${i}`),
      )
      expect(await redis.del('io:a', 'io:b', 'io:c', 'io:missing')).toBe(3)
      expect(await redis.exists('io:t', 'io:a')).toBe(1)
      const parallel = await Promise.all(Array.from({ length: 300 }, (_, i) => redis.get(`io:p${i}`)))
      expect(parallel).toEqual(Array.from({ length: 300 }, (_, i) => `${i}`))
      expect(await redis.ping()).toBe('PONG')
      expect(await redis.quit()).toBe('OK')
    })

    it('node-redis', async () => {
      const redis = createClient({ socket: { host: '127.0.0.1', port: port(), reconnectStrategy: false } })
      const errors: unknown[] = []
      redis.on('error', (error) => errors.push(error))
      await redis.connect()
      onTestFinished(() => {
        if (redis.isOpen) redis.destroy()
      })
      expect(await redis.set('nr:a', '1')).toBe('OK')
      expect(await redis.get('nr:a')).toBe('1')
      expect(await redis.get('nr:missing')).toBe(null)
      expect(
        await redis.mSet([
          ['nr:b', 'x'],
          ['nr:c', 'y'],
        ]),
      ).toBe('OK')
      expect(await redis.mGet(['nr:c', 'nr:missing', 'nr:b'])).toEqual(['y', null, 'x'])
      expect(await redis.incrBy('nr:a', 41)).toBe(42)
      expect(await redis.set('nr:t', 'v', { EX: 100 })).toBe('OK')
      expect(await redis.ttl('nr:t')).toBeGreaterThan(97)
      expect(await redis.getEx('nr:t', { type: 'PERSIST' })).toBe('v')
      expect(await redis.ttl('nr:t')).toBe(-1)
      await expect(redis.incr('nr:b')).rejects.toThrow('ERR value is not an integer or out of range')
      const parallel = await Promise.all(
        Array.from({ length: 500 }, async (_, i) => {
          await redis.set(`nr:p${i}`, `${i}`)
          return redis.get(`nr:p${i}`)
        }),
      )
      expect(parallel).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`))
      expect(await redis.del(['nr:a', 'nr:b', 'nr:c', 'nr:missing'])).toBe(3)
      expect(await redis.exists(['nr:t', 'nr:a'])).toBe(1)
      expect(await redis.ping()).toBe('PONG')
      await redis.close()
      expect(errors).toEqual([])
    })

    it.each([2, 3] as const)('both, told to speak RESP%i', async (version) => {
      const redis = createClient({
        RESP: version,
        socket: { host: '127.0.0.1', port: port(), reconnectStrategy: false },
      })
      redis.on('error', () => undefined)
      await redis.connect()
      onTestFinished(() => redis.destroy())
      expect(await redis.set('nr3:a', 'v')).toBe('OK')
      expect(await redis.mGet(['nr3:a', 'nr3:missing'])).toEqual(['v', null])
      expect(await redis.get('nr3:missing')).toBe(null)
      const io = new Redis(port(), '127.0.0.1', { maxRetriesPerRequest: 1, protocol: version })
      onTestFinished(() => io.disconnect())
      expect(await io.mget('nr3:a', 'nr3:missing')).toEqual(['v', null])
      expect(await io.get('nr3:missing')).toBe(null)
    })

    it.skipIf(NO_REDIS_TOOLS)(titled('redis-cli', NO_REDIS_TOOLS), async () => {
      const cli = async (...args: string[]): Promise<string> => {
        const { stdout, stderr, code } = await run('redis-cli', ['-p', String(port()), ...args])
        return stdout + stderr + (code ? `exit ${code}` : '')
      }
      expect(await cli('set', 'cli:a', '1')).toBe('OK\n')
      expect(await cli('get', 'cli:a')).toBe('1\n')
      expect(await cli('--no-raw', 'get', 'cli:missing')).toBe('(nil)\n')
      expect(await cli('--no-raw', 'incr', 'cli:a')).toBe('(integer) 2\n')
      expect(await cli('mset', 'cli:a', 'x', 'cli:b', 'y z')).toBe('OK\n')
      expect(await cli('mget', 'cli:b', 'cli:a')).toBe('y z\nx\n')
      expect(await cli('del', 'cli:a', 'cli:b')).toBe('2\n')
      expect(await cli('ping')).toBe('PONG\n')
      expect(await cli('nosuchcommand')).toMatch(/^(\(error\) )?ERR .*nosuchcommand/)
      const script = await run('redis-cli', ['-p', String(port())], {
        input: 'set cli:s "a b"\nget cli:s\nget cli:nothing\nping\n',
      })
      expect(script.stdout).toBe('OK\na b\n\nPONG\n')
    })

    it.skipIf(NO_REDIS_TOOLS)(titled('redis-cli --pipe, a mass insertion', NO_REDIS_TOOLS), async () => {
      const input = Buffer.concat(Array.from({ length: 20_000 }, (_, i) => encode('SET', `pipe:${i}`, `value ${i}`)))
      const { stdout, code } = await run('redis-cli', ['-p', String(port()), '--pipe'], { input })
      expect(stdout).toContain('errors: 0, replies: 20000')
      expect(code).toBe(0)
      const on = await client({ port: port() })
      expect(await on.ask('MGET', 'pipe:0', 'pipe:19999')).toEqual(['value 0', 'value 19999'])
    })

    it.skipIf(NO_REDIS_TOOLS)(titled('redis-benchmark', NO_REDIS_TOOLS), async () => {
      for (const args of [
        ['-P', '16', '-t', 'set,get', '-n', '20000', '-q'],
        ['-t', 'set,get,incr,mset,ping', '-n', '3000', '-r', '1000', '-d', '500', '-q', '--csv'],
      ]) {
        const { stdout, stderr, code } = await run('redis-benchmark', ['-p', String(port()), ...args])
        expect(code, stdout + stderr).toBe(0)
        const talk = (stdout + stderr).replaceAll(/^.*(fetch|FETCH).* CONFIG.*$/gm, '') // asked for, not needed
        expect(talk).not.toMatch(/error/i)
        expect(stdout).toMatch(/SET[\s\S]*GET/)
      }
    })
  })
}

describe.skipIf(STANDS_IN)(titled('millrace up', STANDS_IN), () => {
  const up = shared(() => startMillrace('up'))

  it('says where it listens, which kernel and why, and three lines to try', () => {
    const text = up().stdout
    expect(text).toContain(`listening on 127.0.0.1:${up().port}`)
    expect(text).toMatch(/kernel (epoll|uring)/)
    expect(
      text.split('\n').filter((line) => line.includes(String(up().port)) && /redis-|set|get/i.test(line)).length,
    ).toBeGreaterThan(1)
  })

  it('is four shards behind one address', async () => {
    const on = await client(up())
    const keys = Array.from({ length: 1000 }, (_, i) => `up:${i}`)
    expect(await on.ask('MSET', ...keys.flatMap((key, i) => [key, `v${i}`]))).toBe('OK')
    expect(await on.ask('MGET', ...keys)).toEqual(keys.map((_, i) => `v${i}`))
    expect(await on.ask('DEL', ...keys)).toBe(1000)
    expect(await on.ask('EXISTS', ...keys)).toBe(0)
  })
})
