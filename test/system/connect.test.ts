// Connections that the library makes: to servers of node:net, which refuse, answer, hang and are not there.
import { beforeAll, expect, test } from 'vitest'
import { connect, raw } from '../../dist/src/index.js'
import { threadLoop } from '../../dist/src/loop/loop.js'
import { deadPort, dial, failure, fullBacklog, netServer, nothingLeft, silent } from './connecting.ts'
import { poll, run } from './harness.ts'
import { Echo, four, framed, Log, serve, waitBy } from './library.ts'

beforeAll(() => waitBy('prepare'))

test.each(['127.0.0.1', '::1'])('a channel to %s says and hears what it should', async (host) => {
  const port = await netServer(host, (socket) => socket.pipe(socket))
  const log = new Log()
  const channel = await dial({ port, host, codec: four(), handler: log })
  expect(log.channel).toBe(channel) // open was called before
  expect(channel.remoteAddress).toMatchObject({ host, port })
  channel.write('hello')
  channel.write('')
  await log.until('')
  expect(log.lines).toEqual(['hello', ''])
  channel.end()
  await log.until('close')
})

test('both ends can be ours', async () => {
  const server = await serve({ codec: four(), handler: new Echo() })
  const log = new Log()
  const channel = await connect({ port: server.address().port, codec: four(), handler: log })
  for (let i = 0; i < 1000; i++) channel.write(`message ${i}`)
  await log.until('message 999')
  expect(log.lines).toEqual(Array.from({ length: 1000 }, (_, i) => `message ${i}`))
  channel.destroy()
})

test('large messages pass whole', async () => {
  const port = await netServer('127.0.0.1', (socket) => socket.pipe(socket))
  let seen: Buffer | undefined
  const body = Buffer.alloc(3_000_000, 'abcdefg')
  const channel = await dial({
    port,
    codec: four(),
    handler: {
      frame(_channel, frame) {
        seen = Buffer.from(frame.copy())
      },
    },
  })
  channel.write(body)
  await poll(() => seen !== undefined, 'the echo')
  expect(seen?.equals(body)).toBe(true)
})

test('what the peer says at once, and its end, come after open', async () => {
  const port = await netServer('127.0.0.1', (socket) => socket.end(framed('welcome')))
  const log = new Log()
  await dial({ port, codec: four(), handler: log })
  await log.until('close')
  expect(log.lines).toEqual(['welcome', 'end', 'close'])
})

test.each(['127.0.0.1', '::1'])('where nobody listens on %s, it is Node’s ECONNREFUSED', async (host) => {
  const port = await deadPort(host)
  let called = 0
  const handler = { ...silent, open: () => called++, close: () => called++, error: () => called++ }
  const error = await failure(connect({ port, host, handler }))
  expect(error).toMatchObject({ code: 'ECONNREFUSED', errno: -111, syscall: 'connect', address: host, port })
  expect(called).toBe(0)
  await nothingLeft()
})

test('a server that does not take it ends in ETIMEDOUT when the time is over', async () => {
  // a listener whose backlog is full drops what comes
  const full = await fullBacklog()
  const began = Date.now()
  const error = await failure(connect({ port: full, handler: silent, timeout: 300 }))
  expect(error).toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect', address: '127.0.0.1', port: full })
  expect(Date.now() - began).toBeGreaterThanOrEqual(290)
  await nothingLeft()
})

test('endpoints are shared, and nothing is left when the last channel has closed', async () => {
  const port = await netServer('127.0.0.1', (socket) => socket.pipe(socket))
  const loop = threadLoop()
  const before = loop.stats().heapUsed
  const handler = { frame: () => undefined }
  const codec = raw()
  const first = await Promise.all(Array.from({ length: 20 }, () => connect({ port, handler, codec })))
  const some = loop.stats().heapUsed - before
  const second = await Promise.all(Array.from({ length: 20 }, () => connect({ port, handler, codec })))
  expect(loop.stats().heapUsed - before).toBe(some) // no endpoint was added, and no address is left
  expect(some).toBeGreaterThan(0)
  for (const channel of [...first, ...second]) channel.destroy()
  await nothingLeft()
  await poll(() => loop.stats().heapUsed === before, 'the endpoint is freed')
})

test('a channel keeps the process alive until it closes, or is unref’d', async () => {
  const port = await netServer('127.0.0.1', (socket) => {
    socket.once('data', (data) => setTimeout(() => socket.end(data), 300))
  })
  const library = new URL('../../dist/src/index.js', import.meta.url).href
  const body = (then: string): string => `
    const { connect } = await import('${library}')
    const channel = await connect({ port: ${port}, handler: {
      frame: (_, frame) => console.log('frame', frame.toString()), close: () => console.log('closed') } })
    ${then}`
  const kept = await run(process.execPath, ['--input-type=module', '-e', body(`channel.write('x')`)])
  expect(kept).toMatchObject({ code: 0, stdout: 'frame x\nclosed\n' })
  const left = await run(process.execPath, ['--input-type=module', '-e', body(`channel.unref(); console.log('left')`)])
  expect(left).toMatchObject({ code: 0, stdout: 'left\n' })
})
