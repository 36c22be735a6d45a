// Bad input, R1–R10 of the catalogue, through a real socket against kv and against the client side of the proxy:
// the stated reply, the stated close, and every other client undisturbed.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { client, KV_IS_REDIS, PROXY_IS, type Program, poll, shared, startKv, startProxy } from './harness.ts'
import { cases, KiB, MULTIBULK, stricter } from './hostile-cases.ts'
import { Client, encode, exchange, show, Wire } from './wire.ts'

type Subject = { name: string; start: () => Promise<Program>; real: boolean }
const subjects: Subject[] = [
  { name: 'kv', start: () => startKv(), real: KV_IS_REDIS },
  { name: 'proxy', start: () => startProxy(['embedded:1']), real: PROXY_IS !== 'millrace' },
]
for (const subject of subjects.filter(({ name }) => name === 'kv' || PROXY_IS !== 'nutcracker')) {
  describe(`hostile clients of ${subject.name}`, () => {
    const server = shared(subject.start)
    let bystander: Client
    beforeEach(async () => {
      bystander = await Client.open(server().port)
      await bystander.ask('SET', 'bystander', 'here')
    })
    afterEach(async () => {
      expect(await bystander.ask('GET', 'bystander'), 'another client is undisturbed').toBe('here')
      bystander.destroy()
    })

    for (const { sent, reply, state } of [...cases, ...(subject.real ? [] : stricter)]) {
      it(`${show(sent, 60)} → ${state}`, async () => {
        const got = await exchange(server().port, sent, state === 'closed' ? 1_000 : 0)
        expect(got.reply).toMatch(reply)
        expect(got.state).toBe(state)
      })
    }

    it('R2: an array within the cap is waited for, and costs nothing until it comes', async () => {
      const before = server().rss()
      const wires = await Promise.all(Array.from({ length: 200 }, () => Wire.open(server().port)))
      for (const wire of wires) wire.write('*1048576\r\n')
      await bystander.ask('PING')
      expect(wires.filter((wire) => wire.closed || wire.length > 0)).toEqual([])
      expect(server().rss() - before).toBeLessThan(64 * KiB * KiB)
      for (const wire of wires) wire.destroy()
    })

    it('R3: a bulk of 512 MiB announced is waited for, and costs nothing until it comes', async () => {
      const before = server().rss()
      const wires = await Promise.all(Array.from({ length: 50 }, () => Wire.open(server().port)))
      for (const wire of wires) wire.write('*3\r\n$3\r\nSET\r\n$1\r\na\r\n$536870912\r\nxyz')
      await bystander.ask('PING')
      expect(wires.filter((wire) => wire.closed || wire.length > 0)).toEqual([])
      expect(server().rss() - before).toBeLessThan(64 * KiB * KiB)
      for (const wire of wires) wire.destroy()
    })

    it('R6: a bare LF after a count ends nothing: it waits, and the CRLF that comes makes it a fault', async () => {
      const wire = await Wire.open(server().port)
      wire.write('*1\n$4\nPING\n')
      expect(await wire.until(() => wire.closed || wire.length > 0, 100)).toBe(false)
      wire.write('\r\n')
      expect(await wire.until(() => wire.closed)).toBe(true)
      expect(wire.bytes().toString()).toMatch(MULTIBULK)
    })

    it('R10: endless data is ended by the server', async () => {
      for (const start of ['\0', '*\0', '$\0']) {
        const wire = await Wire.open(server().port)
        wire.write(start)
        const payload = Buffer.alloc(16 * KiB, 'payload')
        for (let sent = 0; !wire.closed && !wire.socket.destroyed; sent += payload.length) {
          expect(sent, 'the server closes').toBeLessThan(64 * KiB * KiB)
          wire.write(payload)
          await wire.until(() => wire.closed, 1)
        }
        // the reset that follows unread data may overtake the reply; what did arrive is the fault and nothing else
        expect(wire.bytes().toString()).toMatch(
          /^(-ERR Protocol error: too big (inline request|mbulk count string)\r\n)?$/,
        )
      }
    })

    it('an inline command of almost 64 KiB is a command', async () => {
      const text = 'i'.repeat(64 * KiB - 100)
      expect(await exchange(server().port, `ECHO ${text}\r\n`)).toEqual({
        reply: `$${text.length}\r\n${text}\r\n`,
        state: 'open',
      })
    })

    it('a client that only half closes gets what it is owed', async () => {
      const wire = await Wire.open(server().port, { allowHalfOpen: true })
      wire.socket.end(Buffer.concat([encode('PING'), encode('GET', 'bystander'), encode('ECHO', 'end')]))
      expect(await wire.until(() => wire.closed)).toBe(true)
      expect(wire.bytes().toString()).toBe('+PONG\r\n$4\r\nhere\r\n$3\r\nend\r\n')
    })

    it('a client that leaves in the middle of a request takes nothing with it', async () => {
      const files = server().openFiles()
      const request = encode('SET', 'half', 'v'.repeat(1000))
      for (let cut = 0; cut < request.length; cut += 37) {
        const wire = await Wire.open(server().port)
        wire.write(request.subarray(0, cut))
        if (cut % 2) wire.socket.end()
        else wire.socket.resetAndDestroy()
      }
      expect(await bystander.ask('EXISTS', 'half')).toBe(0)
      await poll(() => server().openFiles() <= files + 2, 'their connections are closed')
    })
  })
}

describe('before AUTH, limits are narrow', () => {
  const server = shared(() => startKv(['--requirepass', 'sesame']))
  const NOAUTH = '-NOAUTH Authentication required.\r\n'

  it('at most 10 arguments of at most 16 KiB', async () => {
    const port = server().port
    const ten = encode('MGET', ...Array(9).fill('k'))
    expect(await unauthenticated(port, ten)).toBe(`${NOAUTH}<open>`)
    const count = '-ERR Protocol error: unauthenticated multibulk length\r\n<closed>'
    expect(await unauthenticated(port, '*11\r\n')).toBe(count)
    expect(await unauthenticated(port, '*1000000\r\n')).toBe(count)
    const big = encode('ECHO', 'e'.repeat(16 * KiB))
    expect(await unauthenticated(port, big)).toBe(`${NOAUTH}<open>`)
    const length = '-ERR Protocol error: unauthenticated bulk length\r\n<closed>'
    expect(await unauthenticated(port, `*2\r\n$4\r\nECHO\r\n$${16 * KiB + 1}\r\n`)).toBe(length)
    expect(await unauthenticated(port, '*1\r\n$536870912\r\n')).toBe(length)
    expect(await unauthenticated(port, '*3000000000\r\n')).toBe(
      '-ERR Protocol error: invalid multibulk length\r\n<closed>',
    )
  })

  it('wide limits return with the password, in the same pipeline', async () => {
    const keys = Array.from({ length: 50 }, (_, i) => `k${i}`)
    const value = 'e'.repeat(100_000)
    const all = Buffer.concat([encode('AUTH', 'sesame'), encode('MGET', ...keys), encode('ECHO', value)])
    const expected = `+OK\r\n*50\r\n${'$-1\r\n'.repeat(50)}$100000\r\n${value}\r\n`
    expect(await unauthenticated(server().port, all, expected.length)).toBe(`${expected}<open>`)
  })

  it('a client that never authenticates and never reads costs little', async () => {
    const greedy = await Wire.open(server().port)
    greedy.socket.pause()
    const before = server().rss()
    const pings = Buffer.concat(Array.from({ length: 20_000 }, () => encode('PING')))
    for (let i = 0; i < 40; i++) greedy.write(pings)
    const other = await client(server())
    expect(await other.ask('AUTH', 'sesame')).toBe('OK')
    const deadline = Date.now() + 1_500
    while (Date.now() < deadline) {
      expect(await other.ask('PING')).toBe('PONG')
      expect(server().rss() - before).toBeLessThan(64 * KiB * KiB)
    }
    greedy.destroy()
  })

  /** Sends, waits for a close or for so many bytes; nothing is sent that would hide what the first bytes did. */
  async function unauthenticated(port: number, bytes: string | Buffer, length = NOAUTH.length): Promise<string> {
    const wire = await Wire.open(port)
    wire.write(bytes)
    await wire.until(() => wire.closed || wire.length >= length, 2_000)
    await wire.until(() => wire.closed, 30)
    const text = wire.bytes().toString('latin1') + (wire.closed ? '<closed>' : '<open>')
    wire.destroy()
    return text
  }
})
