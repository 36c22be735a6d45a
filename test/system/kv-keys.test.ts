// Differential tests of what treats keys as keys: DEL and its kin, expiry, databases, KEYS, SCAN, RANDOMKEY.
import { describe, expect, it } from 'vitest'
import { bothServers, type Command, compareRaw, Pair, scanAll, script } from './differential.ts'
import { client, NO_REDIS, poll, titled } from './harness.ts'
import { Random, SEED } from './random.ts'

const MAX = '9223372036854775807'
const MIN = '-9223372036854775808'
const EXPIRES = ['EXPIRE', 'PEXPIRE', 'EXPIREAT', 'PEXPIREAT']
/** An argument that means a time in the far future, for each of them. */
const FAR: Record<string, number> = { EXPIRE: 5000, PEXPIRE: 5e6, EXPIREAT: 33177117420, PEXPIREAT: 33177117420000 }
const FARTHER: Record<string, number> = { EXPIRE: 9000, PEXPIRE: 9e6, EXPIREAT: 33177117999, PEXPIREAT: 33177117999000 }

const cases: Record<string, Command[]> = {
  'DEL UNLINK EXISTS': [
    ...script(`MSET a 1 b 2 c 3 d 4|EXISTS a|EXISTS a a b missing|DEL a a missing|UNLINK b b missing|DEL missing|
      EXISTS a b c d|DBSIZE`),
    ...script(`DEL|UNLINK|EXISTS|PERSIST|TTL|PTTL|PERSIST a b|TTL a b|PTTL a b`),
    ['DEL', '', 'c', 'd'],
    'DBSIZE',
  ],
  'the EXPIRE family': EXPIRES.flatMap((name): Command[] => [
    'SET a 1',
    `${name} a ${FAR[name]}`,
    ...script(`TTL a|PTTL a|PERSIST a|PERSIST a|TTL a|PERSIST missing`),
    `${name} missing ${FAR[name]}`,
    'TTL missing',
    'PTTL missing',
    ...['', 'x', '1.5', ' 1', '+1', '01', '9223372036854775808', MAX, MIN, '9223372036854776', '-9223372036854776'].map(
      (value): Command => [name, 'a', value],
    ),
    'GET a',
    `${name.toLowerCase()} a ${MAX}`,
    `${name} a ${FAR[name]} FOO`,
    `${name} a x FOO`,
    `${name} missing ${FAR[name]} FOO`,
    `${name} a ${FAR[name]} NX XX`,
    `${name} a ${FAR[name]} NX GT`,
    `${name} a ${FAR[name]} LT NX`,
    `${name} a ${FAR[name]} GT LT`,
    `${name} a ${FAR[name]} XX GT`,
    `${name} a ${FAR[name]} XX LT`,
    `${name} a ${FAR[name]} NX NX`,
    `${name} a`,
    name,
    `${name} a 0`,
    'EXISTS a',
    'SET a 1',
    `${name} a -1`,
    'GET a',
    'SET a 1',
    `${name} a 1 XX`,
    'GET a',
  ]),
  'EXPIRE with NX, XX, GT and LT': EXPIRES.flatMap((name) =>
    ['NX', 'XX', 'GT', 'LT', 'nx', 'Xx GT', 'XX LT'].flatMap((option): Command[] => [
      'SET a 1',
      `${name} a ${FAR[name]} ${option}`,
      'TTL a',
      `${name} a ${FARTHER[name]}`,
      `${name} a ${FAR[name]} ${option}`,
      'TTL a',
      `${name} a ${FAR[name]}`,
      `${name} a ${FARTHER[name]} ${option}`,
      'TTL a',
      // the same once more: from now on, a millisecond between the two would make it later
      ...(name.endsWith('AT') ? [`${name} a ${FARTHER[name]} ${option}`, 'TTL a'] : []),
      `${name} missing ${FAR[name]} ${option}`,
    ]),
  ),
  'what keeps and what drops an expiry': [
    ...script(`SET a 1 EX 1000|INCR a|TTL a|APPEND a x|TTL a|SETRANGE a 0 y|TTL a|GETSET a z|TTL a`),
    ...script(`SET a 1 EX 1000|MSET a 2|TTL a|SET a 1 EX 1000|SETNX a 2|TTL a|SET a 2 XX|TTL a`),
    ...script(`SET a 1 EX 1000|DEL a|SET a 1|TTL a|SET a 1 EX 1000|MSETNX a 2 b 3|TTL a|GETDEL a|TTL a`),
  ],
  'databases 0 to 15': [
    'SET a zero',
    ...Array.from({ length: 16 }, (_, db): Command[] => [
      `SELECT ${db}`,
      `SET only${db} ${db}`,
      'GET a',
      'DBSIZE',
    ]).flat(),
    ...script(`SELECT 16|SELECT -1|SELECT x|SELECT |SELECT 01|SELECT 1.5|SELECT|SELECT 1 2`),
    `SELECT ${MAX}`,
    ...script(`SELECT 9223372036854775808|SELECT 4294967296|DBSIZE`),
    ...script(`SELECT 3|EXISTS only3 only4 a|FLUSHDB|DBSIZE|SELECT 4|DBSIZE|SELECT 15|GET only15`),
    ...script(`FLUSHDB ASYNC|DBSIZE|FLUSHDB SYNC|FLUSHDB FOO|FLUSHDB ASYNC SYNC|FLUSHALL FOO|FLUSHALL SYNC x`),
    ...script(`SELECT 0|GET a|FLUSHALL ASYNC|DBSIZE|SELECT 9|DBSIZE|SET a 9|FLUSHALL SYNC|DBSIZE`),
    'FLUSHALL',
  ],
  'the errors of KEYS, SCAN and RANDOMKEY': [
    ...script(`KEYS|KEYS a b|RANDOMKEY|RANDOMKEY x|SCAN|SCAN x|SCAN 1x|SCAN -1|SCAN 0 FOO|SCAN 0 COUNT`),
    ...script(`SCAN 0 COUNT 0|SCAN 0 COUNT -1|SCAN 0 COUNT x|SCAN 0 MATCH|SCAN 0 COUNT 10 FOO 1|SCAN 0 TYPE`),
    ...script(`SCAN 0|SCAN 0 MATCH * COUNT 10 TYPE string|SCAN 0 COUNT 1 COUNT 2|SCAN |SCAN 18446744073709551616`),
    ...script(`SCAN 0 COUNT 9223372036854775808|SCAN 0 TYPE nonsense|scan 0 match a count 5`),
  ],
}

describe.skipIf(NO_REDIS)(titled('keys, byte for byte as redis-server', NO_REDIS), () => {
  const sides = bothServers()

  for (const [title, commands] of Object.entries(cases)) {
    it(title, async () => {
      const pair = await Pair.open(sides())
      await pair.compare(commands)
    })
  }

  it('KEYS matches globs as Redis does', async () => {
    const pair = await Pair.open(sides())
    const keys = [
      ...script(`|a|b|ab|abc|a*c|a?c|a[b]c`),
      'a\\c',
      ...script(`a-c|a^c|]|[|-`),
      '\x00',
      '\xff',
      ...script(`ABC|aa|aaa|^`),
      'b\n',
    ]
    await pair.compare(keys.map((key): Command => ['SET', key, '1']))
    const fixed = [
      ...script(`*|?|??|a*|*c|a?c`),
      'a\\*c',
      'a\\?c',
      ...script(`a[*]c|[ab]|[^a]|[^ab]*|[a-c]|[c-a]|[a|[^|[|[]|[]]|a[`),
      '\\',
      'a\\',
      '[\\]]',
      '[a\\-c]',
      'a\\\\c',
      ...script(`**|*a*b*c*||[--z]`),
      '\x00',
      '[\xf0-\xff]',
      'a[^b]c',
      '[a-]',
      '*\n',
      'a**c',
      '***?',
    ]
    const random = new Random(SEED)
    const made = Array.from({ length: 600 }, () =>
      Array.from({ length: random.between(1, 6) }, () => random.pick([...'*?[]^-\\abc'])).join(''),
    )
    await pair.compareSets([...fixed, ...made].map((pattern): Command => ['KEYS', pattern]))
    for (const pattern of [...fixed, ...made.slice(0, 60)]) {
      const [expected, actual] = [
        await scanAll(pair.redis, 'MATCH', pattern),
        await scanAll(pair.millrace, 'MATCH', pattern),
      ]
      expect([...new Set(actual)].sort(), `SCAN MATCH ${pattern} (seed ${SEED})`).toEqual([...new Set(expected)].sort())
    }
  })

  it('KEYS survives a pattern made to be slow', async () => {
    const pair = await Pair.open(sides())
    await pair.compare([['SET', 'a'.repeat(40), '1'], `KEYS ${'a*'.repeat(6)}b`, `KEYS ${'*'.repeat(10_000)}`])
  })

  it('KEYS and RANDOMKEY see neither expired keys nor other databases', async () => {
    const pair = await Pair.open(sides())
    await pair.compare([
      ...script(`SELECT 2|SET other 1|SELECT 0|SET a 1|SET gone 1 PXAT 1|SET gone2 1|PEXPIREAT gone2 1`),
    ])
    await pair.compareSets(['KEYS *'])
    await pair.compare(Array.from({ length: 50 }, () => 'RANDOMKEY'))
  })

  it('SCAN gives every element that is there all the time, while the table grows and shrinks', async () => {
    const on = await client(sides().millrace)
    for (const direction of ['grow', 'shrink', 'churn'] as const) {
      await on.ask('FLUSHALL')
      const stable = Array.from({ length: 1000 }, (_, i) => `stable:${i}`)
      const extra = Array.from({ length: 20_000 }, (_, i) => `extra:${i}`)
      await on.pipeline(stable.map((key) => ['SET', key, 'v']))
      if (direction !== 'grow') await on.pipeline(extra.map((key) => ['SET', key, 'v']))
      const found = new Set<string>()
      let cursor = '0'
      let step = 0
      do {
        const [next, keys] = (await on.ask('SCAN', cursor, 'COUNT', 50)) as [string, string[]]
        for (const key of keys) found.add(key)
        cursor = next
        const part = extra.slice((step * 800) % extra.length, ((step * 800) % extra.length) + 800)
        const add = direction === 'grow' || (direction === 'churn' && step % 2 === 1)
        await on.pipeline(part.map((key) => (add ? ['SET', key, 'v'] : ['DEL', key])))
        step++
        expect(step, 'a scan ends').toBeLessThan(5_000)
      } while (cursor !== '0')
      expect(
        stable.filter((key) => !found.has(key)),
        `missing while it ${direction}s`,
      ).toEqual([])
      expect(step).toBeGreaterThan(3)
    }
  })

  it('SCAN with MATCH, COUNT and TYPE gives what KEYS gives', async () => {
    const on = await client(sides().millrace)
    await on.ask('FLUSHALL')
    await on.pipeline(Array.from({ length: 3000 }, (_, i) => ['SET', `k:${i}`, 'v']))
    const keys = ((await on.ask('KEYS', '*')) as string[]).sort()
    expect(keys).toHaveLength(3000)
    for (const count of [1, 7, 100, 5000, 1_000_000]) {
      if (count > 1) expect([...new Set(await scanAll(on, 'COUNT', count))].sort(), `COUNT ${count}`).toEqual(keys)
    }
    expect([...new Set(await scanAll(on, 'COUNT', 500, 'TYPE', 'string'))].sort()).toEqual(keys)
    expect(await scanAll(on, 'COUNT', 500, 'TYPE', 'list')).toEqual([])
    const seven = await scanAll(on, 'COUNT', 100, 'MATCH', 'k:*7')
    expect([...new Set(seven)].sort()).toEqual(keys.filter((key) => key.endsWith('7')))
    expect(await scanAll(on, 'MATCH', 'nothing*', 'COUNT', 1000)).toEqual([])
  })

  it('expired keys go away without being touched', async () => {
    const on = await client(sides().millrace)
    await on.ask('FLUSHALL')
    await on.pipeline(Array.from({ length: 5000 }, (_, i) => ['SET', `short:${i}`, 'v', 'PX', 100 + (i % 300)]))
    await on.pipeline(Array.from({ length: 100 }, (_, i) => ['SET', `long:${i}`, 'v', 'EX', 1000]))
    expect(await on.ask('DBSIZE')).toBeGreaterThan(100)
    await poll(async () => (await on.ask('DBSIZE')) === 100, 'DBSIZE drops to the keys that live', 3_000)
    expect(await scanAll(on, 'COUNT', 1000)).toHaveLength(100)
  })

  it('a key is gone at its time, not before it and not after it', async () => {
    const on = await client(sides().millrace)
    const at = Date.now() + 300
    await on.pipeline([
      ['SET', 'k', 'v', 'PXAT', at],
      ['SET', 'e', 'v', 'PX', 300],
    ])
    for (let early = 0; ; early++) {
      const before = Date.now()
      const [value] = (await on.ask('MGET', 'k')) as [string | null]
      if (Date.now() < at) expect(value, `${at - before} ms before its time`).toBe('v')
      else if (before > at) {
        expect(value, `${before - at} ms after its time`).toBe(null)
        expect(early).toBeGreaterThan(5)
        break
      }
    }
    await poll(async () => (await on.ask('GET', 'e')) === null, 'PX 300 expires', 1_000)
    expect(
      await on.pipeline([
        ['EXISTS', 'k'],
        ['TTL', 'k'],
        ['DEL', 'k'],
        ['INCR', 'k'],
      ]),
    ).toEqual([':0\r\n', ':-2\r\n', ':0\r\n', ':1\r\n'].map((text) => Buffer.from(text)))
  })

  it('inline commands, quotes and escapes', async () => {
    await compareRaw(sides(), [
      ...[
        'PING\r\n',
        'PING\n',
        'ping hello\r\n',
        '  PING  \r\n',
        '\r\n\r\nPING\r\n',
        'SET a "b c"\r\nGET a\r\n',
        ' \r\nPING\r\n',
      ],
      ...[
        "SET a 'b c'\r\nGET a\r\n",
        'SET a "\\x41\\n\\t\\"\\\\\\xff\\q"\r\nGET a\r\n',
        "SET a 'it\\'s'\r\nGET a\r\n",
        'SET "" x\r\n',
      ],
      ...[
        'SET a "b"c\r\n',
        'SET a "b\r\n',
        "SET a 'b\r\n",
        'GET "a" \r\n',
        'ECHO "\\xzz"\r\n',
        'ECHO a\tb\r\n',
        'ECHO ""\r\n',
        "ECHO ''\r\n",
      ],
      ...[
        '\tPING\t\r\n',
        'PI"NG"\r\n',
        '"PING"\r\n',
        'QUIT\r\n',
        'PING\r\nPING\nQUIT\r\nPING\r\n',
        'ECHO \xff\xfe\r\n',
      ],
    ])
  })
})
