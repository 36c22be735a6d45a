// Servers of several threads, through real sockets: what holds for every model, and what tells them apart.
import { createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { lengthField, listen, type Reactor, type ThreadListenOptions, type ThreadServer } from '../../dist/src/index.js'
import { threadLoop } from '../../dist/src/loop/loop.js'
import { poll } from './harness.ts'
import { framed } from './library.ts'
import { Wire } from './wire.ts'

export const ECHO = new URL('./threads/echo.mjs', import.meta.url)
export const CODEC = lengthField({ maxFrameLength: 1 << 20, lengthFieldLength: 4, initialBytesToStrip: 4 })

export type Options = Partial<Omit<ThreadListenOptions, 'reactor'>>

/** A server for the length of one test. */
export async function serveThreads(reactor: Reactor, options: Options = {}): Promise<ThreadServer> {
  const server = await listen({ port: 0, handler: ECHO, codec: CODEC, ...options, reactor })
  onTestFinished(() => server.close({ drain: 0 }))
  return server
}

export async function openWire(server: ThreadServer): Promise<Wire> {
  const wire = await Wire.open(server.address().port)
  onTestFinished(() => wire.destroy())
  return wire
}

/** Sends a message and waits for one answer. */
export async function ask(wire: Wire, text: string): Promise<string> {
  const from = wire.length
  wire.write(framed(text))
  const whole = (): boolean => wire.length >= from + 4 && wire.length >= from + 4 + wire.bytes().readUInt32BE(from)
  if (!(await wire.until(() => whole() || wire.closed, 10_000)) || !whole()) return 'closed'
  return wire.bytes().toString('utf8', from + 4, from + 4 + wire.bytes().readUInt32BE(from))
}

/** What holds for every model. */
export function threadsSuite(title: string, reactor: Reactor, kernel: string): void {
  const options = { kernel }

  describe(`${title} on ${kernel}`, () => {
    test('serves fifty clients, each in its order, by more than one thread', async () => {
      const server = await serveThreads(reactor, options)
      const wires = await Promise.all(Array.from({ length: 50 }, () => openWire(server)))
      const messages = Array.from({ length: 40 }, (_, i) => framed(`${i} ${'x'.repeat((i * 97) % 3000)}`))
      const expected = Buffer.concat(messages)
      for (const message of messages) for (const wire of wires) wire.write(message)
      for (const wire of wires) {
        expect(await wire.until(() => wire.length >= expected.length, 20_000)).toBe(true)
        expect(wire.bytes().equals(expected)).toBe(true)
      }
      const threads = new Set<string>()
      for (const wire of wires) threads.add(await ask(wire, 'who'))
      expect([...threads].sort()).toEqual(['thread 0', 'thread 1'])
      const stats = server.stats()
      expect(stats).toMatchObject({ channels: 50, accepted: 50, kernel })
      for (const wire of wires) wire.destroy()
      await poll(() => server.stats().channels === 0, 'all channels are closed')
    })

    test('close sends what is owed, and leaves nothing behind', async () => {
      const server = await serveThreads(reactor, options)
      const { port } = server.address()
      const wires = await Promise.all(Array.from({ length: 6 }, () => openWire(server)))
      for (const wire of wires) expect(await ask(wire, 'hello')).toBe('hello')
      for (const wire of wires) wire.write(framed('last'))
      await server.close({ drain: 5000 })
      for (const wire of wires) {
        expect(await wire.until(() => wire.closed)).toBe(true)
        expect(wire.bytes().toString('latin1')).toBe(
          framed('hello').toString('latin1') + framed('last').toString('latin1'),
        )
      }
      await expect(Wire.open(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
      await server.close()
      expect(threadLoop(kernel).stats()).toMatchObject({ channels: 0, skbs: 0 })
    })

    test('what a handler ends is sent before it closes', async () => {
      const server = await serveThreads(reactor, options)
      const wire = await openWire(server)
      expect(await ask(wire, 'bye')).toBe('bye')
      expect(await wire.until(() => wire.closed)).toBe(true)
    })

    test('a module that fails in one thread rejects listen with its error, and the port is free again', async () => {
      const fails = new URL('./threads/fails.mjs', import.meta.url)
      await expect(serveThreads(reactor, { ...options, handler: fails })).rejects.toMatchObject({
        message: 'no setup',
        code: 'MINE',
      })
      const none = new URL('./threads/none.mjs', import.meta.url)
      await expect(serveThreads(reactor, { ...options, handler: none })).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
      })
    })

    test('a port in use rejects with EADDRINUSE', async () => {
      const taken = createServer()
      await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
      onTestFinished(() => void taken.close())
      const { port } = taken.address() as { port: number }
      await expect(serveThreads(reactor, { ...options, port })).rejects.toMatchObject({ code: 'EADDRINUSE', port })
    })
  })
}

/** What holds where threads have loops of their own: one that dies takes its connections with it. */
export function deathSuite(title: string, reactor: Reactor, kernel: string): void {
  describe(`a thread that dies, ${title} on ${kernel}`, () => {
    test.each(['throw', 'exit'])('closes its connections, is reported, and the others serve on (%s)', async (how) => {
      const exits: unknown[] = []
      const server = await serveThreads(reactor, { kernel, workerExit: (exit) => void exits.push(exit) })
      const wires = await Promise.all(Array.from({ length: 20 }, () => openWire(server)))
      const whose = new Map<Wire, string>()
      for (const wire of wires) whose.set(wire, await ask(wire, 'who'))
      const victim = wires[0] as Wire
      const dead = whose.get(victim) as string
      expect(await ask(victim, how)).toBe('closed')
      await poll(() => exits.length > 0, 'the exit is reported')
      const error =
        how === 'throw'
          ? (expect.objectContaining({ message: 'a fault of the handler', code: 'MINE' }) as Error)
          : undefined
      const code = how === 'throw' ? 1 : 3
      expect(exits).toEqual([{ thread: Number(dead.slice(-1)), code, error, restarting: false }])
      for (const wire of wires) {
        if (whose.get(wire) === dead) expect(await wire.until(() => wire.closed)).toBe(true)
        else expect(await ask(wire, 'who')).toBe(whose.get(wire))
      }
      const fresh = await openWire(server)
      expect(await ask(fresh, 'who')).not.toBe(dead)
    })

    test('is replaced where restart is asked for', async () => {
      const exits: { thread: number; restarting: boolean }[] = []
      const server = await serveThreads(reactor, { kernel, restart: true, workerExit: (exit) => void exits.push(exit) })
      const before = server.stats().threads.map(({ threadId }) => threadId)
      const wire = await openWire(server)
      expect(await ask(wire, 'throw')).toBe('closed')
      await poll(() => exits.length > 0, 'the exit is reported')
      const dead = exits[0]?.thread as number
      expect(exits[0]?.restarting).toBe(true)
      await poll(() => server.stats().threads[dead]?.threadId, 'another thread is there', 20_000)
      expect(server.stats().threads[dead]?.threadId).not.toBe(before[dead])
      const threads = new Set<string>()
      for (let i = 0; i < 24; i++) threads.add(await ask(await openWire(server), 'who'))
      expect(threads.size).toBe(2)
      expect(server.stats().accepted).toBe(25)
    })
  })
}
