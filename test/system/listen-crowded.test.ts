// Two listeners on one loop whose table is full: the one that cannot accept goes on when the other's channels close.
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { SERVICE_ECHO } from '../../assembly/abi.ts'
import { Loop } from '../../dist/src/loop/loop.js'
import { Listener } from '../../dist/src/reactor/listener.js'
import { poll } from './harness.ts'

test('a listener accepts again when the channels of another one have made room', async () => {
  const loop = new Loop({ channels: 1024, slabBytes: 16 << 20, heapBytes: 16 << 20 })
  onTestFinished(() => loop.close())
  const options = { service: SERVICE_ECHO, high: 65536, low: 32768, limit: 65000, handler: { upcall: () => undefined } }
  const at = { host: '127.0.0.1', port: 0 }
  const [first, second] = await Promise.all([Listener.open(loop, at, options), Listener.open(loop, at, options)])
  const sockets: Socket[] = []
  const open = (listener: Listener): Socket => {
    const socket = connect(listener.address.port, '127.0.0.1').on('error', () => undefined)
    sockets.push(socket)
    return socket
  }
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await Promise.all([first.close(0), second.close(0)])
  })
  for (let i = 0; i < 520; i++) open(first)
  await poll(() => first.channels >= 510, 'the table is full')
  const other = open(second)
  await poll(() => second.accepted > 0, 'there are slots left for what a paused accept still brings')
  other.destroy()
  await new Promise((resolve) => setTimeout(resolve, 300))
  for (const socket of sockets) socket.destroy()
  await poll(() => first.channels === 0 && second.channels === 0, 'all are gone')
  const before = second.accepted
  open(second)
  await poll(() => second.accepted > before, 'the second listener accepts')
  expect(second.channels).toBe(1)
})
