// Files through the loop's kernel: open, read, write, sync, stat and close as promises, without a thread pool. On a
// kernel with asynchronous files nothing blocks the loop; on the others an operation is done at once, in the next
// `enter`.
import * as abi from '../../assembly/abi.ts'
import { check, type Subject, systemError } from '../kernel/errors.ts'
import { Appends } from './appends.ts'
import type { EndpointHandler, Loop } from './loop.ts'

/** One operation: an SQE in words. */
export interface FileOperation {
  readonly op: number
  readonly fd: number
  /** Offset in the loop's memory; 0: none. */
  readonly at?: number
  readonly length?: number
  /** Place in the file; −1: where it stands. STATX: offset of the result. */
  readonly place?: number
  readonly flags?: number
}

/** What statx says. */
export interface FileStat {
  readonly size: number
  /** With the type, as in Node's Stats. */
  readonly mode: number
  readonly mtimeMs: number
  readonly ino: bigint
  readonly isFile: boolean
  readonly isDirectory: boolean
}

const IN_FLIGHT_MAX = 256
const ID_MAX = abi.FILE_READ // ids lie below the flags of user_data
const AT_EMPTY_PATH = 0x1000

interface Pending {
  readonly operations: readonly FileOperation[]
  readonly results: number[]
  readonly done: (results: readonly number[]) => void
}

export class Files implements EndpointHandler {
  readonly #loop: Loop
  readonly #appends: Appends
  readonly #paths = new Map<number, string>()
  readonly #inFlight = new Map<number, { readonly pending: Pending; readonly index: number }>()
  readonly #waiting: Pending[] = []
  #lastId = 0
  #retry: NodeJS.Immediate | undefined

  constructor(loop: Loop) {
    this.#loop = loop
    this.#appends = new Appends(loop, (operations) => this.submit(operations))
  }

  /** Opens a file close-on-exec; flags and mode are open(2)'s. */
  async open(path: string, flags: number = abi.O_RDONLY, mode = 0o666): Promise<number> {
    const operation = (at: number): FileOperation => ({
      op: abi.OP_OPENAT,
      fd: abi.AT_FDCWD,
      at,
      length: mode,
      flags: flags | abi.O_CLOEXEC,
    })
    const fd = await this.#withText(path, (at) => this.#one(operation(at)))
    check(fd, 'open', { path })
    this.#paths.set(fd, path)
    return fd
  }

  /** At most `length` bytes from `position` on, in memory of their own; fewer at the end of the file. */
  async read(fd: number, length: number, position: number): Promise<Uint8Array> {
    const at = this.#loop.alloc(Math.max(1, length))
    try {
      const bytes = await this.readInto(fd, at, length, position)
      return this.#loop.bytes.slice(at, at + bytes)
    } finally {
      this.#loop.core.free(at)
    }
  }

  /** Reads into the loop's memory; resolves with the number of bytes, 0 at the end of the file. */
  async readInto(fd: number, at: number, length: number, position: number): Promise<number> {
    const result = await this.#one({ op: abi.OP_READ, fd, at, length, place: position })
    return check(result, 'read', this.#subject(fd))
  }

  /** Writes at `position`; resolves with the number of bytes that the file took. */
  async write(fd: number, data: Uint8Array, position: number): Promise<number> {
    const at = this.#loop.alloc(Math.max(1, data.length))
    this.#loop.bytes.set(data, at)
    try {
      const result = await this.#one({ op: abi.OP_WRITE, fd, at, length: data.length, place: position })
      return check(result, 'write', this.#subject(fd))
    } finally {
      this.#loop.core.free(at)
    }
  }

  /** Brings what was written to the disk; with `data`, without what only concerns the file's times. */
  async fsync(fd: number, { data = false }: { readonly data?: boolean } = {}): Promise<void> {
    const result = await this.#one({ op: abi.OP_FSYNC, fd, flags: data ? abi.FSYNC_DATASYNC : 0 })
    check(result, data ? 'fdatasync' : 'fsync', this.#subject(fd))
  }

  /** Writes behind the file's end, or where it stands, and syncs: a log's commit; see Appends. */
  append(fd: number, data: Uint8Array): Promise<number> {
    return this.#appends.add(fd, data, this.#subject(fd))
  }

  /** About a path, or an open descriptor. */
  async stat(file: string | number): Promise<FileStat> {
    const about = this.#loop.alloc(abi.STATX_BYTES)
    try {
      const [fd, path, flags] = typeof file === 'string' ? [abi.AT_FDCWD, file, 0] : [file, '', AT_EMPTY_PATH]
      const result = await this.#withText(path, (at) =>
        this.#one({ op: abi.OP_STATX, fd, at, length: abi.STATX_BASIC_STATS, place: about, flags }),
      )
      check(result, 'stat', typeof file === 'string' ? { path: file } : this.#subject(file))
      return readStat(this.#loop.view, about)
    } finally {
      this.#loop.core.free(about)
    }
  }

  async close(fd: number): Promise<void> {
    const subject = this.#subject(fd)
    this.#paths.delete(fd) // whatever close says, the descriptor is gone
    check(await this.#one({ op: abi.OP_CLOSE, fd }), 'close', subject)
  }

  /** Submits operations in one batch, each linked to the one before; resolves with their results. */
  submit(operations: readonly FileOperation[]): Promise<readonly number[]> {
    return new Promise((done) => {
      this.#loop.ref()
      this.#waiting.push({ operations, results: [], done })
      this.#start()
    })
  }

  /** An operation is complete. */
  upcall(_kind: number, _slot: number, _generation: number, id: number, result: number): void {
    const found = this.#inFlight.get(id)
    if (found === undefined) return
    this.#inFlight.delete(id)
    const { pending, index } = found
    pending.results[index] = result | 0
    if (Object.keys(pending.results).length < pending.operations.length) return
    this.#finish(pending)
    this.#start()
  }

  /** The loop is closed: nothing more completes. */
  drop(): void {
    clearImmediate(this.#retry)
    const all = new Set([...this.#waiting, ...[...this.#inFlight.values()].map(({ pending }) => pending)])
    this.#inFlight.clear()
    this.#waiting.length = 0
    for (const pending of all) {
      for (const index of pending.operations.keys()) pending.results[index] ??= -abi.ECANCELED
      this.#finish(pending)
    }
  }

  #finish(pending: Pending): void {
    this.#loop.unref()
    pending.done(pending.results)
  }

  /** Gives waiting operations to the core while there is room, in the kernel's ring and within the limit. */
  #start(): void {
    let next = this.#waiting[0]
    let started = false
    while (next !== undefined && this.#inFlight.size + next.operations.length <= IN_FLIGHT_MAX) {
      if (!this.#give(next)) {
        // others have filled the ring, which the next turn empties
        this.#retry ??= setImmediate(() => {
          this.#retry = undefined
          this.#start()
        })
        break
      }
      started = true
      this.#waiting.shift()
      next = this.#waiting[0]
    }
    if (started) this.#loop.touch()
  }

  /** A chain has two links at most, for which the core looks that there is room. */
  #give(pending: Pending): boolean {
    for (const [index, { op, fd, at = 0, length = 0, place = 0, flags = 0 }] of pending.operations.entries()) {
      const linked = index < pending.operations.length - 1
      const id = this.#nextId()
      const given = this.#loop.core.fileSubmit(id, op, fd, at, length, place, flags, linked)
      if (!given && index === 0) return false
      if (!given) throw new Error('the ring has no room for a link that it had room for')
      this.#inFlight.set(id, { pending, index })
    }
    return true
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) % ID_MAX
    while (this.#inFlight.has(this.#lastId))
    return this.#lastId
  }

  async #one(operation: FileOperation): Promise<number> {
    const [result] = await this.submit([operation])
    return result as number
  }

  async #withText<T>(text: string, use: (at: number) => Promise<T>): Promise<T> {
    const bytes = Buffer.from(`${text}\0`)
    if (bytes.indexOf(0) !== bytes.length - 1) throw systemError(-abi.EINVAL, 'open', { path: text })
    const at = this.#loop.alloc(bytes.length)
    this.#loop.bytes.set(bytes, at)
    try {
      return await use(at)
    } finally {
      this.#loop.core.free(at)
    }
  }

  #subject(fd: number): Subject {
    const path = this.#paths.get(fd)
    return path === undefined ? {} : { path }
  }
}

function readStat(view: DataView, at: number): FileStat {
  const mode = view.getUint16(at + abi.STATX_MODE, true)
  const seconds = Number(view.getBigInt64(at + abi.STATX_MTIME, true))
  return {
    size: Number(view.getBigUint64(at + abi.STATX_SIZE, true)),
    mode,
    mtimeMs: seconds * 1000 + view.getUint32(at + abi.STATX_MTIME + 8, true) / 1e6,
    ino: view.getBigUint64(at + abi.STATX_INO, true),
    isFile: (mode & abi.S_IFMT) === abi.S_IFREG,
    isDirectory: (mode & abi.S_IFMT) === abi.S_IFDIR,
  }
}
