// Differential tests of the string commands: every option, every wrong arity, every error text, byte for byte.
import { describe, it } from 'vitest'
import { bothServers, type Command, Pair, script } from './differential.ts'
import { NO_REDIS, titled } from './harness.ts'

const MAX = '9223372036854775807'
const MIN = '-9223372036854775808'
const BINARY = '\x00\r\n\xff*$"\\ \x7f'

const cases: Record<string, Command[]> = {
  'GET and SET': [
    ...script(`GET a|SET a 1|GET a|set a 2|gEt a|SET a |GET a`),
    ['SET', '', 'empty key'],
    ['GET', ''],
    ['SET', BINARY, BINARY],
    ['GET', BINARY],
    ['STRLEN', BINARY],
    ['SET', 'é', 'ü\x80\xfe'],
    ['GET', 'é'],
    ...script(`GET|GET a b|SET|SET a|SET a b c|SET a b EX|SET a b PX|SET a b EXAT|SET a b ex 10 nx|TYPE a|TYPE missing|
      TYPE|TYPE a b|DBSIZE|DBSIZE x`),
  ],
  'SET with expiry': [
    ...script(`SET a 1 EX 100|TTL a|SET a 1 PX 100000|PTTL a|SET a 1 EXAT 33177117420|TTL a|SET a 1 PXAT 33177117420000|
      PTTL a|SET a 1|TTL a|SET a 1 EX 100|SET a 2 KEEPTTL|TTL a|GET a`),
    ...script(`EX|PX|EXAT|PXAT`).flatMap((option) =>
      [...script(`0|-1|x||1.5|1e3| 1|1 |+1|01`), MAX, MIN, '9223372036854775808', '9223372036854776'].map(
        (value): Command => ['SET', 'a', '1', option, value],
      ),
    ),
    ...script(`GET a|SET a 1 EXAT 1|GET a|EXISTS a|SET a 1 PXAT 1|GET a|TTL a|SET a 1 EX 10 PX 10|SET a 1 EX 10 EX 20|
      SET a 1 EX 10 KEEPTTL|SET a 1 KEEPTTL EX 10|SET a 1 KEEPTTL KEEPTTL|SET a 1 EXAT 33177117420 PXAT 1|
      SET a 1 PERSIST|SET a 1 EX NX|SET a 1 NX EX`),
  ],
  'SET with conditions': [
    ...script(`SET a 1 XX|GET a|SET a 1 NX|SET a 2 NX|SET a 3 XX|GET a|SET a 4 NX XX|SET a 4 XX NX|SET a 4 NX NX|
      SET a 4 XX XX|SET a 5 GET|SET b 5 GET|SET b 6 GET NX|SET c 6 NX GET|SET d 6 GET XX|GET d|
      SET a 7 XX GET EX 100|TTL a|SET a 8 GET KEEPTTL|TTL a|SET a 9 GET GET|SET a 9 NX EX 10|TTL a|
      SET a 9 XX EX 1000|TTL a|SET a 9 NX EX 0|SET missing 9 XX EX 0|SET a 9 FOO|SET a 9 GET FOO|SET a 9 IFEQ 8`),
  ],
  'SETNX SETEX PSETEX GETSET': [
    ...script(`SETNX a 1|SETNX a 2|SETNX a|SETNX a b c|SETEX a 100 v|TTL a|SETNX a 3|TTL a|PSETEX a 100000 w|PTTL a`),
    ...['0', '-5', 'x', '', '1.5', MAX, MIN, '9223372036854776', '99999999999999999999'].flatMap((value): Command[] => [
      ['SETEX', 'a', value, 'v'],
      ['PSETEX', 'a', value, 'v'],
    ]),
    ...script(
      `SETEX a 10|SETEX a 10 v w|PSETEX a 10|PSETEX|GETSET a new|TTL a|GETSET b new|GETSET b|GETSET b c d|GET b`,
    ),
  ],
  'GETDEL and GETEX': [
    ...script(`GETDEL a|SET a 1 EX 100|GETEX a|TTL a|GETEX a PERSIST|TTL a|GETEX a EX 100|TTL a|GETEX a PX 200000|
      PTTL a|GETEX a EXAT 33177117420|TTL a|GETEX a PXAT 33177117420000|PTTL a|GETEX a PERSIST EX 10|
      GETEX a EX 10 PERSIST|GETEX a EX 10 PX 10|GETEX a NX|GETEX a KEEPTTL|GETEX a GET|GETEX a EX|GETEX a FOO`),
    ...['0', '-1', 'x', '1.5', MAX, MIN].flatMap((value): Command[] =>
      ['EX', 'PX', 'EXAT', 'PXAT'].map((option) => ['GETEX', 'a', option, value]),
    ),
    ...script(`GETEX missing EX 10|GETEX missing EX 0|GETEX missing FOO|GETEX|GETEX a EXAT 1|GET a|SET a 2|GETDEL a|
      GET a|GETDEL|GETDEL a b`),
  ],
  'MGET MSET MSETNX': [
    ...script(`MGET a|MSET a 1 b 2 c 3|MGET a b missing c a|MGET|MSET|MSET a|MSET a 1 b|MSETNX|MSETNX a|MSETNX a 1 b|
      MSET a 1 a 2|GET a|MSETNX a 9 d 9|MGET a d|MSETNX d 1 e 2 d 3|MGET d e|SET f 1 EX 100|MSET f 2|TTL f`),
    ['MSET', '', 'x', 'y', '', BINARY, BINARY],
    ['MGET', '', 'y', BINARY],
  ],
  'APPEND STRLEN GETRANGE SETRANGE': [
    'APPEND a hello',
    ['APPEND', 'a', ' world'],
    ...script(`APPEND a |APPEND empty |EXISTS empty|GET a|STRLEN a|STRLEN missing|SET n 10|APPEND n 5|INCR n|
      SET t v EX 100|APPEND t w|TTL t|APPEND a|APPEND a b c|STRLEN|STRLEN a b`),
    ...script(`0 -1|0 0|-1 -1|-5 -1|-100 3|3 1|2 100|100 200|-1 -5|-100 -90|5 -100|0 x|x 0`).map(
      (range) => `GETRANGE a ${range}`,
    ),
    ['GETRANGE', 'a', '0', MAX],
    ['GETRANGE', 'a', MIN, MAX],
    ['GETRANGE', 'a', MIN, MIN],
    ['GETRANGE', 'a', MAX, MIN],
    ['GETRANGE', 'a', '0', '9223372036854775808'],
    ...script(`GETRANGE missing 0 -1|GETRANGE a 0|GETRANGE a 0 1 2|SETRANGE a 6 there|GET a|SETRANGE a 20 x|GET a|
      SETRANGE missing 0 |EXISTS missing|SETRANGE missing 5 |SETRANGE missing 3 x|GET missing|SETRANGE a -1 x|
      SETRANGE missing2 -1 |SETRANGE a x y|SETRANGE a 536870912 x|SETRANGE a 536870911 xy|
      SETRANGE new 536870912 x|SETRANGE new 536870912 `),
    ['SETRANGE', 'a', MAX, 'x'],
    ['SETRANGE', 'a', '9223372036854775808', 'x'],
    ...script(`SETRANGE a 4294967296 x|SETRANGE a 0 |SETRANGE t 1 x|TTL t|SETRANGE n 0 7|INCR n|SETRANGE a 0|SETRANGE|
      SETRANGE big 1048576 x|STRLEN big|GETRANGE big 1048570 -1|GET big`),
  ],
}

const numbers = ['0', '1', '-1', MAX, MIN, '9223372036854775806', '-9223372036854775807', '9223372036854775808']
const oddNumbers = [...script(`| |x|1.5|1e3|+1|-0|00|01| 1|1 |0x10|99999999999999999999999|-|--1`), '1\x00']

describe.skipIf(NO_REDIS)(titled('strings, byte for byte as redis-server', NO_REDIS), () => {
  const sides = bothServers()

  for (const [title, commands] of Object.entries(cases)) {
    it(title, async () => {
      const pair = await Pair.open(sides())
      await pair.compare(commands)
    })
  }

  it('counts with INCR, DECR, INCRBY and DECRBY up to the ends of int64 and not beyond', async () => {
    const commands: Command[] = []
    for (const value of [...numbers, ...oddNumbers]) {
      for (const step of ['INCR n', 'DECR n']) commands.push(['SET', 'n', value], step, 'GET n')
      for (const by of [...numbers, ...oddNumbers]) {
        for (const name of ['INCRBY', 'DECRBY']) commands.push(['SET', 'n', value], [name, 'n', by], 'GET n')
      }
    }
    const pair = await Pair.open(sides())
    await pair.compare(commands)
  })

  it('counts from nothing, keeps the expiry, and knows the arity', async () => {
    const pair = await Pair.open(sides())
    await pair.compare([
      ...script(`INCR a|INCR a|DECR b|INCRBY c 5|DECRBY d 5|DECRBY d -5|GET d|STRLEN d`),
      ...script(`SET t 1 EX 100|INCR t|INCRBY t 10|TTL t|GET t`),
      ...script(`INCR|INCR a b|DECR|DECR a b|INCRBY a|INCRBY a 1 2|DECRBY a|DECRBY a 1 2|DECRBY`),
      ['DECRBY', 'missing', MIN],
      ['INCRBY', 'missing', MIN],
      'GET missing',
    ])
  })

  it('keeps values of every kind of length: numbers, short, and large', async () => {
    const pair = await Pair.open(sides())
    const lengths = [
      0, 1, 7, 8, 9, 19, 20, 21, 43, 44, 45, 46, 63, 64, 65, 127, 128, 255, 256, 257, 1000, 4095, 4097, 70_000,
    ]
    const commands = lengths.flatMap((length): Command[] => {
      const value = Buffer.alloc(length, `${length}.`)
      return [
        ['SET', 'k', value],
        'STRLEN k',
        'GET k',
        ['APPEND', 'k', value],
        'GET k',
        ['SETRANGE', 'k', 3, 'abc'],
        'GET k',
      ]
    })
    await pair.compare(commands)
  })
})
