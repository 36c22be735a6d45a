// Large frames through real sockets: the rest of one is received straight into its place, whatever happens meanwhile.
import { describe, expect, test } from 'vitest'
import type { Channel } from '../../dist/src/index.js'
import { threadLoop } from '../../dist/src/loop/loop.js'
import { poll } from './harness.ts'
import { Echo, four, framed, Log, open, pause, serve, type WaitName, waitBy, writeAll } from './library.ts'
import { Random, SEED } from './random.ts'

const MIB = 1 << 20
const sizedBytes = (): number => threadLoop().stats().sizedBytes

export function sizedSuite(wait: WaitName): void {
  waitBy(wait)

  describe('sized receives', () => {
    test('bring most bytes of large frames, and those alone; small ones around them stay right', async () => {
      const echo = new Echo()
      const server = await serve({ codec: four(), handler: echo })
      const random = new Random(SEED)
      const before = sizedBytes()
      const small = await open(server)
      await writeAll(small, Buffer.concat(Array.from({ length: 50 }, () => framed(random.bytes(3000)))))
      await small.until(() => small.length === 50 * 3004)
      expect(sizedBytes()).toBe(before)
      // a multishot may bring a megabyte before it ends
      const sizes = [3, 8 * MIB, 100, 300_000, 0, 4 * MIB, 4 * MIB, 5]
      const bytes = Buffer.concat(sizes.map((size) => framed(random.bytes(size))))
      const wire = await open(server)
      await writeAll(wire, bytes).catch(() => undefined)
      await wire.until(() => wire.closed || wire.length === bytes.length, 20_000)
      expect([echo.faults, wire.length]).toEqual([[], bytes.length])
      expect(wire.bytes().equals(bytes), `seed ${SEED}`).toBe(true)
      expect(sizedBytes() - before).toBeGreaterThan(9 * MIB)
    })

    test.each(['destroy', 'end'] as const)('a handler may %s the channel in the middle of one', async (verb) => {
      const channels: Channel[] = []
      const handler = { open: (channel: Channel) => void channels.push(channel), frame: () => undefined }
      const server = await serve({ codec: four(), handler })
      const wire = await open(server)
      const before = sizedBytes()
      await writeAll(wire, framed(Buffer.alloc(4 * MIB, 7)).subarray(0, 3 * MIB))
      await poll(() => sizedBytes() > before + MIB, 'a sized receive is under way')
      channels[0]?.[verb]()
      expect(await wire.until(() => wire.closed, 5000)).toBe(true)
    })

    test('a paused channel keeps what came, and goes on', async () => {
      let seen = 0
      const channels: Channel[] = []
      const server = await serve({
        codec: four(),
        handler: {
          open: (channel) => void channels.push(channel),
          frame(_channel, frame) {
            seen += frame.length
          },
        },
      })
      const wire = await open(server)
      const before = sizedBytes()
      const bytes = framed(Buffer.alloc(8 * MIB, 7))
      wire.write(bytes.subarray(0, 3 * MIB))
      await poll(() => sizedBytes() > before + MIB / 2, 'a sized receive is under way')
      channels[0]?.pause()
      wire.write(bytes.subarray(3 * MIB))
      await pause(100)
      expect(seen).toBe(0)
      channels[0]?.resume()
      await poll(() => seen === 8 * MIB, 'the frame is whole')
    })

    test('a peer that ends in the middle of one leaves an incomplete frame of exactly what came', async () => {
      const log = new Log()
      const server = await serve({ codec: four(), handler: log })
      const wire = await open(server)
      await writeAll(wire, framed(Buffer.alloc(4 * MIB)).subarray(0, 3 * MIB + 17))
      wire.socket.end()
      await log.until('close')
      expect(log.lines).toEqual([`MILLRACE_ERR_FRAME_INCOMPLETE ${3 * MIB + 17}`, 'end', 'close'])
    })

    test('many at a time', async () => {
      const server = await serve({ codec: four(), handler: new Echo(), highWaterMark: 8 * MIB })
      const random = new Random(SEED)
      const bytes = Buffer.concat([MIB, 700_001, 20, MIB].map((size) => framed(random.bytes(size))))
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          const wire = await open(server)
          await writeAll(wire, bytes, 30_011)
          expect(await wire.until(() => wire.length === bytes.length, 20_000)).toBe(true)
          expect(wire.bytes().equals(bytes), `seed ${SEED}`).toBe(true)
        }),
      )
    })
  })
}
