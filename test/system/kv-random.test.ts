// Random command sequences over a few keys: after every one of thousands of commands redis-server and millrace agree.
// MILLRACE_SEED=n replays a failure; the seed stands in its message.
import { describe, it } from 'vitest'
import { bothServers, type Command, Pair } from './differential.ts'
import { NO_REDIS, titled } from './harness.ts'
import { Random, SEED } from './random.ts'
import type { Word } from './wire.ts'

const KEYS = [
  'a',
  'b',
  'c',
  'd',
  '',
  '{t}e',
  'k\xff\x00',
  'a-rather-long-key-that-does-not-fit-into-any-small-place-at-all',
]
const INTEGERS = [
  '0',
  '1',
  '-1',
  '7',
  '-13',
  '100',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775806',
  '1.5',
  'x',
  '',
]
const STEPS = ['1', '-1', '5', '-7', '9223372036854775807', '-9223372036854775808', 'x']
/** Seconds far enough away that nothing expires during the test, unless it is over already. */
const SECONDS = ['1000', '2000', '5000', '100000']
const BAD_TIMES = ['0', '-1', 'x', '9223372036854775807', '9223372036854776']

const randomCase = (random: Random, word: string): string => (random.chance(0.2) ? word.toLowerCase() : word)

function value(random: Random): Word {
  if (random.chance(0.4)) return random.pick(INTEGERS)
  if (random.chance(0.5)) return `v${random.below(1000)}`
  return random.bytes(random.pick([0, 1, 10, 44, 45, 100, 300, random.below(2000)]))
}

function setOptions(random: Random): string[] {
  const options: string[] = []
  while (random.chance(0.5)) {
    const option = random.pick(['EX', 'PX', 'EXAT', 'PXAT', 'NX', 'XX', 'KEEPTTL', 'GET', 'NX', 'XX', 'PERSIST', 'FOO'])
    if (option === 'FOO' && random.chance(0.8)) continue
    options.push(randomCase(random, option))
    if (/AT$/.test(option))
      options.push(random.chance(0.8) ? `33177117${random.pick(['420', '999'])}${option === 'PXAT' ? '000' : ''}` : '1')
    else if (/X$/.test(option) && option.length === 2 && !/^[NX]X$/.test(option)) {
      const seconds = random.chance(0.9) ? random.pick(SECONDS) : random.pick(BAD_TIMES)
      options.push(option === 'PX' && /^\d{4,6}$/.test(seconds) ? `${seconds}000` : seconds)
    }
  }
  return options
}

function expire(random: Random, key: string): Word[] {
  const name = random.pick(['EXPIRE', 'PEXPIRE', 'EXPIREAT', 'PEXPIREAT'])
  let time = random.chance(0.85) ? random.pick(SECONDS) : random.pick(BAD_TIMES)
  if (/^\d{4,6}$/.test(time)) {
    if (name.endsWith('AT')) time = `33177${time.padStart(6, '0')}`
    if (name.startsWith('P')) time += '000'
  }
  const options: string[] = []
  while (random.chance(0.3)) options.push(random.pick(['NX', 'XX', 'GT', 'LT', 'GT', 'LT', 'FOO']))
  return [name, key, time, ...options]
}

const makers: ((random: Random, key: string) => Word[])[] = [
  (_random, key) => ['GET', key],
  (random, key) => ['SET', key, value(random)],
  (random, key) => ['SET', key, value(random), ...setOptions(random)],
  (random, key) => ['SETNX', key, value(random)],
  (random, key) => ['SETEX', key, random.pick([...SECONDS, ...BAD_TIMES]), value(random)],
  (random, key) => ['PSETEX', key, random.pick(['1000000', '5000000', ...BAD_TIMES]), value(random)],
  (random, key) => ['GETSET', key, value(random)],
  (_random, key) => ['GETDEL', key],
  (random, key) => ['GETEX', key, ...setOptions(random)],
  (random) => ['MGET', ...Array.from({ length: random.between(1, 5) }, () => random.pick(KEYS))],
  (random) => [
    'MSET',
    ...Array.from({ length: random.between(1, 4) }, () => [random.pick(KEYS), value(random)]).flat(),
  ],
  (random) => [
    'MSETNX',
    ...Array.from({ length: random.between(1, 2) }, () => [random.pick(KEYS), value(random)]).flat(),
  ],
  (random) => [
    random.pick(['DEL', 'UNLINK']),
    ...Array.from({ length: random.between(1, 3) }, () => random.pick(KEYS)),
  ],
  (random) => ['EXISTS', ...Array.from({ length: random.between(1, 4) }, () => random.pick(KEYS))],
  (_random, key) => ['TYPE', key],
  (random, key) => [random.pick(['INCR', 'DECR']), key],
  (random, key) => [random.pick(['INCRBY', 'DECRBY']), key, random.pick(STEPS)],
  (random, key) => ['APPEND', key, random.chance(0.3) ? random.pick(INTEGERS) : 'abc'],
  (_random, key) => ['STRLEN', key],
  (random, key) => ['GETRANGE', key, random.between(-30, 30), random.between(-30, 30)],
  (random, key) => ['SETRANGE', key, random.pick([0, 1, 5, 30, 100, -1]), random.pick(['', 'x', 'xyz', '12'])],
  expire,
  (_random, key) => ['TTL', key],
  (_random, key) => ['PTTL', key],
  (_random, key) => ['PERSIST', key],
  () => ['DBSIZE'],
  (random) => ['SELECT', random.pick(['0', '0', '0', '1', '15', '16'])],
  (random) => (random.chance(0.05) ? [random.pick(['FLUSHDB', 'FLUSHALL'])] : ['PING']),
]

const COMMANDS = 12_000

describe.skipIf(NO_REDIS)(titled('random commands', NO_REDIS), () => {
  const sides = bothServers()

  it(`agree for ${COMMANDS} commands of all kinds`, async () => {
    const random = new Random(SEED)
    const pair = await Pair.open(sides())
    const commands = Array.from({ length: COMMANDS }, (): Command => {
      const words = random.pick(makers)(random, random.pick(KEYS))
      words[0] = randomCase(random, String(words[0]))
      if (random.chance(0.01)) words.push('surplus')
      if (random.chance(0.01)) words.pop()
      return words
    }).filter((words) => words.length > 0)
    await pair.compare(commands, `seed ${SEED}`)
  })

  it('agree for every combination of the options of SET, with their effect', async () => {
    const options = ['NX', 'XX', 'GET', 'KEEPTTL', 'EX 1000', 'PX 2000000', 'EXAT 33177117420', 'PXAT 33177117420999']
    const commands: Command[] = []
    for (let mask = 0; mask < 1 << options.length; mask++) {
      const chosen = options.filter((_, bit) => mask & (1 << bit))
      if (chosen.length > 4) continue
      for (const before of ['DEL k', 'SET k old', 'SET k old EX 500']) {
        commands.push(before, ['SET', 'k', 'new', ...chosen.join(' ').split(' ').filter(Boolean)], 'GET k', 'TTL k')
      }
    }
    const pair = await Pair.open(sides())
    await pair.compare(commands)
  })

  it('agree on many keys: the table grows, shrinks and grows again', async () => {
    const random = new Random(SEED + 1)
    const pair = await Pair.open(sides())
    const key = (): string => `key:${random.below(20_000)}`
    const phase = (count: number, make: () => Command): Command[] => Array.from({ length: count }, make)
    await pair.compare(
      [
        ...phase(20_000, () => ['SET', key(), `${random.bits()}`]),
        'DBSIZE',
        ...phase(20_000, () => ['DEL', key(), key()]),
        'DBSIZE',
        ...phase(10_000, () => ['SET', key(), Buffer.alloc(random.below(200), 'v')]),
        'DBSIZE',
        ...phase(10_000, () => ['GET', key()]),
      ],
      `seed ${SEED}`,
    )
    await pair.compareSets(['KEYS *'])
  })
})
