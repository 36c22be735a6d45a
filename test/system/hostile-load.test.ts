// Many clients, slow clients, greedy clients and noise, against kv and the proxy: memory bounded, others undisturbed.
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { client, KV_IS_REDIS, PROXY_IS, type Program, poll, shared, startKv, startProxy } from './harness.ts'
import { Random, SEED } from './random.ts'
import { bulk, Client, encode, encodeAll, Wire } from './wire.ts'

const MiB = 1 << 20
const GROWTH_MAX = 64 * MiB

const subjects: { name: string; start: () => Promise<Program>; real: boolean }[] = [
  { name: 'kv', start: () => startKv(), real: KV_IS_REDIS },
  { name: 'proxy', start: () => startProxy(['embedded:1']), real: PROXY_IS !== 'millrace' },
]

for (const { name, start, real } of subjects.filter(({ name }) => name === 'kv' || PROXY_IS !== 'nutcracker')) {
  describe(`load on ${name}`, () => {
    const server = shared(start)

    /** Watches the memory while something goes on, and that another client is answered in time. */
    async function undisturbed(during: () => Promise<void>): Promise<void> {
      const other = await Client.open(server().port)
      const before = server().rss()
      const end = { reached: false }
      const work = during().finally(() => {
        end.reached = true
      })
      work.catch(() => undefined) // awaited below
      const times: number[] = []
      let growth = 0
      try {
        for (let i = 0; !end.reached || i < 5; i++) {
          const started = performance.now()
          other.send('SET', 'other', i)
          other.send('GET', 'other')
          expect((await other.replies(2)).join('')).toBe(`+OK\r\n${bulk(String(i))}`)
          times.push(performance.now() - started)
          growth = Math.max(growth, server().rss() - before)
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      } finally {
        await work
        other.destroy()
      }
      // redis-server has no backpressure: it keeps what a client does not read, as long as memory lasts
      if (!real) expect(growth, 'growth of resident memory').toBeLessThan(GROWTH_MAX)
      times.sort((a, b) => a - b)
      expect(times[times.length >> 1], 'the usual answer to another client, ms').toBeLessThan(200)
      expect(times.at(-1), 'the slowest answer to another client, ms').toBeLessThan(3_000)
    }

    it('a client that sends and never reads costs a bounded amount; when it reads, all is there', async () => {
      const value = Buffer.alloc(64 * 1024, 'large ')
      const on = await client(server())
      await on.ask('SET', 'large', value)
      const count = 2_000
      const greedy = connect({ port: server().port, host: '127.0.0.1' })
      await once(greedy, 'connect')
      greedy.pause()
      await undisturbed(async () => {
        greedy.write(Buffer.concat(Array.from({ length: count }, () => encode('GET', 'large'))))
        await new Promise((resolve) => setTimeout(resolve, 1_000))
      })
      const expected = bulk(value)
      let received = 0
      await undisturbed(async () => {
        greedy.on('data', (chunk: Buffer) => {
          for (let at = 0; at < chunk.length; ) {
            const place = (received + at) % expected.length
            const part = Math.min(expected.length - place, chunk.length - at)
            if (expected.compare(chunk, at, at + part, place, place + part) !== 0) received = Number.NaN
            at += part
          }
          received += chunk.length
        })
        greedy.resume()
        await poll(() => Number.isNaN(received) || received >= count * expected.length, 'all replies arrive', 15_000)
      })
      expect(received).toBe(count * expected.length)
      greedy.destroy()
    })

    it('a client that sends large values and never reads costs a bounded amount', async () => {
      const greedy = connect({ port: server().port, host: '127.0.0.1' })
      await once(greedy, 'connect')
      greedy.pause()
      const echo = encode('ECHO', Buffer.alloc(256 * 1024, 'e'))
      await undisturbed(async () => {
        for (let i = 0; i < 400; i++) greedy.write(echo)
        await new Promise((resolve) => setTimeout(resolve, 1_000))
      })
      greedy.destroy()
    })

    it('many clients that never read, and then vanish', async () => {
      const on = await client(server())
      await on.ask('SET', 'medium', Buffer.alloc(8192, 'm'))
      const request = Buffer.concat(Array.from({ length: 500 }, () => encode('GET', 'medium')))
      const files = server().openFiles()
      const wires = await Promise.all(Array.from({ length: 50 }, () => Wire.open(server().port)))
      await undisturbed(async () => {
        for (const wire of wires) {
          wire.socket.pause()
          wire.write(request)
        }
        await new Promise((resolve) => setTimeout(resolve, 500))
        for (const wire of wires) wire.socket.resetAndDestroy()
      })
      await poll(() => server().openFiles() <= files + 2, 'their connections are closed')
    })

    it('slow clients: two hundred, each a byte at a time', async () => {
      await undisturbed(async () => {
        const wires = await Promise.all(Array.from({ length: 200 }, () => Wire.open(server().port)))
        const requests = wires.map((_, i) =>
          encodeAll([
            ['SET', `slow:${i}`, `${i}`.padStart(5)],
            ['GET', `slow:${i}`],
          ]),
        )
        const length = Math.max(...requests.map((request) => request.length))
        for (let at = 0; at < length; at++) {
          for (const [i, wire] of wires.entries()) wire.write((requests[i] as Buffer).subarray(at, at + 1))
          await new Promise((resolve) => setTimeout(resolve, 2))
        }
        for (const [i, wire] of wires.entries()) {
          const expected = `+OK\r\n$5\r\n${`${i}`.padStart(5)}\r\n`
          await wire.until(() => wire.length >= expected.length)
          expect(wire.bytes().toString()).toBe(expected)
          wire.destroy()
        }
      })
    })

    it('thousands of connects and disconnects leave nothing behind', async () => {
      await client(server()).then((on) => on.ask('PING'))
      const files = server().openFiles()
      await undisturbed(async () => {
        const random = new Random(SEED)
        for (let round = 0; round < 60; round++) {
          const wires = await Promise.all(Array.from({ length: 50 }, () => Wire.open(server().port)))
          for (const wire of wires) {
            if (random.chance(0.6))
              wire.write(random.pick([encode('PING'), encode('GET', 'x'), '*3\r\n$3\r\nSE', 'PI', '*1']))
            if (random.chance(0.3)) wire.socket.resetAndDestroy()
            else if (random.chance(0.5)) wire.socket.end()
            else wire.destroy()
          }
        }
      })
      await poll(() => server().openFiles() <= files + 2, 'all connections are closed')
    })

    it('random bytes and mangled requests harm nobody', async () => {
      const random = new Random(SEED)
      const alphabet = Buffer.from('*$+-:_,#(!=%~>|0123456789\r\n\r\n\r\n "\'\\x\x00\xffGETSETMGETPING', 'latin1')
      const valid = encodeAll([
        ['SET', 'f1', 'value'],
        ['GET', 'f1'],
        ['MGET', 'f1', 'f2'],
        ['MSET', 'f1', 'a', 'f2', 'b'],
        ['PING'],
      ])
      const noise = (): Buffer => {
        const length = random.pick([1, 5, 50, 500, 5000, 20_000])
        switch (random.below(4)) {
          case 0:
            return random.bytes(length)
          case 1:
            return Buffer.from(Array.from({ length }, () => random.pick([...alphabet])))
          case 2: {
            const mangled = Buffer.concat(Array.from({ length: 1 + (length >> 7) }, () => valid))
            for (let i = random.between(1, 8); i > 0; i--)
              mangled[random.below(mangled.length)] = random.pick([...alphabet])
            return mangled
          }
          default: {
            const cut = random.below(valid.length)
            return Buffer.concat([valid.subarray(0, cut), valid.subarray(random.below(valid.length))])
          }
        }
      }
      const rounds = 30
      await undisturbed(async () => {
        for (let round = 0; round < rounds; round++) {
          const wires = await Promise.all(Array.from({ length: 20 }, () => Wire.open(server().port)))
          for (const wire of wires) {
            const bytes = noise()
            const cut = random.below(bytes.length)
            wire.write(bytes.subarray(0, cut))
            if (random.chance(0.5)) await new Promise(setImmediate)
            wire.write(bytes.subarray(cut))
          }
          await wires[0]?.until(() => false, 20)
          for (const wire of wires) wire.destroy()
        }
      })
      expect(server().exit, `seed ${SEED}: ${server().stderr}`).toBe(undefined)
      const on = await client(server())
      expect(
        await on.pipeline([
          ['SET', 'f1', 'fine'],
          ['GET', 'f1'],
        ]),
      ).toEqual([Buffer.from('+OK\r\n'), bulk('fine')])
    })
  })
}
