// Into the background and back: the parent waits until the service is ready, the service tells it so. In Node a double
// fork is two spawns: the first one is `detached`, which is setsid(2), and the process in the middle ends at once.
import { spawn } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { LogFile } from '../reactor/log-file.ts'
import { EXIT_FAILURE, EXIT_OK } from './options.ts'

/** Set in a daemon: it tells its parent about itself on this descriptor. */
const TELL = 'MILLRACE_DAEMON'
export const TELL_FD = 3

type Told = { readonly out: string } | { readonly err: string } | { readonly ready: number }

/** Whether this process is to serve in the background, having been spawned for it. */
export function isDaemon(): boolean {
  return process.env[TELL] === '1'
}

/**
 * Runs this program again in the background, in a session of its own, with the same arguments; → 0 when that is ready.
 * What it says until then is said here, and if it ends before, that is the reason for 1.
 */
export async function daemonize(log: string | undefined): Promise<number> {
  const output = openSync(log ?? '/dev/null', 'a', 0o640)
  const middle = fileURLToPath(new URL('./run-daemon.js', import.meta.url))
  const child = spawn(process.execPath, [middle, ...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    env: { ...process.env, [TELL]: '1' },
    stdio: ['ignore', output, output, 'pipe'],
  })
  closeSync(output)
  let rest = ''
  for await (const chunk of child.stdio[TELL_FD] as Readable) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const told = JSON.parse(line) as Told
      if ('ready' in told) return EXIT_OK
      if ('out' in told) process.stdout.write(told.out)
      else process.stderr.write(told.err)
    }
  }
  process.stderr.write('millrace: the service has ended before it was ready\n')
  return EXIT_FAILURE
}

/**
 * Sends what this process writes to stdout and stderr into a log, where there is one, and in a daemon to the parent
 * too, until `ready` is called.
 */
export function redirectOutput(path: string | undefined): { reopen(): void; ready(): void } {
  const log = path === undefined ? undefined : new LogFile(path)
  let telling = isDaemon()
  const tell = (told: Told): void => {
    try {
      writeSync(TELL_FD, `${JSON.stringify(told)}\n`)
    } catch (error) {
      // the parent may have been killed: the service goes on without it
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
    }
  }
  const writer =
    (kind: 'out' | 'err'): NodeJS.WriteStream['write'] =>
    (chunk: string | Uint8Array, second?: unknown, third?: (error?: Error) => void) => {
      log?.write(chunk)
      if (telling) tell((kind === 'out' ? { out: String(chunk) } : { err: String(chunk) }) satisfies Told)
      const done = typeof second === 'function' ? (second as () => void) : third
      if (done !== undefined) process.nextTick(done)
      return true
    }
  if (log !== undefined || telling) {
    process.stdout.write = writer('out')
    process.stderr.write = writer('err')
  }
  return {
    reopen: () => log?.reopen(),
    ready: () => {
      if (!telling) return
      tell({ ready: process.pid })
      telling = false
      closeSync(TELL_FD)
      delete process.env[TELL]
    },
  }
}
