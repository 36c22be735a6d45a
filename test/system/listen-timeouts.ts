// The library through real sockets: timeouts of channels, what ends a drain, and the pause after EMFILE. All of them
// are timers of the loop's wheel, and what this proves is that they come, and not too soon.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { threadLoop } from '../../dist/src/loop/loop.js'
import { Listener } from '../../dist/src/reactor/listener.js'
import { poll } from './harness.ts'
import { open, pause, serve, type WaitName, waitBy } from './library.ts'
import { Wire } from './wire.ts'

/** The kernel's clock in milliseconds, which is the loop's too. */
const clock = (): number => Number(process.hrtime.bigint()) / 1e6
/** How late a loaded machine may be. */
const LATE_MS = 400

interface Told {
  readonly kind: number
  readonly at: number
}

/** A server that only takes note of what the loop tells it, and a connection to it. */
async function watched(): Promise<{
  wire: Wire
  told: Told[]
  set: (...ms: [number, number, number]) => boolean
  send: (bytes: number) => void
}> {
  const loop = threadLoop()
  const told: Told[] = []
  let slot = -1
  let generation = 0
  const handler = {
    upcall(kind: number, itsSlot: number, itsGeneration: number, _at: number, length: number): void {
      if (kind === abi.UP_OPEN) [slot, generation] = [itsSlot, itsGeneration]
      if (kind === abi.UP_IDLE) told.push({ kind: length, at: clock() })
    },
  }
  const options = { service: abi.SERVICE_HOST, high: 1 << 26, low: 1 << 25, limit: 10, handler }
  const listener = await Listener.open(loop, { host: '127.0.0.1', port: 0 }, options)
  const wire = await Wire.open(listener.address.port)
  onTestFinished(async () => {
    wire.destroy()
    await listener.close(0)
    expect(loop.stats().slabUsed).toBe(0) // its timeouts are gone with the channel
  })
  await poll(() => slot >= 0, 'the connection is accepted')
  const stage = loop.alloc(1 << 20)
  onTestFinished(() => loop.core.free(stage))
  return {
    wire,
    told,
    set: (...ms) => {
      const done = loop.core.timeouts(slot, generation, ...ms) !== 0
      loop.touch()
      return done
    },
    send: (bytes) => {
      for (let left = bytes; left > 0; left -= 1 << 20)
        loop.core.write(slot, generation, stage, Math.min(left, 1 << 20))
      loop.touch()
    },
  }
}

export function timeoutsSuite(wait: WaitName): void {
  waitBy(wait)

  describe('timeouts of a channel', () => {
    test('a read timeout is told after the silence, and again after as much', async () => {
      const { set, told } = await watched()
      await pause(120) // the loop sleeps: what it knows of the time is old
      const from = clock()
      expect(set(100, 0, 0)).toBe(true)
      await poll(() => told.length >= 2, 'two timeouts', 5000, 5)
      expect(told.map(({ kind }) => kind)).toEqual([abi.IDLE_READ, abi.IDLE_READ])
      expect(told[0]!.at - from).toBeGreaterThanOrEqual(100)
      expect(told[0]!.at - from).toBeLessThan(100 + LATE_MS)
      expect(told[1]!.at - told[0]!.at).toBeGreaterThan(99)
      set(0, 0, 0)
      await pause(250)
      expect(told.length).toBe(2)
    })

    test('what comes puts it off', async () => {
      const { set, told, wire } = await watched()
      set(250, 0, 250)
      let last = 0
      for (let i = 0; i < 20; i++) {
        await pause(25)
        last = clock()
        wire.write('x')
      }
      expect(told).toEqual([])
      await poll(() => told.length >= 2, 'both timeouts', 5000, 5)
      expect(told.map(({ kind }) => kind)).toEqual([abi.IDLE_READ, abi.IDLE_ALL])
      for (const { at } of told) expect(at - last).toBeGreaterThan(249)
    })

    test('a write timeout is told when the socket stays full, and only then', async () => {
      const { set, told, send, wire } = await watched()
      set(0, 150, 0)
      send(1000)
      await pause(400)
      expect(told).toEqual([]) // all is sent: nothing waits
      wire.socket.pause()
      const from = clock()
      send(32 << 20)
      await poll(() => told.length >= 1, 'the write timeout', 5000, 5)
      expect(told[0]!.kind).toBe(abi.IDLE_WRITE)
      expect(told[0]!.at - from).toBeGreaterThanOrEqual(150)
      wire.socket.resume()
      await poll(() => wire.socket.bytesRead === (32 << 20) + 1000, 'all is received', 10_000, 5)
      const before = told.length
      await pause(400)
      expect(told.length).toBe(before)
    })
  })

  test('a drain ends after its time, though the peer never reads', async () => {
    const server = await serve({
      highWaterMark: 1 << 26,
      handler: { frame: (channel) => void channel.write(new Uint8Array(16 << 20)) },
    })
    const wire = await open(server)
    wire.write('go')
    wire.socket.pause()
    await poll(() => server.stats().channels === 1, 'the channel is open')
    await pause(200)
    const from = clock()
    await server.close({ drain: 300 })
    expect(clock() - from).toBeGreaterThanOrEqual(299)
    expect(clock() - from).toBeLessThan(300 + LATE_MS)
  })

  test('without descriptors a server pauses, and accepts again when there are some', async () => {
    const library = new URL('../../dist/src/index.js', import.meta.url).href
    const body = `
      import { listen } from '${library}'
      const server = await listen({ port: 0, handler: { open: (channel) => void channel.write('!'), frame() {} } })
      console.log(server.address().port)`
    const limited = ['-c', 'ulimit -n 128; exec "$0" "$@"', process.execPath, '--input-type=module', '-e', body]
    const child = spawn('sh', limited, {
      env: { ...process.env, MILLRACE_WAIT: wait },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(async () => {
      child.kill()
      await once(child, 'close')
    })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const wires = await Promise.all(Array.from({ length: 160 }, () => Wire.open(Number(line))))
    onTestFinished(() => {
      for (const wire of wires) wire.destroy()
    })
    const greeted = (): Wire[] => wires.filter((wire) => wire.length > 0)
    await poll(() => greeted().length > 0, 'some are accepted')
    await pause(300)
    const first = greeted()
    expect(first.length).toBeLessThan(128)
    for (const wire of first.slice(0, 5)) wire.destroy()
    await poll(() => greeted().length === first.length + 5, `five more are accepted than ${first.length}`, 5000)
    await pause(300)
    expect(greeted().length).toBe(first.length + 5)
  })
}
