// What once went wrong, through real sockets: floods of what the host answers, and requests that must wait their turn.
import { describe, expect, test } from 'vitest'
import { FakeServer } from './fake-server.ts'
import { client, during, PROXY_IS, poll, startKv, startMillrace, startProxy, titled } from './harness.ts'
import { encode, Wire } from './wire.ts'

/** Sends the same inline command many times on each of several connections; all replies, or as many as came. */
async function flood(port: number, connections: number, each: number, timeout: number): Promise<string[]> {
  const wires = await Promise.all(Array.from({ length: connections }, () => Wire.open(port)))
  const command = 'COMMAND COUNT\r\n'
  for (const wire of wires) wire.write(command.repeat(each))
  const deadline = performance.now() + timeout
  const replies: string[] = []
  for (const wire of wires) {
    const all = (): boolean =>
      wire.closed || (wire.length >= each * 4 && wire.bytes().toString().split('\n').length > each)
    await wire.until(all, Math.max(1, deadline - performance.now()))
    replies.push(...wire.bytes().toString().split('\r\n').filter(Boolean))
    wire.destroy()
  }
  return replies
}

describe('commands that the host answers, many at a time,', () => {
  test('20,000 on one connection to a kv are all answered', async () => {
    const kv = await during(startKv())
    const replies = await flood(kv.port, 1, 20_000, 15_000)
    expect(replies).toHaveLength(20_000)
    expect(new Set(replies).size, 'with the same number').toBe(1)
    expect(replies[0]).toMatch(/^:\d+$/)
    expect(await (await client(kv)).ask('PING')).toBe('PONG')
    expect(kv.exit).toBeUndefined()
  })

  test('1,100 on each of 20 connections to the proxy are all answered, others meanwhile too', async () => {
    const up = await during(startMillrace('up'))
    const other = await client(up)
    const flooding = flood(up.port, 20, 1_100, 15_000)
    for (let i = 0; i < 20; i++) expect(await other.ask('SET', `k${i}`, i)).toBe('OK')
    const replies = await flooding
    expect(replies).toHaveLength(20 * 1_100)
    expect(new Set(replies).size).toBe(1)
    expect(await other.ask('GET', 'k19')).toBe('19')
    expect(up.exit).toBeUndefined()
  })
})

describe.skipIf(PROXY_IS !== 'millrace')(
  titled('a server at its limit', PROXY_IS === 'millrace' ? '' : `the limit is millrace's, not that of ${PROXY_IS}`),
  () => {
    test('makes an inline command wait, which is then decoded once', async () => {
      const held: string[] = []
      const fake = await during(
        FakeServer.start('fake', ({ words }) => {
          held.push(words.join(' '))
          return undefined
        }),
      )
      const limits = ['--max-in-flight', '1000000', '--timeout', '0']
      const proxy = await during(startProxy([`${fake.server}:1`], limits))
      const flooding = await client(proxy)
      const requests = 70_000 // more than a server may have in flight
      flooding.write('GET k\r\n'.repeat(requests))
      await poll(() => held.length > 1000, 'requests reach the server')
      await settled(() => held.length)
      expect(held.length, 'the server is at its limit').toBeLessThan(requests)
      const waiting = await client(proxy)
      waiting.write('SET "a b" "c d e"\r\nECHO "x \\"y\\""\r\n')
      await settled(() => held.length)
      expect(
        held.filter((words) => words.startsWith('SET')),
        'it waits',
      ).toEqual([])
      const seen: string[] = []
      fake.handle = ({ words }) => {
        if (words[0] !== 'GET') seen.push(words.join('|'))
        return '+OK\r\n'
      }
      expect(fake.sockets.size).toBe(1)
      for (const socket of fake.sockets) socket.write('+OK\r\n'.repeat(held.length))
      expect(String(await waiting.reply())).toBe('+OK\r\n')
      expect(String(await waiting.reply())).toBe('$5\r\nx "y"\r\n')
      expect(seen).toEqual(['SET|a b|c d e'])
      expect(await flooding.replies(requests)).toHaveLength(requests)
      expect(proxy.exit).toBeUndefined()
    })
  },
)

/** Waits until a number no longer grows. */
async function settled(count: () => number): Promise<void> {
  for (let before = -1; before !== count(); ) {
    before = count()
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

describe('thousands of small requests at once', () => {
  const REQUESTS = 40_000

  test.each([
    ['a kv', () => startKv()],
    ['the proxy', () => startMillrace('up')],
  ] as const)('are answered by %s within three seconds', async (_, start) => {
    const server = await during(start())
    const connection = await client(server)
    const began = performance.now()
    const pairs = Array.from({ length: REQUESTS / 2 }, (_, i) => {
      const key = `k${i % 100}`
      return `SET ${key} ${i}\r\n${encode('GET', key)}` // both kinds of requests
    })
    connection.write(pairs.join(''))
    const replies = await connection.replies(REQUESTS)
    expect(performance.now() - began).toBeLessThan(3_000)
    const wrong = replies.findIndex((reply, i) => {
      const value = String(i >> 1)
      return String(reply) !== (i % 2 === 0 ? '+OK\r\n' : `$${value.length}\r\n${value}\r\n`)
    })
    expect(wrong).toBe(-1)
  })
})
