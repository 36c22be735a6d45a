// Servers whose handlers run in threads that serve no sockets.
import { describe, expect, onTestFinished, test } from 'vitest'
import { lengthField, listen, type Reactor } from '../../dist/src/index.js'
import { threadLoop } from '../../dist/src/loop/loop.js'
import { Program, poll } from './harness.ts'
import { framed } from './library.ts'
import { ask, deathSuite, ECHO, openWire, serveThreads, threadsSuite } from './reactor-threads.ts'
import { Wire } from './wire.ts'

const pool: Reactor = { model: 'pool', threads: 2 }

threadsSuite('pool', pool, 'epoll')
deathSuite('pool', pool, 'epoll')

describe('a pool', () => {
  const MODULE = (code: string): URL => new URL(`data:text/javascript,${encodeURIComponent(code)}`)

  test('carries messages of any size both ways, by reference and by copy', async () => {
    const handler = MODULE(`let n = 0
      export const handler = { frame(channel, frame) { channel.write(n++ % 2 ? frame.copy() : frame) } }`)
    const server = await serveThreads(pool, { handler, highWaterMark: 1 << 20 })
    const wire = await openWire(server)
    for (const length of [0, 1, 5, 32_767, 32_768, 32_769, 200_000, 1_000_000]) {
      const text = 'abcdefghij'.repeat(length / 10 + 1).slice(0, length)
      expect((await ask(wire, text)) === text).toBe(true)
      expect((await ask(wire, text)) === text).toBe(true)
    }
  })

  test('answers what came before the peer ended its side', async () => {
    const server = await serveThreads(pool)
    const wire = await Wire.open(server.address().port, { allowHalfOpen: true })
    const messages = Buffer.concat(Array.from({ length: 500 }, (_, i) => framed(`message ${i}`)))
    wire.socket.end(messages)
    expect(await wire.until(() => wire.closed, 10_000)).toBe(true)
    expect(wire.bytes().equals(messages)).toBe(true)
  })

  test('takes structured frames with the codec of the module', async () => {
    const index = new URL('../../dist/src/index.js', import.meta.url).href
    const handler = MODULE(`import { resp } from '${index}'
      const text = (frame) => frame.message.map((word) => Buffer.from(word).toString()).join('|')
      export const codec = resp()
      export const handler = { frame: (channel, frame) => void channel.write('+' + text(frame) + '\\r\\n') }`)
    const server = await listen({ port: 0, handler, reactor: pool })
    onTestFinished(() => server.close({ drain: 0 }))
    const wire = await openWire(server)
    wire.write('*2\r\n$3\r\nGET\r\n$1\r\nx\r\nPING\r\n')
    expect(await wire.until(() => wire.length >= 15)).toBe(true)
    expect(wire.bytes().toString()).toBe('+GET|x\r\n+PING\r\n')
  })

  test('tells its handlers of everything, and gives all memory back', async () => {
    const handler = MODULE(`export const handler = {
      open(channel) { channel.data = []; channel.write('open ' + (channel.remoteAddress.port > 0)) },
      frame(channel, frame) {
        if (frame.toString() === 'log') channel.write(channel.data.join())
        else channel.data.push(frame.toString())
      },
      error(channel, error) { channel.data.push(error.code) },
      end(channel) { channel.write('end') } }`)
    const loop = threadLoop()
    const used = loop.stats().heapUsed
    const server = await serveThreads(pool, {
      handler,
      codec: lengthField({ maxFrameLength: 100, lengthFieldLength: 4, initialBytesToStrip: 4 }),
    })
    const wire = await Wire.open(server.address().port, { allowHalfOpen: true })
    wire.write(Buffer.concat([framed('one'), framed('x'.repeat(200)), framed('two')]))
    expect(await ask(wire, 'log')).toBe('open true')
    const text = 'one,MILLRACE_ERR_FRAME_TOO_LONG,two'
    expect(await wire.until(() => wire.bytes().includes(text))).toBe(true)
    wire.socket.end()
    expect(await wire.until(() => wire.closed)).toBe(true)
    expect(wire.bytes().subarray(-7).equals(framed('end'))).toBe(true)
    await server.close()
    expect(loop.stats()).toMatchObject({ channels: 0, skbs: 0, heapUsed: used })
  })

  test('holds a client back whose frames are not handled yet, and loses none', async () => {
    const handler = MODULE(`const never = new Int32Array(new SharedArrayBuffer(4))
      let n = 0
      export const handler = { frame(channel, frame) {
        if (n++ === 0) Atomics.wait(never, 0, 0, 500)
        channel.write(String(frame.length)) } }`)
    const loop = threadLoop()
    const used = loop.stats().heapUsed
    const server = await serveThreads({ model: 'pool', threads: 1 }, { handler, highWaterMark: 20_000 })
    const wire = await openWire(server)
    const COUNT = 16_000
    const messages = Buffer.concat(Array.from({ length: COUNT }, () => framed('y'.repeat(1000))))
    wire.write(messages)
    let most = 0
    const done = (): boolean => {
      most = Math.max(most, loop.stats().heapUsed - used)
      return wire.length >= COUNT * 8
    }
    await poll(done, 'all are answered', 15_000, 5)
    expect(wire.length).toBe(COUNT * 8)
    expect(most).toBeLessThan(4_000_000) // what one turn receives, and not all that came
  })

  test('delivers nothing while a channel is paused, and everything in order after', async () => {
    const handler = MODULE(`let seen = 0
      let paused = false
      export const handler = { frame(channel, frame) {
        if (paused) channel.write('while paused')
        channel.write(frame)
        if (++seen % 10 !== 0) return
        paused = true
        channel.pause()
        setTimeout(() => { paused = false; channel.resume() }, 10) } }`)
    const server = await serveThreads({ model: 'pool', threads: 1 }, { handler })
    const wire = await openWire(server)
    const messages = Buffer.concat(Array.from({ length: 200 }, (_, i) => framed(`message ${i}`)))
    wire.write(messages)
    expect(await wire.until(() => wire.length >= messages.length, 10_000)).toBe(true)
    expect(wire.bytes().equals(messages)).toBe(true)
  })

  test('gives the process what a handler throws, where nobody asks for exits', async () => {
    const code = `import { connect } from 'node:net'
      import { listen } from 'millrace'
      const server = await listen({ port: 0, handler: new URL('${ECHO.href}'), reactor: { model: 'pool', threads: 1 } })
      connect(server.address().port, '127.0.0.1').on('error', () => {}).write('throw')`
    const program = new Program('thrower', process.execPath, ['--input-type=module', '-e', code])
    expect((await program.ended(20_000)).code).toBe(1)
    expect(program.stderr).toContain('a fault of the handler')
  })
})
