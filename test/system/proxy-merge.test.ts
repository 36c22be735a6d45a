// Commands over several keys: split by server, merged in order; and what one failed server does to the merged reply.
import { beforeEach, describe, expect, it } from 'vitest'
import { answerPlainly, FakeServer, keysOf } from './fake-server.ts'
import {
  client,
  during,
  NO_REDIS,
  PROXY_IS,
  poll,
  shared,
  spreadKey,
  startProxy,
  startRedis,
  titled,
} from './harness.ts'
import { Random, SEED } from './random.ts'
import { type Client, parse, type Reply, ReplyError } from './wire.ts'

const OURS_ONLY = PROXY_IS === 'millrace' ? '' : `${PROXY_IS} stands in for the proxy`

describe.skipIf(NO_REDIS)(titled('split and merged over three real servers', NO_REDIS), () => {
  const servers = [shared(() => startRedis()), shared(() => startRedis()), shared(() => startRedis())]
  const proxy = shared(() => startProxy(servers.map((server) => `${server().server}:1`)))
  let on: Client
  let direct: Client[]
  beforeEach(async () => {
    on = await client(proxy())
    direct = await Promise.all(servers.map((server) => client(server())))
    for (const server of [...direct, ...(PROXY_IS === 'redis' ? [on] : [])]) await server.ask('FLUSHALL')
  })
  const holders = async (key: string): Promise<number> => {
    const found = await Promise.all(direct.map((server) => server.ask('EXISTS', key)))
    return found.filter((reply) => reply === 1).length
  }

  it('MSET writes each key to one server, MGET finds them in any order, with gaps and repeats', async () => {
    const keys = Array.from({ length: 200 }, (_, i) => spreadKey('m', i))
    expect(await on.ask('MSET', ...keys.flatMap((key, i) => [key, `v${i}`]))).toBe('OK')
    if (PROXY_IS !== 'redis') {
      for (const [i, server] of direct.entries()) expect(await server.ask('DBSIZE'), `server ${i}`).toBeGreaterThan(10)
      for (const key of keys) expect(await holders(key), key).toBe(1)
    }
    for (const [i, key] of keys.entries()) expect(await on.ask('GET', key)).toBe(`v${i}`)
    const random = new Random(SEED)
    for (let round = 0; round < 100; round++) {
      const picked = Array.from({ length: random.between(1, 40) }, () => random.below(260))
      const expected = picked.map((i) => (i < 200 ? `v${i}` : null))
      expect(await on.ask('MGET', ...picked.map((i) => spreadKey('m', i))), `seed ${SEED}`).toEqual(expected)
    }
  })

  it('MSET with a key twice keeps the last', async () => {
    expect(await on.ask('MSET', 'twice', 'first', 'other', 'x', 'twice', 'last')).toBe('OK')
    expect(await on.ask('MGET', 'twice', 'other')).toEqual(['last', 'x'])
  })

  it('DEL, UNLINK, EXISTS and TOUCH add up what the servers say', async () => {
    const keys = Array.from({ length: 100 }, (_, i) => `d:${i}`)
    const commands = PROXY_IS === 'nutcracker' ? ['DEL', 'UNLINK', 'TOUCH'] : ['DEL', 'UNLINK', 'EXISTS', 'TOUCH']
    for (const command of commands) {
      await on.ask('MSET', ...keys.flatMap((key) => [key, '1']))
      expect(await on.ask(command, ...keys, 'missing:1', 'missing:2'), command).toBe(100)
      const left = command === 'DEL' || command === 'UNLINK' ? 0 : 100
      const total = await Promise.all(direct.map((server) => server.ask('DBSIZE')))
      if (PROXY_IS !== 'redis') expect(total.map(Number).reduce((a, b) => a + b)).toBe(left)
      if (left) expect(await on.ask(command, keys[0] as string, keys[0] as string), 'a key twice counts twice').toBe(2)
      expect(await on.ask(command, 'missing:1')).toBe(0)
    }
  })

  it('large values pass through a merge, and both ways', async () => {
    const big = (i: number): string => `${i}`.repeat(300_000)
    expect(await on.ask('MSET', ...[1, 2, 3, 4, 5, 6].flatMap((i) => [`b:${i}`, big(i)]))).toBe('OK')
    expect(await on.ask('MGET', 'b:6', 'b:0', 'b:1', 'b:3', 'b:6')).toEqual([big(6), null, big(1), big(3), big(6)])
  })

  it.skipIf(OURS_ONLY)(titled('wrong arity, in the words of Redis, reaches no server', OURS_ONLY), async () => {
    const wrong = (name: string): string => `-ERR wrong number of arguments for '${name}' command\r\n`
    expect(await on.raw('MSET', 'a', '1', 'b')).toBe(wrong('mset'))
    expect(await on.raw('MSET')).toBe(wrong('mset'))
    expect(await on.raw('MSET', 'a')).toBe(wrong('mset'))
    for (const name of ['MGET', 'DEL', 'UNLINK', 'EXISTS', 'TOUCH'])
      expect(await on.raw(name)).toBe(wrong(name.toLowerCase()))
    for (const server of direct) expect(await server.ask('DBSIZE')).toBe(0)
  })

  it('merges pipelined one behind the other stay apart', async () => {
    await on.ask('MSET', ...Array.from({ length: 50 }, (_, i) => [`s:${i}`, `v${i}`]).flat())
    const random = new Random(SEED + 1)
    const sets = Array.from({ length: 300 }, () =>
      Array.from({ length: random.between(1, 10) }, () => random.below(60)),
    )
    const replies = await on.pipeline(sets.map((set) => ['MGET', ...set.map((i) => `s:${i}`)]))
    const expected = sets.map((set) => set.map((i) => (i < 50 ? `v${i}` : null)))
    expect(
      replies.map((reply) => parse(reply)),
      `seed ${SEED}`,
    ).toEqual(expected)
  })
})

describe.skipIf(NO_REDIS || OURS_ONLY)(titled('one of three real servers is down', NO_REDIS, OURS_ONLY), () => {
  it('its keys fail with its name, the others go on; it comes back by itself', async () => {
    const servers = [await during(startRedis()), await during(startRedis()), await during(startRedis())] as const
    const proxy = await during(startProxy(servers.map((server) => `${server.server}:1`)))
    const on = await client(proxy)
    const keys = Array.from({ length: 60 }, (_, i) => `k:${i}`)
    await on.ask('MSET', ...keys.flatMap((key) => [key, `v-${key}`]))
    const down = servers[1]
    const lost = (await (await client(down)).ask('KEYS', '*')) as string[]
    expect(lost.length).toBeGreaterThan(5)
    const port = down.port
    await down.kill()

    const named = new RegExp(`127\\.0\\.0\\.1:${port}`)
    const check = (reply: Reply, key: string): void => {
      if (!lost.includes(key)) expect(reply, key).toBe(`v-${key}`)
      else {
        expect(reply, key).toBeInstanceOf(ReplyError)
        expect((reply as ReplyError).message, key).toMatch(named)
      }
    }
    for (const key of keys) check(await on.ask('GET', key), key)
    const all = (await on.ask('MGET', ...keys)) as Reply[]
    expect(all).toHaveLength(keys.length)
    for (const [i, key] of keys.entries()) check(all[i] as Reply, key)
    for (const name of ['EXISTS', 'TOUCH', 'DEL', 'UNLINK']) {
      expect(await on.ask(name, lost[0] as string, 'missing:1', 'missing:2', 'missing:3'), name).toBeInstanceOf(
        ReplyError,
      )
    }
    const alive = keys.filter((key) => !lost.includes(key))
    expect(await on.ask('MSET', ...keys.flatMap((key) => [key, `v-${key}`]))).toBeInstanceOf(ReplyError)
    expect(await on.ask('EXISTS', ...alive)).toBe(alive.length)
    const started = performance.now()
    for (let i = 0; i < 200; i++) await on.ask('GET', lost[i % lost.length] as string)
    expect(performance.now() - started, 'a server that is down fails at once').toBeLessThan(1_000)

    await during(startRedis([], port))
    const back = await poll(
      async () => (await on.ask('SET', lost[0] as string, 'new')) === 'OK',
      'it recovers',
      10_000,
      50,
    )
    expect(back).toBe(true)
    expect(await on.ask('MGET', lost[0] as string, alive[0] as string)).toEqual(['new', `v-${alive[0]}`])
  })

  it('killed in the middle of large replies: what arrived is right, the rest are errors, one per request', async () => {
    const servers = [await during(startRedis()), await during(startRedis())] as const
    const proxy = await during(startProxy(servers.map((server) => `${server.server}:1`)))
    const on = await client(proxy)
    const value = Buffer.alloc(8 << 20, 'large ')
    const big: string[] = []
    const small: string[] = []
    for (let i = 0; big.length < 1 || small.length < 1; i++) {
      await on.ask('SET', `k:${i}`, 'v')
      ;((await (await client(servers[0])).ask('EXISTS', `k:${i}`)) === 1 ? big : small).push(`k:${i}`)
    }
    expect(await on.ask('SET', big[0] as string, value)).toBe('OK')
    const reader = await client(proxy)
    const count = 40
    for (let i = 0; i < count; i++) reader.send('GET', big[0] as string)
    reader.send('GET', small[0] as string)
    expect((await reader.reply()).length).toBeGreaterThan(value.length)
    const port = servers[0].port
    const killed = servers[0].kill()
    let failed = 0
    for (let i = 1; i < count; i++) {
      const reply = await reader.reply()
      if (reply[0] === 45) {
        failed++
        expect(String(reply)).toMatch(new RegExp(`^-[^\\r\\n]*127\\.0\\.0\\.1:${port}[^\\r\\n]*\\r\\n$`))
      } else expect(reply.subarray(reply.indexOf('\n') + 1, -2).equals(value), `reply ${i}`).toBe(true)
    }
    expect(parse(await reader.reply())).toBe('v')
    expect(failed, 'the server was killed before it had answered all').toBeGreaterThan(0)
    await killed
    expect(await on.ask('GET', small[0] as string)).toBe('v')
    await during(startRedis([], port))
    await poll(async () => (await on.ask('GET', big[0] as string)) === null, 'the restarted server answers', 10_000, 50)
  })
})

describe.skipIf(OURS_ONLY)(titled('errors of one server inside a merged reply', OURS_ONLY), () => {
  it('stand at its own keys in MGET, and are the reply of a sum', async () => {
    const good = await during(FakeServer.start('good'))
    const bad = await during(FakeServer.start('bad'))
    const proxy = await during(startProxy([`${good.server}:1`, `${bad.server}:1`]))
    const on = await client(proxy)
    const ask = (key: string): Promise<Reply> => on.ask('GET', key)
    const [g1, g2] = (await keysOf(ask, 'good', 2)) as [string, string]
    const [b1, b2] = (await keysOf(ask, 'bad', 2)) as [string, string]
    for (const error of [
      '-LOADING Redis is loading the dataset in memory',
      '-MOVED 3999 127.0.0.1:6381',
      '-OOM no room',
    ]) {
      bad.handle = () => `${error}\r\n`
      expect(await on.raw('GET', b1)).toBe(`${error}\r\n`)
      expect(await on.raw('MGET', b1, b2), 'all of one server').toContain(`${error}\r\n`)
      const mixed = (await on.ask('MGET', g1, b1, g2, b2)) as Reply[]
      const message = new ReplyError(error.slice(1))
      expect(mixed).toEqual([`good:${g1}`, message, `good:${g2}`, message])
      for (const name of ['DEL', 'UNLINK', 'EXISTS', 'TOUCH'])
        expect(await on.ask(name, g1, b1)).toBeInstanceOf(ReplyError)
      expect(await on.ask('MSET', g1, 'x', b1, 'y')).toBeInstanceOf(ReplyError)
    }
    bad.handle = ({ words }) => answerPlainly('bad', words)
    expect(await on.ask('MGET', b1, g1)).toEqual([`bad:${b1}`, `good:${g1}`])
  })

  it('a merged reply of the wrong shape is an error, never a value at a wrong key', async () => {
    const good = await during(FakeServer.start('good'))
    const bad = await during(FakeServer.start('bad'))
    const proxy = await during(startProxy([`${good.server}:1`, `${bad.server}:1`]))
    const on = await client(proxy)
    const ask = (key: string): Promise<Reply> => on.ask('GET', key)
    const [g1, g2] = (await keysOf(ask, 'good', 2)) as [string, string]
    const [b1, b2] = (await keysOf(ask, 'bad', 2)) as [string, string]
    for (const wrong of [
      '*1\r\n$1\r\nx\r\n',
      '*3\r\n$1\r\nx\r\n$1\r\ny\r\n$1\r\nz\r\n',
      '*-1\r\n',
      '+OK\r\n',
      ':1\r\n',
      '*0\r\n',
    ]) {
      let given = false
      bad.handle = ({ words }) => {
        if (words[0]?.toUpperCase() !== 'MGET') return answerPlainly('bad', words)
        given = true
        return wrong
      }
      const mixed = (await on.ask('MGET', g1, b1, g2, b2)) as Reply[]
      expect([mixed[0], mixed[2]], wrong).toEqual([`good:${g1}`, `good:${g2}`])
      const errors = [mixed[1], mixed[3]].filter((reply) => reply instanceof ReplyError)
      // a proxy that asks for each key alone is not to be confused by the shape of an MGET it did not send
      if (given) expect(errors, wrong).toHaveLength(2)
      else expect([mixed[1], mixed[3]]).toEqual([`bad:${b1}`, `bad:${b2}`])
      bad.handle = undefined
      await poll(async () => (await on.ask('GET', b1)) === `bad:${b1}`, 'it goes on', 5_000, 20)
    }
    for (const wrong of ['+OK\r\n', '$1\r\n1\r\n', '*0\r\n', '$-1\r\n']) {
      bad.handle = ({ words }) => (words[0]?.toUpperCase() === 'DEL' ? wrong : answerPlainly('bad', words))
      expect(await on.ask('DEL', g1, b1), wrong).toBeInstanceOf(ReplyError)
      bad.handle = undefined
      await poll(async () => (await on.ask('GET', b1)) === `bad:${b1}`, 'it goes on', 5_000, 20)
    }
  })
})
