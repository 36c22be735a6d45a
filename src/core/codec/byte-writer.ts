// Bytes written one behind the other, on any host.

export class ByteWriter {
  #bytes = new Uint8Array(256)
  #length = 0

  /** Writes text as UTF-8. */
  text(text: string): void {
    this.#room(text.length * 3)
    this.#length += encoder.encodeInto(text, this.#bytes.subarray(this.#length)).written
  }

  put(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** All that was written. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return
    const wider = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + bytes))
    wider.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = wider
  }
}

const encoder = new TextEncoder()
