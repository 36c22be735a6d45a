// A queue between threads in shared memory: bounded, any number of producers, one consumer.
import { Doorbell } from './doorbell.ts'

/** What another thread needs to open the queue: structured-cloneable, and the memory itself is shared. */
export interface SharedQueueHandle {
  readonly memory: SharedArrayBuffer
  /** Records it holds at most, a power of two. */
  readonly capacity: number
  /** 32-bit words of a record. */
  readonly words: number
}

// The header, in words: each on a cache line of its own, since different threads write them.
const TAIL = 0
const HEAD = 16
const BELL = 32
const RECORDS = 48
const WORD_BYTES = 4

/**
 * Dmitry Vyukov's bounded queue (1024cores.net, “Bounded MPMC queue”), with one consumer. Every cell has a sequence
 * number that says whose turn it is: the producer of lap n, or the consumer of that lap.
 *
 * What it guarantees: a record is taken whole and once; the records of one producer are taken in its order; `push`
 * never blocks and never overwrites, it returns false where the queue is full; what was written to shared memory
 * before a `push` is seen after the `take`; and no wake is lost: a consumer that `attend`s or `takeWait`s is called
 * for every record, while only the push that finds it asleep wakes it.
 *
 * What it does not: a producer that is terminated within `push` leaves a cell that is never filled, and the consumer
 * stops in front of it; the queue of a dead producer is thrown away with it.
 */
export class SharedQueue {
  readonly handle: SharedQueueHandle
  readonly #cells: Int32Array
  readonly #mask: number
  readonly #stride: number
  readonly #bell: Doorbell

  /** Opens a queue that another thread has made. */
  constructor(handle: SharedQueueHandle) {
    this.handle = handle
    this.#cells = new Int32Array(handle.memory)
    this.#mask = handle.capacity - 1
    this.#stride = handle.words + 1
    this.#bell = new Doorbell(this.#cells, BELL)
  }

  /** A new queue for `capacity` records, rounded up to a power of two, of `words` 32-bit words each. */
  static create(capacity: number, words: number): SharedQueue {
    inRange('capacity', capacity, 1, CAPACITY_MAX)
    inRange('words', words, 1, WORDS_MAX)
    const size = 2 ** Math.max(1, Math.ceil(Math.log2(capacity)))
    const memory = new SharedArrayBuffer((RECORDS + size * (words + 1)) * WORD_BYTES)
    const cells = new Int32Array(memory)
    for (let i = 0; i < size; i++) cells[RECORDS + i * (words + 1)] = i
    return new SharedQueue({ memory, capacity: size, words })
  }

  /** Adds the first `words` of `record`; false: the queue is full, and nothing was added. Any thread. */
  push(record: ArrayLike<number>): boolean {
    const cells = this.#cells
    for (;;) {
      const place = Atomics.load(cells, TAIL)
      const at = RECORDS + (place & this.#mask) * this.#stride
      const lag = (Atomics.load(cells, at) - place) | 0
      if (lag < 0) return false
      if (lag > 0 || Atomics.compareExchange(cells, TAIL, place, (place + 1) | 0) !== place) continue
      for (let i = 1; i < this.#stride; i++) cells[at + i] = record[i - 1] as number
      Atomics.store(cells, at, (place + 1) | 0)
      this.#bell.ring()
      return true
    }
  }

  /** Takes the oldest record into `into`; false: there is none. The consumer's thread only. */
  take(into: Int32Array): boolean {
    if (!this.#ready()) return false
    const cells = this.#cells
    const place = cells[HEAD] as number
    const at = RECORDS + (place & this.#mask) * this.#stride
    for (let i = 1; i < this.#stride; i++) into[i - 1] = cells[at + i] as number
    Atomics.store(cells, at, (place + this.#mask + 1) | 0)
    Atomics.store(cells, HEAD, (place + 1) | 0)
    return true
  }

  /** As `take`, where the thread may block: waits for `ms` at most, for ever by default. */
  takeWait(into: Int32Array, ms: number = Number.POSITIVE_INFINITY): boolean {
    const deadline = performance.now() + ms
    while (!this.take(into)) {
      const left = deadline - performance.now()
      if (!(left > 0)) return false
      this.#bell.sleep(() => !this.#ready(), left)
    }
    return true
  }

  #ready(): boolean {
    const place = this.#cells[HEAD] as number
    return Atomics.load(this.#cells, RECORDS + (place & this.#mask) * this.#stride) === ((place + 1) | 0)
  }

  /** Records that wait; of those being added by another thread just now, some may count. */
  get length(): number {
    return (Atomics.load(this.#cells, TAIL) - Atomics.load(this.#cells, HEAD)) | 0
  }

  /**
   * The consumer: calls `answer` in its event loop whenever there may be records, now for the first time. See
   * Doorbell.attend.
   */
  attend(answer: () => boolean): void {
    this.#bell.attend(answer)
  }

  /** Wakes the consumer without a record: something else that `answer` looks at has changed. Any thread. */
  ring(): void {
    this.#bell.ring()
  }

  /** The consumer has stopped. */
  leave(): void {
    this.#bell.leave()
  }
}

const CAPACITY_MAX = 1 << 20
const WORDS_MAX = 64

function inRange(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  const error = new RangeError(`${name} must be an integer from ${least} to ${most}; it is ${value}`)
  throw Object.assign(error, { code: 'ERR_OUT_OF_RANGE' })
}
