// Options of listen and connect: what the kernel is told, who is heard when it goes wrong, what calls it off.
import dns from 'node:dns/promises'
import { getEventListeners, once } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import { isIP, type Socket } from 'node:net'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type Channel, connect, listen } from '../../dist/src/index.js'
import { threadLoop } from '../../dist/src/loop/loop.js'
import { deadPort, dial, failure, fullBacklog, netServer, nothingLeft, silent } from './connecting.ts'
import { poll } from './harness.ts'
import { Log, open, pause, serve, waitBy } from './library.ts'

beforeAll(() => waitBy('prepare'))

const SOL_SOCKET = 1
const IPPROTO_TCP = 6
const GETSOCKOPT = 5

/** What every name means for the length of one test. */
function resolveTo(...addresses: string[]): void {
  const { lookup } = dns
  const all = addresses.map((address) => ({ address, family: isIP(address) }))
  dns.lookup = (async () => all) as unknown as typeof lookup
  syncBuiltinESMExports()
  onTestFinished(() => {
    dns.lookup = lookup
    syncBuiltinESMExports()
  })
}

/** What the kernel says of the newest socket of this process with these ports. */
function optionOf(channel: Channel, level: number, option: number): number {
  const loop = threadLoop()
  for (let slot = 0; slot < loop.core.channelsTouched(); slot++) {
    const at = loop.core.channelAt(slot) >>> 0
    const fd = loop.view.getInt32(at + 8, true)
    if (loop.view.getUint32(at, true) !== 3 || loop.call(7, fd, loop.stage, 128) < 0) continue
    if (loop.view.getUint16(loop.stage + 2) === channel.localAddress?.port)
      return loop.call(GETSOCKOPT, fd, level, option)
  }
  throw new Error('no such channel')
}

test('options of connect reach the socket, and can be changed afterwards', async () => {
  const port = await netServer('127.0.0.1', () => undefined)
  const plain = await dial({ port, handler: silent })
  expect(optionOf(plain, IPPROTO_TCP, 1)).toBe(1)
  expect(optionOf(plain, SOL_SOCKET, 9)).toBe(0)
  plain.setNoDelay(false).setKeepAlive(true, 7000)
  expect(optionOf(plain, IPPROTO_TCP, 1)).toBe(0)
  expect(optionOf(plain, SOL_SOCKET, 9)).toBe(1)
  expect(optionOf(plain, IPPROTO_TCP, 4)).toBe(7)
  const set = await dial({
    port,
    handler: { frame: () => undefined },
    noDelay: false,
    keepAlive: true,
    keepAliveInitialDelay: 9000,
    receiveBufferBytes: 20_000,
    sendBufferBytes: 30_000,
  })
  expect(optionOf(set, IPPROTO_TCP, 1)).toBe(0)
  expect(optionOf(set, IPPROTO_TCP, 4)).toBe(9)
  expect(optionOf(set, SOL_SOCKET, 8)).toBe(40_000) // the kernel doubles them
  expect(optionOf(set, SOL_SOCKET, 7)).toBe(60_000)
})

test('a channel knows both addresses, and still when it has closed', async () => {
  const seen: Socket[] = []
  const port = await netServer('127.0.0.1', (socket) => void seen.push(socket))
  const log = new Log()
  const localPort = await deadPort('127.0.0.2')
  const channel = await dial({ port, handler: log, localAddress: '127.0.0.2', localPort })
  await poll(() => seen.length > 0, 'the server')
  expect(seen[0]).toMatchObject({ remoteAddress: '127.0.0.2', remotePort: localPort })
  channel.destroy()
  await log.until('close')
  expect(channel.localAddress).toMatchObject({ host: '127.0.0.2', port: localPort, family: 'IPv4' })
  expect(channel.remoteAddress).toMatchObject({ host: '127.0.0.1', port })
})

test('an address that is not ours to connect from is EADDRNOTAVAIL', async () => {
  const error = await failure(connect({ port: 9, localAddress: '192.0.2.1', handler: silent }))
  expect(error).toMatchObject({ code: 'EADDRNOTAVAIL', syscall: 'bind', address: '192.0.2.1' })
  await nothingLeft()
})

test('reusePort lets two listen at one address', async () => {
  const one = await serve({ handler: silent, reusePort: true })
  const { port } = one.address()
  await serve({ port, handler: silent, reusePort: true })
  expect(await failure(listen({ port, handler: silent }))).toMatchObject({
    code: 'EADDRINUSE',
    syscall: 'listen',
    port,
  })
})

test('ipv6Only leaves the IPv4 port to others', async () => {
  // somebody else may have that port of IPv4
  for (let tries = 1; ; tries++) {
    const one = await serve({ host: '::', handler: silent, ipv6Only: true })
    try {
      await serve({ host: '0.0.0.0', port: one.address().port, handler: silent })
      return
    } catch (error) {
      if (tries === 10) throw error
    }
  }
})

test('accepted channels inherit what the listener was given', async () => {
  const log = new Log()
  const server = await serve({ handler: log, noDelay: false, keepAlive: true })
  await open(server)
  await poll(() => log.channel !== undefined, 'the channel')
  const channel = log.channel as Channel
  const port = channel.localAddress?.port
  expect(port).toBe(server.address().port)
  expect(optionOf(channel, IPPROTO_TCP, 1)).toBe(0)
  expect(optionOf(channel, SOL_SOCKET, 9)).toBe(1)
})

test.each([
  [{ port: 70_000 }, 'ERR_SOCKET_BAD_PORT'],
  [{}, 'ERR_SOCKET_BAD_PORT'],
  [{ port: 1, timeout: -1 }, 'ERR_OUT_OF_RANGE'],
  [{ port: 1, timeout: '1' as unknown as number }, 'ERR_INVALID_ARG_TYPE'],
  [{ port: 1, sendBufferBytes: 0 }, 'ERR_OUT_OF_RANGE'],
  [{ path: '' }, 'ERR_INVALID_ARG_VALUE'],
  [{ path: 'x'.repeat(108) }, 'ERR_INVALID_ARG_VALUE'],
  [{ port: 1, handler: {} as never }, 'ERR_INVALID_ARG_VALUE'],
])('connect refuses %j with %s', async (options, code) => {
  expect(await failure(connect({ handler: silent, ...options }))).toMatchObject({ code })
})

test.each([
  [{ port: -1 }, 'ERR_SOCKET_BAD_PORT'],
  [{ port: 0, backlog: -1 }, 'ERR_OUT_OF_RANGE'],
])('listen refuses %j with %s', async (options, code) => {
  expect(await failure(listen({ handler: silent, ...options }))).toMatchObject({ code })
})

describe('a signal', () => {
  const ABORTED = { name: 'AbortError', code: 'ABORT_ERR' }

  test('that is aborted stops both before they begin', async () => {
    const signal = AbortSignal.abort(new Error('why'))
    const error = await failure(connect({ port: 1, handler: silent, signal }))
    expect(error).toMatchObject({ ...ABORTED, cause: { message: 'why' } })
    expect(await failure(listen({ port: 0, handler: silent, signal }))).toMatchObject(ABORTED)
  })

  test('gives up a connect that waits', async () => {
    const port = await fullBacklog()
    const controller = new AbortController()
    const connecting = failure(connect({ port, handler: silent, signal: controller.signal }))
    await pause(100)
    controller.abort()
    expect(await connecting).toMatchObject(ABORTED)
    await nothingLeft()
  })

  test('does nothing to a channel that is open', async () => {
    const port = await netServer('127.0.0.1', (socket) => socket.pipe(socket))
    const controller = new AbortController()
    const log = new Log()
    const channel = await dial({ port, handler: log, signal: controller.signal })
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    controller.abort()
    channel.write('still here')
    await log.until('still here')
  })

  test('closes a server that listens', async () => {
    const controller = new AbortController()
    const server = await serve({ handler: silent, signal: controller.signal })
    const wire = await open(server)
    await poll(() => server.stats().channels === 1, 'the connection')
    controller.abort()
    await once(wire.socket, 'close')
    await server.close()
    expect(await failure(connect({ port: server.address().port, handler: silent }))).toMatchObject({
      code: 'ECONNREFUSED',
    })
  })
})

describe('a name', () => {
  test('with several addresses: the one that answers wins', async () => {
    const port = await netServer('127.0.0.1', (socket) => socket.pipe(socket))
    const log = new Log()
    const channel = await dial({ port, host: 'localhost', handler: log })
    channel.write('hello')
    await log.until('hello')
  })

  test('whose first address is silent: the next is tried a moment later, and the first given up', async () => {
    const port = await fullBacklog()
    const second = await netServer('::1', (socket) => socket.pipe(socket), port)
    resolveTo('127.0.0.1', '127.0.0.2', '::1')
    const began = Date.now()
    const channel = await dial({ port: second, host: 'several.test', handler: { ...silent } })
    expect(channel.remoteAddress).toMatchObject({ host: '::1', port }) // families take turns
    expect(Date.now() - began).toBeGreaterThanOrEqual(240)
    await poll(() => threadLoop().stats().channels === 1, 'the first is given up')
  })

  test('of whose addresses none answers: an AggregateError, as Node’s', async () => {
    const port = await deadPort()
    resolveTo('127.0.0.1', '::1')
    const error = (await failure(connect({ port, host: 'several.test', handler: silent }))) as unknown as AggregateError
    expect(error).toBeInstanceOf(AggregateError)
    expect(error).toMatchObject({
      code: 'ECONNREFUSED',
      errors: [
        { code: 'ECONNREFUSED', address: '127.0.0.1', port },
        { code: 'ECONNREFUSED', address: '::1', port },
      ],
    })
    await nothingLeft()
  })

  test('that has none is Node’s ENOTFOUND', async () => {
    const error = await failure(connect({ port: 1, host: 'nowhere.invalid', handler: silent }))
    expect(error).toMatchObject({ syscall: 'getaddrinfo' })
    expect(['ENOTFOUND', 'EAI_AGAIN']).toContain(error.code)
  })
})
