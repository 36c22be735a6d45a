// The frame that a handler is given: one flyweight per loop, pointing into the loop's memory.
import type { Loop } from '../loop/loop.ts'

/** Bytes received. Valid during the call it is handed to; `copy` what must live longer. */
export class Frame {
  /** @internal */ at = 0
  /** Bytes of the frame. */
  length = 0
  readonly #loop: Loop

  /** @internal */
  constructor(loop: Loop) {
    this.#loop = loop
  }

  /** A view of the bytes, without a copy. */
  get bytes(): Uint8Array {
    return this.#loop.bytes.subarray(this.at, this.at + this.length)
  }

  /** The bytes as text, UTF-8 unless told. */
  toString(encoding: BufferEncoding = 'utf8'): string {
    return Buffer.from(this.#loop.memory.buffer as ArrayBuffer, this.at, this.length).toString(encoding)
  }

  /** The bytes in memory of their own. */
  copy(): Uint8Array {
    return this.bytes.slice()
  }
}
