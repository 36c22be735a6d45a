// Frames that were already decoded when their handler paused the channel: kept in the loop's memory until it resumes.
import type { Loop } from '../loop/loop.ts'

interface Place {
  readonly at: number
  readonly length: number
}

export class HeldFrames {
  readonly #loop: Loop
  readonly #places: Place[] = []
  /** The peer's end came after them. */
  ended = false

  constructor(loop: Loop) {
    this.#loop = loop
  }

  get empty(): boolean {
    return this.#places.length === 0
  }

  /** Copies a frame out of the memory that the core will use again. */
  push(at: number, length: number): void {
    const copy = this.#loop.alloc(length)
    this.#loop.bytes.copyWithin(copy, at, at + length)
    this.#places.push({ at: copy, length })
  }

  /** Hands the oldest frame to `use`, and frees it. */
  shift(use: (at: number, length: number) => void): void {
    const place = this.#places.shift()
    if (place === undefined) return
    try {
      use(place.at, place.length)
    } finally {
      this.#loop.core.free(place.at)
    }
  }

  /** Frees them all. */
  drop(): void {
    while (!this.empty) this.shift(() => undefined)
  }
}
