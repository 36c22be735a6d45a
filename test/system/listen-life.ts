// The library through real sockets, how servers live: addresses, closing, and the process around them.
import { connect, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { type Channel, lengthField, listen, type TcpAddress } from '../../dist/src/index.js'
import { freePort, poll } from './harness.ts'
import { open, pause, script, serve, type WaitName, waitBy } from './library.ts'
import { Wire } from './wire.ts'

const MIB = 1 << 20
const echo = { frame: (channel: Channel, frame: Parameters<Channel['write']>[0]) => void channel.write(frame) }

export function lifeSuite(wait: WaitName): void {
  waitBy(wait)

  describe('where a server listens', () => {
    test('port 0 is a free one, and address() says which', async () => {
      const [one, two] = [await serve({ handler: echo }), await serve({ handler: echo })]
      expect(one.address()).toEqual({ host: '127.0.0.1', port: expect.any(Number) as number, family: 'IPv4' })
      expect(one.address().port).toBeGreaterThan(1023)
      expect(two.address().port).not.toBe(one.address().port)
    })

    test('a port may be chosen, and IPv6 too', async () => {
      const peers: (TcpAddress | undefined)[] = []
      const port = await freePort()
      const server = await serve({
        host: '::1',
        port,
        handler: { ...echo, open: (channel) => void peers.push(channel.remoteAddress) },
      })
      expect(server.address()).toEqual({ host: '::1', port, family: 'IPv6' })
      const socket = connect(port, '::1')
      const answer = await new Promise<string>((resolve, reject) => {
        socket.on('error', reject).on('data', (bytes) => resolve(bytes.toString()))
        socket.write('six')
      })
      expect(answer).toBe('six')
      expect(peers).toEqual([{ host: '::1', port: socket.localPort, family: 'IPv6' }])
      socket.destroy()
    })

    test('a port in use rejects with EADDRINUSE, and breaks nothing', async () => {
      const taken = createServer()
      await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
      const { port } = taken.address() as { port: number }
      try {
        await expect(listen({ port, handler: echo })).rejects.toMatchObject({
          code: 'EADDRINUSE',
          syscall: 'listen',
          address: '127.0.0.1',
          port,
        })
      } finally {
        taken.close()
      }
      const server = await serve({ handler: echo })
      await expect(listen({ port: server.address().port, handler: echo })).rejects.toMatchObject({ code: 'EADDRINUSE' })
      const wire = await open(server)
      wire.write('still here')
      expect(await wire.until(() => wire.length === 10)).toBe(true)
    })

    test('beyond maxChannels clients wait until there is room', async () => {
      const server = await serve({ maxChannels: 2, handler: echo })
      const wires = await Promise.all(Array.from({ length: 20 }, () => open(server)))
      const answered = (): Wire[] => wires.filter((wire) => wire.length === 5)
      for (const wire of wires) wire.write('hello')
      await poll(() => answered().length >= 2, 'the first are answered')
      await pause(100)
      expect(answered().length).toBe(2)
      expect(server.stats()).toMatchObject({ channels: 2, accepted: 2 })
      answered()[0]?.destroy()
      await poll(() => answered().length === 3, 'one more is answered')
      expect(server.stats()).toMatchObject({ channels: 2, accepted: 3 })
    })
  })

  describe('closing a server', () => {
    test('sends what it owes to a slow reader, and takes no one new', async () => {
      const bytes = Buffer.alloc(12 * MIB)
      for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(at, at)
      const server = await serve({ handler: { frame: (channel) => void channel.write(bytes) } })
      const wire = await open(server)
      const idle = await open(server)
      wire.socket.pause()
      wire.write('x')
      await poll(() => server.stats().channels === 2, 'both are there')
      await pause(50)
      let closed = false
      const closing = server.close({ drain: 10_000 }).then(() => {
        closed = true
      })
      expect(await idle.until(() => idle.closed)).toBe(true)
      await expect(Wire.open(server.address().port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
      await pause(100)
      expect(closed).toBe(false)
      wire.socket.resume()
      await closing
      expect(await wire.until(() => wire.closed)).toBe(true)
      expect(wire.length).toBe(bytes.length)
      expect(wire.bytes().equals(bytes)).toBe(true)
    })

    test('answers what had arrived before', async () => {
      const server = await serve({ handler: echo })
      const wires = await Promise.all(Array.from({ length: 20 }, () => open(server)))
      await poll(() => server.stats().channels === 20, 'all are there')
      for (const wire of wires) wire.write('asked')
      await pause(5)
      await server.close()
      for (const wire of wires) {
        expect(await wire.until(() => wire.closed)).toBe(true)
        expect(wire.bytes().toString()).toBe('asked')
      }
    })

    test('cuts off who does not read in time', async () => {
      const gone: Channel[] = []
      const server = await serve({
        handler: {
          frame: (channel) => void channel.write(Buffer.alloc(12 * MIB)),
          close: (channel) => void gone.push(channel),
        },
      })
      const wire = await open(server)
      wire.socket.pause()
      wire.write('x')
      await pause(50)
      const start = performance.now()
      await server.close({ drain: 150 })
      expect(performance.now() - start).toBeGreaterThan(120)
      expect(performance.now() - start).toBeLessThan(2000)
      expect(gone).toHaveLength(1)
      expect(await server.close(), 'twice is once').toBeUndefined()
    })
  })

  describe('the process around a server', () => {
    test('lives while it listens, and ends by itself after close', async () => {
      const { code, stdout, stderr } = await script(
        wait,
        `
        const server = await listen({ port: 0, handler: { frame: (channel, frame) => channel.write(frame) } })
        const socket = connect(server.address().port, '127.0.0.1')
        socket.write('hello')
        const [answer] = await once(socket, 'data')
        say(String(answer))
        socket.destroy()
        setTimeout(() => say('alive'), 200).unref()
        setTimeout(() => server.close().then(() => say('closed')), 400).unref() // nothing else keeps the process
        `,
      )
      expect({ code, stderr, lines: stdout.split('\n') }).toEqual({
        code: 0,
        stderr: '',
        lines: ['hello', 'alive', 'closed', ''],
      })
    })

    test('sees what a handler throws as uncaught, and the loop lives', async () => {
      const { code, stdout, stderr } = await script(
        wait,
        `
        process.on('uncaughtException', (error) => say('uncaught', error.message))
        const fault = (where) => { throw new Error(where) }
        const server = await listen({
          port: 0,
          codec: lengthField({ maxFrameLength: 10, lengthFieldLength: 1, initialBytesToStrip: 1 }),
          handler: {
            open: () => fault('open'),
            frame(channel, frame) {
              if (frame.toString() === 'bad') fault('frame')
              channel.write(frame)
            },
            error: () => fault('error'),
            end: () => fault('end'),
            close: () => fault('close'),
          },
        })
        for (let i = 0; i < 2; i++) {
          const socket = connect(server.address().port, '127.0.0.1')
          socket.end('\\x03one\\x03bad\\x0cxxxxxxxxxxxx\\x03two')
          let text = ''
          socket.on('data', (bytes) => { text += bytes })
          await once(socket, 'close')
          say('client', JSON.stringify(text))
          await pause(50)
        }
        await server.close()
        say('closed')
        `,
      )
      const round = [
        'uncaught open',
        'uncaught frame',
        'uncaught error',
        'uncaught end',
        'client "\\u0003one\\u0003two"',
      ]
      const lines = stdout
        .trim()
        .split('\n')
        .filter((line) => line !== 'uncaught close')
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(lines).toEqual([...round, ...round, 'closed'])
      expect(stdout.match(/uncaught close/g)).toHaveLength(2)
    })

    test('goes on with a resumed channel whose handler has thrown', async () => {
      const { code, stdout } = await script(
        wait,
        `
        process.on('uncaughtException', (error) => say('uncaught', error.message))
        const server = await listen({
          port: 0,
          codec: lengthField({ maxFrameLength: 10, lengthFieldLength: 1, initialBytesToStrip: 1 }),
          handler: {
            frame(channel, frame) {
              const text = frame.toString()
              say(text)
              if (text === 'a') {
                channel.pause()
                setTimeout(() => channel.resume(), 20)
              }
              if (text === 'b') throw new Error('of b')
            },
            close: () => say('close'),
          },
        })
        const socket = connect(server.address().port, '127.0.0.1')
        socket.write('\\x01a\\x01b\\x01c\\x01d')
        await pause(150)
        socket.end('\\x01e')
        await pause(150)
        await server.close({ drain: 0 })
        `,
      )
      expect(code).toBe(0)
      const lines = stdout.trim().split('\n')
      expect(lines.filter((line) => line.startsWith('uncaught'))).toEqual(['uncaught of b'])
      expect(lines.filter((line) => !line.startsWith('uncaught'))).toEqual(['a', 'b', 'c', 'd', 'e', 'close'])
    })

    test('ends with what a handler throws where nobody listens for it', async () => {
      const { code, stdout, stderr } = await script(
        wait,
        `
        const server = await listen({ port: 0, handler: { frame() { throw new Error('of mine') } } })
        connect(server.address().port, '127.0.0.1').on('error', () => undefined).write('x')
        setTimeout(() => say('still there'), 3000)
        `,
      )
      expect(code).toBe(1)
      expect(stdout).toBe('')
      expect(stderr).toContain('Error: of mine')
    })

    test('keeps its habits: timers, promises and files go on beside a busy server', async () => {
      const { code, stdout } = await script(
        wait,
        `
        const { readFile } = await import('node:fs/promises')
        const order = []
        const server = await listen({
          port: 0,
          handler: {
            frame(channel, frame) {
              if (order.length === 0) {
                order.push('frame')
                process.nextTick(() => order.push('tick'))
                Promise.resolve().then(() => order.push('promise'))
                setImmediate(() => order.push('immediate'))
              }
              channel.write(frame)
            },
          },
        })
        const socket = connect(server.address().port, '127.0.0.1')
        let bytes = 0
        socket.on('data', (data) => { bytes += data.length; socket.write(data) })
        socket.write('x'.repeat(1000))
        let ticks = 0
        const timer = setInterval(() => ticks++, 10)
        for (let i = 0; i < 20; i++) await readFile('/proc/self/stat')
        await pause(200)
        clearInterval(timer)
        say(order.join(' '), bytes > 10_000, ticks > 5)
        socket.destroy()
        await server.close()
        `,
      )
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'frame tick promise immediate true true\n' })
    })
  })

  test('a codec is checked when it is made, not at the first byte', () => {
    expect(() => lengthField({ maxFrameLength: 3, lengthFieldLength: 4 })).toThrow(/maxFrameLength/)
  })
}
