// What sending a file costs, as strace sees it: one send for the header, one sendfile a slice, and nothing that waits.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lacking, run, titled } from './harness.ts'

const LIBRARY = new URL('../../dist/src/index.js', import.meta.url).href
const MIB = 1 << 20
const ROUNDS = 20
const CALLS = ['sendfile', 'sendto', 'sendmsg', 'splice', 'preadv2', 'pread64', 'fadvise64'] as const

/** A client asks for a hot file ROUNDS times; → the lines of strace. */
async function traced(size: number): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'))
  const path = join(folder, 'file')
  writeFileSync(path, Buffer.alloc(size, 1))
  const body = `
    const { listen } = await import('${LIBRARY}')
    const { connect } = await import('node:net')
    const server = await listen({ port: 0, handler: {
      frame(channel) { channel.write('head'); channel.sendFile('${path}') },
    } })
    const socket = connect(server.address().port, '127.0.0.1')
    let [got, rounds] = [0, 0]
    socket.on('data', ({ length }) => {
      got += length
      if (got < ${size} + 4) return
      got = 0
      if (++rounds === ${ROUNDS}) process.exit()
      else socket.write('x')
    })
    socket.write('x')
  `
  const log = join(folder, 'log')
  const command = ['-f', '-qq', '-e', `trace=${CALLS.join(',')}`, '-o', log, process.execPath]
  try {
    const { code, stderr } = await run('strace', [...command, '--input-type=module', '-e', body])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { stdout } = await run('cat', [log])
    return stdout.split('\n').filter((line) => line !== '')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const NO_STRACE = lacking('strace', 'strace', '-V')

describe.skipIf(NO_STRACE)(titled('system calls of a hot file', NO_STRACE), () => {
  for (const [size, slices] of [
    [100 * 1024, 1],
    [MIB, 4],
  ] as const) {
    test(`${size} bytes: a send with MSG_MORE and ${slices} sendfile a request, a look now and then`, async () => {
      const lines = await traced(size)
      const of = (call: string): string[] => lines.filter((line) => line.includes(` ${call}(`))
      const heads = of('sendto').filter((line) => line.includes('"head"'))
      expect(heads).toHaveLength(ROUNDS)
      for (const line of heads) expect(line).toContain('MSG_MORE')
      // a client that reads late makes a slice fall short, and the rest of it goes after a poll
      const moved = of('sendfile').map((line) => Number(/ = (-?\d+)/.exec(line)?.[1]))
      expect(moved.reduce((sum, bytes) => sum + Math.max(bytes, 0), 0)).toBe(ROUNDS * size)
      expect(moved.length).toBeGreaterThanOrEqual(ROUNDS * slices)
      expect(moved.length).toBeLessThan(ROUNDS * slices * 1.5)
      expect(of('sendmsg')).toHaveLength(0)
      expect(of('splice')).toHaveLength(0)
      // the file is looked at once a second and window, 17 pages at most; this takes a few seconds under load
      expect(of('preadv2').length).toBeLessThan(ROUNDS * slices * 4)
      expect(of('fadvise64')).toHaveLength(0)
    })
  }
})
