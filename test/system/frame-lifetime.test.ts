// How long frames live: those of a call, those that are retained, and what debug mode says about both.
import { describe, expect, it, onTestFinished } from 'vitest'
import { loadCore } from '../../dist/src/core/index.js'
import { type Channel, type Frame, line, type RetainedFrame, raw, resp } from '../../dist/src/index.js'
import { threadLoop } from '../../dist/src/loop/loop.js'
import { poll } from './harness.ts'
import { codeOf, four, framed, open, pause, script, serve, waitBy } from './library.ts'

waitBy('prepare')

const text = (i: number): string => `message ${i} `.repeat(1 + (i % 50))

describe('retained frames', () => {
  it('outlive their call, can be written, and give their memory back', async () => {
    const kept: RetainedFrame[] = []
    let channel: Channel | undefined
    const server = await serve({
      codec: four(),
      handler: {
        frame(c, frame) {
          channel = c
          kept.push(frame.retain())
        },
      },
    })
    const wire = await open(server)
    const count = 2000
    const bytes = Buffer.concat(Array.from({ length: count }, (_, i) => framed(text(i))))
    const before = threadLoop().stats().heapUsed
    for (let at = 0; at < bytes.length; at += 1000) wire.write(bytes.subarray(at, at + 1000))
    await poll(() => kept.length === count, 'all have come')
    expect(threadLoop().stats().heapUsed).toBeGreaterThan(before)
    expect(threadLoop().stats().starved, 'no buffer is kept').toBe(0)
    expect(kept.every((frame, i) => frame.toString() === text(i) && frame.length === text(i).length)).toBe(true)
    for (const frame of kept) {
      while (channel?.writableLength && channel.writableLength > 60_000) await pause(1)
      channel?.write(frame)
      frame.release()
    }
    await wire.until(() => wire.length >= bytes.length)
    expect(wire.bytes().equals(bytes)).toBe(true)
    await poll(() => threadLoop().stats().heapUsed <= before, 'the blocks are free again')
  })

  it('keep the parts of structured frames, escaped ones too, and may be retained again', async () => {
    const kept: RetainedFrame[] = []
    const server = await serve<unknown>({
      codec: resp() as never,
      handler: { frame: (_c, frame) => void kept.push(frame.retain()) },
    })
    const wire = await open(server)
    wire.write('*2\r\n$3\r\nGET\r\n$1\r\na\r\nSET "b\\x41\\n" \'c\'\r\n')
    await poll(() => kept.length === 2, 'both')
    wire.write('PING\r\n'.repeat(500))
    await poll(() => kept.length === 502, 'the memory was used again')
    const again = kept.map((frame) => frame.retain())
    for (const frame of kept) frame.release()
    const words = again.slice(0, 2).map((frame) => Array.from({ length: frame.parts }, (_, i) => frame.partText(i)))
    expect(words).toEqual([
      ['GET', 'a'],
      ['SET', 'bA\n', 'c'],
    ])
    for (const frame of again) frame.release()
  })

  it('throw when they are used after their release, or released twice', async () => {
    const codes: string[] = []
    const server = await serve({
      codec: line({ maxLength: 100 }),
      handler: {
        frame(channel, frame) {
          const kept = frame.retain()
          kept.release()
          for (const use of [
            () => kept.release(),
            () => kept.bytes,
            () => kept.length,
            () => kept.toString(),
            () => kept.copy(),
            () => kept.retain(),
            () => kept.partText(0),
            () => channel.write(kept),
          ]) {
            codes.push(codeOf(use))
          }
          channel.write(frame)
        },
      },
    })
    const wire = await open(server)
    wire.write('a\n')
    await wire.until(() => wire.length === 2)
    expect(codes).toEqual(Array(8).fill('MILLRACE_ERR_FRAME_RELEASED'))
  })

  it('of a decoder of the core are written to a channel as what they are', async () => {
    const core = await loadCore()
    const decoder = core.decoder(line({ maxLength: 100 }))
    const server = await serve({
      codec: raw(),
      handler: {
        frame(channel, bytes) {
          decoder.each(bytes.copy(), {
            frame(frame) {
              channel.write(frame)
              const kept = frame.retain()
              channel.write(kept)
              kept.release()
            },
          })
        },
      },
    })
    const wire = await open(server)
    wire.write('one\ntwo\n')
    await wire.until(() => wire.length === 12)
    expect(wire.bytes().toString()).toBe('oneonetwotwo')
  })
})

describe('debug mode', () => {
  type Warning = { code?: string; detail?: string }
  const watched = (): { warnings: Warning[] } => {
    const warnings: Warning[] = []
    const listener = (warning: Error): void => void warnings.push(warning as Warning)
    process.on('warning', listener)
    onTestFinished(() => void process.off('warning', listener))
    return { warnings }
  }

  it('lets a frame throw that is used after its call, however it is used', async () => {
    const codes: string[] = []
    let stale: { channel: Channel; frame: Frame } | undefined
    const server = await serve({
      codec: line({ maxLength: 100 }),
      debug: true,
      handler: {
        frame(channel, frame) {
          channel.write(frame)
          if (stale)
            codes.push(
              codeOf(() => stale?.frame.toString()),
              codeOf(() => channel.write(stale?.frame as Frame)),
            )
          stale ??= { channel, frame }
        },
      },
    })
    const wire = await open(server)
    wire.write('a\nb\n')
    await wire.until(() => wire.length === 4)
    for (const use of [() => stale?.frame.bytes, () => stale?.frame.retain(), () => stale?.channel.write(stale.frame)])
      codes.push(codeOf(use))
    expect(codes).toEqual(Array(5).fill('MILLRACE_ERR_FRAME_EXPIRED'))
    expect(wire.bytes().toString()).toBe('a\nb\n')
  })

  it('names the place that retained a frame and forgot it, when the server closes', async () => {
    const { warnings } = watched()
    const kept: RetainedFrame[] = []
    const server = await serve({
      codec: line({ maxLength: 100 }),
      debug: true,
      handler: {
        frame: function retainsAndForgets(_channel, frame) {
          const released = frame.retain()
          kept.push(frame.retain())
          released.release()
        },
      },
    })
    const wire = await open(server)
    wire.write('a\n')
    await poll(() => kept.length === 1, 'it has come')
    expect(kept[0]?.toString()).toBe('a')
    await server.close({ drain: 0 })
    await poll(() => warnings.length > 0, 'the warning')
    expect(warnings).toMatchObject([{ code: 'MILLRACE_WARN_FRAME_LEAK' }])
    expect(warnings[0]?.detail).toMatch(/^it was retained here:\n +at .*retainsAndForgets/)
    kept[0]?.release()
  })

  it('names it too when the frame is collected, and gives its memory back', async () => {
    const run = script(
      'prepare',
      `
      process.env.MILLRACE_DEBUG = 'frames'
      const { setFlagsFromString } = await import('node:v8')
      setFlagsFromString('--expose-gc')
      const gc = (await import('node:vm')).runInNewContext('gc')
      let frames = 0
      const server = await listen({ port: 0, codec: raw(), handler: { frame: (channel, frame) => {
        frame.retain(); frames++
      } } })
      const warned = once(process, 'warning')
      const socket = connect(server.address().port)
      socket.write('x')
      while (frames === 0) await pause(5)
      const timer = setInterval(gc, 20)
      const [warning] = await warned
      clearInterval(timer)
      say(warning.code, /retained here/.test(warning.detail))
      socket.destroy()
      await server.close({ drain: 0 })
    `,
    )
    const { stdout, code } = await run
    expect([stdout.trim(), code]).toEqual(['MILLRACE_WARN_FRAME_LEAK true', 0])
  })
})
