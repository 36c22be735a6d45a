// How long a crashed worker waits before it is started again: twice as long each time, until one has lived.

/** The first wait, the longest one, and how long a worker must have lived for the next wait to be the first again. */
export const BACKOFF_FIRST_MS = 100
export const BACKOFF_MOST_MS = 30_000
export const BACKOFF_LIVED_MS = 10_000

export class Backoff {
  readonly #limit: number
  #delay = BACKOFF_FIRST_MS
  #unready = 0

  /** `limit`: starts in succession that come to nothing before it gives up. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /**
   * A worker has ended unasked, `livedMs` after it was ready; undefined: it never was. → milliseconds to wait, or
   * undefined when as many as the limit never came up, one after the other.
   */
  next(livedMs: number | undefined): number | undefined {
    if (livedMs === undefined) {
      if (++this.#unready >= this.#limit) return undefined
    } else {
      this.#unready = 0
      if (livedMs >= BACKOFF_LIVED_MS) this.#delay = BACKOFF_FIRST_MS
    }
    const delay = this.#delay
    this.#delay = Math.min(delay * 2, BACKOFF_MOST_MS)
    return delay
  }
}
