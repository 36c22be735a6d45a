// Keys must be where they were: the real twemproxy and ours, in front of the same servers, agree on every key's place.
import { describe, expect, it } from 'vitest'
import {
  client,
  during,
  millrace,
  NO_NUTCRACKER,
  NO_REDIS,
  PROXY_IS,
  type Program,
  startNutcracker,
  startProxy,
  startRedis,
  titled,
} from './harness.ts'
import { Random, SEED } from './random.ts'
import { parse, type Reply } from './wire.ts'

const OURS_ONLY = PROXY_IS === 'redis' ? 'one redis-server stands in for the proxy' : ''
const LACKING = NO_REDIS || NO_NUTCRACKER || OURS_ONLY

/** Keys of all kinds; 250 bytes is what any twemproxy can take. */
function manyKeys(random: Random): Buffer[] {
  const keys = new Map<string, Buffer>()
  const add = (key: Buffer | string): void => {
    const bytes = Buffer.from(key as string, 'latin1')
    keys.set(bytes.toString('latin1'), bytes)
  }
  for (let i = 0; i < 1500; i++) add(`key${i}`)
  for (let i = 0; i < 500; i++) add(`user:${random.bits().toString(36)}:profile`)
  for (let i = 0; i < 500; i++) add(random.bytes(random.between(1, 250))) // high bytes: the hash uses signed chars
  return [...keys.values()]
}

async function values(at: Program, keys: readonly Buffer[]): Promise<Reply[]> {
  const on = await client(at)
  const all: Reply[] = []
  for (let i = 0; i < keys.length; i += 250) {
    const replies = await on.pipeline(keys.slice(i, i + 250).map((key) => ['GET', key]))
    all.push(...replies.map((reply) => parse(reply)))
  }
  return all
}

async function write(at: Program, keys: readonly Buffer[], value: (i: number) => string): Promise<void> {
  const on = await client(at)
  for (let i = 0; i < keys.length; i += 250) {
    const replies = await on.pipeline(keys.slice(i, i + 250).map((key, k) => ['SET', key, value(i + k)]))
    expect(new Set(replies.map(String))).toEqual(new Set(['+OK\r\n']))
  }
}

describe.skipIf(LACKING)(titled('--compat twemproxy against the real one', LACKING), () => {
  for (const weights of [[1], [1, 1], [1, 1, 1], [1, 2, 5], [100, 1], [3, 3, 3, 1, 7]]) {
    it(`places keys alike for weights ${weights.join(', ')}`, async () => {
      const servers = await Promise.all(weights.map(() => during(startRedis())))
      const list = servers.map((server, i) => `${server.server}:${weights[i]}`)
      const theirs = await during(startNutcracker({ servers: list }))
      const ours = await during(startProxy(list, ['--compat', 'twemproxy']))
      const keys = manyKeys(new Random(SEED))
      await write(theirs, keys, (i) => `theirs ${i}`)
      const seen = await values(ours, keys)
      const wrong = seen.filter((value, i) => value !== `theirs ${i}`).length
      expect(wrong, `keys that ours looks for elsewhere (seed ${SEED})`).toBe(0)
      await write(ours, keys, (i) => `ours ${i}`)
      expect((await values(theirs, keys)).filter((value, i) => value !== `ours ${i}`).length).toBe(0)
      const sizes = await Promise.all(servers.map(async (server) => Number(await (await client(server)).ask('DBSIZE'))))
      expect(sizes.reduce((a, b) => a + b)).toBe(keys.length)
    })
  }

  it('cuts hash tags alike, odd braces too', async () => {
    const servers = await Promise.all([1, 2, 3].map(() => during(startRedis())))
    const list = servers.map((server) => `${server.server}:1`)
    const theirs = await during(startNutcracker({ servers: list, hashTag: '{}' }))
    const ours = await during(startProxy(list, ['--compat', 'twemproxy', '--hash-tag', '{}']))
    const shapes = (i: number): string[] => {
      const t = `t${i * 7919}`
      return [
        `{${t}}a`,
        `b{${t}}`,
        `x{${t}}y`,
        `{}${t}`,
        `${t}{}`,
        `}{${t}}`,
        `{${t}`,
        `${t}}`,
        `{${t}}{other}`,
        `{{${t}}}`,
        `}${t}{`,
        `{ }${t}`,
      ]
    }
    const keys = Array.from({ length: 60 }, (_, i) => shapes(i))
      .flat()
      .map((key) => Buffer.from(key))
    await write(theirs, keys, (i) => `theirs ${i}`)
    const seen = await values(ours, keys)
    const wrong = keys.filter((_, i) => seen[i] !== `theirs ${i}`).map(String)
    expect(wrong).toEqual([])
  })
})

describe.skipIf(NO_REDIS || PROXY_IS !== 'millrace')(titled('a ring of millrace', NO_REDIS), () => {
  it('`millrace ring` names the server where the key is', async () => {
    const servers = await Promise.all([1, 2, 3].map(() => during(startRedis())))
    const list = servers.map((server, i) => `${server.server}:${i + 1}`)
    for (const compat of ['twemproxy', 'ketama', 'native']) {
      const proxy = await during(startProxy(list, ['--compat', compat]))
      const on = await client(proxy)
      const keys = Array.from({ length: 40 }, (_, i) => `ring-${compat}-${i * 104_729}`)
      await on.pipeline(keys.map((key) => ['SET', key, 'v']))
      const ring = await millrace('ring', '--compat', compat, '--servers', list.join(','), ...keys)
      expect(ring.code, ring.stderr).toBe(0)
      const lines = ring.stdout.trimEnd().split('\n')
      expect(lines).toHaveLength(keys.length)
      for (const [i, line] of lines.entries()) {
        const [key, place = ''] = line.split('\t')
        expect(key).toBe(keys[i])
        const holder = servers.find((server) => place.startsWith(server.server))
        if (!holder) throw new Error(`${line} names no server`)
        expect(await (await client(holder)).ask('EXISTS', key as string), line).toBe(1)
      }
    }
  })

  it('of real and embedded servers uses all; what a real one does not hold is in the embedded one', async () => {
    const real = [await during(startRedis()), await during(startRedis())]
    const proxy = await during(startProxy([...real.map((server) => `${server.server}:1`), 'embedded:1']))
    const on = await client(proxy)
    const keys = Array.from({ length: 3000 }, (_, i) => `mixed:${i}`)
    await on.pipeline(keys.map((key) => ['SET', key, `v-${key}`]))
    const held = await Promise.all(real.map(async (server) => Number(await (await client(server)).ask('DBSIZE'))))
    for (const count of held) {
      expect(count).toBeGreaterThan(600)
      expect(count).toBeLessThan(1500)
    }
    expect(await on.ask('MGET', ...keys)).toEqual(keys.map((key) => `v-${key}`))
    await real[0]?.kill()
    const after = (await on.pipeline(keys.map((key) => ['GET', key]))).map((reply) => parse(reply))
    const right = after.filter((value, i) => value === `v-${keys[i]}`).length
    expect(right).toBe(3000 - (held[0] as number))
    expect(await on.ask('DEL', ...keys.filter((_, i) => after[i] === `v-${keys[i]}`))).toBe(right)
  })
})
