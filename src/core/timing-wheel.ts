// TimingWheel: very many timers, on a clock that is the caller's. They live in WASM; JavaScript holds numbers.

import { InvalidArgumentError } from './invalid-argument.ts'
import { type Core, sharedCore } from './load.ts'

/** What core.wasm exports for timers; see assembly/timer/handles.ts. */
export interface TimerExports {
  timersOpen(now: number): number
  timersFree(timers: number): void
  timersAdd(timers: number, due: number, id: number): number
  timersCancel(timers: number, handle: number): number
  timersRearm(timers: number, handle: number, due: number): number
  timersAdvance(timers: number, now: number, out: number, most: number, steps: number): number
  timersSteps(): number
  timersNext(timers: number): number
  timersPending(timers: number): number
}

/** What `add` returns: good until the timer has fired or was cancelled. */
export type TimerHandle = number

export interface TimingWheelOptions {
  /** What the clock says, in milliseconds from any beginning. 0 by default. */
  readonly nowMs?: number | undefined
  /** The instance of the core that holds the timers; the shared one unless given. */
  readonly core?: Core | undefined
}

/** Frees the wheels that nobody disposed of. */
const forgotten = new FinalizationRegistry<{ core: Core; timers: number; out: number }>(({ core, timers, out }) => {
  core.exports.timersFree(timers)
  core.exports.free(out)
})

const OUT_IDS = 1024
const STEPS_MAX = 0xffffffff
const TIME_MAX = Number.MAX_SAFE_INTEGER
const ID_MAX = 0xffffffff

/**
 * A timing wheel of milliseconds. It has no clock: `advance` tells it how late it is, and it answers whose time has
 * come. Never early, at most a millisecond after the first `advance` that could know.
 *
 *     const wheel = new TimingWheel({ nowMs: performance.now() })
 *     const handle = wheel.add(5_000, 42)
 *     wheel.rearm(handle, 5_000) // something came: wait anew
 *     for (const id of wheel.advance(performance.now())) console.log(id, 'has timed out')
 */
export class TimingWheel {
  readonly #core: Core
  readonly #exports: TimerExports
  readonly #out: number
  #timers: number
  #now: number

  constructor({ nowMs = 0, core = sharedCore() }: TimingWheelOptions = {}) {
    if (!isTime(nowMs)) throw new InvalidArgumentError('nowMs', TIME_RULE, nowMs)
    this.#core = core
    this.#exports = core.exports
    this.#now = nowMs
    this.#timers = core.exports.timersOpen(Math.floor(nowMs)) >>> 0
    this.#out = this.#timers === 0 ? 0 : core.exports.alloc(OUT_IDS * 4) >>> 0
    if (this.#out === 0) {
      if (this.#timers !== 0) core.exports.timersFree(this.#timers)
      throw outOfMemory()
    }
    forgotten.register(this, { core, timers: this.#timers, out: this.#out }, this)
  }

  /** What the clock said when `advance` was last told. */
  get nowMs(): number {
    return this.#now
  }

  /** Timers pending. */
  get size(): number {
    return this.#exports.timersPending(this.#alive()) >>> 0
  }

  /**
   * Adds a timer: `id`, an integer from 0 to 2^32 − 1, comes out of an `advance` when `delayMs` milliseconds have gone
   * by. They count from `nowMs`, which is what `advance` was last told unless given.
   */
  add(delayMs: number, id: number, nowMs: number = this.#now): TimerHandle {
    if (!(id >= 0 && id <= ID_MAX && Number.isInteger(id))) {
      throw new InvalidArgumentError('id', `an integer from 0 to ${ID_MAX}`, id)
    }
    const handle = this.#exports.timersAdd(this.#alive(), dueAt(delayMs, nowMs), id)
    if (handle === 0) throw outOfMemory()
    return handle
  }

  /** Takes a timer back; false where it has fired already, or was cancelled. */
  cancel(handle: TimerHandle): boolean {
    return this.#exports.timersCancel(this.#alive(), handle) !== 0
  }

  /** Lets a timer wait `delayMs` from now instead; false where it has fired already, or was cancelled. */
  rearm(handle: TimerHandle, delayMs: number, nowMs: number = this.#now): boolean {
    return this.#exports.timersRearm(this.#alive(), handle, dueAt(delayMs, nowMs)) !== 0
  }

  /**
   * Tells how late it is; returns the ids of the timers whose time has come, in the order of their milliseconds. With
   * `steps` it looks at so many timers at most; what is left comes from the next call, and until then `next()` lies in
   * the past.
   */
  advance(nowMs: number, steps: number = STEPS_MAX): number[] {
    if (!isTime(nowMs)) throw new InvalidArgumentError('nowMs', TIME_RULE, nowMs)
    if (!(steps >= 1)) throw new InvalidArgumentError('steps', 'a number from 1', steps)
    const timers = this.#alive()
    const ids: number[] = []
    let left = Math.min(Math.floor(steps), STEPS_MAX)
    this.#now = nowMs
    for (;;) {
      const count = this.#exports.timersAdvance(timers, Math.floor(nowMs), this.#out, OUT_IDS, left) >>> 0
      if (count > 0) for (const id of new Uint32Array(this.#core.memory.buffer, this.#out, count)) ids.push(id)
      left = this.#exports.timersSteps() >>> 0
      if (count < OUT_IDS || left === 0) return ids
    }
  }

  /**
   * When to call `advance` next: the millisecond of the next timer, Infinity where there is none. Never too late;
   * exact unless that timer was cancelled or re-armed, then it may be too early once.
   */
  next(): number {
    return this.#exports.timersNext(this.#alive())
  }

  /** Gives the memory back; the wheel cannot be used any more. */
  dispose(): void {
    if (this.#timers === 0) return
    forgotten.unregister(this)
    this.#exports.timersFree(this.#timers)
    this.#core.exports.free(this.#out)
    this.#timers = 0
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #alive(): number {
    if (this.#timers !== 0) return this.#timers
    throw Object.assign(new Error('this wheel was disposed of'), { code: 'ERR_INVALID_STATE' })
  }
}

const TIME_RULE = `a number from 0 to ${TIME_MAX}`

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= TIME_MAX
}

/** The millisecond at which a delay is over: the first whole one that is not before. */
function dueAt(delayMs: number, nowMs: number): number {
  if (!isTime(nowMs)) throw new InvalidArgumentError('nowMs', TIME_RULE, nowMs)
  if (!isTime(delayMs)) throw new InvalidArgumentError('delayMs', TIME_RULE, delayMs)
  const due = Math.ceil(nowMs + delayMs)
  if (due > TIME_MAX) throw new InvalidArgumentError('nowMs + delayMs', TIME_RULE, due)
  return due
}

function outOfMemory(): Error {
  return Object.assign(new Error('no memory left for timers'), { code: 'ERR_MEMORY_ALLOCATION_FAILED' })
}
