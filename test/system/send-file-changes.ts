// sendFile through real sockets: files that change, channels that end, what cannot be sent, and cold files.
import { closeSync, openSync, renameSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Channel } from '../../dist/src/index.js'
import { threadLoop } from '../../dist/src/loop/loop.js'
import { dropCache } from '../contract/fixtures/libc.ts'
import { poll, run } from './harness.ts'
import { pause } from './library.ts'
import { descriptors, failure, file, fileServer, folder, MIB, pattern, STRATEGIES, Taker, taken } from './send-file.ts'

const BUILD = join(import.meta.dirname, '..', '..', 'build') // on a disk, where /tmp may be memory

export function changesSuite(): void {
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
