// How long turns take, in a loop's shared memory: histograms whose buckets are powers of two, in microseconds.

/** Bucket i counts what took less than 2^i µs and not less than half of that; the last one everything longer. */
export const TIME_BUCKETS = 24
const HISTOGRAM = TIME_BUCKETS + 1 // behind the sum
export const TURN_TIMES_BYTES = 8 * (1 + 2 * HISTOGRAM)
const LATENCY = 1 + HISTOGRAM
const WRAP = 2 ** 32

export interface TimeHistogram {
  readonly sumMicros: number
  /** Counts, not cumulative: see TIME_BUCKETS. */
  readonly buckets: readonly number[]
}

export interface TurnStats {
  /** Turns that had something to do. */
  readonly turns: number
  /** What such a turn took, handlers included. */
  readonly turnTime: TimeHistogram
  /** From the kernel's report until the end of the turn that handled it: what the loop adds to every answer. */
  readonly latency: TimeHistogram
}

/** Written by the loop's thread; whoever shares the memory may read: a Float64 is written whole. */
export class TurnTimes {
  readonly #cells: Float64Array
  /** Nanoseconds of CLOCK_MONOTONIC at `performance.now()` 0. */
  readonly #originNs: number

  /** `at`: TURN_TIMES_BYTES of the loop's memory. */
  constructor(memory: ArrayBufferLike, at: number) {
    this.#cells = new Float64Array(memory, at, TURN_TIMES_BYTES / 8).fill(0)
    this.#originNs = Number(process.hrtime.bigint()) - performance.now() * 1e6
  }

  /** A turn has ended that began at `beganMs` of performance.now(); `reportNs`: the kernel's clock, lower 32 bits. */
  ended(beganMs: number, reportNs: number): void {
    const cells = this.#cells
    const nowMs = performance.now()
    const micros = (nowMs - beganMs) * 1000
    const apart = ((nowMs * 1e6 + this.#originNs) % WRAP) - reportNs
    const latency = Math.max(micros, (apart < 0 ? apart + WRAP : apart) / 1000)
    cells[0] = (cells[0] as number) + 1
    add(cells, 1, micros)
    add(cells, LATENCY, latency)
  }

  stats(): TurnStats {
    const histogram = (at: number): TimeHistogram => ({
      sumMicros: this.#cells[at] as number,
      buckets: [...this.#cells.subarray(at + 1, at + HISTOGRAM)],
    })
    return { turns: this.#cells[0] as number, turnTime: histogram(1), latency: histogram(LATENCY) }
  }
}

function add(cells: Float64Array, at: number, micros: number): void {
  cells[at] = (cells[at] as number) + micros
  const bucket = at + 1 + Math.min(32 - Math.clz32(micros), TIME_BUCKETS - 1)
  cells[bucket] = (cells[bucket] as number) + 1
}

/** The time in microseconds below which a share of them stayed, 0 … 1; 0 where there are none. Exact to a bucket. */
export function quantile(buckets: readonly number[], share: number): number {
  const total = buckets.reduce((sum, count) => sum + count, 0)
  let seen = 0
  for (const [i, count] of buckets.entries()) {
    seen += count
    if (count > 0 && seen >= total * share) return 2 ** i
  }
  return 0
}
