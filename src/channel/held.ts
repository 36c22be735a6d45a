// What was already decoded when its channel was paused or full: kept, in order, until the handler can take it.
import type { Loop } from '../loop/loop.ts'

interface Item {
  readonly at: number
  readonly length: number
  /** An error in the place of a frame. */
  readonly error?: Error
}

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

  /** Copies a frame out of the memory that the core will use again. */
  pushFrame(at: number, length: number): void {
    const copy = this.#loop.alloc(Math.max(1, length))
    this.#loop.bytes.copyWithin(copy, at, at + length)
    this.#items.push({ at: copy, length })
  }

  pushError(error: Error): void {
    this.#items.push({ at: 0, length: 0, error })
  }

  /** Hands the oldest item on, and frees it. */
  shift(frame: (at: number, length: number) => void, failed: (error: Error) => void): void {
    const item = this.#items.shift()
    if (item === undefined) return
    if (item.error !== undefined) {
      failed(item.error)
      return
    }
    try {
      frame(item.at, item.length)
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
