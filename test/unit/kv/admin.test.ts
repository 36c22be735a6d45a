// The rare commands that are answered in TypeScript, as redis-server 7.0.15 answers them.
import { beforeEach, describe, expect, test } from 'vitest'
import { parseMemory } from '../../../src/service/bytes.ts'
import { type AdminClient, type AdminContext, adminReply } from '../../../src/service/kv-admin.ts'
import { COMMANDS } from '../../../src/service/kv-commands.ts'
import { DOCS } from '../../../src/service/kv-docs.ts'
import { globToRegExp } from '../../../src/service/kv-subcommand.ts'
import { parse, type Reply } from '../../system/wire.ts'
import { KV, TestCore, TestKv } from '../core-test.ts'

function client(id: number, resp3 = false): AdminClient {
  return {
    id,
    address: `127.0.0.1:${5000 + id}`,
    localAddress: '127.0.0.1:6379',
    fd: 10 + id,
    name: id === 2 ? 'bob' : '',
    ageSeconds: 12.7,
    idleSeconds: 3.2,
    database: 0,
    resp3,
    inputBytes: 0,
    outputBytes: 5,
  }
}

class Fake implements AdminContext {
  readonly version = '0.1.0'
  readonly kernel = 'epoll'
  readonly startedMs = 1_000_000
  readonly nowMs = 1_065_000
  client = client(1)
  clients = [client(1), client(2), client(3)]
  settings = {
    port: 6379,
    bind: '127.0.0.1',
    databases: 16,
    maxmemory: 1 << 30,
    policy: 'noeviction' as 'noeviction' | 'allkeys-lru',
    bulkMax: 536_870_912,
    clientsMax: 10_000,
    timeoutSeconds: 0,
    password: '',
  }
  stats = {
    connections: 5,
    rejected: 1,
    commands: 100,
    inputBytes: 1000,
    outputBytes: 2000,
    hits: 7,
    misses: 3,
    expired: 2,
    evicted: 1,
    usedBytes: 2048,
    peakBytes: 4096,
  }
  keyspace = [
    { keys: 3, expires: 1 },
    { keys: 0, expires: 0 },
    { keys: 1, expires: 0 },
  ]
  readonly killed: number[] = []
  resets = 0
  kill(id: number): void {
    this.killed.push(id)
  }
  setMaxmemory(bytes: number): boolean {
    if (bytes > 1 << 30) return false
    this.settings.maxmemory = bytes
    return true
  }
  setPolicy(policy: 'noeviction' | 'allkeys-lru'): void {
    this.settings.policy = policy
  }
  setPassword(password: string): void {
    this.settings.password = password
  }
  resetStats(): void {
    this.resets++
  }
}

let context: Fake

beforeEach(() => {
  context = new Fake()
})

function ask(...words: string[]): string {
  const args = words.map((word) => Buffer.from(word, 'latin1'))
  return Buffer.from(adminReply(args, context)).toString('latin1')
}

const value = (...words: string[]): Reply => parse(Buffer.from(ask(...words), 'latin1'))

describe('COMMAND', () => {
  test('knows exactly the commands that the core has, with their arity', () => {
    const kv = new TestKv(new TestCore())
    for (const [name, arity] of COMMANDS.filter(([name]) => !name.includes('|'))) {
      const least = Math.abs(arity)
      const words = [name, ...Array.from({ length: least - 1 }, () => '0')]
      const refusal = `-ERR wrong number of arguments for '${name}' command\r\n`
      const unknown = /^-ERR unknown command/
      if (least > 1) expect(kv.run(...words.slice(0, -1)), name).toBe(refusal)
      if (arity > 0) expect(kv.run(...words, '0'), name).toBe(refusal)
      expect(kv.run(...words), name).not.toMatch(unknown)
      expect(kv.run(name.toUpperCase(), ...words.slice(1)), name).not.toMatch(unknown)
    }
    expect(COMMANDS.length).toBe(DOCS.length)
    expect(value('COMMAND', 'COUNT')).toBe((value('COMMAND') as Reply[]).length)
  })

  test('INFO describes a command as Redis does', () => {
    expect(ask('COMMAND', 'INFO', 'get', 'nosuch')).toBe(
      '*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n' +
        '*3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n' +
        '*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n' +
        '$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n' +
        '$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n' +
        '*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n$-1\r\n',
    )
    context.client = client(1, true)
    expect(ask('COMMAND', 'INFO', 'dbsize', 'nosuch')).toBe(
      '*2\r\n*10\r\n$6\r\ndbsize\r\n:1\r\n~2\r\n+readonly\r\n+fast\r\n:0\r\n:0\r\n:0\r\n' +
        '~3\r\n+@keyspace\r\n+@read\r\n+@fast\r\n' +
        '~2\r\n$25\r\nrequest_policy:all_shards\r\n$23\r\nresponse_policy:agg_sum\r\n~0\r\n~0\r\n_\r\n',
    )
  })

  test('GETKEYS, LIST, DOCS', () => {
    expect(value('COMMAND', 'GETKEYS', 'mset', 'a', '1', 'b', '2')).toEqual(['a', 'b'])
    expect(value('COMMAND', 'GETKEYS', 'DEL', 'a', 'b')).toEqual(['a', 'b'])
    expect(ask('COMMAND', 'GETKEYS', 'nosuch', 'x')).toBe('-ERR Invalid command specified\r\n')
    expect(ask('COMMAND', 'GETKEYS', 'echo', 'x')).toBe('-ERR The command has no key arguments\r\n')
    expect(ask('COMMAND', 'GETKEYS', 'set', 'a')).toBe('-ERR Invalid number of arguments specified for command\r\n')
    expect(value('COMMAND', 'GETKEYSANDFLAGS', 'set', 'a', 'b')).toEqual([['a', ['OW', 'update']]])
    expect(value('COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'GETE*')).toEqual(['getex'])
    expect(value('COMMAND', 'LIST', 'FILTERBY', 'ACLCAT', 'nosuch')).toEqual([])
    expect(ask('COMMAND', 'LIST', 'foo')).toBe('-ERR syntax error\r\n')
    expect(value('COMMAND', 'DOCS', 'nosuch')).toEqual([])
    expect(value('COMMAND', 'DOCS', 'get')).toEqual([
      'get',
      ['summary', 'Get the value of a key', 'since', '1.0.0', 'group', 'string'],
    ])
    expect(ask('COMMAND', 'foo')).toBe("-ERR unknown subcommand 'foo'. Try COMMAND HELP.\r\n")
    expect(ask('COMMAND', 'COUNT', 'x')).toBe("-ERR wrong number of arguments for 'command|count' command\r\n")
  })
})

describe('CONFIG', () => {
  const failed = (name: string, why: string): string =>
    `-ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}\r\n`

  test('GET', () => {
    expect(ask('CONFIG', 'GET', 'save')).toBe('*2\r\n$4\r\nsave\r\n$0\r\n\r\n')
    expect(ask('config', 'get', 'nosuch')).toBe('*0\r\n')
    expect(value('CONFIG', 'GET', 'maxmemory', 'APPEND*')).toEqual(['appendonly', 'no', 'maxmemory', '1073741824'])
    expect(ask('CONFIG', 'GET')).toBe("-ERR wrong number of arguments for 'config|get' command\r\n")
    context.client = client(1, true)
    expect(ask('CONFIG', 'GET', 'timeout')).toBe('%1\r\n$7\r\ntimeout\r\n$1\r\n0\r\n')
  })

  test('SET is all or nothing', () => {
    expect(ask('CONFIG', 'SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru')).toBe('+OK\r\n')
    expect(context.settings).toMatchObject({ maxmemory: 100 << 20, policy: 'allkeys-lru' })
    expect(ask('CONFIG', 'SET', 'maxmemory', '5mb', 'databases', '3')).toBe(
      failed('databases', "can't set immutable config"),
    )
    expect(context.settings.maxmemory).toBe(100 << 20)
    expect(ask('CONFIG', 'SET', 'maxmemory', '2gb')).toBe(failed('maxmemory', 'more than was reserved at the start'))
    expect(ask('CONFIG', 'SET', 'maxmemory', 'abc')).toBe(failed('maxmemory', 'argument must be a memory value'))
    expect(ask('CONFIG', 'SET', 'maxmemory', '1', 'maxmemory', '2')).toBe(failed('maxmemory', 'duplicate parameter'))
    expect(ask('CONFIG', 'SET', 'nosuch', '1')).toBe(
      "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'\r\n",
    )
    expect(ask('CONFIG', 'SET', 'save', '')).toBe('+OK\r\n')
    expect(ask('CONFIG', 'SET', 'appendonly', 'yes')).toBe(failed('appendonly', 'millrace keeps nothing on disk'))
    expect(ask('CONFIG', 'SET', 'requirepass', 'pw')).toBe('+OK\r\n')
    expect(context.settings.password).toBe('pw')
    expect(ask('CONFIG', 'SET', 'maxmemory')).toBe("-ERR wrong number of arguments for 'config|set' command\r\n")
  })

  test('RESETSTAT, REWRITE', () => {
    expect(ask('CONFIG', 'RESETSTAT')).toBe('+OK\r\n')
    expect(context.resets).toBe(1)
    expect(ask('CONFIG', 'REWRITE')).toBe('-ERR The server is running without a config file\r\n')
  })

  test('memory values', () => {
    expect(['1', '1b', '1k', '1kb', '2M', '2mb', '1g', '1GB'].map(parseMemory)).toEqual([
      1,
      1,
      1000,
      1024,
      2e6,
      2 << 20,
      1e9,
      1 << 30,
    ])
    expect(['', 'mb', '-1', '1.5mb', '1tb'].map(parseMemory)).toEqual(Array.from({ length: 5 }, () => undefined))
  })
})

describe('CLIENT', () => {
  const LINE =
    'id=1 addr=127.0.0.1:5001 laddr=127.0.0.1:6379 fd=11 name= age=12 idle=3 flags=N db=0 sub=0 psub=0 ssub=0 ' +
    'multi=-1 qbuf=0 qbuf-free=0 obl=0 oll=0 omem=5 events=r cmd=client|info user=default redir=-1 resp=2\n'

  test('INFO and LIST', () => {
    expect(value('CLIENT', 'INFO')).toBe(LINE)
    const names = (reply: Reply): string[] => [...String(reply).matchAll(/^id=(\d+)/gm)].map(([, id]) => id ?? '')
    expect(names(value('CLIENT', 'LIST'))).toEqual(['1', '2', '3'])
    expect(names(value('CLIENT', 'LIST', 'ID', '3', '1', '9'))).toEqual(['3', '1'])
    expect(names(value('CLIENT', 'LIST', 'TYPE', 'normal'))).toEqual(['1', '2', '3'])
    expect(value('CLIENT', 'LIST', 'TYPE', 'pubsub')).toBe('')
    expect(ask('CLIENT', 'LIST', 'TYPE', 'foo')).toBe("-ERR Unknown client type 'foo'\r\n")
    expect(ask('CLIENT', 'LIST', 'ID')).toBe('-ERR syntax error\r\n')
    expect(ask('CLIENT', 'LIST', 'ID', 'x')).toBe('-ERR Invalid client ID\r\n')
    context.client = client(1, true)
    expect(ask('CLIENT', 'INFO')).toMatch(/^=\d+\r\ntxt:id=1 .* resp=3\n\r\n$/)
  })

  test('KILL', () => {
    expect(ask('CLIENT', 'KILL', '127.0.0.1:5002')).toBe('+OK\r\n')
    expect(ask('CLIENT', 'KILL', '1.1.1.1:5')).toBe('-ERR No such client\r\n')
    expect(ask('CLIENT', 'KILL', 'ID', '3')).toBe(':1\r\n')
    expect(ask('CLIENT', 'KILL', 'ID', '99')).toBe(':0\r\n')
    expect(context.killed).toEqual([2, 3])
    expect(ask('CLIENT', 'KILL', 'TYPE', 'normal')).toBe(':2\r\n')
    expect(ask('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no')).toBe(':3\r\n')
    expect(ask('CLIENT', 'KILL', 'ID', 'x')).toBe('-ERR client-id should be greater than 0\r\n')
    expect(ask('CLIENT', 'KILL', 'USER', 'bob')).toBe("-ERR No such user 'bob'\r\n")
    expect(ask('CLIENT', 'KILL', 'foo', 'bar')).toBe('-ERR syntax error\r\n')
  })

  test('what Redis 7.0 does not know, and what is wrong', () => {
    expect(ask('CLIENT', 'SETINFO', 'lib-name', 'x')).toBe("-ERR unknown subcommand 'SETINFO'. Try CLIENT HELP.\r\n")
    expect(ask('CLIENT', 'GETNAME', 'x')).toBe("-ERR wrong number of arguments for 'client|getname' command\r\n")
    expect(ask('CLIENT', 'NO-EVICT', 'on')).toBe('+OK\r\n')
    expect(ask('CLIENT', 'NO-EVICT', 'x')).toBe('-ERR syntax error\r\n')
    expect(ask('CLIENT', 'REPLY', 'on')).toBe('+OK\r\n')
    expect(ask('CLIENT', 'REPLY', 'off')).toBe('-ERR CLIENT REPLY OFF is not supported\r\n')
    expect(ask('CLIENT', 'HELP')).toMatch(/^\*\d+\r\n\+CLIENT <subcommand> /)
  })
})

describe('INFO', () => {
  test('one section', () => {
    expect(value('INFO', 'keyspace')).toBe(
      '# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\ndb2:keys=1,expires=0,avg_ttl=0\r\n',
    )
    expect(value('INFO', 'nosuch')).toBe('')
    expect(value('info', 'CLUSTER', 'modules')).toBe('# Modules\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n')
    context.client = client(1, true)
    expect(ask('INFO', 'cluster')).toBe('=34\r\ntxt:# Cluster\r\ncluster_enabled:0\r\n\r\n')
  })

  test('what clients look for', () => {
    const text = String(value('INFO'))
    for (const line of [
      'redis_version:7.0.15',
      'redis_mode:standalone',
      'millrace_version:0.1.0',
      'uptime_in_seconds:65',
      'loading:0',
      'role:master',
      'connected_clients:3',
      'used_memory:2048',
      'used_memory_human:2.00K',
      'maxmemory_policy:noeviction',
      'keyspace_hits:7',
      'evicted_keys:1',
      'cluster_enabled:0',
    ]) {
      expect(text.split('\r\n')).toContain(line)
    }
    expect(text.match(/^# \w+\r$/gm)?.length).toBe(11)
  })
})

test('patterns for names', () => {
  const matches = (pattern: string, name: string): boolean => globToRegExp(pattern).test(name)
  expect(matches('max*', 'MAXMEMORY')).toBe(true)
  expect(matches('max?emory', 'maxmemory')).toBe(true)
  expect(matches('[a-m]axmemory', 'maxmemory')).toBe(true)
  expect(matches('[^m]axmemory', 'maxmemory')).toBe(false)
  expect(matches('max.emory', 'maxmemory')).toBe(false)
  expect(matches('max\\*', 'max*')).toBe(true)
  expect(matches('max(', 'max(')).toBe(true)
})

test('the core hands up what is answered here', () => {
  const kv = new TestKv(new TestCore())
  for (const words of [['COMMAND'], ['INFO'], ['CONFIG', 'GET', 'save'], ['CLIENT', 'LIST']]) {
    expect(kv.run(...words)).toBe('')
    expect(kv.result).toBe(KV.UPCALL)
  }
})
