// What was already decoded when its channel was paused or full: kept, in order, until the handler can take it.
import { RECORD_AT, RECORD_BYTES, RECORD_EXTRA, RECORD_LENGTH } from '../../assembly/codec/abi.ts'
import type { Loop } from '../loop/loop.ts'

interface Item {
  /** A block of the loop's memory with the bytes; 0: an error. */
  readonly at: number
  /** The frame's record and those of its parts, pointing into the block. */
  readonly records: Uint32Array
  /** An error in the place of a frame. */
  readonly error?: Error
}

const WORDS = RECORD_BYTES / 4
const AT = RECORD_AT / 4
const LENGTH = RECORD_LENGTH / 4
const EXTRA = RECORD_EXTRA / 4
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
    const records = source.slice(i, i + WORDS + (source[i + EXTRA] as number) * WORDS)
    const from = records[AT] as number
    const length = records[LENGTH] as number
    let bytes = length
    // a part that was unescaped lies elsewhere
    const outside = (r: number): boolean => ((records[r + AT] as number) - from) >>> 0 > length
    for (let r = WORDS; r < records.length; r += WORDS) if (outside(r)) bytes += records[r + LENGTH] as number
    const at = this.#loop.alloc(Math.max(1, bytes))
    const memory = this.#loop.bytes
    memory.copyWithin(at, from, from + length)
    let to = at + length
    for (let r = WORDS; r < records.length; r += WORDS) {
      const part = records[r + AT] as number
      if (part === 0) continue // a null
      if (outside(r)) {
        memory.copyWithin(to, part, part + (records[r + LENGTH] as number))
        records[r + AT] = to
        to += records[r + LENGTH] as number
      } else {
        records[r + AT] = part - from + at
      }
    }
    records[AT] = at
    this.#items.push({ at, records })
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
