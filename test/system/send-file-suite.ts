// sendFile through real sockets, on the kernel that MILLRACE_KERNEL names: bytes, order, and what goes wrong.
import {
  closeSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Channel, SendFileStrategy } from '../../dist/src/index.js'
import { threadLoop } from '../../dist/src/loop/loop.js'
import { dropCache } from '../contract/fixtures/libc.ts'
import { poll, run } from './harness.ts'
import { open, pause, waitBy } from './library.ts'
import {
  descriptors,
  failure,
  file,
  fileServer,
  folder,
  GIB,
  MIB,
  pattern,
  STRATEGIES,
  Taker,
  taken,
} from './send-file.ts'

const SIZES = [0, 1, 4096, 65_535, MIB, 10 * MIB]
const BUILD = join(import.meta.dirname, '..', '..', 'build') // on a disk, where /tmp may be memory

export function sendFileSuite(kernel: 'epoll' | 'uring'): void {
  process.env.MILLRACE_KERNEL = kernel
  waitBy('prepare')

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

  describe('files that change', () => {
    for (const strategy of STRATEGIES) {
      test(`${strategy}: truncated meanwhile, the channel fails and says how much is missing`, async () => {
        const size = 24 * MIB
        const path = file(pattern(size), strategy === 'direct' ? BUILD : undefined)
        let result: Promise<number> | undefined
        const { server, errors } = await fileServer((channel) => {
          result = channel.sendFile(path, { strategy })
          channel.write('never')
        })
        const before = descriptors()
        const taker = new Taker(server)
        await poll(() => taker.length > MIB, 'some of it')
        taker.socket.pause()
        await pause(50)
        truncateSync(path, 1000)
        taker.socket.resume()
        const error = await failure(result)
        expect(error).toMatchObject({ code: 'MILLRACE_ERR_FILE_TRUNCATED', path })
        expect(error.message).toMatch(/became shorter.* of 25165824 bytes were sent/)
        expect(error.bytesSent).toBeLessThan(size)
        await taker.ended
        expect(taker.length).toBeLessThan(size)
        await poll(() => errors.length > 0, 'the handler is told')
        expect(errors[0]).toBe(error)
        await poll(() => descriptors() <= before, 'every descriptor is closed')
      })

      test(`${strategy}: deleted or replaced, what was opened is sent`, async () => {
        const bytes = pattern(20 * MIB)
        const path = file(bytes, strategy === 'direct' ? BUILD : undefined)
        const { server } = await fileServer((channel) => {
          channel.sendFile(path, { strategy })
          channel.end()
        })
        const first = new Taker(server)
        await poll(() => first.length > 0, 'some of it')
        writeFileSync(`${path}.new`, 'something else')
        renameSync(`${path}.new`, path)
        await first.ended
        expect(first.bytes().equals(bytes)).toBe(true)
        const second = new Taker(server)
        await poll(() => second.length > 0, 'some of it')
        unlinkSync(path)
        await second.ended
        expect(second.bytes().toString()).toBe('something else')
      })
    }
  })

  describe('channels that end', () => {
    for (const how of ['reset', 'destroy', 'close'] as const) {
      test(`${how} in the middle rejects, and closes every descriptor`, async () => {
        const path = file(pattern(24 * MIB), BUILD)
        const before = descriptors()
        for (const strategy of STRATEGIES) {
          const results: Promise<number>[] = []
          let channel: Channel | undefined
          const { server } = await fileServer((one) => {
            channel = one
            one.write('some bytes before')
            for (let i = 0; i < 3; i++) results.push(one.sendFile(path, { strategy }))
            one.write('some bytes behind')
          })
          const taker = new Taker(server)
          await poll(() => taker.length > MIB, 'some of it')
          taker.socket.pause()
          if (how === 'reset') taker.socket.resetAndDestroy()
          else if (how === 'destroy') channel?.destroy()
          else await server.close({ drain: 0 })
          const errors = await Promise.all(results.map((result) => failure(result)))
          for (const error of errors) expect(['EPIPE', 'ECONNRESET']).toContain(error.code)
          expect(errors.map(({ path: of }) => of)).toEqual([path, path, path])
          taker.socket.destroy()
          await server.close({ drain: 0 })
        }
        await poll(() => descriptors() <= before, `no more than ${before} descriptors are open`)
      })
    }

    test('end() comes behind the files', async () => {
      const bytes = pattern(5 * MIB)
      const path = file(bytes)
      let late: Promise<number> | undefined
      const { server } = await fileServer((channel) => {
        channel.sendFile(path)
        channel.end()
        late = channel.sendFile(path)
        late.catch(() => undefined) // looked at below
      })
      expect((await taken(server)).equals(bytes)).toBe(true)
      expect(await failure(late)).toMatchObject({ code: 'EPIPE' })
    })

    test('a promise nobody looks at is no unhandled rejection', async () => {
      const path = file(pattern(20 * MIB))
      const { server } = await fileServer((channel) => void channel.sendFile(path))
      const unhandled: unknown[] = []
      const note = (reason: unknown): void => void unhandled.push(reason)
      process.on('unhandledRejection', note)
      const taker = new Taker(server)
      await poll(() => taker.length > 0, 'some of it')
      taker.socket.resetAndDestroy()
      await poll(() => server.stats().channels === 0, 'the channel is closed')
      await pause(20)
      process.off('unhandledRejection', note)
      expect(unhandled).toEqual([])
    })
  })

  describe('what cannot be sent', () => {
    test('is refused with the reason, and the channel goes on', async () => {
      const root = folder()
      const good = file(pattern(100))
      await run('mkfifo', [join(root, 'fifo')])
      symlinkSync('nowhere', join(root, 'dangling'))
      const answers: Error[] = []
      const { server } = await fileServer(async (channel) => {
        const asked: Promise<number>[] = [
          channel.sendFile(join(root, 'fifo')),
          channel.sendFile('/dev/null'),
          channel.sendFile(root),
          channel.sendFile(join(root, 'missing')),
          channel.sendFile(join(root, 'dangling')),
          channel.sendFile(join(good, 'below')),
          channel.sendFile('/tmp/\0'),
          channel.sendFile(`/${'x/'.repeat(4000)}`),
          channel.sendFile(99_999),
          channel.sendFile(-1),
          channel.sendFile(good, { offset: 101 }),
          channel.sendFile(good, { offset: 50, length: 51 }),
          channel.sendFile(good, { offset: 0.5 }),
          channel.sendFile(good, { strategy: 'teleport' as 'auto' }),
        ]
        for (const one of asked) answers.push(await failure(one))
        channel.sendFile(good, { offset: 100 })
        channel.sendFile(good, { offset: 99 })
        channel.end()
      })
      const before = descriptors()
      expect((await taken(server)).equals(pattern(100).subarray(99))).toBe(true)
      expect(answers.map((error) => (error as Error & { code: string }).code)).toEqual([
        'MILLRACE_ERR_NOT_A_FILE',
        'MILLRACE_ERR_NOT_A_FILE',
        'MILLRACE_ERR_NOT_A_FILE',
        'ENOENT',
        'ENOENT',
        'ENOTDIR',
        'ERR_INVALID_ARG_VALUE',
        'ENAMETOOLONG',
        'EBADF',
        'ERR_INVALID_ARG_VALUE',
        'ERR_OUT_OF_RANGE',
        'ERR_OUT_OF_RANGE',
        'ERR_INVALID_ARG_VALUE',
        'ERR_INVALID_ARG_VALUE',
      ])
      expect(answers.slice(0, 4).map(({ message }) => message)).toEqual([
        `sendFile ${join(root, 'fifo')}: it is a FIFO; only regular files can be sent`,
        'sendFile /dev/null: it is a character device; only regular files can be sent',
        `sendFile ${root}: it is a directory; only regular files can be sent`,
        `open ENOENT ${join(root, 'missing')}: there is no such file; check the path`,
      ])
      await poll(() => descriptors() <= before, 'every descriptor is closed')
    })
  })

  describe('cold files', () => {
    for (const strategy of STRATEGIES) {
      test(`${strategy}: a file that has left the page cache comes whole, and is never waited for`, async () => {
        const bytes = pattern(24 * MIB)
        const path = file(bytes, BUILD)
        const fd = openSync(path, 'r')
        dropCache(fd)
        closeSync(fd)
        const before = threadLoop().stats().files
        const { server } = await fileServer((channel) => {
          channel.sendFile(path, { strategy })
          channel.end()
        })
        expect((await taken(server)).equals(bytes)).toBe(true)
        const { cold, forced } = threadLoop().stats().files
        expect(forced - before.forced).toBe(0)
        if (strategy !== 'direct') expect(cold - before.cold).toBeGreaterThan(0)
      })
    }

    test('files that live in memory, and holes, are not waited for', async () => {
      const path = file(pattern(MIB), '/dev/shm')
      truncateSync(path, 64 * MIB)
      const hole = file(new Uint8Array(0), BUILD)
      truncateSync(hole, 64 * MIB)
      const { forced } = threadLoop().stats().files
      const { server } = await fileServer((channel) => {
        channel.sendFile(path, { strategy: 'sendfile' })
        channel.sendFile(hole, { strategy: 'sendfile' })
        channel.end()
      })
      const got = await taken(server)
      expect(got.length).toBe(128 * MIB)
      expect(got.subarray(0, MIB).equals(pattern(MIB))).toBe(true)
      expect(threadLoop().stats().files.forced).toBe(forced)
    })
  })
}
