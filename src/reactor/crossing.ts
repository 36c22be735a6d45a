// How channels cross to threads that only run handlers: events to them through a queue, answers from them through a
// ring in the memory of the loop that serves the sockets, where the frames lie too.

// Events, by the word they begin with; the second is the channel's number in its loop.
export const EVENT_OPEN = 1 // block and length of the peer's address, as JSON
export const EVENT_FRAME = 2 // block that begins with the frame's records, bytes of it
export const EVENT_ERROR = 3 // block and length of the error, as JSON
export const EVENT_END = 4
export const EVENT_WRITABLE = 5
export const EVENT_FULL = 6 // above the high watermark
export const EVENT_CLOSE = 7
export const EVENT_WORDS = 4

// Answers, likewise; the third and fourth word are their own.
export const ANSWER_WRITE = 1 // bytes here, bytes of the whole message
export const ANSWER_WRITE_AT = 2 // address in the loop's memory, bytes: of a block that is not released yet
export const ANSWER_RELEASE = 3 // block, bytes it counted for: nobody looks at it any more
export const ANSWER_ENDED = 4 // the handler has heard of the peer's end
export const ANSWER_END = 5
export const ANSWER_DESTROY = 6
export const ANSWER_PAUSE = 7
export const ANSWER_RESUME = 8
const SKIP = 0 // the rest up to the ring's end is not used

// The ring, in words: where the reader and the writer stand, counted in words for ever, then the entries.
const READ = 0
const WRITTEN = 16
const ENTRIES = 32
const HEAD_WORDS = 4
const RING_WORDS = 1 << 16
export const RING_BYTES = (ENTRIES + RING_WORDS) * 4
/** Most bytes of one entry; longer messages come in parts. */
export const PART_MAX = 32_768

/**
 * Answers of one thread for one loop: bounded, one writer, one reader, in order. The writer blocks where it is full,
 * which the reader never is long about, since it does not wait for anybody.
 */
export class AnswerRing {
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #wake: () => void

  /** `wake` rings the reader; it has nothing to do where it reads anyway. */
  constructor(memory: SharedArrayBuffer, at: number, wake: () => void) {
    this.#words = new Int32Array(memory, at, RING_BYTES / 4)
    this.#bytes = new Uint8Array(memory, at, RING_BYTES)
    this.#wake = wake
  }

  /** The reader, before anybody writes. */
  clear(): void {
    this.#words.fill(0, 0, ENTRIES)
  }

  /** The writer: adds an answer, with `bytes` behind it, PART_MAX at most. */
  write(op: number, channel: number, a = 0, b = 0, bytes?: Uint8Array): void {
    const words = this.#words
    const need = HEAD_WORDS + (((bytes?.length ?? 0) + 3) >> 2)
    let written = words[WRITTEN] as number
    const left = RING_WORDS - (written & (RING_WORDS - 1))
    if (left < need) {
      this.#room(written, left)
      words[ENTRIES + (written & (RING_WORDS - 1))] = SKIP
      written = (written + left) | 0
      Atomics.store(words, WRITTEN, written)
    }
    this.#room(written, need)
    const at = ENTRIES + (written & (RING_WORDS - 1))
    words[at] = op
    words[at + 1] = channel
    words[at + 2] = a
    words[at + 3] = b
    if (bytes !== undefined) this.#bytes.set(bytes, (at + HEAD_WORDS) * 4)
    Atomics.store(words, WRITTEN, (written + need) | 0)
  }

  /** Waits until there is room. */
  #room(written: number, need: number): void {
    const words = this.#words
    for (;;) {
      const read = Atomics.load(words, READ)
      if (RING_WORDS - ((written - read) | 0) >= need) return
      this.#wake()
      Atomics.wait(words, READ, read)
    }
  }

  /** The reader: `take` gets every answer that is there; `at` is where its bytes lie, counted from the ring's begin. */
  read(most: number, take: (op: number, channel: number, a: number, b: number, at: number) => void): boolean {
    const words = this.#words
    for (let n = 0; n < most; n++) {
      const read = words[READ] as number
      if (read === Atomics.load(words, WRITTEN)) return false
      const at = ENTRIES + (read & (RING_WORDS - 1))
      const op = words[at] as number
      const a = words[at + 2] as number
      let next = RING_WORDS - (read & (RING_WORDS - 1))
      if (op !== SKIP) {
        next = HEAD_WORDS + (op === ANSWER_WRITE ? (a + 3) >> 2 : 0)
        take(op, words[at + 1] as number, a, words[at + 3] as number, (at + HEAD_WORDS) * 4)
      }
      Atomics.store(words, READ, (read + next) | 0)
      Atomics.notify(words, READ)
    }
    return words[READ] !== Atomics.load(words, WRITTEN)
  }
}
