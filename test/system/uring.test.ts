// The core on a real io_uring: an echo service over sockets, in every way of sending and of using receive buffers.
import { connect, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { Loop, type LoopOptions } from '../../dist/src/loop/loop.js'
import { Listener } from '../../dist/src/reactor/listener.js'
import { poll } from './harness.ts'
import { pause } from './library.ts'
import { Random, SEED } from './random.ts'

const MIB = 1 << 20

process.env.MILLRACE_KERNEL = 'uring'
process.env.MILLRACE_WAIT = 'prepare'

/** Why there is no such loop here, or ''. */
const NO_URING = ((): string => {
  try {
    new Loop({ slabBytes: MIB, heapBytes: 16 * MIB }).close()
    return ''
  } catch (error) {
    return `no io_uring: ${(error as Error).message}`
  }
})()

interface Service {
  readonly loop: Loop
  readonly port: number
  /** The watermark's side: bytes a channel may owe. */
  readonly high: number
}

/** An echo service on a loop of its own; when the test is over nothing of it may be left. */
async function serve(options: LoopOptions & { send?: string; high?: number } = {}): Promise<Service> {
  process.env.MILLRACE_SEND = options.send ?? ''
  const { high = 65536 } = options
  const loop = new Loop({ slabBytes: 64 * MIB, heapBytes: 64 * MIB, leaks: 1, ...options })
  const listener = await Listener.open(
    loop,
    { host: '127.0.0.1', port: 0 },
    { service: abi.SERVICE_ECHO, high, low: high / 4, limit: 1000, handler: { upcall: () => undefined } },
  )
  onTestFinished(async () => {
    await listener.close(0)
    await poll(() => loop.stats().channels === 0, 'no channel is left')
    expect([loop.stats().skbs, loop.leaks()]).toEqual([0, []])
    loop.close()
  })
  return { loop, port: listener.address.port, high }
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => undefined) // resets are made on purpose
  onTestFinished(() => void socket.destroy())
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return socket
}

/** Sends `bytes` in pieces, ends, and resolves with what came back until the end. */
async function roundTrip(socket: Socket, bytes: Buffer, random: Random, slowMs = 0): Promise<Buffer> {
  const parts: Buffer[] = []
  const done = new Promise<Buffer>((resolve) => {
    socket.on('end', () => resolve(Buffer.concat(parts)))
    socket.on('close', () => resolve(Buffer.concat(parts)))
  })
  socket.on('data', (part) => {
    parts.push(part)
    if (slowMs === 0) return
    socket.pause()
    setTimeout(() => socket.resume(), slowMs)
  })
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.below(30_000)
    if (!socket.write(bytes.subarray(at, end))) await new Promise((resolve) => socket.once('drain', resolve))
    at = end
  }
  socket.end()
  return done
}

const WAYS: readonly (LoopOptions & { name: string; send: string })[] = [
  { name: 'sends as SQEs, incremental buffers', send: 'sqe' },
  { name: 'sends as calls, plain buffers', send: 'direct', bufferMode: 'plain' },
  { name: 'plain buffers, few of them', send: 'sqe', bufferMode: 'plain', buffers: 4, bufferBytes: 1024 },
  { name: 'incremental buffers, few of them', send: 'sqe', buffers: 2, bufferBytes: 4096 },
  { name: 'bundles', send: 'sqe', bufferMode: 'plain', bundles: true, bufferBytes: 2048 },
  { name: 'incremental bundles', send: 'sqe', bundles: true, buffers: 8, bufferBytes: 8192 },
  { name: 'zero-copy sends', send: 'sqe', zeroCopyBytes: 4096 },
]

describe.skipIf(NO_URING !== '')(NO_URING === '' ? 'io_uring' : `io_uring [skipped: ${NO_URING}]`, () => {
  test.each(WAYS)('$name: 200 connections get back every byte, and then the end', async (way) => {
    const { port } = await serve(way)
    const random = new Random(SEED)
    const rounds = Array.from({ length: 200 }, async (_, i) => {
      const bytes = random.bytes(i % 20 === 0 ? 300_000 : random.between(1, 20_000))
      const back = await roundTrip(await open(port), bytes, random)
      return back.equals(bytes)
    })
    const equal = await Promise.all(rounds)
    expect(equal.filter(Boolean), `seed ${SEED}`).toHaveLength(200)
  })

  test.each(WAYS)('$name: slow readers, resets and pipelines beside one another', async (way) => {
    const { port } = await serve({ ...way, high: 32768 })
    const random = new Random(SEED)
    const slow = Array.from({ length: 5 }, async () => {
      const bytes = random.bytes(MIB)
      return (await roundTrip(await open(port), bytes, random, 1)).equals(bytes)
    })
    const resets = Array.from({ length: 30 }, async () => {
      const socket = await open(port)
      socket.write(random.bytes(random.between(1, 200_000)))
      await pause(random.below(20))
      socket.resetAndDestroy()
    })
    const pipeline = await open(port)
    const small = Buffer.concat(Array.from({ length: 2000 }, () => random.bytes(64)))
    const back = await roundTrip(pipeline, small, random)
    expect(back.equals(small), `seed ${SEED}`).toBe(true)
    await Promise.all(resets)
    expect(await Promise.all(slow), `seed ${SEED}`).toEqual([true, true, true, true, true])
  })

  describe('many small messages, 8 buffers and 200 connections', () => {
    const starved = async (bufferMode: 'plain' | 'incremental'): Promise<number> => {
      const { loop, port } = await serve({ bufferMode, buffers: 8 })
      const sockets = await Promise.all(Array.from({ length: 200 }, () => open(port)))
      for (let round = 0; round < 5; round++) {
        const answers = sockets.map((socket) => new Promise((resolve) => socket.once('data', resolve)))
        for (const socket of sockets) socket.write('a message of some bytes')
        await Promise.all(answers)
      }
      for (const socket of sockets) socket.destroy()
      return loop.stats().starved
    }
    test('share a buffer: none finds none', async () => expect(await starved('incremental')).toBe(0))
    test('take a buffer each: some find none', async () => expect(await starved('plain')).toBeGreaterThan(0))
  })

  test('loopback copies, which the loop is told, and then it makes no zero-copy sends any more', async () => {
    const { loop, port } = await serve({ zeroCopyBytes: 16384 })
    expect(loop.core.sendZeroCopy()).toBe(16384)
    const random = new Random(SEED)
    const bytes = random.bytes(2 * MIB)
    expect((await roundTrip(await open(port), bytes, random)).equals(bytes), `seed ${SEED}`).toBe(true)
    await poll(() => loop.core.sendZeroCopy() === 0, 'the loop knows that they are copied')
    expect((await roundTrip(await open(port), bytes, random)).equals(bytes), `seed ${SEED}`).toBe(true)
  })
})
