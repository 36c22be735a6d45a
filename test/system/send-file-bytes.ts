// sendFile through real sockets: every byte, in order, and everybody's turn.
import { closeSync, ftruncateSync, openSync, readSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Channel, SendFileStrategy } from '../../dist/src/index.js'
import { threadLoop } from '../../dist/src/loop/loop.js'
import { poll } from './harness.ts'
import { open, pause } from './library.ts'
import { descriptors, failure, file, fileServer, GIB, MIB, pattern, STRATEGIES, Taker, taken } from './send-file.ts'

const SIZES = [0, 1, 4096, 65_535, MIB, 10 * MIB]
const BUILD = join(import.meta.dirname, '..', '..', 'build') // on a disk, where /tmp may be memory

export function bytesSuite(): void {
  describe('bytes', () => {
    for (const strategy of STRATEGIES) {
      test(`${strategy}: files of every size between a header and a trailer, and no descriptor is left`, async () => {
        const results: Promise<number>[] = []
        let path = ''
        const { server, errors } = await fileServer((channel) => {
          channel.write('header ')
          results.push(channel.sendFile(path, { strategy }))
          channel.write(' trailer')
          channel.end()
        })
        path = file(pattern(10))
        await taken(server)
        const before = descriptors()
        for (const size of SIZES) {
          const bytes = pattern(size, size)
          path = file(bytes, strategy === 'direct' ? BUILD : undefined)
          const got = await taken(server)
          expect(got.length).toBe(size + 15)
          expect(got.equals(Buffer.concat([Buffer.from('header '), bytes, Buffer.from(' trailer')]))).toBe(true)
        }
        expect(await Promise.all(results)).toEqual([10, ...SIZES])
        await poll(() => descriptors() <= before, 'every descriptor is closed')
        expect(errors).toEqual([])
      })
    }

    test('writes and files in turns keep their order', async () => {
      const bytes = pattern(300_000)
      const path = file(bytes)
      const expected: Buffer[] = []
      const send = (channel: Channel): void => {
        for (let i = 0; i < 16; i++) {
          const strategy = STRATEGIES[i % 5] as SendFileStrategy // direct reads have their own test of places
          const [offset, length] = [i * 1000 + i, (i * 37_123) % 250_000]
          for (let k = 0; k < i % 3; k++) {
            channel.write(`between ${i}.${k} `)
            expected.push(Buffer.from(`between ${i}.${k} `))
          }
          channel.sendFile(path, { offset, length, strategy })
          expected.push(bytes.subarray(offset, offset + length))
        }
        channel.write('done')
        expected.push(Buffer.from('done'))
        channel.end()
      }
      const { server } = await fileServer(send)
      const got = await taken(server)
      expect(got.length).toBe(expected.reduce((sum, part) => sum + part.length, 0))
      expect(got.equals(Buffer.concat(expected))).toBe(true)
    })

    test('direct reads begin and end anywhere', async () => {
      const bytes = pattern(3 * MIB + 77)
      const path = file(bytes, BUILD)
      const ranges = [
        [0, 1],
        [1, 511],
        [511, 4097],
        [4095, MIB + 3],
        [MIB - 1, 2 * MIB],
        [3 * MIB, 77],
        [3 * MIB + 76, 1],
      ] as const
      const { server } = await fileServer((channel) => {
        for (const [offset, length] of ranges) channel.sendFile(path, { offset, length, strategy: 'direct' })
        channel.end()
      })
      const got = await taken(server)
      const parts = ranges.map(([offset, length]) => bytes.subarray(offset, offset + length))
      expect(got.equals(Buffer.concat(parts))).toBe(true)
    })

    test('a descriptor stays its owner’s, and may be sent several times at once', async () => {
      const bytes = pattern(2 * MIB)
      const fd = openSync(file(bytes), 'r')
      const { server } = await fileServer((channel) => {
        channel.sendFile(fd)
        channel.sendFile(fd, { offset: MIB })
        channel.end()
      })
      const both = await Promise.all([taken(server), taken(server)])
      const expected = Buffer.concat([bytes, bytes.subarray(MIB)])
      for (const got of both) expect(got.equals(expected)).toBe(true)
      const byte = Buffer.alloc(1)
      expect(readSync(fd, byte, 0, 1, 0)).toBe(1)
      closeSync(fd)
    })

    for (const strategy of STRATEGIES) {
      test(`${strategy}: places on both sides of 2 and of 4 GiB`, async () => {
        const path = file(new Uint8Array(0), BUILD)
        const fd = openSync(path, 'r+')
        ftruncateSync(fd, 5 * GIB)
        const marks = [2 * GIB, 4 * GIB, 5 * GIB - MIB].map((place) => [place - MIB / 2, pattern(MIB, place)] as const)
        for (const [place, bytes] of marks) writeSync(fd, bytes, 0, MIB, place)
        closeSync(fd)
        const { server } = await fileServer((channel) => {
          for (const [offset] of marks) channel.sendFile(path, { offset, length: MIB, strategy })
          channel.end()
        })
        const got = await taken(server)
        expect(got.equals(Buffer.concat(marks.map(([, bytes]) => bytes)))).toBe(true)
      })
    }

    test('more than 4 GiB are promised, and begin to come', async () => {
      const path = file(new Uint8Array(0), BUILD)
      truncateSync(path, 4.5 * GIB)
      let result: Promise<number> | undefined
      const { server } = await fileServer((channel) => {
        result = channel.sendFile(path)
      })
      const taker = new Taker(server)
      await poll(() => taker.length > 64 * MIB, 'the first of it has come', 30_000)
      taker.socket.resetAndDestroy()
      const error = await failure(result)
      expect(['EPIPE', 'ECONNRESET']).toContain(error.code)
    })
  })

  describe('turns', () => {
    test('many channels get their slices in turn', async () => {
      const bytes = pattern(8 * MIB)
      const path = file(bytes)
      const { server } = await fileServer((channel) => {
        channel.sendFile(path, { strategy: 'sendfile' })
        channel.end()
      })
      const takers = Array.from({ length: 24 }, () => new Taker(server))
      await Promise.race(takers.map((taker) => taker.ended))
      const least = Math.min(...takers.map((taker) => taker.length))
      expect(least).toBeGreaterThan(MIB / 2) // nobody has waited for all the others
      await Promise.all(takers.map((taker) => taker.ended))
      for (const taker of takers) expect(taker.bytes().equals(bytes)).toBe(true)
    })

    for (const strategy of STRATEGIES) {
      test(`${strategy}: a reader that stops costs nothing, and gets the rest later`, async () => {
        const bytes = pattern(24 * MIB)
        const path = file(bytes, strategy === 'direct' ? BUILD : undefined)
        let channel: Channel | undefined
        const { server } = await fileServer((one) => {
          channel = one
          one.sendFile(path, { strategy })
          one.end()
        })
        const taker = new Taker(server)
        await poll(() => taker.length > 0, 'the first bytes')
        taker.socket.pause()
        const sent = (): number => threadLoop().stats().files.bytes
        let last = -1
        await poll(
          async () => {
            const before = last
            last = sent()
            await pause(100)
            return before === last
          },
          'the socket is full',
          20_000,
        )
        const enters = threadLoop().stats().enters
        await pause(300)
        expect(threadLoop().stats().enters - enters).toBeLessThan(150) // nobody spins
        expect(channel?.writableLength).toBeLessThanOrEqual(2 * MIB)
        taker.socket.resume()
        await taker.ended
        expect(taker.bytes().equals(bytes)).toBe(true)
      })
    }

    test('above 16 files no frames come, above 64 nothing is queued', async () => {
      const path = file(pattern(4 * MIB))
      const results: Promise<number>[] = []
      let frames = 0
      const { server } = await fileServer((channel) => {
        frames++
        results.push(channel.sendFile(path))
      })
      const wire = await open(server)
      wire.socket.pause()
      for (let i = 0; i < 40; i++) {
        wire.write('x')
        await pause(3)
      }
      await pause(100)
      expect(frames).toBeGreaterThanOrEqual(17)
      expect(frames).toBeLessThan(30) // those the socket took beside those that wait
      wire.socket.resume()
      const total = (): number => wire.length
      await poll(() => total() === frames * 4 * MIB && frames > 17, 'all that was asked for is sent', 30_000)
      expect(await Promise.all(results)).toEqual(results.map(() => 4 * MIB))

      let refused: Promise<number>[] = []
      const { server: other } = await fileServer((channel) => {
        refused = Array.from({ length: 70 }, () => channel.sendFile(path))
        for (const one of refused) one.catch(() => undefined) // looked at below
        channel.end()
      })
      const got = await taken(other)
      expect(got.length).toBe(64 * 4 * MIB)
      const settled = await Promise.allSettled(refused)
      expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(64)
      expect(await failure(refused[69])).toMatchObject({ code: 'ENOBUFS', syscall: 'sendFile', path })
    })
  })
}
