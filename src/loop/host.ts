// Where a loop's turns, time and chance come from: from Node, or from a simulation that is host, kernel and clock in
// one.
import type { KernelChoice } from '../kernel/choose.ts'
import type { Native } from '../kernel/native.ts'
import type { Turn, Wait } from './wait.ts'

/** What a loop and the services on it ask of the host beside a kernel. */
export interface Schedule {
  /** Calls back before one of the next turns, in order. */
  soon(callback: () => void): void
  /** Calls back after `ms` milliseconds; → a function that calls it off. */
  after(ms: number, callback: () => void): () => void
  /** An error that a user's callback has thrown: it surfaces, and the loop lives. */
  raise(error: unknown): void
  /** A random number for seeds. */
  randomU64(): bigint
  /** Milliseconds since 1970. */
  nowMs(): number
}

/** A host that brings its own kernel. */
export interface LoopHost extends Schedule {
  readonly native: Native
  readonly kernel: KernelChoice
  /** Bytes that `adopt` wants beside the loop's own. */
  readonly memoryBytes: number
  /** The linear memory of the loop that is being made; → the first offset that its arena may use. */
  adopt(memory: WebAssembly.Memory): number
  /** The loop is set up as `handle`. */
  wait(handle: number, turn: Turn): Wait
}

/** Node: immediates, timers, uncaught errors, and real randomness. */
export const NODE_SCHEDULE: Schedule = {
  soon: (callback) => void setImmediate(callback),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
  raise: (error) => {
    process.nextTick(() => {
      throw error
    })
  },
  randomU64: () => crypto.getRandomValues(new BigUint64Array(1))[0] as bigint,
  nowMs: () => Date.now(),
}
