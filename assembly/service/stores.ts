// The keyspaces of a loop, for the clockwork that expires keys without anyone asking for them.

import { nowNs } from '../clock'
import { alloc } from '../memory/heap'
import { kvTick, kvTickable } from './kv/kv'

const STORES_MAX: u32 = 1024
const PERIOD_NS: u64 = 100_000_000
const BUSY_NS: u64 = 1_000_000 // there is more to do: soon again, but others first

let stores: usize = 0
let count: u32 = 0
let due: u64 = 0

/** Prepares this instance; false when memory is exhausted. */
export function storesCreate(): bool {
  count = 0
  due = 0
  stores = alloc(STORES_MAX << 2)
  return stores != 0
}

/** Adds a keyspace; false when there are too many. */
export function storesAdd(kv: usize): bool {
  if (count == STORES_MAX) return false
  store<u32>(stores + (<usize>(count++) << 2), <u32>kv)
  return true
}

/** Active expiry, where anything can expire; returns when it goes on, 0: nothing to do. */
export function storesTick(): u64 {
  if (due > nowNs) return due
  let busy = false
  let tickable = false
  for (let i: u32 = 0; i < count; i++) {
    const kv = <usize>load<u32>(stores + (<usize>i << 2))
    if (!kvTickable(kv)) continue
    tickable = true
    if (kvTick(kv)) busy = true
  }
  due = tickable ? nowNs + (busy ? BUSY_NS : PERIOD_NS) : 0
  return due
}
