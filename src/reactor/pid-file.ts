// A pid file: one living process owns it. One whose process is gone is replaced.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

const ATTEMPTS = 8

/** A pid file's process lives. */
export interface PidFileError extends Error {
  readonly code: 'MILLRACE_ERR_PID_FILE'
  readonly path: string
  readonly pid: number
}

/**
 * Writes our pid into a file that nobody alive owns, and returns a function that removes it, which the process calls by
 * itself when it exits. Throws MILLRACE_ERR_PID_FILE where its process lives, else what the file system says.
 */
export function claimPidFile(path: string): () => void {
  const own = `${path}.${process.pid}`
  writeFileSync(own, `${process.pid}\n`, { mode: 0o644 })
  try {
    claim(own, path)
  } finally {
    rmSync(own, { force: true })
  }
  const release = (): void => {
    process.removeListener('exit', release)
    if (pidIn(path) === process.pid) rmSync(path, { force: true })
  }
  process.on('exit', release)
  return release
}

/** The pid that a file names; undefined where it is missing, or names none. */
export function pidIn(path: string): number | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim()
    return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Whether a process exists, be it another user's. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A link appears whole or not at all, and never over another file (link(2)). */
function claim(own: string, path: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      linkSync(own, path)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt === ATTEMPTS) throw error
    }
    const pid = pidIn(path)
    // our own pid in there is that of an earlier life: in a container the first process is always 1
    if (pid !== undefined && pid !== process.pid && isAlive(pid)) throw taken(path, pid)
    removeStale(path, pid, `${own}.stale`)
  }
}

/** Somebody else may have replaced the file since it was read: then what was moved aside goes back. */
function removeStale(path: string, pid: number | undefined, aside: string): void {
  try {
    renameSync(path, aside)
    if (pidIn(aside) !== pid) linkSync(aside, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function taken(path: string, pid: number): PidFileError {
  const error = new Error(`${path} belongs to process ${pid}, which is running; stop it or choose another file`)
  return Object.assign(error, { code: 'MILLRACE_ERR_PID_FILE' as const, path, pid })
}
