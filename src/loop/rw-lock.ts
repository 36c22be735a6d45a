// A reader–writer lock in shared memory, for what several threads share.
import { isMainThread } from 'node:worker_threads'
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import { changed } from './doorbell.ts'

export type RwLockPreference = 'reader' | 'writer' | 'fair'

export interface RwLockOptions {
  /**
   * Who goes first where both wait. 'reader': readers join readers, so that writers may starve. 'writer': new readers
   * wait behind a waiting writer, so that readers may starve. 'fair', the default: all in the order they came, readers
   * that stand next to each other together; nobody starves.
   */
  readonly preference?: RwLockPreference
}

// Words of the lock. For 'fair' the tickets; for the others how many hold and wait.
const PREFERENCE = 0
const TICKETS = 1 // fair: the next ticket
const READ_TURN = 2 // fair: the ticket that may read
const WRITE_TURN = 3 // fair: the ticket that may write
const HOLDERS = 1 // else: readers that hold it; −1: a writer does
const WAITING_READERS = 2
const WAITING_WRITERS = 3
const CHANGES = 4 // counts whatever lets somebody try again; who waits waits for it to change
const LOCK_BYTES = 20

const NAMES = ['fair', 'reader', 'writer'] as const
const FAIR = 0
const READER = 1

/**
 * A lock that many may hold to read, or one to write. `memory` goes to other threads, which open it with
 * `RwLock.open(memory)`. The fair one is the ticket lock for readers and writers of Mellor-Crummey and Scott
 * (“Scalable Reader-Writer Synchronization for Shared-Memory Multiprocessors”, 1991), with waiting instead of spinning.
 *
 * It is not reentrant, and holders are not known by name: a thread that dies holding it leaves it held. Misuse throws
 * MILLRACE_ERR_LOCK: releasing what this object does not hold; waiting in a blocked thread for what it holds itself,
 * which would never end; blocking the main thread, whose event loop is everybody's.
 */
export class RwLock {
  /** To be handed to other threads. */
  readonly memory: SharedArrayBuffer
  readonly preference: RwLockPreference
  readonly #words: Int32Array
  readonly #fair: boolean
  /** Held through this object, by whatever runs in this thread. */
  #reads = 0
  #writes = 0

  /** A new lock; the second argument is for `open`. */
  constructor(options: RwLockOptions = {}, memory: SharedArrayBuffer = create(options.preference ?? 'fair')) {
    this.memory = memory
    this.#words = new Int32Array(memory, 0, LOCK_BYTES / 4)
    this.preference = NAMES[this.#words[PREFERENCE] as number] as RwLockPreference
    this.#fair = this.#words[PREFERENCE] === FAIR
  }

  /** The lock that another thread has made. */
  static open(memory: SharedArrayBuffer): RwLock {
    if (memory instanceof SharedArrayBuffer && memory.byteLength === LOCK_BYTES) return new RwLock({}, memory)
    throw new InvalidArgumentError('memory', 'the memory of an RwLock', memory)
  }

  /** Reads as soon as nobody writes. */
  async lockRead(): Promise<void> {
    const pass = this.#enter(false)
    while (!pass.may()) await changed(this.#words, CHANGES, pass.seen)
    this.#reads++
  }

  /** Writes as soon as nobody else holds the lock. */
  async lockWrite(): Promise<void> {
    const pass = this.#enter(true)
    while (!pass.may()) await changed(this.#words, CHANGES, pass.seen)
    this.#writes++
  }

  /** As lockRead, and blocks the thread, which must not be the main one. */
  lockReadSync(): void {
    this.#mayBlock(this.#writes > 0 || (this.#reads > 0 && this.preference !== 'reader'))
    const pass = this.#enter(false)
    while (!pass.may()) Atomics.wait(this.#words, CHANGES, pass.seen)
    this.#reads++
  }

  /** As lockWrite, and blocks the thread, which must not be the main one. */
  lockWriteSync(): void {
    this.#mayBlock(this.#writes > 0 || this.#reads > 0)
    const pass = this.#enter(true)
    while (!pass.may()) Atomics.wait(this.#words, CHANGES, pass.seen)
    this.#writes++
  }

  /** Reads if that needs no waiting; → whether it does now. */
  tryRead(): boolean {
    const words = this.#words
    if (this.#fair) {
      const turn = Atomics.load(words, READ_TURN)
      if (Atomics.compareExchange(words, TICKETS, turn, (turn + 1) | 0) !== turn) return false
      Atomics.add(words, READ_TURN, 1)
      this.#tell()
    } else if (!this.#joinReaders()) {
      return false
    }
    this.#reads++
    return true
  }

  /** Writes if that needs no waiting; → whether it does now. */
  tryWrite(): boolean {
    const words = this.#words
    if (this.#fair) {
      const turn = Atomics.load(words, WRITE_TURN)
      // a ticket equal to both turns: nobody reads, writes or waits
      if (Atomics.compareExchange(words, TICKETS, turn, (turn + 1) | 0) !== turn) return false
    } else if (!this.#writeAlone()) {
      return false
    }
    this.#writes++
    return true
  }

  unlockRead(): void {
    if (this.#reads === 0) throw misuse('unlockRead: this thread does not hold the lock to read')
    this.#reads--
    if (this.#fair) Atomics.add(this.#words, WRITE_TURN, 1)
    else if (Atomics.sub(this.#words, HOLDERS, 1) !== 1) return // other readers go on
    this.#tell()
  }

  unlockWrite(): void {
    if (this.#writes === 0) throw misuse('unlockWrite: this thread does not hold the lock to write')
    this.#writes--
    if (this.#fair) {
      Atomics.add(this.#words, WRITE_TURN, 1)
      Atomics.add(this.#words, READ_TURN, 1)
    } else {
      Atomics.store(this.#words, HOLDERS, 0)
    }
    this.#tell()
  }

  /** Runs `fn` while nobody writes, and resolves with its result. */
  async withRead<T>(fn: () => T | Promise<T>): Promise<T> {
    await this.lockRead()
    try {
      return await fn()
    } finally {
      this.unlockRead()
    }
  }

  /** Runs `fn` while nobody else reads or writes, and resolves with its result. */
  async withWrite<T>(fn: () => T | Promise<T>): Promise<T> {
    await this.lockWrite()
    try {
      return await fn()
    } finally {
      this.unlockWrite()
    }
  }

  /** As withRead, and blocks the thread, which must not be the main one. */
  withReadSync<T>(fn: () => T): T {
    this.lockReadSync()
    try {
      return fn()
    } finally {
      this.unlockRead()
    }
  }

  /** As withWrite, and blocks the thread, which must not be the main one. */
  withWriteSync<T>(fn: () => T): T {
    this.lockWriteSync()
    try {
      return fn()
    } finally {
      this.unlockWrite()
    }
  }

  /** Stands in line: `may` → whether it is in; where not, it tries again once CHANGES is no longer `seen`. */
  #enter(write: boolean): { may(): boolean; seen: number } {
    const words = this.#words
    const waiting = write ? WAITING_WRITERS : WAITING_READERS
    const ticket = Atomics.add(words, this.#fair ? TICKETS : waiting, 1)
    const pass = {
      seen: 0,
      may: (): boolean => {
        pass.seen = Atomics.load(words, CHANGES) // before the look: a change after it ends the wait at once
        if (this.#fair) return this.#turn(write, ticket)
        if (!(write ? this.#writeAlone() : this.#joinReaders())) return false
        Atomics.sub(words, waiting, 1) // whoever was kept out by this is told at the release
        return true
      },
    }
    return pass
  }

  /** Fair: whether it is the ticket's turn. A reader lets the next in line read too, if that is a reader. */
  #turn(write: boolean, ticket: number): boolean {
    if (write) return Atomics.load(this.#words, WRITE_TURN) === ticket
    if (Atomics.load(this.#words, READ_TURN) !== ticket) return false
    Atomics.add(this.#words, READ_TURN, 1)
    this.#tell()
    return true
  }

  #joinReaders(): boolean {
    const words = this.#words
    for (;;) {
      const holders = Atomics.load(words, HOLDERS)
      if (holders < 0) return false
      if (this.preference === 'writer' && Atomics.load(words, WAITING_WRITERS) > 0) return false
      if (Atomics.compareExchange(words, HOLDERS, holders, holders + 1) === holders) return true
    }
  }

  #writeAlone(): boolean {
    const words = this.#words
    if (words[PREFERENCE] === READER && Atomics.load(words, WAITING_READERS) > 0) return false
    return Atomics.compareExchange(words, HOLDERS, 0, -1) === 0
  }

  #tell(): void {
    Atomics.add(this.#words, CHANGES, 1)
    Atomics.notify(this.#words, CHANGES)
  }

  #mayBlock(own: boolean): void {
    if (isMainThread) throw misuse('the main thread must not block: use the asynchronous functions, or try')
    if (own) throw misuse('this thread holds the lock itself and would wait for ever')
  }
}

function create(preference: RwLockPreference): SharedArrayBuffer {
  const number = NAMES.indexOf(preference)
  if (number < 0) {
    throw new InvalidArgumentError('preference', "'reader', 'writer' or 'fair'", preference)
  }
  const memory = new SharedArrayBuffer(LOCK_BYTES)
  new Int32Array(memory)[PREFERENCE] = number
  return memory
}

function misuse(what: string): Error {
  return Object.assign(new Error(what), { code: 'MILLRACE_ERR_LOCK' })
}
