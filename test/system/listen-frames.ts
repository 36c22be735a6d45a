// The library through real sockets, how frames come and go: echoes, sizes, watermarks and bounds.
import { describe, expect, test } from 'vitest'
import { type Channel, type Handler, lengthField, raw } from '../../dist/src/index.js'
import { poll } from './harness.ts'
import { codeOf, Echo, four, framed, Log, open, pause, serve, type WaitName, waitBy, writeAll } from './library.ts'
import { Random, SEED } from './random.ts'

const MIB = 1 << 20

export function framesSuite(wait: WaitName): void {
  waitBy(wait)

  describe('frames', () => {
    test('raw bytes come back to every one of several clients', async () => {
      const server = await serve({ codec: raw(), handler: { frame: (channel, frame) => channel.write(frame) } })
      const random = new Random(SEED)
      await Promise.all(
        [1, 16_384, 300_000, 1_000_000].map(async (length) => {
          const bytes = random.bytes(length)
          const wire = await open(server)
          await writeAll(wire, bytes, 50_000)
          expect(await wire.until(() => wire.length === length)).toBe(true)
          expect(wire.bytes().equals(bytes), `seed ${SEED}`).toBe(true)
        }),
      )
      expect(server.stats()).toMatchObject({ channels: 4, accepted: 4 })
    })

    test('messages of 0 bytes to 8 MiB come back whole, whatever surrounds them', async () => {
      const echo = new Echo()
      const server = await serve({ codec: four(), handler: echo })
      const random = new Random(SEED)
      const sizes = [0, 1, 16_380, 16_384, 16_388, 8 * MIB, 3, 65_536, 5 * MIB, 0, 7]
      const bytes = Buffer.concat(sizes.map((size) => framed(random.bytes(size))))
      const wire = await open(server)
      await writeAll(wire, bytes).catch(() => undefined) // a channel that ended has said why
      await wire.until(() => wire.closed || wire.length === bytes.length, 20_000)
      expect([echo.faults, wire.length]).toEqual([[], bytes.length])
      expect(wire.bytes().equals(bytes), `seed ${SEED}`).toBe(true)
    })

    test('text, views and copies are what was sent; a copy outlives its frame', async () => {
      const copies: Uint8Array[] = []
      const seen: string[] = []
      const server = await serve({
        codec: four(),
        handler: {
          frame(channel, frame) {
            copies.push(frame.copy())
            seen.push(`${frame.length} ${frame.bytes.length} ${frame.toString()} ${frame.toString('hex')}`)
            channel.write(`é${frame.toString()}`)
          },
        },
      })
      const wire = await open(server)
      for (const text of ['ä', 'x'.repeat(3)]) wire.write(framed(text))
      const answer = Buffer.concat([framed('éä'), framed('éxxx')])
      expect(await wire.until(() => wire.length === answer.length)).toBe(true)
      expect(wire.bytes().equals(answer)).toBe(true)
      expect(seen).toEqual(['2 2 ä c3a4', '3 3 xxx 787878'])
      expect(copies.map((copy) => Buffer.from(copy).toString())).toEqual(['ä', 'xxx'])
    })

    test('bytes that come one at a time make the same frames', async () => {
      const log = new Log()
      const server = await serve({ codec: four(), handler: log })
      const wire = await open(server)
      for (const byte of Buffer.concat([...'abcdefgh'].map(framed))) {
        wire.write(Buffer.of(byte))
        await new Promise(setImmediate)
      }
      await log.until('h')
      expect(log.lines.join('')).toBe('abcdefgh')
    })
  })

  describe('writing to a reader that does not read', () => {
    const BLOCK = 65_536
    const high = 4 * BLOCK

    test('returns false above the high watermark, and writable says when to go on', async () => {
      const total = 400 // 25 MiB, more than the sockets hold
      let sent = 0
      let deepest = 0
      const pauses: { above: number; below?: number }[] = []
      const fill = (channel: Channel): void => {
        while (sent < total) {
          const more = channel.write(Buffer.alloc(BLOCK, sent++ % 251))
          deepest = Math.max(deepest, channel.writableLength)
          if (more !== channel.writableLength <= high) throw new Error('the result does not tell')
          if (!more) return void pauses.push({ above: channel.writableLength })
        }
      }
      const server = await serve({
        highWaterMark: high,
        lowWaterMark: BLOCK,
        handler: {
          open: fill,
          frame: () => undefined,
          writable(channel) {
            const last = pauses.at(-1)
            if (last) last.below = channel.writableLength
            fill(channel)
          },
        },
      })
      const wire = await open(server)
      wire.socket.pause()
      await poll(() => pauses.length > 0, 'a write returned false')
      await pause(100)
      const stuck = sent
      await pause(100)
      expect(sent, 'nobody says go on while nobody reads').toBe(stuck)
      expect(sent).toBeLessThan(total)
      wire.socket.resume()
      expect(await wire.until(() => wire.length === total * BLOCK, 20_000)).toBe(true)
      const bytes = wire.bytes()
      for (let i = 0; i < total; i++) {
        if (bytes[i * BLOCK] !== i % 251 || bytes[(i + 1) * BLOCK - 1] !== i % 251)
          expect.fail(`block ${i} is not there`)
      }
      expect(deepest).toBeLessThanOrEqual(high + BLOCK)
      const resumed = pauses.filter(({ below }) => below !== undefined)
      expect(resumed.length).toBeGreaterThan(2)
      for (const { above, below } of resumed) {
        expect(above).toBeGreaterThan(high)
        expect(below).toBeLessThanOrEqual(BLOCK)
      }
    })

    test('ends in ENOBUFS where the handler does not listen, with all that was taken sent', async () => {
      const outcomes: string[] = []
      let taken = 0
      const server = await serve({
        highWaterMark: high,
        handler: {
          frame(channel) {
            for (let i = 0; i < 1000; i++) {
              const outcome = codeOf(() => channel.write(Buffer.alloc(BLOCK, taken % 251)))
              outcomes.push(outcome)
              if (outcome !== 'ENOBUFS') taken++
              else if (outcomes.filter((each) => each === 'ENOBUFS').length > 2) break
            }
            outcomes.push(String(channel.writableLength))
          },
        },
      })
      const wire = await open(server)
      wire.write('go')
      await poll(() => outcomes.length > 0, 'it writes')
      expect(outcomes.slice(-4, -1)).toEqual(['ENOBUFS', 'ENOBUFS', 'ENOBUFS'])
      expect(Number(outcomes.at(-1))).toBeGreaterThan(4 * high)
      expect(Number(outcomes.at(-1)), 'the bound, and one message').toBeLessThanOrEqual(4 * high + BLOCK)
      expect(outcomes.slice(0, 4)).toEqual(Array(4).fill('returned true'))
      expect(outcomes[4]).toBe('returned false')
      expect(await wire.until(() => wire.length === taken * BLOCK)).toBe(true)
      await pause(50)
      expect(wire.length).toBe(taken * BLOCK)
      expect(wire.bytes()[(taken - 1) * BLOCK]).toBe((taken - 1) % 251)
    })

    test('stops reading from it: an echo holds little, and loses nothing', async () => {
      const echo = new Echo()
      const server = await serve({ highWaterMark: high, handler: echo })
      const bytes = Buffer.alloc(32 * MIB)
      for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(at, at)
      const wire = await open(server)
      wire.socket.pause()
      let written = false
      const writing = writeAll(wire, bytes).then(
        () => {
          written = true
        },
        () => undefined,
      )
      await poll(() => echo.deepest > high, 'the queue is above the mark')
      await pause(400)
      expect([echo.faults, written], 'the pressure reaches the sender').toEqual([[], false])
      wire.socket.resume()
      await writing
      await wire.until(() => wire.closed || wire.length === bytes.length, 20_000)
      expect([echo.faults, wire.length]).toEqual([[], bytes.length])
      expect(wire.bytes().equals(bytes)).toBe(true)
      expect(echo.deepest, 'what one turn reads, above the mark').toBeLessThanOrEqual(high + 2 * MIB)
    })
  })

  test('a length that does not fit the field is ERR_OUT_OF_RANGE, and nothing of it is sent', async () => {
    const outcomes: string[] = []
    const codec = lengthField({ maxFrameLength: 1000, lengthFieldLength: 1 })
    const handler: Handler = {
      frame(channel) {
        outcomes.push(codeOf(() => channel.write(Buffer.alloc(256))))
        outcomes.push(codeOf(() => channel.write(Buffer.alloc(255, 'y'))))
        outcomes.push(codeOf(() => channel.write('z'.repeat(100_000))))
        outcomes.push(codeOf(() => channel.write('')))
      },
    }
    const server = await serve({ codec, handler })
    const wire = await open(server)
    wire.write('\x01x')
    expect(await wire.until(() => wire.length === 257)).toBe(true)
    expect(outcomes).toEqual(['ERR_OUT_OF_RANGE', 'returned true', 'ERR_OUT_OF_RANGE', 'returned true'])
    expect(wire.bytes().toString('latin1')).toBe(`\xff${'y'.repeat(255)}\0`)
  })
}
