// Servers that misbehave, R12–R18: everything in flight on them gets an error, the connection is closed, the next
// requests work, and a reply never reaches another request than its own.
import { describe, expect, it } from 'vitest'
import { answerPlainly, FakeServer, keysOf, type Request } from './fake-server.ts'
import { client, during, freePort, PROXY_IS, poll, startProxy, titled } from './harness.ts'
import { bulk, type Client, encode, type Reply, ReplyError } from './wire.ts'

const OURS_ONLY = PROXY_IS === 'millrace' ? '' : `${PROXY_IS} stands in for the proxy`
const MiB = 1 << 20

type Scene = {
  bad: FakeServer
  good: FakeServer
  badKeys: string[]
  goodKeys: string[]
  a: Client
  b: Client
  ask: (key: string) => Promise<Reply>
}

async function scene(...args: string[]): Promise<Scene> {
  const bad = await during(FakeServer.start('bad'))
  const good = await during(FakeServer.start('good'))
  const proxy = await during(startProxy([`${bad.server}:1`, `${good.server}:1`], args))
  const [a, b] = [await client(proxy), await client(proxy)]
  const ask = (key: string): Promise<Reply> => a.ask('GET', key)
  return { bad, good, a, b, ask, badKeys: await keysOf(ask, 'bad', 6), goodKeys: await keysOf(ask, 'good', 3) }
}

/** Until the proxy has a connection again; meanwhile errors are right and values of others are not. */
async function recovers({ b, badKeys }: Scene): Promise<void> {
  const key = badKeys[5] as string
  await poll(
    async () => {
      const reply = await b.ask('GET', key)
      if (reply instanceof ReplyError) return false
      expect(reply).toBe(`bad:${key}`)
      return true
    },
    'the next requests work',
    8_000,
    20,
  )
}

const nested = (depth: number): string => `${'*1\r\n'.repeat(depth)}:1\r\n`

/** Bytes in place of a reply, after which the server says no more; null: it closes, with a reset or an end. */
const malformed: Record<string, string> = {
  '*\\r\\n': '*\r\n',
  ':x': ':x\r\n',
  ':': ':\r\n',
  ':01': ':01\r\n',
  ': out of range': ':9223372036854775808\r\n',
  'a bulk longer than its length': '$6\r\nfoobarr\r\n',
  '$0 with a bare LF': '$0\n\r\n',
  $x: '$x\r\n',
  '$-2': '$-2\r\n',
  '$ too large': '$9999999999\r\n',
  '*-2': '*-2\r\n',
  '*x': '*x\r\n',
  'a wrong type inside an array': '*2\r\n+a\r\nfoo\r\n',
  'an unknown type': 'foo\r\n',
  'an HTTP answer': 'HTTP/1.1 400 Bad Request\r\n\r\n',
  zeros: '\0\0\0\0\r\n',
  'an empty line': '\r\n',
  'nesting of 129': nested(129),
}

describe.skipIf(OURS_ONLY)(titled('a server that misbehaves', OURS_ONLY), () => {
  for (const [name, bytes] of Object.entries(malformed)) {
    it(`R12, R18: ${name} fails all in flight on it`, () =>
      failsAllInFlight(({ from }) => void from.write(bytes, 'latin1')))
  }
  it('R16: closes in the middle of a bulk', () => failsAllInFlight(({ from }) => void from.end('$100\r\nabc')))
  it('R16: closes in the middle of a nested array', () =>
    failsAllInFlight(({ from }) => void from.end('*2\r\n*2\r\n+a\r\n')))
  it('R16: closes without a byte', () => failsAllInFlight(({ from }) => void from.end()))
  it('R16: resets the connection', () => failsAllInFlight(({ from }) => void from.resetAndDestroy()))

  async function failsAllInFlight(misbehave: (request: Request) => void): Promise<void> {
    const stage = await scene()
    const { bad, a, b, badKeys, goodKeys } = stage
    const [k0, k1, k2, k3] = badKeys as [string, string, string, string]
    const connection = bad.connections
    let seen = 0
    let last: Request | undefined
    bad.handle = (request) => {
      if (request.connection >= connection) return answerPlainly('bad', request.words)
      if (request.words[0] !== 'GET' && request.words[0] !== 'MGET') return answerPlainly('bad', request.words)
      if (request.words[1] === k0) return answerPlainly('bad', request.words)
      last = request
      if (++seen === 4) misbehave(request) // all four are in flight, none is answered
      return undefined
    }
    a.write(Buffer.concat([k0, k1, goodKeys[0] as string, k2].map((key) => encode('GET', key))))
    b.write(
      Buffer.concat([
        encode('GET', k3),
        encode('MGET', goodKeys[1] as string, k1),
        encode('GET', goodKeys[2] as string),
      ]),
    )
    const [a0, a1, a2, a3] = await a.replies(4)
    expect(String(a0), 'answered before').toBe(String(bulk(`bad:${k0}`)))
    expect(String(a1)).toMatch(/^-[^\r\n]+\r\n$/)
    expect(String(a2), 'of the other server').toBe(String(bulk(`good:${goodKeys[0]}`)))
    expect(String(a3)).toMatch(/^-[^\r\n]+\r\n$/)
    const [b0, b1, b2] = await b.replies(3)
    expect(String(b0)).toMatch(/^-[^\r\n]+\r\n$/)
    expect(String(b1)).toMatch(new RegExp(`^\\*2\r\n\\$\\d+\r\ngood:${goodKeys[1]}\r\n-[^\r\n]+\r\n$`))
    expect(String(b2)).toBe(String(bulk(`good:${goodKeys[2]}`)))
    await poll(() => last?.from.destroyed, 'the proxy closes the connection')
    await recovers(stage)
    expect(bad.connections).toBeGreaterThan(connection)
  }

  it('R13: a reply that nobody waits for closes the connection and reaches nobody', async () => {
    const stage = await scene()
    const { bad, a, badKeys } = stage
    const [socket] = [...bad.sockets]
    socket?.write(bulk('stray'))
    await poll(() => socket?.destroyed, 'the proxy closes the connection')
    const replies = await a.pipeline(badKeys.map((key) => ['GET', key]))
    for (const [i, reply] of replies.entries()) {
      if (reply[0] !== 45) expect(String(reply)).toBe(String(bulk(`bad:${badKeys[i]}`)))
    }
    await recovers(stage)
  })

  it('R13: two replies for one request: the second reaches nobody', async () => {
    const stage = await scene()
    const { bad, a, badKeys } = stage
    const [k0, k1] = badKeys as [string, string]
    let twice = true
    bad.handle = ({ words }) => {
      const reply = answerPlainly('bad', words)
      if (words[1] !== k0 || !twice) return reply
      twice = false
      return Buffer.concat([Buffer.from(reply as Buffer), bulk('stray')])
    }
    expect([`bad:${k0}`]).toContain(await a.ask('GET', k0))
    for (let i = 0; i < 20; i++) {
      const reply = await a.ask('GET', k1)
      if (!(reply instanceof ReplyError)) expect(reply).toBe(`bad:${k1}`)
    }
    await recovers(stage)
  })

  it('R14: a reply before the request is fully sent is not its reply', async () => {
    const stage = await scene()
    const { bad, a, b, badKeys, goodKeys } = stage
    const connection = bad.connections
    let early = false
    bad.onBytes = (bytes, from) => {
      if (early || !bytes.includes('SET')) return
      early = true
      from.pause() // the rest of the request cannot be sent
      from.write('+OK\r\n')
    }
    a.send('SET', badKeys[0] as string, Buffer.alloc(40 * MiB, 'v'))
    a.send('GET', goodKeys[0] as string)
    expect(String(await a.reply(15_000))).toMatch(/^-[^\r\n]+\r\n$/)
    expect(String(await a.reply())).toBe(String(bulk(`good:${goodKeys[0]}`)))
    expect(await b.ask('GET', goodKeys[1] as string)).toBe(`good:${goodKeys[1]}`)
    bad.onBytes = undefined
    for (const socket of bad.sockets) socket.resume()
    await recovers(stage)
    expect(bad.connections).toBeGreaterThan(connection)
  })

  it('R15: a server that never answers: an error in time, a close, and the late reply reaches nobody', async () => {
    const stage = await scene('--timeout', '300')
    const { bad, a, b, badKeys, goodKeys } = stage
    const [k0, k1, k2] = badKeys as [string, string, string]
    const late: Request[] = []
    bad.handle = (request) => {
      if (request.words[0] === 'GET' && late.length < 3) {
        late.push(request)
        return undefined
      }
      return answerPlainly('bad', request.words)
    }
    const started = performance.now()
    a.write(Buffer.concat([encode('GET', k0), encode('GET', goodKeys[0] as string), encode('GET', k1)]))
    b.send('GET', k2)
    expect(await b.ask('GET', goodKeys[1] as string).catch(String)).toBeInstanceOf(ReplyError)
    const took = performance.now() - started
    expect(took).toBeGreaterThan(200)
    expect(took).toBeLessThan(1_500)
    expect(await b.ask('PING'), 'what was asked after').toBe(`good:${goodKeys[1]}`)
    const [first, second, third] = await a.replies(3)
    expect(String(first)).toMatch(/^-[^\r\n]+\r\n$/)
    expect(String(second)).toBe(String(bulk(`good:${goodKeys[0]}`)))
    expect(String(third)).toMatch(/^-[^\r\n]+\r\n$/)
    await poll(() => late[0]?.from.destroyed, 'the proxy closes the connection')
    for (const { from, words } of late) from.write(answerPlainly('late', words) as Buffer)
    expect((await b.reply()).toString()).toBe('+PONG\r\n')
    await recovers(stage)
    for (const key of badKeys) {
      const reply = await a.ask('GET', key)
      expect(reply).toBe(`bad:${key}`)
    }
  })

  it('a server that accepts and then is silent does not hold up the others', async () => {
    const stage = await scene('--timeout', '1000')
    const { bad, b, a, badKeys, goodKeys } = stage
    bad.handle = () => undefined
    a.send('GET', badKeys[0] as string)
    const started = performance.now()
    for (let i = 0; i < 50; i++) expect(await b.ask('GET', goodKeys[i % 3] as string)).toBe(`good:${goodKeys[i % 3]}`)
    expect(performance.now() - started).toBeLessThan(800)
    expect(String(await a.reply())).toMatch(/^-/)
    bad.handle = undefined
    await recovers(stage)
  })

  it('a server that answers slowly but in time is no fault', async () => {
    const { bad, a, badKeys, goodKeys } = await scene('--timeout', '2000')
    bad.handle = ({ words, from }) => {
      setTimeout(() => from.write(answerPlainly('bad', words) as Buffer), 200)
      return undefined
    }
    const keys = Array.from({ length: 60 }, (_, i) => (i % 3 ? badKeys[i % 6] : goodKeys[i % 3]) as string)
    const replies = await a.pipeline(keys.map((key) => ['GET', key]))
    expect(replies.map(String)).toEqual(
      keys.map((key) => String(bulk(`${badKeys.includes(key) ? 'bad' : 'good'}:${key}`))),
    )
  })

  it('replies that arrive one byte at a time are the same replies', async () => {
    const { bad, a, badKeys, goodKeys } = await scene()
    bad.handle = ({ words, from }) => {
      const bytes = Buffer.from(answerPlainly('bad', words) as Buffer)
      for (const byte of bytes) from.write(Buffer.from([byte]))
      return undefined
    }
    for (let round = 0; round < 5; round++) {
      expect(await a.ask('GET', badKeys[round] as string)).toBe(`bad:${badKeys[round]}`)
      expect(await a.ask('MGET', badKeys[0] as string, goodKeys[0] as string, badKeys[1] as string)).toEqual([
        `bad:${badKeys[0]}`,
        `good:${goodKeys[0]}`,
        `bad:${badKeys[1]}`,
      ])
    }
  })

  it('R17: errors that speak of the server pass as they are and close nothing', async () => {
    const { bad, a, badKeys } = await scene()
    const connections = bad.connections
    for (const error of [
      '-MOVED 3999 127.0.0.1:6381',
      '-ASK 3999 127.0.0.1:6381',
      '-LOADING x',
      '-OOM x',
      '-BUSY x',
      '-ERR ',
      '-',
    ]) {
      bad.handle = () => `${error}\r\n`
      expect(await a.raw('GET', badKeys[0] as string)).toBe(`${error}\r\n`)
    }
    expect(bad.connections).toBe(connections)
  })

  it('R18: nesting of 128 passes', async () => {
    const { bad, a, badKeys } = await scene()
    bad.handle = () => nested(128)
    expect(await a.raw('GET', badKeys[0] as string)).toBe(nested(128))
  })

  it('R18: a push is never taken for the reply; attributes and maps pass whole or fail', async () => {
    const stage = await scene()
    const { bad, a, badKeys } = stage
    const [k0, k1] = badKeys as [string, string]
    const push = '>2\r\n+invalidate\r\n*1\r\n+x\r\n'
    const attribute = '|1\r\n+ttl\r\n:3600\r\n'
    const map = '%1\r\n+a\r\n:1\r\n'
    const allowed: Record<string, RegExp> = {
      [`${push}+OK\r\n`]: /^\+OK\r\n$|^-/,
      [`${attribute}+OK\r\n`]: /^(\|1\r\n\+ttl\r\n:3600\r\n)?\+OK\r\n$|^-/,
      [map]: /^%1\r\n\+a\r\n:1\r\n$|^\*2\r\n\+a\r\n:1\r\n$|^-/,
    }
    for (const [bytes, expected] of Object.entries(allowed)) {
      bad.handle = ({ words }) => (words[1] === k0 ? bytes : answerPlainly('bad', words))
      expect(await a.raw('GET', k0)).toMatch(expected)
      bad.handle = undefined
      for (let i = 0; i < 5; i++) {
        const reply = await a.ask('GET', k1)
        if (!(reply instanceof ReplyError)) expect(reply).toBe(`bad:${k1}`)
      }
      await recovers(stage)
    }
  })

  it('a server that was never there: its name in the error, at once; found when it comes', async () => {
    const good = await during(FakeServer.start('good'))
    const port = await freePort()
    const proxy = await during(startProxy([`${good.server}:1`, `127.0.0.1:${port}:1`]))
    const on = await client(proxy)
    let missing = ''
    for (let i = 0; i < 50; i++) {
      const reply = await on.ask('GET', `key:${i}`)
      if (!(reply instanceof ReplyError)) expect(reply).toBe(`good:key:${i}`)
      else {
        expect(reply.message).toContain(`127.0.0.1:${port}`)
        missing = `key:${i}`
      }
    }
    expect(missing).not.toBe('')
    await during(FakeServer.start('came', undefined, port))
    await poll(async () => (await on.ask('GET', missing)) === `came:${missing}`, 'it is found', 10_000, 50)
  })

  it('a server that flaps is tried again, but not in a storm', async () => {
    const stage = await scene()
    const { bad, a, badKeys } = stage
    await bad.stop()
    bad.handle = ({ from }) => void from.resetAndDestroy()
    await bad.listen()
    const before = bad.connections
    for (const end = Date.now() + 1_000; Date.now() < end; ) {
      expect(await a.ask('GET', badKeys[0] as string)).toBeInstanceOf(ReplyError)
    }
    expect(bad.connections - before, 'connections in one second of requests').toBeLessThan(100)
    bad.handle = undefined
    await recovers(stage)
  })
})
