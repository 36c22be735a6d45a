// R11: requests cut at every byte, thousands of arguments, keys and values around every buffer boundary, 64 MiB values.
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  client,
  KV_IS_REDIS,
  NO_REDIS,
  PROXY_IS,
  type Program,
  shared,
  startKv,
  startProxy,
  startRedis,
} from './harness.ts'
import { cases, cutEverywhere, KiB, oneByteAtATime, stricter } from './hostile-cases.ts'
import { Random, SEED } from './random.ts'
import { bulk, type Client, encode, type Word } from './wire.ts'

const MiB = KiB * KiB
const SIZES = [KiB, 4 * KiB, 16 * KiB, 32 * KiB, 64 * KiB, MiB].flatMap((size) =>
  [-2, -1, 0, 1, 2].map((d) => size + d),
)

/** A proxy, with a real server behind it where there is one, and that server. */
async function startMixedProxy(): Promise<Program & { behind?: Program }> {
  if (NO_REDIS) return startProxy(['embedded:1'])
  const redis = await startRedis()
  const proxy: Program & { behind?: Program } = await startProxy([`${redis.server}:1`, 'embedded:1'])
  const stop = proxy.stop.bind(proxy)
  proxy.stop = async () => {
    await stop()
    await redis.stop()
  }
  return proxy
}

const subjects = [
  { name: 'kv', start: () => startKv(), real: KV_IS_REDIS },
  { name: 'proxy', start: startMixedProxy, real: PROXY_IS !== 'millrace' },
]

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')

for (const { name, start, real } of subjects) {
  describe(`cuts and sizes: ${name}`, () => {
    const server = shared(start)
    const random = new Random(SEED)

    /** A pipeline of many kinds, on keys of its own, and what it must get. */
    const stream = (id: number): { bytes: Buffer; expected: string } => {
      const key = (letter: string): string => `${letter}${String(id).padStart(5, '0')}`
      const [a, b] = [key('a'), key('b')]
      const nasty = '$3\r\n*1\r\n\x00\xff'
      const steps: [Buffer | string, string][] = [
        [encode('PING'), '+PONG\r\n'],
        [encode('SET', a, nasty), '+OK\r\n'],
        [`SET ${b} "in \\x41 line"\r\n`, '+OK\r\n'],
        [encode('GET', a), bulk(nasty).toString('latin1')],
        ['\r\n*0\r\n', ''],
        [encode('MGET', a, b, 'missing'), `*3\r\n${bulk(nasty).toString('latin1')}$9\r\nin A line\r\n$-1\r\n`],
        ['PING\n', '+PONG\r\n'],
        [encode('MSET', a, '', b, '12'), '+OK\r\n'],
        [encode('INCRBY', b, '30'), ':42\r\n'],
        [encode('GET', a), '$0\r\n\r\n'],
        [encode('DEL', a, b, a), ':2\r\n'],
        [encode('ECHO', ''), '$0\r\n\r\n'],
      ]
      const bytes = Buffer.concat(steps.map(([sent]) => Buffer.from(sent as string, 'latin1')))
      return { bytes, expected: steps.map(([, reply]) => reply).join('') }
    }

    it('a pipeline cut at every byte', async () => {
      await cutEverywhere(server().port, (id) => stream(id).bytes, new RegExp(`^${escaped(stream(0).expected)}$`))
    })

    it('a pipeline one byte at a time', async () => {
      const { bytes, expected } = stream(99_999)
      await oneByteAtATime(server().port, bytes, new RegExp(`^${escaped(expected)}$`))
    })

    it('a pipeline cut into three at random', async () => {
      const on = await client(server())
      for (let round = 0; round < 200; round++) {
        const { bytes, expected } = stream(50_000 + round)
        const cuts = [random.below(bytes.length), random.below(bytes.length)].sort((x, y) => x - y)
        for (const [i, part] of [0, ...cuts].entries()) {
          on.write(bytes.subarray(part, cuts[i] ?? bytes.length))
          if (round % 3) await new Promise(setImmediate)
        }
        const got = (await on.replies(10)).map((reply) => reply.toString('latin1')).join('')
        expect(expected.startsWith(got) || got === expected, `seed ${SEED}, cuts ${cuts}`).toBe(true)
        await on.replies(1)
      }
    })

    it('bad input cut at every byte is the same bad input', async () => {
      const short = [...cases, ...(real ? [] : stricter)].filter(({ sent }) => sent.length > 1 && sent.length < 60)
      expect(short.length).toBeGreaterThan(50)
      for (const { sent, reply, state } of short) {
        const after = state === 'open' ? encode('ECHO', 'after') : Buffer.alloc(0)
        const whole = Buffer.concat([Buffer.from(sent as string, 'latin1'), after])
        const end = state === 'open' ? '[^]*\\$5\\r\\nafter\\r\\n$' : '$'
        const expected = new RegExp(reply.source.replace(/\$$/, '') + end)
        await cutEverywhere(server().port, () => whole, expected)
        await oneByteAtATime(server().port, whole, expected)
      }
    }, 120_000)

    it('a 10,000-argument MSET, a 10,000-key MGET and DEL', async () => {
      const on = await client(server())
      const pairs = Array.from({ length: 10_000 }, (_, i) => [`many:${i}`, `value ${i}`] as const)
      expect(await on.ask('MSET', ...pairs.flat())).toBe('OK')
      const started = Date.now()
      expect(await on.ask('MGET', ...pairs.map(([key]) => key))).toEqual(pairs.map(([, value]) => value))
      expect(Date.now() - started, 'linear in the number of keys').toBeLessThan(2_000)
      expect(await on.ask('EXISTS', ...pairs.map(([key]) => key), 'missing', 'many:1')).toBe(10_001)
      expect(await on.ask('DEL', ...pairs.map(([key]) => key))).toBe(10_000)
      expect(await on.ask('MGET', ...pairs.map(([key]) => key))).toEqual(pairs.map(() => null))
    })

    async function roundTrip(on: Client, key: Word, value: Buffer): Promise<void> {
      const note = `key of ${String(key).length}, value of ${value.length}`
      const replies = await on.pipeline([
        ['ECHO', 'before'],
        ['SET', key, value],
        ['GET', key],
        ['STRLEN', key],
        ['DEL', key],
        ['ECHO', 'after'],
      ])
      const [before, set, get, length, deleted, after] = replies as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer]
      expect(String(before) + set + length + deleted + after, note).toBe(
        `$6\r\nbefore\r\n+OK\r\n:${value.length}\r\n:1\r\n$5\r\nafter\r\n`,
      )
      if (!get.equals(bulk(value))) expect.fail(`${note}: not what was written`)
    }

    it('values around every buffer boundary', async () => {
      const on = await client(server())
      for (const size of SIZES) await roundTrip(on, 'k', random.bytes(size))
    })

    it('keys around every buffer boundary', async () => {
      const on = await client(server())
      for (const size of SIZES) await roundTrip(on, random.bytes(size), Buffer.from('value'))
    })

    it('whole requests around every buffer boundary', async () => {
      const on = await client(server())
      for (const size of SIZES) {
        const head = encode('SET', 'k', '').length - 3 // `$0\r\n` grows by the digits of the length
        const value = random.bytes(size - head - 2 - String(size).length)
        expect(Math.abs(encode('SET', 'k', value).length - size)).toBeLessThan(3)
        await roundTrip(on, 'k', value)
        const both = random.bytes(size >> 1)
        await roundTrip(on, both, both)
      }
    })

    it('frames of a boundary’s size one behind the other drift over every position of a buffer', async () => {
      const on = await client(server())
      for (const size of [KiB, 4 * KiB, 16 * KiB, 64 * KiB]) {
        const echoes = Array.from({ length: 120 }, (_, i) => random.bytes(size - 12 + (i % 24)))
        const replies = await on.pipeline(echoes.map((bytes) => ['ECHO', bytes]))
        expect(replies.findIndex((reply, i) => !reply.equals(bulk(echoes[i] as Buffer)))).toBe(-1)
      }
    })

    it('a value of 64 MiB is set and read back', async () => {
      const on = await client(server())
      const block = random.bytes(MiB)
      const value = Buffer.concat(
        Array.from({ length: 64 }, (_, i) => Buffer.concat([Buffer.from([i]), block.subarray(1)])),
      )
      const sum = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex')
      on.send('SET', 'huge', value)
      on.send('STRLEN', 'huge')
      on.send('GET', 'huge')
      on.send('PING')
      expect((await on.reply(20_000)).toString()).toBe('+OK\r\n')
      expect((await on.reply()).toString()).toBe(`:${64 * MiB}\r\n`)
      const reply = await on.reply(20_000)
      expect(reply.length).toBe(64 * MiB + 13)
      expect(sum(reply.subarray(11, -2))).toBe(sum(value))
      expect((await on.reply()).toString()).toBe('+PONG\r\n')
      expect(await on.ask('DEL', 'huge')).toBe(1)
    })
  })
}
