// Differential tests of the commands about the connection and the server, of unknown commands, and of RESP3.
import { describe, expect, it } from 'vitest'
import { bothServers, type Command, compareRaw, Pair, script } from './differential.ts'
import { client, KV_IS_REDIS, NO_REDIS, titled } from './harness.ts'
import { encode, encodeAll, parse, type Reply, ReplyError } from './wire.ts'

const long = (length: number): string => 'x'.repeat(length)

const cases: Record<string, Command[]> = {
  'PING ECHO': [
    ...script(`PING|ping|PING hello|PING |PING a b|ECHO hello|ECHO|ECHO a b|ECHO |PiNg`),
    ['PING', '\x00\xff\r\n'],
    ['ECHO', Buffer.alloc(100_000, 'z')],
  ],
  'unknown commands': [
    ...script(`FOO|foo|FOO a|FOO a b c d|GETT a|GE a|PINGPING|COPYX a b|SETEXX a b c|MGE|X`),
    ['', 'a'],
    [''],
    ['\xff\x00\xfe', '\xff', "it's"],
    ['FOO', 'a\r\nb', 'c'],
    ['FOO\r\nBAR', 'x'],
    ...[100, 126, 127, 128, 129, 200, 5000].map((length): Command => [long(length), 'a', 'b']),
    ...[100, 124, 125, 126, 127, 128, 129, 200, 5000].map((length): Command => ['FOO', long(length), 'b', 'c']),
    ...[1, 2, 5, 10, 20, 25, 30, 31, 32, 33, 40].map((count): Command => ['FOO', ...Array(count).fill('ab')]),
    ['FOO', long(60), long(60), long(60), long(60)],
    ['FOO', ...Array(60).fill('')],
    'PING',
  ],
  CLIENT: [
    ...script(`CLIENT|CLIENT GETNAME|CLIENT SETNAME me|CLIENT GETNAME|client getname|CLIENT SETNAME |CLIENT GETNAME`),
    ...script(`CLIENT SETNAME|CLIENT SETNAME a b|CLIENT GETNAME x|CLIENT ID x|CLIENT NONSENSE|CLIENT nonsense a`),
    ['CLIENT', 'SETNAME', 'with space'],
    ['CLIENT', 'SETNAME', 'with\nnewline'],
    'CLIENT GETNAME',
  ],
  CONFIG: [
    ...script(`CONFIG|CONFIG GET|CONFIG SET|CONFIG SET maxmemory|CONFIG NONSENSE|CONFIG NONSENSE x|CONFIG GET nosuch`),
    ...script(`CONFIG GET maxmemory|CONFIG GET maxmemory-policy|config get MaxMemory|CONFIG GET save|
      CONFIG GET appendonly`),
    ...script(`CONFIG SET nosuch 1|CONFIG GET databases|CONFIG RESETSTAT|CONFIG RESETSTAT x`),
  ],
  'the state of a database in INFO': script(
    `INFO nosuch|INFO Keyspace|SET a 1|SELECT 3|MSET a 1 b 2|SELECT 0|INFO keyspace`,
  ),
  'AUTH without a password configured': [
    ...script(`AUTH|AUTH x|AUTH default x|AUTH nobody x|AUTH a b c|AUTH `),
    ...script(
      `HELLO 2 AUTH nobody x|HELLO 2 AUTH default|HELLO 2 AUTH|HELLO 2 SETNAME|HELLO 2 FOO|HELLO 2 SETNAME a FOO`,
    ),
  ],
  'HELLO refused': script(`HELLO 1|HELLO 4|HELLO x|HELLO |HELLO 2.0|HELLO -1|HELLO 03|HELLO 9223372036854775808`),
}

const issueCommands = (
  'ping echo hello auth select quit command client info config get set setnx setex psetex getset getdel getex ' +
  'mget mset msetnx del unlink exists type incr decr incrby decrby append strlen getrange setrange expire ' +
  'pexpire expireat pexpireat ttl pttl persist dbsize flushall flushdb keys scan randomkey'
).split(' ')

/** HELLO's map without what may differ between two servers. */
function identity(reply: Reply): unknown {
  const pairs = reply instanceof Map ? [...reply] : []
  if (Array.isArray(reply))
    for (let i = 0; i < reply.length; i += 2) pairs.push([String(reply[i]), reply[i + 1] as Reply])
  return pairs.map(([key, value]) => [key, ['server', 'version', 'id'].includes(key) ? typeof value : value])
}

describe.skipIf(NO_REDIS)(titled('connection and server commands, byte for byte as redis-server', NO_REDIS), () => {
  const sides = bothServers(['--maxmemory', '64mb']) // CONFIG GET and INFO then have something to agree on

  for (const [title, commands] of Object.entries(cases)) {
    it(title, async () => {
      const pair = await Pair.open(sides())
      await pair.compare(commands)
    })
  }

  it('HELLO tells who it is and switches the protocol', async () => {
    const pair = await Pair.open(sides())
    for (const command of script(`HELLO|HELLO 2|HELLO 3|HELLO|hello 3 setname me|HELLO 2|HELLO 2 SETNAME you`)) {
      const [expected, actual] = await pair.values(command)
      expect(identity(actual), command).toEqual(identity(expected))
      expect(actual instanceof Map, command).toBe(expected instanceof Map)
      await pair.compare(['GET missing', 'CLIENT GETNAME'])
    }
  })

  it('RESP3 changes nulls and maps, and only those', async () => {
    const pair = await Pair.open(sides())
    await pair.values('HELLO 3')
    await pair.compare([
      ...script(`GET missing|MGET a b|SET a 1 GET|SET a 2 GET|SET x 1 XX|SET a 1 NX|GETSET b 1|GETDEL missing`),
      ...script(`GETEX missing|FLUSHALL|RANDOMKEY|TTL missing|SCAN 0|KEYS *|INCR a|EXISTS a|TYPE a`),
      ...script(`CONFIG GET maxmemory|CONFIG GET nosuch|CLIENT GETNAME|INFO nosuch|FOO|PING|PING x|ECHO x|HELLO 4`),
    ])
    await pair.values('HELLO 2')
    await pair.compare(['GET missing', 'CONFIG GET maxmemory', 'MGET a missing'])
  })

  it('QUIT answers and closes, whatever follows', async () => {
    const ping = encode('PING').toString()
    await compareRaw(sides(), [
      'QUIT\r\n',
      encode('QUIT'),
      `${ping}${encode('QUIT')}${ping}`,
      encode('QUIT', 'x'),
      'quit\r\n',
    ])
  })

  it('INFO has the sections and fields that tools read', async () => {
    const pair = await Pair.open(sides())
    await pair.compare(['SET a 1', 'SET b 1 EX 100', 'SELECT 3', 'SET c 1', 'SELECT 0'])
    const [redis, own] = (await pair.values('INFO')) as [string, string]
    const fields =
      'redis_version redis_mode tcp_port process_id uptime_in_seconds connected_clients used_memory maxmemory'
    for (const field of `${fields} maxmemory_policy total_commands_processed role`.split(' ')) {
      expect(redis).toMatch(new RegExp(`^${field}:`, 'm'))
      expect(own, field).toMatch(new RegExp(`^${field}:\\S+\r$`, 'm'))
    }
    for (const section of ['Server', 'Clients', 'Memory', 'Stats', 'Keyspace'])
      expect(own).toContain(`# ${section}\r\n`)
    const keyspace = (text: string): string =>
      text.slice(text.indexOf('# Keyspace')).replaceAll(/avg_ttl=\d+/g, 'avg_ttl=?')
    expect(keyspace(own)).toBe(keyspace(redis))
    const [memory, same] = [await pair.millrace.ask('INFO', 'memory'), await pair.millrace.ask('info', 'MEMORY')]
    expect(memory).toMatch(/^# Memory\r\nused_memory:\d+\r\n/)
    expect(memory).not.toContain('# Server')
    expect(String(same)).toContain('used_memory:')
    for (const section of ['all', 'everything', 'default']) {
      expect(await pair.millrace.ask('INFO', section)).toContain('# Keyspace')
    }
    expect(await pair.millrace.ask('INFO', 'memory', 'keyspace')).toMatch(/# Memory[\s\S]*# Keyspace/)
  })

  it('CLIENT ID is a number of its own for each connection', async () => {
    const [a, b] = [await client(sides().millrace), await client(sides().millrace)]
    const ids = [await a.ask('CLIENT', 'ID'), await b.ask('CLIENT', 'ID'), await a.ask('CLIENT', 'ID')]
    expect(ids[0]).toBeTypeOf('number')
    expect(ids[0]).not.toBe(ids[1])
    expect(ids[0]).toBe(ids[2])
  })

  it('CLIENT SETINFO does no harm to the clients that send it', async () => {
    const on = await client(sides().millrace)
    const reply = await on.ask('CLIENT', 'SETINFO', 'LIB-NAME', 'x')
    expect(reply instanceof ReplyError ? reply.message : reply).toMatch(/^OK$|^ERR unknown subcommand 'SETINFO'/i)
    expect(await on.ask('PING')).toBe('PONG')
  })

  it('COMMAND describes what it has: name, arity, place of the keys', async () => {
    const pair = await Pair.open(sides())
    const [redis, own] = (await pair.values(['COMMAND', 'INFO', ...issueCommands])) as [Reply[][], Reply[][]]
    const shape = (entry: Reply[]): Reply[] => [entry[0], entry[1], entry[3], entry[4], entry[5]] as Reply[]
    expect(own.map(shape)).toEqual(redis.map(shape))
    const all = (await pair.millrace.ask('COMMAND')) as Reply[][]
    const names = new Set(all.map((entry) => entry[0]))
    expect(issueCommands.filter((name) => !names.has(name))).toEqual([])
    expect(await pair.millrace.ask('COMMAND', 'COUNT')).toBe(all.length)
    await pair.compare(['COMMAND INFO nosuch', 'COMMAND NONSENSE', 'COMMAND COUNT x'])
  })

  it.skipIf(KV_IS_REDIS)('a command of Redis that is not ours is unknown, in the words of Redis', async () => {
    const on = await client(sides().millrace)
    for (const name of script(`LPUSH|HSET|MULTI|SUBSCRIBE|EVAL|OBJECT|SWAPDB|SHUTDOWN|BGSAVE|REPLICAOF`)) {
      expect(await on.raw(name, 'a', 'b')).toBe(
        `-ERR unknown command '${name}', with args beginning with: 'a' 'b' \r\n`,
      )
    }
    expect(await on.raw('PING')).toBe('+PONG\r\n')
  })

  it('pipelines of hundreds: every reply, in order', async () => {
    const pair = await Pair.open(sides())
    const commands = Array.from({ length: 3000 }, (_, i): Command => {
      const kinds: Command[] = [
        `SET k${i % 50} ${i}`,
        `GET k${i % 50}`,
        `INCR n${i % 7}`,
        `FOO ${i}`,
        `ECHO ${i}`,
        `GET k${i} x`,
      ]
      return kinds[i % kinds.length] as Command
    })
    await pair.compare(commands)
    const bytes = encodeAll(Array.from({ length: 5000 }, (_, i) => ['ECHO', String(i)]))
    pair.millrace.write(bytes)
    const replies = await pair.millrace.replies(5000)
    expect(replies.map((reply) => parse(reply))).toEqual(Array.from({ length: 5000 }, (_, i) => String(i)))
  })
})

describe.skipIf(NO_REDIS)(titled('with a password, byte for byte as redis-server', NO_REDIS), () => {
  const sides = bothServers(['--requirepass', 'sesame'])

  it('refuses all but AUTH, HELLO and QUIT until the password came', async () => {
    const pair = await Pair.join(sides())
    await pair.compare([
      ...script(`PING|GET a|SET a 1|GET|FOO|SELECT 1|INFO|COMMAND|CLIENT ID|HELLO|HELLO 2|HELLO 3|HELLO 4`),
      ...script(`AUTH|AUTH wrong|AUTH default wrong|AUTH nobody sesame|AUTH a b c|AUTH |AUTH sesamE|AUTH sesame1`),
      ...script(`HELLO 2 AUTH default wrong|HELLO 3 AUTH nobody sesame|HELLO 2 SETNAME x|GET a|AUTH sesame|PING|GET a`),
      ...script(`SET a 1|AUTH wrong|GET a|AUTH default sesame|GET a|FLUSHALL`),
    ])
  })

  it('HELLO with AUTH lets in and switches', async () => {
    const pair = await Pair.join(sides())
    const [expected, actual] = await pair.values('HELLO 3 AUTH default sesame SETNAME me')
    expect(identity(actual)).toEqual(identity(expected))
    await pair.compare(['GET missing', 'CLIENT GETNAME'])
    const other = await Pair.join(sides())
    await other.compare(['PING'])
  })

  it('unauthenticated QUIT, and a password split from the rest of the pipeline', async () => {
    await compareRaw(sides(), [
      'QUIT\r\n',
      'AUTH sesame\r\nPING\r\n',
      `${encode('AUTH', 'wrong')}${encode('PING')}${encode('AUTH', 'sesame')}${encode('PING')}`,
    ])
  })
})
