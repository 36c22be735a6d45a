// Servers of several threads, on the readiness kernel.
import { describe, expect, onTestFinished, test } from 'vitest'
import { listen, type Reactor, resp, type ThreadListenOptions } from '../../dist/src/index.js'
import { poll } from './harness.ts'
import { ask, CODEC, deathSuite, ECHO, openWire, serveThreads, threadsSuite } from './reactor-threads.ts'
import { Wire } from './wire.ts'

const reuseport: Reactor = { model: 'reuseport', threads: 2 }
const boss: Reactor = { model: 'boss', threads: 2 }

threadsSuite('SO_REUSEPORT', reuseport, 'epoll')
threadsSuite('boss', boss, 'epoll')
deathSuite('SO_REUSEPORT', reuseport, 'epoll')
deathSuite('boss', boss, 'epoll')

describe('a boss', () => {
  const counts = (server: Awaited<ReturnType<typeof serveThreads>>): number[] =>
    server.stats().threads.map(({ channels }) => channels)

  test('hands connections round, each thread as many', async () => {
    const server = await serveThreads({ model: 'boss', threads: 3, balance: 'round-robin' })
    for (let i = 0; i < 9; i++) expect(await ask(await openWire(server), 'who')).toBe(`thread ${i % 3}`)
    expect(counts(server)).toEqual([3, 3, 3])
  })

  test('hands connections to whoever has the fewest', async () => {
    const server = await serveThreads({ model: 'boss', threads: 2, balance: 'least-connections' })
    const wires: Wire[] = []
    const whose: string[] = []
    for (let i = 0; i < 8; i++) {
      const wire = await openWire(server)
      wires.push(wire)
      whose.push(await ask(wire, 'who'))
    }
    expect(counts(server)).toEqual([4, 4])
    for (const [i, wire] of wires.entries()) if (whose[i] === 'thread 1') wire.destroy()
    await poll(() => counts(server)[1] === 0, 'thread 1 has none')
    for (let i = 0; i < 4; i++) expect(await ask(await openWire(server), 'who')).toBe('thread 1')
    expect(counts(server)).toEqual([4, 4])
  })

  test('holds connections back at maxChannels, and takes them when others close', async () => {
    const server = await serveThreads({ model: 'boss', threads: 2 }, { maxChannels: 4 })
    const wires = await Promise.all(Array.from({ length: 7 }, () => openWire(server)))
    for (const wire of wires) wire.write(Buffer.from([0, 0, 0, 1, 65]))
    const answered = (): Wire[] => wires.filter((wire) => wire.length === 5)
    await poll(() => answered().length === 4, 'four are served')
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(answered().length).toBe(4)
    expect(server.stats()).toMatchObject({ channels: 4, accepted: 4, maxChannels: 4 })
    for (const wire of answered().slice(0, 3)) wire.destroy()
    await poll(() => wires.every((wire) => wire.length === 5), 'the others are served')
  })
})

describe.each(['reuseport', 'boss', 'pool'] as const)('the options of listen reach the threads of %s', (model) => {
  test.each([true, false])('ipv6Only: %s', async (ipv6Only) => {
    const server = await serveThreads({ model, threads: 2 }, { host: '::', ipv6Only })
    const wire = Wire.open(server.address().port)
    if (ipv6Only) await expect(wire).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    else expect(await ask(await wire, 'mine')).toBe('mine')
  })

  test('signal', async () => {
    await expect(serveThreads({ model, threads: 1 }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ABORT_ERR',
    })
    const controller = new AbortController()
    const server = await serveThreads({ model, threads: 1 }, { signal: controller.signal })
    const { port } = server.address()
    controller.abort()
    await poll(
      () =>
        Wire.open(port).then(
          (wire) => wire.destroy(),
          () => true,
        ),
      'nobody listens',
    )
  })
})

describe('listen with a module', () => {
  test('serves in this thread by default', async () => {
    const server = await listen({ port: 0, handler: ECHO, codec: CODEC })
    onTestFinished(() => server.close({ drain: 0 }))
    const wire = await Wire.open(server.address().port)
    expect(await ask(wire, 'who')).toBe('thread 0')
    wire.destroy()
  })

  test('takes the default export too', async () => {
    const handler = new URL('data:text/javascript,export default { frame(channel, frame) { channel.write(frame) } }')
    const server = await serveThreads(reuseport, { handler })
    expect(await ask(await openWire(server), 'mine')).toBe('mine')
  })

  test('refuses options that cannot be', async () => {
    const code = async (options: object): Promise<unknown> =>
      listen({ port: 0, handler: ECHO, ...options } as unknown as ThreadListenOptions & { reactor: Reactor }).then(
        (server) => server.close(),
        (error: { code: unknown }) => error.code,
      )
    const reactor = reuseport
    expect(await code({ reactor: { model: 'herd', threads: 2 } })).toBe('ERR_INVALID_ARG_VALUE')
    expect(await code({ reactor: { model: 'boss', threads: 2, balance: 'luck' } })).toBe('ERR_INVALID_ARG_VALUE')
    expect(await code({ reactor: { ...reactor, threads: 0 } })).toBe('ERR_OUT_OF_RANGE')
    expect(await code({ reactor: { ...reactor, threads: 1.5 } })).toBe('ERR_OUT_OF_RANGE')
    expect(await code({ reactor, handler: { frame: () => undefined } })).toBe('ERR_INVALID_ARG_VALUE')
    expect(await code({ reactor, codec: resp() })).toBe('ERR_INVALID_ARG_VALUE')
  })
})
