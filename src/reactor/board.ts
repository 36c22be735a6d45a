// What a boss and its threads tell each other beside connections: how many channels have closed, and who wants to know.
import { Doorbell } from '../loop/doorbell.ts'

const BELL = 0
const CLOSED = 1
const WANTED = 2
const BOARD_BYTES = 12

export class Board {
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array
  readonly #bell: Doorbell

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(BOARD_BYTES)) {
    this.memory = memory
    this.#words = new Int32Array(memory)
    this.#bell = new Doorbell(this.#words, BELL)
  }

  /** Channels have closed; a boss at its limit is woken. */
  closed(count: number): void {
    Atomics.add(this.#words, CLOSED, count)
    if (Atomics.load(this.#words, WANTED) === 1) this.#bell.ring()
  }

  /** The boss: how many have closed since it last asked. `wanted`: it can do nothing until some have. */
  take(wanted: boolean): number {
    Atomics.store(this.#words, WANTED, wanted ? 1 : 0)
    return Atomics.exchange(this.#words, CLOSED, 0)
  }

  /** The boss: `answer` runs whenever it was woken. */
  attend(answer: () => void): void {
    this.#bell.attend(() => {
      answer()
      return false
    })
  }

  leave(): void {
    this.#bell.leave()
  }
}
