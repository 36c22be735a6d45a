// The machine beside the kernel: clocks, pipes, eventfds, limits and files, as a test touches them.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as libc from './fixtures/libc.ts'

const EFD_NONBLOCK = 0x800

/** What of the machine a test touches beside the kernel; a simulated one has its own. */
export interface Machine {
  /** CLOCK_MONOTONIC in nanoseconds. */
  clock(): bigint
  eventfd(value: number): number
  /** Where to read, and where to write. */
  pipe(): [number, number]
  read(fd: number, bytes: Uint8Array): number
  write(fd: number, bytes: Uint8Array): number
  /** The next close of the socket sends a reset. */
  resetOnClose(fd: number): void
  /** Sets the limit of open descriptors → the former one. */
  limitFiles(limit: number): number
  /** A folder for files, and what one of them holds. */
  folder(): string
  fileText(path: string): string
  removeFolder(path: string): void
}

/** This machine. */
export const machine: Machine = {
  clock: () => process.hrtime.bigint(),
  eventfd: (value) => libc.eventfd(value, EFD_NONBLOCK),
  pipe: libc.pipe,
  read: (fd, bytes) => libc.read(fd, bytes, bytes.length),
  write: (fd, bytes) => libc.write(fd, bytes, bytes.length),
  resetOnClose: libc.resetOnClose,
  limitFiles: libc.limitFiles,
  folder: () => mkdtempSync(join(tmpdir(), 'millrace-')),
  fileText: (path) => readFileSync(path, 'latin1'),
  removeFolder: (path) => rmSync(path, { recursive: true }),
}

/** Milliseconds that pass for a machine while `body` runs. */
export function elapsedMs({ clock }: Machine, body: () => void): number {
  const start = clock()
  body()
  return Number(clock() - start) / 1e6
}
