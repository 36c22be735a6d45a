// File operations through the loop's kernel, on each kernel in a process of its own, and what they say when they fail.
import { describe, expect, test } from 'vitest'
import { run, titled } from './harness.ts'

const LOOP = new URL('../../dist/src/loop/loop.js', import.meta.url).href

/** Runs a script that has `files`, in a folder of its own. */
async function script(kernel: string, body: string): Promise<unknown> {
  const text = `
    process.env.MILLRACE_KERNEL = '${kernel}'
    const { threadLoop } = await import('${LOOP}')
    const { mkdtempSync, readFileSync, rmSync, statSync } = await import('node:fs')
    const loop = threadLoop()
    const files = loop.files
    const folder = mkdtempSync('/tmp/millrace-')
    const failure = (promise) => promise.then(() => 'no error', ({ code, syscall, path, message, bytesWritten }) => (
      { code, syscall, path, message, bytesWritten }))
    const O_RDWR = 2, O_CREAT = 0o100, O_APPEND = 0o2000
    const used = loop.stats().heapUsed
    try { ${body} } finally { rmSync(folder, { recursive: true }) }
    function answer(value) {
      process.stdout.write(JSON.stringify({ value, leaked: loop.stats().heapUsed - used }))
    }
  `
  const { code, stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', text])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' }) // and it ends by itself
  const { value, leaked } = JSON.parse(stdout) as { value: unknown; leaked: number }
  expect(leaked).toBe(0)
  return value
}

const NO_URING = await run(process.execPath, [
  '--input-type=module',
  '-e',
  `process.env.MILLRACE_KERNEL = 'uring'; const { threadLoop } = await import('${LOOP}'); threadLoop()`,
]).then(({ code, stderr }) => (code === 0 ? '' : (stderr.split('\n').find((line) => line.includes('rror')) ?? 'no')))

for (const [kernel, lacking] of [
  ['epoll', ''],
  ['uring', NO_URING],
] as const) {
  describe.skipIf(lacking)(titled(`files on ${kernel}`, lacking), () => {
    test('open, write, read, sync, stat, close', async () => {
      const seen = await script(
        kernel,
        `
        const path = folder + '/a'
        const fd = await files.open(path, O_RDWR | O_CREAT, 0o640)
        const wrote = await files.write(fd, Buffer.from('hello, file'), 3)
        await files.fsync(fd)
        await files.fsync(fd, { data: true })
        const text = Buffer.from(await files.read(fd, 100, 0)).toString('latin1')
        const end = (await files.read(fd, 100, 14)).length
        const { size, isFile, isDirectory, mode, mtimeMs, ino } = await files.stat(path)
        const about = statSync(path, { bigint: true })
        const times = Math.abs(mtimeMs - Number(about.mtimeNs) / 1e6) < 1 && ino === about.ino
        const same = (await files.stat(fd)).size
        await files.close(fd)
        answer([wrote, text, end, size, isFile, isDirectory, (mode & 0o777).toString(8), times, same,
          (await files.stat(folder)).isDirectory])
      `,
      )
      expect(seen).toEqual([11, '\0\0\0hello, file', 0, 14, true, false, '640', true, 14, true])
    })

    test('errors name the call and the path', async () => {
      const seen = await script(
        kernel,
        `
        const path = folder + '/missing'
        const fd = await files.open(folder)
        answer([
          await failure(files.open(path)), await failure(files.stat(path)), await failure(files.read(fd, 10, 0)),
          await failure(files.write(fd, Buffer.from('x'), 0)), await failure(files.close(9999)),
          await failure(files.fsync(9999)), await failure(files.stat('a\\0b')),
        ].map(({ code, syscall, path: of }) => [code, syscall, of?.replace(folder, '')]))
        await files.close(fd)
      `,
      )
      expect(seen).toEqual([
        ['ENOENT', 'open', '/missing'],
        ['ENOENT', 'stat', '/missing'],
        ['EISDIR', 'read', ''],
        ['EBADF', 'write', ''],
        ['EBADF', 'close', null],
        ['EBADF', 'fsync', null],
        ['EINVAL', 'open', 'a\0b'],
      ])
    })

    test('appends commit in order and in groups; thousands of operations wait for their turn', async () => {
      const seen = await script(
        kernel,
        `
        const path = folder + '/log'
        const fd = await files.open(path, O_RDWR | O_CREAT | O_APPEND)
        const records = Array.from({ length: 500 }, (_, i) => Buffer.from('record ' + i + '\\n'))
        const sizes = await Promise.all(records.map((record) => files.append(fd, record)))
        const order = readFileSync(path, 'utf8') === records.join('')
        const stats = await Promise.all(Array.from({ length: 5000 }, () => files.stat(fd)))
        await files.close(fd)
        answer([order, sizes.every((size, i) => size === records[i].length), stats.every(({ size }) => size > 5000)])
      `,
      )
      expect(seen).toEqual([true, true, true])
    })

    test('a write that fails breaks the chain: what waited behind it is not written', async () => {
      const seen = await script(
        kernel,
        `
        const full = await files.open('/dev/full', O_RDWR)
        const failed = await Promise.all(['a', 'b', 'c'].map((text) => failure(files.append(full, Buffer.from(text)))))
        await files.close(full)
        answer(failed.map(({ code, syscall, path }) => [code, syscall, path]))
      `,
      )
      expect(seen).toEqual(Array(3).fill(['ENOSPC', 'write', '/dev/full']))
    })

    test('a short write is an error, and says how much is there', async () => {
      const { code, stdout, stderr } = await run('bash', [
        '-c',
        // a limit of file sizes in place of a full disk; the signal that comes with it is ignored
        `trap '' XFSZ; ulimit -f 1; exec "$0" --input-type=module -e "$1"`,
        process.execPath,
        `
        process.env.MILLRACE_KERNEL = '${kernel}'
        const { threadLoop } = await import('${LOOP}')
        const { readFileSync, unlinkSync } = await import('node:fs')
        const path = '/tmp/millrace-short-' + process.pid
        const files = threadLoop().files
        const fd = await files.open(path, 2 | 0o100)
        const result = await files.append(fd, Buffer.alloc(5000, 65)).catch((error) => error)
        process.stdout.write(JSON.stringify([result.code, result.bytesWritten, readFileSync(path).length]))
        unlinkSync(path)
        `,
      ])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(JSON.parse(stdout)).toEqual(['MILLRACE_ERR_WRITE_SHORT', 1024, 1024])
    })
  })
}
