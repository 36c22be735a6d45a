// The library through real sockets, what comes when: frames that wait for a paused channel, frames that are dropped,
// and errors in their place.
import { describe, expect, test } from 'vitest'
import { lengthField } from '../../dist/src/index.js'
import { poll } from './harness.ts'
import { codeOf, four, framed, Log, open, pause, serve, type WaitName, waitBy } from './library.ts'

const letters = 'abcdefghijklmnopqrstuvwxyz'
const alphabet = Buffer.concat([...letters].map((letter) => framed(letter)))

export function orderSuite(wait: WaitName): void {
  waitBy(wait)

  describe('frames that are decoded already', () => {
    test('wait while the channel is paused, and come in order', async () => {
      const log = new Log((channel, text) => {
        if ('cdx'.includes(text)) channel.pause()
      })
      const server = await serve({ codec: four(), handler: log })
      const wire = await open(server)
      wire.write(alphabet)
      for (const stop of ['c', 'd', 'x']) {
        await log.until(stop)
        await pause(30)
        expect(log.lines.join('')).toBe(letters.slice(0, letters.indexOf(stop) + 1))
        log.channel?.resume()
      }
      await log.until('z')
      wire.write(framed('more'))
      await log.until('more')
      expect(log.lines.join('')).toBe(`${letters}more`)
    })

    test('come before the end of a peer that has ended meanwhile', async () => {
      const log = new Log((channel, text) => {
        if (text === 'b') channel.pause()
      })
      const server = await serve({ codec: four(), handler: log })
      const wire = await open(server)
      wire.socket.end(alphabet)
      await log.until('b')
      await pause(50)
      expect(log.lines.join('')).toBe('ab')
      log.channel?.resume()
      await log.until('close')
      expect(log.lines).toEqual([...letters, 'end', 'close'])
    })

    test('errors keep their place among them', async () => {
      const log = new Log((channel, text) => {
        if (text === 'a') channel.pause()
      })
      const server = await serve({ codec: four(10), handler: log })
      const wire = await open(server)
      wire.write(Buffer.concat([framed('a'), framed('b'), framed('x'.repeat(7)), framed('c')]))
      await log.until('a')
      await pause(50)
      log.channel?.resume()
      await log.until('c')
      expect(log.lines).toEqual(['a', 'b', 'MILLRACE_ERR_FRAME_TOO_LONG 11', 'c'])
    })

    test('are dropped by destroy, and what was written with them', async () => {
      const log = new Log((channel, text) => {
        channel.write(text)
        if (text === 'c') channel.destroy()
      })
      const server = await serve({ codec: four(), handler: log })
      const wire = await open(server)
      wire.write(alphabet)
      await log.until('close')
      expect(log.lines).toEqual(['a', 'b', 'c', 'close'])
      expect(await wire.until(() => wire.closed)).toBe(true)
      expect([codeOf(() => log.channel?.write('x')), log.channel?.writableLength]).toEqual(['EPIPE', 0])
      expect(log.channel?.remoteAddress).toBeUndefined()
    })

    test('are dropped by end, after which what was written is sent and nothing more can be', async () => {
      const after: string[] = []
      const log = new Log((channel, text) => {
        channel.write(text)
        if (text !== 'c') return
        channel.end()
        after.push(codeOf(() => channel.write('late')))
      })
      const server = await serve({ codec: four(), handler: log })
      const wire = await open(server)
      wire.write(alphabet)
      expect(await wire.until(() => wire.closed)).toBe(true)
      expect(wire.bytes().equals(alphabet.subarray(0, 15))).toBe(true)
      await log.until('close')
      expect(log.lines).toEqual(['a', 'b', 'c', 'close'])
      after.push(codeOf(() => log.channel?.write('later')))
      expect(after).toEqual(['EPIPE', 'EPIPE'])
    })

    test('are not followed by writable once the channel has ended, though its queue drains', async () => {
      const lines: string[] = []
      const server = await serve({
        codec: four(),
        highWaterMark: 10,
        handler: {
          frame(channel, frame) {
            lines.push(`${frame} ${channel.write('more than the high watermark')}`)
            channel.end()
          },
          writable: () => void lines.push('writable'),
          close: () => void lines.push('close'),
        },
      })
      const wire = await open(server)
      wire.write(alphabet)
      await poll(() => lines.includes('close'), 'close')
      expect(lines).toEqual(['a false', 'close'])
    })
  })

  describe('a bad frame', () => {
    test('is told once, with its length, and its neighbours are delivered', async () => {
      const log = new Log()
      const codec = lengthField({
        maxFrameLength: 10,
        lengthFieldLength: 2,
        lengthAdjustment: -2,
        initialBytesToStrip: 2,
      })
      const server = await serve({ codec, handler: log })
      const wire = await open(server)
      wire.write(Buffer.from('0003 61 0001 0003 62 000b ffffffffffffffffff 0003 63 0005 aa'.replaceAll(' ', ''), 'hex'))
      await log.until('c')
      wire.socket.end()
      await log.until('close')
      const errors = ['CORRUPTED 2', 'TOO_LONG 11', 'INCOMPLETE 3'].map((name) => `MILLRACE_ERR_FRAME_${name}`)
      expect(log.lines).toEqual(['a', errors[0], 'b', errors[1], 'c', errors[2], 'end', 'close'])
    })

    test('that is too long and never ends is not dropped in silence, whenever that is told', async () => {
      for (const failFast of [true, false]) {
        const log = new Log()
        const codec = lengthField({ maxFrameLength: 10, lengthFieldLength: 2, failFast })
        const server = await serve({ codec, handler: log })
        const wire = await open(server)
        wire.socket.end(Buffer.from('0100ffffff', 'hex'))
        await log.until('close')
        expect(log.lines, `failFast: ${failFast}`).toEqual([
          expect.stringMatching(failFast ? /^MILLRACE_ERR_FRAME_TOO_LONG 258$/ : /^MILLRACE_ERR_FRAME_/),
          'end',
          'close',
        ])
      }
    })
  })
}
