// The proxy in front of real servers: single-key commands pass, local ones are answered, what has no shard is refused.
import { describe, expect, it } from 'vitest'
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
import { bulk, encode, exchange, parse, show, Wire, type Word } from './wire.ts'

const MiB = 1 << 20
const OURS_ONLY = PROXY_IS === 'millrace' ? '' : `${PROXY_IS} stands in for the proxy`

describe.skipIf(NO_REDIS)(titled('proxy in front of two real servers', NO_REDIS), () => {
  const one = shared(() => startRedis())
  const two = shared(() => startRedis())
  const proxy = shared(() => startProxy([`${one().server}:1`, `${two().server}:2`]))

  it('passes commands of every type, whatever the key', async () => {
    const on = await client(proxy())
    const commands: [Word[], unknown][] = [
      [['SET', 'p:a', '1'], 'OK'],
      [['GET', 'p:a'], '1'],
      [['set', 'p:b', '2', 'EX', '100', 'NX'], 'OK'],
      [['SET', 'p:b', '2', 'NX'], null],
      [['INCR', 'p:a'], 2],
      [['APPEND', 'p:a', 'x'], 2],
      [['TTL', 'p:a'], -1],
      [['GETRANGE', 'p:a', 0, 0], '2'],
      [['TYPE', 'p:a'], 'string'],
      [['HSET', 'p:h', 'f', 'v', 'g', 'w'], 2],
      [
        ['HGETALL', 'p:h'],
        ['f', 'v', 'g', 'w'],
      ],
      [['RPUSH', 'p:l', 'a', 'b', 'c'], 3],
      [
        ['LRANGE', 'p:l', 0, -1],
        ['a', 'b', 'c'],
      ],
      [['SADD', 'p:s', 'm'], 1],
      [['ZADD', 'p:z', '1.5', 'm'], 1],
      [
        ['ZRANGE', 'p:z', 0, -1, 'WITHSCORES'],
        ['m', '1.5'],
      ],
      [['GET', 'missing'], null],
      [['SET', '\x00\xff\r\n', '\r\n\xfe'], 'OK'],
      [['GET', '\x00\xff\r\n'], '\r\n\xfe'],
    ]
    const replies = await on.pipeline(commands.map(([words]) => words))
    expect(replies.map((reply) => parse(reply))).toEqual(commands.map(([, expected]) => expected))
  })

  it('passes the errors of the servers as they are', async () => {
    const on = await client(proxy())
    await on.ask('RPUSH', 'p:list', 'a')
    await on.ask('SET', 'p:text', 'abc')
    expect(await on.raw('GET', 'p:list')).toBe('-WRONGTYPE Operation against a key holding the wrong kind of value\r\n')
    expect(await on.raw('INCR', 'p:text')).toBe('-ERR value is not an integer or out of range\r\n')
    expect(await on.raw('SET', 'p:text', 'v', 'EX', '0')).toBe("-ERR invalid expire time in 'set' command\r\n")
    expect(await on.raw('MGET', 'p:list', 'p:text')).toBe('*2\r\n$-1\r\n$3\r\nabc\r\n')
  })

  it('uses both servers, by weight', async () => {
    const on = await client(proxy())
    const direct = [await client(one()), await client(two())]
    for (const server of direct) await server.ask('FLUSHALL')
    await on.pipeline(Array.from({ length: 6000 }, (_, i) => ['SET', spreadKey('spread', i), i]))
    const [light, heavy] = [Number(await direct[0]?.ask('DBSIZE')), Number(await direct[1]?.ask('DBSIZE'))]
    if (PROXY_IS !== 'redis') {
      expect(light + heavy).toBe(6000)
      expect(heavy / light).toBeGreaterThan(1.4)
      expect(heavy / light).toBeLessThan(2.8)
    }
  })

  it.skipIf(OURS_ONLY)(titled('answers on its own what is about the connection', OURS_ONLY), async () => {
    const on = await client(proxy())
    expect(await on.raw('PING')).toBe('+PONG\r\n')
    expect(await on.raw('PING', 'hello')).toBe('$5\r\nhello\r\n')
    expect(await on.raw('ECHO', 'hello')).toBe('$5\r\nhello\r\n')
    expect(await on.raw('SELECT', '0')).toBe('+OK\r\n')
    expect(await on.raw('SELECT', '1')).toMatch(/^-ERR [^\r\n]+\r\n$/)
    expect(await on.raw('SELECT', 'x')).toMatch(/^-ERR [^\r\n]+\r\n$/)
    expect(await on.raw('CLIENT', 'SETNAME', 'me')).toBe('+OK\r\n')
    expect(await on.raw('CLIENT', 'GETNAME')).toBe('$2\r\nme\r\n')
    expect(await on.raw('CLIENT', 'SETINFO', 'LIB-NAME', 'x')).toBe('+OK\r\n')
    expect(await on.ask('CLIENT', 'ID')).toBeTypeOf('number')
    expect(await on.raw('CLIENT', 'NONSENSE')).toMatch(/^-ERR [^\r\n]*nonsense[^\r\n]*\r\n$/i)
    expect(Array.isArray(await on.ask('COMMAND'))).toBe(true)
    expect(await on.ask('COMMAND', 'COUNT')).toBeTypeOf('number')
    expect(Array.isArray(await on.ask('COMMAND', 'DOCS'))).toBe(true)
    expect(await on.ask('INFO')).toMatch(/^redis_version:\S+\r$/m)
    const hello = (await on.ask('HELLO', '2')) as unknown[]
    expect(hello[hello.indexOf('proto') + 1]).toBe(2)
    expect(await on.raw('HELLO', '4')).toMatch(/^-NOPROTO /)
    expect(await on.raw('GET')).toBe("-ERR wrong number of arguments for 'get' command\r\n")
    expect(await on.raw('SET', 'a')).toBe("-ERR wrong number of arguments for 'set' command\r\n")
    expect(await on.raw('ECHO')).toBe("-ERR wrong number of arguments for 'echo' command\r\n")
  })

  it.skipIf(OURS_ONLY)(titled('HELLO 3 is granted, to this client alone', OURS_ONLY), async () => {
    const on = await client(proxy())
    const hello = await on.ask('HELLO', '3')
    expect(hello instanceof Map && hello.get('proto')).toBe(3)
    // the servers speak RESP2 to the proxy; a client of RESP3 takes both nulls
    expect(await on.raw('GET', 'missing')).toMatch(/^(_|\$-1)\r\n$/)
    expect(await on.raw('MGET', 'missing', 'missing2', 'missing3')).toMatch(/^\*3\r\n((_|\$-1)\r\n){3}$/)
    expect(await on.raw('SET', 'h3', 'v', 'GET')).toMatch(/^(_|\$-1)\r\n$/)
    expect(await on.raw('DEL', 'h3', 'missing')).toBe(':1\r\n')
    const other = await client(proxy())
    expect(await other.raw('GET', 'missing'), 'another client still speaks RESP2').toBe('$-1\r\n')
    expect(await other.raw('MGET', 'missing')).toBe('*1\r\n$-1\r\n')
    await on.ask('HELLO', '2')
    expect(await on.raw('GET', 'missing')).toBe('$-1\r\n')
  })

  it('QUIT answers what is owed, says OK and closes', async () => {
    const on = await client(proxy())
    await on.ask('SET', 'q', 'value')
    if (PROXY_IS === 'nutcracker') return // closes without +OK
    const bytes = Buffer.concat([
      encode('GET', 'q'),
      encode('MGET', 'q', 'missing'),
      encode('QUIT'),
      encode('GET', 'q'),
    ])
    expect(await exchange(proxy().port, bytes, 1_000)).toEqual({
      reply: '$5\r\nvalue\r\n*2\r\n$5\r\nvalue\r\n$-1\r\n+OK\r\n',
      state: 'closed',
    })
  })

  const refused =
    'KEYS *|SCAN 0|MULTI|EXEC|DISCARD|SUBSCRIBE c|PSUBSCRIBE c*|UNSUBSCRIBE|FLUSHALL|FLUSHDB|BLPOP k 0|BRPOP k 0|' +
    'WATCH k|EVAL return(1) 0|RANDOMKEY|DBSIZE|SHUTDOWN|MONITOR|REPLICAOF no one|SAVE|SWAPDB 0 1|SYNC|NOSUCHCOMMAND a b'
  for (const command of refused.split('|')) {
    it.skipIf(OURS_ONLY)(titled(`${command} is refused by name, the connection stays`, OURS_ONLY), async () => {
      const [name = '', ...rest] = command.split(' ')
      for (const words of [
        [name, ...rest],
        [name.toLowerCase(), ...rest],
      ]) {
        const { reply, state } = await exchange(proxy().port, encode(...words))
        expect(reply).toMatch(new RegExp(`^-ERR [^\\r\\n]*${name}[^\\r\\n]*\\r\\n$`, 'i'))
        expect(state).toBe('open')
      }
    })
  }

  it('what is owed by servers comes before a protocol error, then the close', async () => {
    const on = await client(proxy())
    await on.ask('SET', 'owed', 'value')
    if (PROXY_IS === 'nutcracker') return // closes without a reply
    const bytes = Buffer.concat([encode('GET', 'owed'), encode('MGET', 'owed', 'owed2'), Buffer.from('*abc\r\n')])
    expect(await exchange(proxy().port, bytes, 1_000)).toEqual({
      reply: '$5\r\nvalue\r\n*2\r\n$5\r\nvalue\r\n$-1\r\n-ERR Protocol error: invalid multibulk length\r\n',
      state: 'closed',
    })
  })

  it('the reply order is the request order, whatever the mix', async () => {
    const on = await client(proxy())
    const random = new Random(SEED)
    await on.pipeline(Array.from({ length: 100 }, (_, i) => ['SET', `mix:${i}`, `v${i}`]))
    for (let round = 0; round < 20; round++) {
      const expected: string[] = []
      const commands = Array.from({ length: 300 }, (_, i): Word[] => {
        const [a, b, c] = [random.below(120), random.below(120), random.below(120)]
        const value = (k: number): string => (k < 100 ? bulk(`v${k}`).toString() : '$-1\r\n')
        const choices: [Word[], string][] = [
          [['GET', `mix:${a}`], value(a)],
          [['MGET', `mix:${a}`, `mix:${b}`, `mix:${c}`], `*3\r\n${value(a)}${value(b)}${value(c)}`],
          [['EXISTS', `mix:${a}`, `mix:${b}`], `:${Number(a < 100) + Number(b < 100)}\r\n`],
          ...(PROXY_IS === 'nutcracker' ? [] : [[['ECHO', `${i}`], bulk(`${i}`).toString()] as [Word[], string]]),
        ]
        const [words, reply] = random.pick(PROXY_IS === 'nutcracker' ? choices.slice(0, 2) : choices)
        expected.push(reply)
        return words
      })
      const replies = await on.pipeline(commands)
      expect(replies.map(String), `seed ${SEED}`).toEqual(expected)
    }
  })

  it.skipIf(OURS_ONLY)(
    titled('100,000 pipelined requests of a slow reader: all replies, in order, memory bounded', OURS_ONLY),
    async () => {
      const on = await client(proxy())
      const value = (i: number): Buffer => Buffer.alloc(1024, `value ${i} `)
      await on.pipeline(Array.from({ length: 100 }, (_, i) => ['SET', `big:${i}`, value(i)]))
      const expected = Array.from({ length: 100 }, (_, i) => bulk(value(i)))
      const before = proxy().rss()
      const count = 100_000
      const greedy = await client(proxy())
      greedy.socket.pause()
      const batch = Buffer.concat(Array.from({ length: 1000 }, (_, i) => encode('GET', `big:${i % 100}`)))
      for (let i = 0; i < count / 1000; i++) greedy.write(batch)
      let growth = 0
      const watch = setInterval(() => {
        growth = Math.max(growth, proxy().rss() - before)
      }, 20)
      const other = await client(proxy())
      for (const until = Date.now() + 1_000; Date.now() < until; )
        expect(await other.ask('GET', 'big:1')).toBe(String(value(1)))
      greedy.socket.resume()
      for (let i = 0; i < count; i++) {
        const reply = await greedy.reply()
        if (!reply.equals(expected[i % 100] as Buffer)) expect.fail(`reply ${i} is ${show(reply, 60)}`)
      }
      clearInterval(watch)
      expect(growth).toBeLessThan(64 * MiB)
    },
  )

  it('a slow server delays its own keys only, and never the order', async () => {
    const on = await client(proxy())
    const direct = [await client(one()), await client(two())]
    const own: string[][] = [[], []]
    for (let i = 0; i < 200; i++) {
      const key = spreadKey('slow', i)
      await on.ask('SET', key, `v${key}`)
      own[Number((await direct[0]?.ask('EXISTS', key)) !== 1)]?.push(key)
    }
    if (PROXY_IS === 'redis') return // knows of no servers behind it
    const [slow, fast] = own as [string[], string[]]
    direct[0]?.send('DEBUG', 'SLEEP', '0.8')
    await new Promise((resolve) => setTimeout(resolve, 50)) // for the sleep to begin
    const quick = await client(proxy())
    const started = performance.now()
    const keys = Array.from(
      { length: 100 },
      (_, i) => (i % 2 ? fast[i % fast.length] : slow[i % slow.length]) as string,
    )
    on.write(Buffer.concat(keys.map((key) => encode('GET', key))))
    for (const key of fast.slice(0, 20)) expect(await quick.ask('GET', key)).toBe(`v${key}`)
    expect(performance.now() - started, 'the fast server is not held up').toBeLessThan(600)
    const replies = await on.replies(keys.length)
    expect(replies.map((reply) => parse(reply))).toEqual(keys.map((key) => `v${key}`))
    await direct[0]?.reply()
  })

  it.skipIf(OURS_ONLY)(titled('a hundred clients share one connection to each server', OURS_ONLY), async () => {
    const others = await Promise.all(Array.from({ length: 100 }, () => Wire.open(proxy().port)))
    for (const [i, wire] of others.entries()) wire.write(encode('SET', `many:${i}`, 'v'))
    for (const wire of others) expect(await wire.until(() => wire.length === 5)).toBe(true)
    for (const server of [one(), two()]) {
      const on = await client(server)
      await poll(async () => {
        const info = String(await on.ask('INFO', 'clients'))
        // one of the proxy's for clients that speak RESP2, one for those that said HELLO 3, and this test's own
        return Number(/connected_clients:(\d+)/.exec(info)?.[1]) <= 3
      }, 'only the proxy and this test are connected')
    }
    for (const wire of others) wire.destroy()
  })
})

describe.skipIf(NO_REDIS || OURS_ONLY)(titled('proxy with hash tags', NO_REDIS, OURS_ONLY), () => {
  it('keys with one tag are on one server; without --hash-tag the braces mean nothing', async () => {
    const servers = [await during(startRedis()), await during(startRedis()), await during(startRedis())]
    const list = servers.map((server) => `${server.server}:1`)
    const counts = async (prefix: string): Promise<number[]> => {
      const all: number[] = []
      for (const server of servers)
        all.push(((await (await client(server)).ask('KEYS', `${prefix}*`)) as string[]).length)
      return all.sort((a, b) => a - b)
    }
    const tagged = await client(await during(startProxy(list, ['--hash-tag', '{}'])))
    for (let user = 0; user < 10; user++) {
      await tagged.pipeline(Array.from({ length: 30 }, (_, i) => ['SET', `t${i}{user:${user}}${i}`, 'v']))
      expect(await counts(`*{user:${user}}`)).toEqual([0, 0, 30])
    }
    expect(await tagged.ask('MGET', 't1{user:1}1', 't2{user:2}2')).toEqual(['v', 'v'])
    await tagged.pipeline(Array.from({ length: 100 }, (_, i) => ['SET', `e{}${i}`, 'v']))
    expect((await counts('e{}'))[1], 'an empty tag is no tag').toBeGreaterThan(0)
    const plain = await client(await during(startProxy(list)))
    await plain.pipeline(Array.from({ length: 100 }, (_, i) => ['SET', `{same}${i}`, 'v']))
    expect((await counts('{same}'))[1], 'spread without the option').toBeGreaterThan(0)
  })
})
