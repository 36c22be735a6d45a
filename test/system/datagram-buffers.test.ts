// Datagrams on loops of few buffers: what waits for one is neither lost nor overtaken, and nothing is left at the end.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Loop } from '../../src/loop/loop.ts'
import { bindOn } from '../../src/reactor/bind.ts'
import { poll } from './harness.ts'

const SIZES = { channels: 1024, slabBytes: 8 << 20, heapBytes: 64 << 20, leaks: 1 }

function make(kernel: string, buffers: number, bufferMode: 'plain' | 'incremental' = 'plain'): Loop | string {
  try {
    return new Loop({ ...SIZES, kernel, buffers, bufferBytes: 4096, bufferMode })
  } catch (error) {
    return String(error)
  }
}

describe.each(['epoll', 'uring', 'select'])('few buffers on %s', (kernel) => {
  it('a burst that takes all buffers again and again arrives whole and in order', async (context) => {
    const loop = make(kernel, 4)
    if (typeof loop === 'string') return context.skip(loop)
    const got: number[] = []
    const message = (_: unknown, one: { toString(): string }): void => void got.push(Number(String(one)))
    const socket = await bindOn(() => loop, { receiveBufferBytes: 1 << 20, handler: { message } })
    const sender = createSocket('udp4')
    onTestFinished(() => void sender.close())
    for (let i = 0; i < 100; i++) sender.send(String(i), socket.address().port, '127.0.0.1')
    await poll(() => got.length === 100, 'all of them')
    expect(got).toEqual(Array.from({ length: 100 }, (_, i) => i))
    if (kernel === 'uring') expect(socket.stats().starved).toBeGreaterThan(0)
    expect(socket.stats()).toMatchObject({ received: 100, dropped: 0 })
    await socket.close()
    loop.close() // throws where an skb is left
    expect(loop.stats().skbs).toBe(0)
  })

  it('a datagram larger than the loop’s buffers is cut, and said to be', async (context) => {
    const loop = make(kernel, 8)
    if (typeof loop === 'string') return context.skip(loop)
    const got: [number, boolean][] = []
    const socket = await bindOn(() => loop, {
      handler: { message: (_, { length, truncated }) => void got.push([length, truncated]) },
    })
    const sender = createSocket('udp4')
    onTestFinished(() => void sender.close())
    for (const bytes of [4024, 4025, 9000]) sender.send(Buffer.alloc(bytes), socket.address().port, '127.0.0.1')
    await poll(() => got.length === 3, 'all three')
    expect(got).toEqual([
      [4024, false],
      [4024, true],
      [4024, true],
    ])
    await socket.close()
    loop.close()
  })

  it('closing at once with datagrams queued, under way and arriving leaves nothing', async (context) => {
    const loop = make(kernel, 8)
    if (typeof loop === 'string') return context.skip(loop)
    const peer = createSocket('udp4').bind(0, '127.0.0.1')
    await once(peer, 'listening')
    onTestFinished(() => void peer.close())
    for (let round = 0; round < 8; round++) {
      let closed = 0
      const socket = await bindOn(() => loop, {
        sendBufferBytes: 4096,
        handler: {
          message(self, message) {
            message.reply(message)
            self.close({ drain: 0 })
          },
          close() {
            closed++
          },
        },
      })
      for (let i = 0; i < 40; i++) peer.send('arriving', socket.address().port, '127.0.0.1')
      for (let i = 0; i < 200; i++) socket.send('q'.repeat(1000), { port: peer.address().port })
      if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve))
      await socket.close({ drain: 0 })
      expect(closed).toBe(1)
    }
    expect(loop.stats()).toMatchObject({ skbs: 0, channels: 0 })
    loop.close()
  })

  it('a full socket: datagrams wait for room, and keep their order', async (context) => {
    const loop = make(kernel, 64)
    if (typeof loop === 'string') return context.skip(loop)
    const got: number[] = []
    const peer = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 }).bind(0, '127.0.0.1')
    peer.on('message', (bytes) => got.push(bytes.readUInt32LE(0)))
    await once(peer, 'listening')
    onTestFinished(() => void peer.close())
    const socket = await bindOn(() => loop, { sendBufferBytes: 4608, handler: { message: () => undefined } })
    const bytes = Buffer.alloc(3000)
    for (let i = 0; i < 300; i++) {
      bytes.writeUInt32LE(i)
      socket.send(bytes, { port: peer.address().port })
    }
    await poll(() => socket.stats().sent === 300, 'all are sent')
    await poll(() => got.at(-1) === 299, 'the last has come')
    expect(got).toEqual([...got].sort((a, b) => a - b))
    await socket.close()
    loop.close()
  })
})

it('a loop whose receives continue in a buffer has no datagrams: ENOTSUP, and nothing is left', async (context) => {
  const loop = make('uring', 8, 'incremental')
  if (typeof loop === 'string') return context.skip(loop)
  const opening = bindOn(() => loop, { handler: { message: () => undefined } })
  await expect(opening).rejects.toMatchObject({ code: 'ENOTSUP', syscall: 'bind' })
  loop.close()
})
