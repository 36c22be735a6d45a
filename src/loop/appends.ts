// Appends to logs: a write and a data sync, linked, so that no sync follows a write that fell short. What is appended
// to a descriptor meanwhile goes together in the next write, with one sync for all (group commit), and never out of
// order.
import * as abi from '../../assembly/abi.ts'
import { ERROR_WRITE_SHORT } from '../../assembly/codec/abi.ts'
import { ERRORS } from '../core/errors.ts'
import { type Subject, systemError } from '../kernel/errors.ts'
import type { FileOperation } from './files.ts'
import type { Loop } from './loop.ts'

/** Bytes of one write; a larger record goes alone. */
const GROUP_BYTES = 1 << 20

interface Append {
  readonly data: Uint8Array
  readonly subject: Subject
  readonly resolve: (bytes: number) => void
  readonly reject: (error: Error) => void
}

export class Appends {
  readonly #loop: Loop
  readonly #submit: (operations: readonly FileOperation[]) => Promise<readonly number[]>
  /** What waits, by descriptor, while a write to it is under way. */
  readonly #waiting = new Map<number, Append[]>()

  constructor(loop: Loop, submit: (operations: readonly FileOperation[]) => Promise<readonly number[]>) {
    this.#loop = loop
    this.#submit = submit
  }

  /**
   * Resolves with the number of bytes once they are on the disk. Where a write fails or falls short
   * (MILLRACE_ERR_WRITE_SHORT, `bytesWritten` of the group), everything that waits for the descriptor is rejected with
   * it: nothing is appended behind a torn tail unless the caller has seen it.
   */
  add(fd: number, data: Uint8Array, subject: Subject): Promise<number> {
    return new Promise((resolve, reject) => {
      const append = { data, subject, resolve, reject }
      const waiting = this.#waiting.get(fd)
      if (waiting !== undefined) {
        waiting.push(append)
        return
      }
      this.#waiting.set(fd, [append])
      void this.#run(fd)
    })
  }

  async #run(fd: number): Promise<void> {
    const waiting = this.#waiting.get(fd) as Append[]
    while (waiting.length > 0) {
      const group = takeGroup(waiting)
      const failure = await this.#commit(fd, group).catch((error: unknown) => error as Error)
      if (failure === undefined) {
        for (const { data, resolve } of group) resolve(data.length)
      } else {
        for (const { reject } of [...group, ...waiting.splice(0)]) reject(failure)
      }
    }
    this.#waiting.delete(fd)
  }

  /** Writes and syncs a group; → why not. */
  async #commit(fd: number, group: readonly Append[]): Promise<Error | undefined> {
    const total = group.reduce((sum, { data }) => sum + data.length, 0)
    const subject = group[0]?.subject ?? {}
    const at = this.#loop.alloc(Math.max(1, total))
    try {
      let to = at
      for (const { data } of group) {
        this.#loop.bytes.set(data, to)
        to += data.length
      }
      const [written, synced] = (await this.#submit([
        { op: abi.OP_WRITE, fd, at, length: total, place: -1 },
        { op: abi.OP_FSYNC, fd, flags: abi.FSYNC_DATASYNC },
      ])) as [number, number]
      if (written < 0) return systemError(written, 'write', subject)
      if (written < total) return short(written, total, subject)
      return synced < 0 ? systemError(synced, 'fdatasync', subject) : undefined
    } finally {
      this.#loop.core.free(at)
    }
  }
}

function takeGroup(waiting: Append[]): Append[] {
  let bytes = 0
  let count = 0
  for (const { data } of waiting) {
    if (count > 0 && bytes + data.length > GROUP_BYTES) break
    bytes += data.length
    count++
  }
  return waiting.splice(0, count)
}

function short(written: number, total: number, subject: Subject): Error {
  const { code, message } = ERRORS[ERROR_WRITE_SHORT] as { code: string; message: string }
  const path = subject.path === undefined ? '' : ` ${subject.path}`
  const error = new Error(`write${path}: ${message} (${written} of ${total} bytes)`)
  return Object.assign(error, { code, bytesWritten: written }, subject)
}
