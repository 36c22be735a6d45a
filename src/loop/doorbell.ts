// A doorbell in shared memory: how one thread wakes another that has nothing to do, at most once for many rings.

/** What a wait that does not block returns; Node 20 has it, the ES2023 library does not name it. */
type WaitAsync = (
  words: Int32Array,
  index: number,
  value: number,
) => { readonly async: false; readonly value: string } | { readonly async: true; readonly value: Promise<string> }

const waitAsync = (Atomics as unknown as { readonly waitAsync: WaitAsync }).waitAsync.bind(Atomics)

/** Resolves as soon as `words[index]` is notified, or differs from `value` already. Keeps no process alive. */
export async function changed(words: Int32Array, index: number, value: number): Promise<void> {
  await waitAsync(words, index, value).value
}

const AWAKE = 0
const ASLEEP = 1

/**
 * One word: its owner says ASLEEP, looks once more at what it waits for, and only then waits; who has something for it
 * writes that first and rings after. The two orders cross, so that no wake is lost; and a ring costs a wake only where
 * the owner sleeps, all others being one atomic read.
 */
export class Doorbell {
  readonly #words: Int32Array
  readonly #index: number
  #answer: (() => boolean) | undefined

  /** The word is 0 at first. Every thread makes an object of its own for it. */
  constructor(words: Int32Array, index: number) {
    this.#words = words
    this.#index = index
  }

  /** Wakes the owner if it sleeps. */
  ring(): void {
    if (Atomics.load(this.#words, this.#index) === AWAKE) return
    if (Atomics.exchange(this.#words, this.#index, AWAKE) === ASLEEP) Atomics.notify(this.#words, this.#index)
  }

  /**
   * The owner: `answer` is called in its event loop now, and whenever it was rung for; → whether it has left work
   * undone, for which it is called again once the event loop has had its say. It must not throw. Keeps no process
   * alive.
   */
  attend(answer: () => boolean): void {
    this.#answer = answer
    this.#run()
  }

  /** No more answers. */
  leave(): void {
    this.#answer = undefined
    this.ring()
  }

  /** The owner, where its thread may block: sleeps until rung for, or for `ms` at most, if `empty` says so. */
  sleep(empty: () => boolean, ms: number = Number.POSITIVE_INFINITY): void {
    Atomics.store(this.#words, this.#index, ASLEEP)
    if (empty()) Atomics.wait(this.#words, this.#index, ASLEEP, ms)
    Atomics.store(this.#words, this.#index, AWAKE)
  }

  readonly #run = (): void => {
    const answer = this.#answer
    if (answer === undefined) return
    let left = answer()
    if (!left) {
      Atomics.store(this.#words, this.#index, ASLEEP)
      left = answer()
      if (!left && this.#answer !== undefined) {
        void changed(this.#words, this.#index, ASLEEP).then(this.#run)
        return
      }
      Atomics.store(this.#words, this.#index, AWAKE)
    }
    if (left) setImmediate(this.#run)
  }
}
