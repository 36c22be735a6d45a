// The machine beside the kernel: clocks, pipes, eventfds, limits and files, as a test touches them.
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as libc from './fixtures/libc.ts'

const EFD_NONBLOCK = 0x800

/** What of the machine a test touches beside the kernel; a simulated one has its own. */
export interface Machine {
  /** It has datagrams, and RECVMSG to take them one after another into provided buffers. */
  readonly datagrams: boolean
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
  /** A folder for files, below `root` where that matters. */
  folder(root?: string): string
  putFile(path: string, bytes: Uint8Array): void
  /** The file becomes shorter while others have it open. */
  truncateFile(path: string, length: number): void
  fileText(path: string): string
  removeFolder(path: string): void
}

/** This machine. */
export const machine: Machine = {
  datagrams: true,
  clock: () => process.hrtime.bigint(),
  eventfd: (value) => libc.eventfd(value, EFD_NONBLOCK),
  pipe: libc.pipe,
  read: (fd, bytes) => libc.read(fd, bytes, bytes.length),
  write: (fd, bytes) => libc.write(fd, bytes, bytes.length),
  resetOnClose: libc.resetOnClose,
  limitFiles: libc.limitFiles,
  folder: (root = tmpdir()) => mkdtempSync(join(root, 'millrace-')),
  putFile: (path, bytes) => writeFileSync(path, bytes, { mode: 0o600 }),
  truncateFile: truncateSync,
  fileText: (path) => readFileSync(path, 'latin1'),
  removeFolder: (path) => rmSync(path, { recursive: true }),
}

/** Milliseconds that pass for a machine while `body` runs. */
export function elapsedMs({ clock }: Machine, body: () => void): number {
  const start = clock()
  body()
  return Number(clock() - start) / 1e6
}
