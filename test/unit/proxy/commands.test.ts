// The proxy's command table: every command of Redis has a mode, in any case, and keys are where Redis says they are.
import { describe, expect, test } from 'vitest'
import { during, NO_REDIS, startRedis, titled } from '../../system/harness.ts'
import { Client, encode, parse, type Reply } from '../../system/wire.ts'
import { TestCore } from '../core-test.ts'

// As in assembly/service/proxy/commands.ts, in its order.
const MODES = [
  'unknown',
  'key',
  'key2',
  'mget',
  'sum',
  'mset',
  'all',
  'pairs',
  'two',
  'rest',
  'counted',
  'counted2',
  'script',
  'local',
  'refused',
  'close',
] as const
type Mode = (typeof MODES)[number]

const core = new TestCore({ heapBytes: 4 << 20, slabBytes: 1 << 20 })
if (!core.call('commandsCreate')) throw new Error('no memory for the command table')

function modeOf(name: string): Mode | undefined {
  const request = encode(name)
  if (core.call('respDecode', core.put(request), core.bytes.length) !== request.length) throw new Error('not decoded')
  return MODES[core.call('commandMode')]
}

const NAMES: Readonly<Record<string, Mode>> = {
  get: 'key',
  set: 'key',
  georadiusbymember_ro: 'key',
  zremrangebyscore: 'key',
  object: 'key2',
  mget: 'mget',
  del: 'sum',
  mset: 'mset',
  msetnx: 'pairs',
  sunionstore: 'all',
  rename: 'two',
  bitop: 'rest',
  zinter: 'counted',
  zunionstore: 'counted2',
  eval: 'script',
  ping: 'local',
  'restore-asking': 'refused',
  post: 'close',
  'host:': 'close',
}

test('a name is found in lower, upper and mixed case', () => {
  for (const [name, mode] of Object.entries(NAMES)) {
    const mixed = [...name].map((c, i) => (i % 2 ? c : c.toUpperCase())).join('')
    expect([name, name.toUpperCase(), mixed].map(modeOf), name).toEqual([mode, mode, mode])
  }
})

test('what is nearly a name is none', () => {
  const letters = Object.keys(NAMES).filter((name) => /^[a-z]+$/.test(name))
  const near = letters.flatMap((name) => [
    name.slice(1),
    `${name}\0`,
    `${name} `,
    `\0${name}`,
    ...[...name].flatMap((_, i) =>
      [0x00, 0x20, 0x60, 0x80].map((bits) => {
        const bytes = Buffer.from(name)
        bytes[i] = bits === 0x80 ? bytes[i]! | 0x80 : (bytes[i]! & 0x1f) | bits // the same letter, other upper bits
        return bytes.toString('latin1')
      }),
    ),
  ])
  const strange = near.filter((name) => !/^[a-z]+$/i.test(name))
  expect(strange.length).toBeGreaterThan(200)
  expect(strange.filter((name) => modeOf(name) !== 'unknown').map((name) => JSON.stringify(name))).toEqual([])
  for (const name of [
    '',
    'x',
    'g',
    'gett',
    'geet',
    'x'.repeat(24),
    'x'.repeat(25),
    'get'.repeat(9),
    'georadiusbymember_rox',
  ]) {
    expect(modeOf(name), name).toBe('unknown')
  }
})

type Info = { readonly flags: readonly string[]; readonly first: number; readonly last: number; readonly step: number }

/** Positions of the keys in COMMAND's table, by mode; what has no row is not about positions. */
const POSITIONS: Readonly<Partial<Record<Mode, readonly (readonly [number, number, number])[]>>> = {
  key: [[1, 1, 1]],
  mget: [[1, -1, 1]],
  sum: [[1, -1, 1]],
  mset: [[1, -1, 2]],
  pairs: [[1, -1, 2]],
  all: [[1, -1, 1]],
  two: [[1, 2, 1]],
  rest: [[2, -1, 1]],
  counted: [[0, 0, 0]],
  counted2: [[1, 1, 1]], // the destination
  script: [[0, 0, 0]],
}

function table(reply: Reply): Map<string, Info> {
  const rows = (reply as Reply[]).map((row): [string, Info] => {
    const [name, , flags, first, last, step] = row as [string, number, string[], number, number, number]
    return [name, { flags, first, last, step }]
  })
  return new Map(rows)
}

describe.skipIf(NO_REDIS)(titled('the table of a running Redis', NO_REDIS), () => {
  test('has no command without a mode, and its keys are where the proxy looks for them', async () => {
    const redis = await during(startRedis())
    const client = await Client.open(redis.port)
    try {
      const commands = table(await client.ask('COMMAND'))
      expect(commands.size).toBeGreaterThan(200)
      const unknown = [...commands.keys()].filter((name) => modeOf(name) === 'unknown')
      expect(unknown).toEqual([])
      const elsewhere = [...commands].flatMap(([name, { first, last, step }]) => {
        const rows = POSITIONS[modeOf(name) as Mode]
        const there = rows?.some((row) => String(row) === String([first, last, step])) ?? true
        return there ? [] : [`${name}: ${first} ${last} ${step}`]
      })
      expect(elsewhere).toEqual([])
      const keyed = [...commands].filter(([name, { first }]) => first > 0 && modeOf(name) === 'local')
      expect(keyed, 'what the proxy answers itself has no key').toEqual([])
      const moving = [...commands].filter(([, { flags }]) => flags.includes('movablekeys')).map(([name]) => name)
      const wrong = moving.filter((name) =>
        ['mget', 'sum', 'mset', 'all', 'pairs', 'two', 'rest'].includes(modeOf(name)!),
      )
      expect(wrong, 'keys that move are not split or taken by position').toEqual([])
    } finally {
      client.destroy()
    }
  })

  test('has the second argument as the key of every subcommand that takes one there', async () => {
    const redis = await during(startRedis())
    const client = await Client.open(redis.port)
    try {
      const containers = (await client.ask('COMMAND', 'INFO', 'OBJECT', 'XGROUP', 'XINFO')) as Reply[][]
      for (const container of containers) {
        expect(modeOf(String(container[0]))).toBe('key2')
        const subcommands = table(container[9] as Reply)
        const keyed = [...subcommands].filter(([name]) => !name.endsWith('|help'))
        expect(keyed.length).toBeGreaterThan(2)
        for (const [name, { first, last }] of keyed) expect([name, first, last]).toEqual([name, 2, 2])
      }
      expect(parse(Buffer.from(await client.raw('PING')))).toBe('PONG')
    } finally {
      client.destroy()
    }
  })
})
