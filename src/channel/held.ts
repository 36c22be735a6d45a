// What was already decoded when its channel was paused or full: kept, in order, until the handler can take it.
import { copyRecords } from '../core/frame-records.ts'
import type { Loop } from '../loop/loop.ts'

interface Item {
  /** A block of the loop's memory with the bytes; 0: an error. */
  readonly at: number
  /** The frame's record and those of its parts, pointing into the block. */
  readonly records: Uint32Array
  /** An error in the place of a frame. */
  readonly error?: Error
}

const NONE = new Uint32Array(0)

export class Held {
  readonly #loop: Loop
  readonly #items: Item[] = []
  /** The peer's end came after them. */
  ended = false

  constructor(loop: Loop) {
    this.#loop = loop
  }

  get empty(): boolean {
    return this.#items.length === 0
  }

  /** Copies the frame at record `i` out of the memory that the core will use again. */
  pushFrame(source: Uint32Array, i: number): void {
    this.#items.push(copyRecords(this.#loop, source, i))
  }

  pushError(error: Error): void {
    this.#items.push({ at: 0, records: NONE, error })
  }

  /** Hands the oldest item on, and frees it. */
  shift(frame: (records: Uint32Array) => void, failed: (error: Error) => void): void {
    const item = this.#items.shift()
    if (item === undefined) return
    if (item.error !== undefined) {
      failed(item.error)
      return
    }
    try {
      frame(item.records)
    } finally {
      this.#loop.core.free(item.at)
    }
  }

  /** Frees them all. */
  drop(): void {
    while (!this.empty) {
      this.shift(
        () => undefined,
        () => undefined,
      )
    }
  }
}
