// `bind`: sockets of datagrams against those of node:dgram, on the kernels that people use.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type BindOptions, bind, type DatagramMessage, type Datagrams } from '../../src/index.ts'
import { poll } from './harness.ts'

/** Why a kernel is not here, or ''. */
async function lacks(kernel: string): Promise<string> {
  try {
    await (await bind({ kernel, handler: { message: () => undefined } })).close()
    return ''
  } catch (error) {
    return String(error)
  }
}

interface Got {
  readonly text: string
  readonly from: RemoteInfo
}

/** A node:dgram socket that keeps what it receives. */
async function peer(
  type: 'udp4' | 'udp6' = 'udp4',
  host?: string,
): Promise<{ socket: Socket; got: Got[]; port: number }> {
  const socket = createSocket({ type, recvBufferSize: 4 << 20 })
  const got: Got[] = []
  socket.on('message', (bytes, from) => got.push({ text: bytes.toString('latin1'), from }))
  socket.on('error', () => undefined)
  socket.bind(0, host ?? (type === 'udp4' ? '127.0.0.1' : '::1'))
  await once(socket, 'listening')
  onTestFinished(() => {
    try {
      socket.close()
    } catch {
      // the test has closed it
    }
  })
  return { socket, got, port: socket.address().port }
}

const HAS_IPV6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))

describe.each(['epoll', 'uring'])('datagrams on %s', async (kernel) => {
  const absent = await lacks(kernel)
  const check = absent === '' ? it : it.skip
  const why = absent === '' ? '' : ` [skipped: ${absent}]`

  /** A socket whose buffers are given back before the test ends. */
  async function open(options: BindOptions): Promise<Datagrams> {
    const socket = await bind({ kernel, receiveBufferBytes: 4 << 20, ...options })
    onTestFinished(() => socket.close({ drain: 0 }))
    return socket
  }

  const echo = (options: Partial<BindOptions> = {}): Promise<Datagrams> =>
    open({ handler: { message: (_, message) => void message.reply(message) }, ...options })

  check(`answers a peer, and says where it is and what it has done${why}`, async () => {
    const seen: unknown[] = []
    const socket = await open({
      handler: {
        message(self, message) {
          seen.push([message.toString(), message.length, message.family, message.address, message.port])
          seen.push([message.truncated, Buffer.from(message.copy()).toString(), message.bytes.length])
          expect(message.reply('got it')).toBe(true)
          self.send(new Uint8Array([1, 2, 3]), { port: message.port })
        },
      },
    })
    const { socket: theirs, got, port } = await peer()
    expect(socket.address()).toMatchObject({ address: '127.0.0.1', family: 'IPv4' })
    theirs.send('hello', socket.address().port, '127.0.0.1')
    await poll(() => got.length === 2, 'two answers')
    expect(got.map(({ text }) => text)).toEqual(['got it', '\x01\x02\x03'])
    expect(got[0]?.from.port).toBe(socket.address().port)
    expect(seen).toEqual([
      ['hello', 5, 'IPv4', '127.0.0.1', port],
      [false, 'hello', 5],
    ])
    await poll(() => socket.stats().sent === 2, 'both are counted')
    const counts = { received: 1, sent: 2, bytesReceived: 5, bytesSent: 9, truncated: 0, sendErrors: 0, queuedBytes: 0 }
    expect(socket.stats()).toMatchObject({ ...counts, kernel, dropped: 0 })
    await socket.close()
    expect(socket.stats()).toMatchObject(counts)
  })

  check(`keeps the order of a burst of 2,000 each way, whatever their sizes${why}`, async () => {
    const socket = await open({ handler: { message: (_, message) => void order.push(message.toString()) } })
    const order: string[] = []
    const { socket: theirs, got } = await peer()
    const text = (i: number): string => `${i}:${'x'.repeat((i * 37) % 900)}`
    for (let i = 0; i < 2000; i++) {
      theirs.send(text(i), socket.address().port, '127.0.0.1')
      if (i % 250 === 249) await poll(() => order.length === i + 1, `the first ${i + 1} have come`)
    }
    const all = Array.from({ length: 2000 }, (_, i) => text(i))
    expect(order).toEqual(all)
    const to = { port: theirs.address().port }
    for (let i = 0; i < 2000; i++) {
      socket.send(text(i), to)
      if (i % 250 === 249) await poll(() => got.length === i + 1, `the first ${i + 1} have arrived`)
    }
    expect(got.map((one) => one.text)).toEqual(all)
  })

  check(`many at once: what the kernel dropped is missing, and counted, the rest is in order${why}`, async () => {
    const order: number[] = []
    const socket = await open({ handler: { message: (_, message) => void order.push(Number(message.toString())) } })
    const { socket: theirs } = await peer()
    for (let i = 0; i < 2000; i++) theirs.send(String(i), socket.address().port, '127.0.0.1')
    await poll(() => order.at(-1) === 1999 || socket.stats().dropped > 0, 'the last has come')
    expect(order).toEqual([...order].sort((a, b) => a - b))
    expect(order.length + socket.stats().dropped).toBeLessThanOrEqual(2000)
    if (socket.stats().dropped === 0) expect(order).toHaveLength(2000)
  })

  check(`carries datagrams of no bytes and of 65,507, and refuses longer ones${why}`, async () => {
    const socket = await echo()
    const { socket: theirs, got } = await peer()
    const large = Buffer.alloc(65507, 'abcdefghij').toString()
    for (const text of ['', large, '', 'end']) {
      const before = got.length
      theirs.send(text, socket.address().port, '127.0.0.1')
      await poll(() => got.length > before, `${text.length} bytes come back`)
    }
    expect(got.map(({ text }) => text)).toEqual(['', large, '', 'end'])
    const to = { port: theirs.address().port }
    expect(() => socket.send(Buffer.alloc(65508), to)).toThrow(expect.objectContaining({ code: 'EMSGSIZE' }))
    expect(socket.send('still', to)).toBe(true)
    await poll(() => got.length === 5, 'it goes on')
  })

  check(`cuts what is longer than maxMessageBytes, says so, and not what is as long${why}`, async () => {
    const seen: [number, boolean][] = []
    const socket = await open({
      maxMessageBytes: 100,
      handler: { message: (_, message) => void seen.push([message.length, message.truncated]) },
    })
    const { socket: theirs } = await peer()
    for (const length of [100, 101, 60_000, 99]) theirs.send(Buffer.alloc(length), socket.address().port, '127.0.0.1')
    await poll(() => seen.length === 4, 'all four')
    expect(seen).toEqual([
      [100, false],
      [100, true],
      [100, true],
      [99, false],
    ])
    expect(socket.stats().truncated).toBe(2)
  })

  check(`a connected socket hears its peer alone, and that it is gone; it lives${why}`, async () => {
    const errors: unknown[] = []
    const heard: string[] = []
    const { socket: theirs, got, port } = await peer()
    const socket = await open({
      connectTo: { address: '127.0.0.1', port },
      handler: { message: (_, m) => void heard.push(m.toString()), error: (_, error) => void errors.push(error) },
    })
    const { socket: stranger } = await peer()
    expect(socket.remoteAddress).toEqual({ address: '127.0.0.1', port, family: 'IPv4' })
    expect(socket.send('hi')).toBe(true)
    expect(() => socket.send('hi', { port })).toThrow(
      expect.objectContaining({ code: 'ERR_SOCKET_DGRAM_IS_CONNECTED' }),
    )
    await poll(() => got.length === 1, 'the peer has it')
    stranger.send('not for you', socket.address().port, '127.0.0.1')
    theirs.send('for you', socket.address().port, '127.0.0.1')
    await poll(() => heard.length === 1, 'its answer')
    expect(heard).toEqual(['for you'])
    theirs.close()
    for (let i = 0; i < 40 && errors.length === 0; i++) {
      socket.send('anyone?')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(errors[0]).toMatchObject({ code: 'ECONNREFUSED', address: '127.0.0.1', port })
    expect(socket.stats().sendErrors).toBe(0)
    const again = createSocket('udp4')
    onTestFinished(() => void again.close())
    const came = once(again, 'message')
    again.bind(port, '127.0.0.1')
    await once(again, 'listening')
    socket.send('back')
    expect(String((await came)[0])).toMatch(/anyone|back/)
  })

  check(`an error of one datagram is reported with its address, and its neighbours arrive${why}`, async () => {
    const errors: unknown[] = []
    const { got, port } = await peer()
    const socket = await open({
      host: '127.0.0.1',
      handler: { message: () => undefined, error: (_, error) => void errors.push(error) },
    })
    socket.send('before', { port })
    socket.send('no broadcast from here', { address: '255.255.255.255', port: 9 })
    socket.send('after', { port })
    await poll(() => got.length === 2 && errors.length === 1, 'both, and the error')
    expect(got.map(({ text }) => text)).toEqual(['before', 'after'])
    expect(errors[0]).toMatchObject({ syscall: 'send', address: '255.255.255.255', port: 9 })
    await poll(() => socket.stats().sendErrors === 1, 'it is counted')
  })

  const six = HAS_IPV6 && absent === '' ? it : it.skip
  six(`speaks IPv6, and IPv4 from a socket of both${HAS_IPV6 ? why : ' [skipped: no ::1 here]'}`, async () => {
    const senders: string[] = []
    const note = (_: Datagrams, message: DatagramMessage): void => {
      senders.push(`${message.family} ${message.address}`)
      message.reply(message)
    }
    const both = await open({ host: '::', handler: { message: note } })
    const only = await open({ host: '::1', ipv6Only: true, handler: { message: note } })
    const [v4, v6] = [await peer('udp4'), await peer('udp6')]
    v4.socket.send('four', both.address().port, '127.0.0.1')
    await poll(() => v4.got.length === 1, 'IPv4 by way of IPv6')
    v6.socket.send('six', both.address().port, '::1')
    await poll(() => v6.got.length === 1, 'IPv6')
    v6.socket.send('only', only.address().port, '::1')
    await poll(() => v6.got.length === 2, 'IPv6 only')
    both.send('to four', { address: '127.0.0.1', port: v4.port })
    await poll(() => v4.got.length === 2, 'an IPv4 address from a socket of both')
    expect(senders).toEqual(['IPv6 ::ffff:7f00:1', 'IPv6 ::1', 'IPv6 ::1'])
    expect(only.address()).toMatchObject({ address: '::1', family: 'IPv6' })
  })

  check(`false above the watermark, writable when it has drained, ENOBUFS at the bound${why}`, async () => {
    const { port } = await peer()
    let drained = 0
    const socket = await open({
      highWaterMark: 1000,
      handler: {
        message: () => undefined,
        writable() {
          drained++
        },
      },
    })
    expect(socket.send('x'.repeat(900), { port })).toBe(true)
    expect(socket.send('x'.repeat(900), { port })).toBe(false)
    let refused: unknown
    let queued = 2
    for (; refused === undefined && queued < 5000; queued++) {
      try {
        socket.send('x'.repeat(900), { port })
      } catch (error) {
        refused = error
      }
    }
    expect(refused).toMatchObject({ code: 'ENOBUFS', syscall: 'send' })
    expect(socket.stats().queuedBytes).toBe((queued - 1) * 932)
    expect(socket.stats().queuedBytes).toBeLessThanOrEqual(1 << 20)
    await poll(() => drained > 0, 'writable')
    expect(drained).toBe(1)
    await poll(() => socket.stats().sent === queued - 1, 'all of them are sent')
  })

  check(`close sends what is queued; at once, it does not; nothing of either is left behind${why}`, async () => {
    const { got, port } = await peer()
    const closed: string[] = []
    const options = (name: string): BindOptions => ({
      handler: { message: () => undefined, close: () => void closed.push(name) },
    })
    const polite = await open(options('polite'))
    for (let i = 0; i < 300; i++) polite.send(`polite ${i}`, { port })
    await polite.close()
    expect(polite.stats()).toMatchObject({ sent: 300, queuedBytes: 0 })
    const rude = await open(options('rude'))
    for (let i = 0; i < 300; i++) rude.send('rude', { port })
    await rude.close({ drain: 0 })
    await poll(() => got.length >= 300, 'what the first one has sent')
    expect(got.slice(0, 300).map(({ text }) => text)).toEqual(Array.from({ length: 300 }, (_, i) => `polite ${i}`))
    expect(closed).toEqual(['polite', 'rude'])
    expect(() => polite.send('x', { port })).toThrow(expect.objectContaining({ code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' }))
  })

  check(
    `a handler that throws keeps nobody from being heard; a message is valid during its call only${why}`,
    async () => {
      const kept: DatagramMessage[] = []
      const errors: unknown[] = []
      const before = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.on('uncaughtException', (error) => errors.push(error))
      onTestFinished(() => {
        process.removeAllListeners('uncaughtException')
        for (const listener of before) process.on('uncaughtException', listener)
      })
      const socket = await open({
        handler: {
          message(_, message) {
            kept.push(message)
            if (message.toString() === '1') throw new Error('the handler’s own')
          },
        },
      })
      const { socket: theirs } = await peer()
      for (const text of ['0', '1', '2']) theirs.send(text, socket.address().port, '127.0.0.1')
      await poll(() => kept.length === 3 && errors.length === 1, 'all three, and the error')
      expect(() => kept[0]?.bytes).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }))
      expect(errors).toMatchObject([{ message: 'the handler’s own' }])
    },
  )

  check(`an abort closes it, before and after it is open${why}`, async () => {
    const message = (): void => undefined
    await expect(bind({ kernel, handler: { message }, signal: AbortSignal.abort() })).rejects.toThrow('aborted')
    const abort = new AbortController()
    let closed = false
    const close = (): void => {
      closed = true
    }
    await open({ signal: abort.signal, handler: { message, close } })
    abort.abort()
    await poll(() => closed, 'it is closed')
  })

  check(`errors and mistakes have the codes that Node’s users know${why}`, async () => {
    const message = (): void => undefined
    const socket = await echo()
    const { port } = socket.address()
    const code = (value: string): unknown => expect.objectContaining({ code: value })
    await expect(open({ port, handler: { message } })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      syscall: 'bind',
      port,
    })
    await expect(open({ host: '203.0.113.1', handler: { message } })).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' })
    await expect(open({ ttl: 0, handler: { message } })).rejects.toEqual(code('ERR_OUT_OF_RANGE'))
    await expect(open({ port: 1.5, handler: { message } })).rejects.toEqual(code('ERR_OUT_OF_RANGE'))
    await expect(open({ handler: {} as never })).rejects.toEqual(code('ERR_INVALID_ARG_TYPE'))
    expect(() => socket.send('x')).toThrow(code('ERR_SOCKET_DGRAM_NOT_CONNECTED'))
    expect(() => socket.send('x', { port: 0 })).toThrow(code('ERR_SOCKET_BAD_PORT'))
    expect(() => socket.send('x', { port, address: 'example.org' })).toThrow(code('ERR_INVALID_ARG_VALUE'))
    expect(() => socket.send(7 as never, { port })).toThrow(code('ERR_INVALID_ARG_TYPE'))
    expect(() => socket.addMembership('127.0.0.1')).toThrow(code('EINVAL'))
  })

  check(`two sockets share a port where both say so${why}`, async () => {
    const first = await echo({ reusePort: true })
    const second = await echo({ reusePort: true, port: first.address().port })
    expect(second.address()).toEqual(first.address())
  })

  check(`joins a multicast group on the loopback interface${why}`, async (context) => {
    const heard: string[] = []
    const group = '239.7.7.7'
    const socket = await open({
      host: '0.0.0.0',
      handler: { message: (_, message) => void heard.push(message.toString()) },
    })
    const sender = await open({
      multicastInterface: '127.0.0.1',
      multicastTtl: 1,
      handler: { message: () => undefined },
    })
    try {
      socket.addMembership(group, '127.0.0.1')
    } catch (error) {
      return context.skip(`this machine joins no group: ${error}`)
    }
    for (let i = 0; i < 20 && heard.length === 0; i++) {
      sender.send('to all', { address: group, port: socket.address().port })
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    if (heard.length === 0) return context.skip('this machine routes no multicast over lo')
    socket.dropMembership(group, '127.0.0.1')
    await new Promise((resolve) => setTimeout(resolve, 50))
    const before = heard.length
    sender.send('to nobody', { address: group, port: socket.address().port })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(heard).toHaveLength(before)
  })
})
