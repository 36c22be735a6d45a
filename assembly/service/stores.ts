// The keyspaces of a loop, and the timer that expires keys without anyone asking for them.

import { nowMs, nowNs } from '../clock'
import { alloc } from '../memory/heap'
import { TIMER_BYTES, TIMER_STORES, timerArm, timerArmFine, timerInit } from '../timer/timers'
import { kvNext, kvTick } from './kv/kv'
import { kvWakeMs, kvWakeReset } from './kv/wake'

const STORES_MAX: u32 = 1024
/** Between two ticks: what expires within this time goes together. */
const PERIOD_NS: u64 = 100_000_000
/** There is more to do: soon again, but others first. */
const BUSY_NS: u64 = 300_000
/** Longest sleep: the wall's clock may be set forward meanwhile. */
const SLEEP_MS: u64 = 1000
const NS_PER_MS: u64 = 1_000_000

let stores: usize = 0
let timer: usize = 0
let count: u32 = 0
let ticked: u64 = 0 // when, on the monotonic clock
let armedMs: u64 = u64.MAX_VALUE // for what, on the wall's clock

/** Prepares this instance; false when memory is exhausted. */
export function storesCreate(): bool {
  count = 0
  ticked = 0
  armedMs = u64.MAX_VALUE
  kvWakeReset()
  stores = alloc(STORES_MAX << 2)
  timer = alloc(TIMER_BYTES)
  if (!stores || !timer) return false
  timerInit(timer, TIMER_STORES, 0)
  return true
}

/** Adds a keyspace; false when there are too many. */
export function storesAdd(kv: usize): bool {
  if (count == STORES_MAX) return false
  store<u32>(stores + (<usize>(count++) << 2), <u32>kv)
  return true
}

/** The turn ends: a keyspace may want a tick sooner than was known. */
// @ts-ignore: decorator
@inline
export function storesFlush(): void {
  if (kvWakeMs < armedMs) arm(kvWakeMs)
}

/** Active expiry, a limited number of keys. */
export function storesDue(): void {
  let busy = false
  let next = u64.MAX_VALUE
  kvWakeReset()
  for (let i: u32 = 0; i < count; i++) {
    const kv = <usize>load<u32>(stores + (<usize>i << 2))
    if (kvNext(kv) <= nowMs && kvTick(kv)) busy = true
    next = min(next, kvNext(kv))
  }
  ticked = nowNs
  if (busy) {
    armedMs = 0
    timerArmFine(timer, nowNs + BUSY_NS)
  } else {
    armedMs = next
    if (next != u64.MAX_VALUE) arm(next)
  }
}

function arm(ms: u64): void {
  armedMs = ms
  const sleepMs = ms > nowMs ? min(ms - nowMs, SLEEP_MS) : 0
  timerArm(timer, max(nowNs + sleepMs * NS_PER_MS, ticked + PERIOD_NS))
}
