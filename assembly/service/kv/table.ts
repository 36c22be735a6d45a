// The hash table of one database: linear hashing (Litwin 1980). The table grows by one bucket per insert and shrinks by
// one or two per delete, so that no command ever pays for a whole rehash and no second table stands beside the first.
//
//   table | buckets | mask | capacity | next grave | reaped | segment | segment | …      segment: 1024 bucket heads
//
// With n buckets and low the greatest power of two ≤ n, bucket b < n − low has been split: its other half is b + low.

import { poolFree } from '../../memory/pool'
import { BUDGET_GRAVES, budgetAlloc, budgetPool, budgetTry } from './budget'
import { E_HASH, E_NEXT, entryFree } from './entry'
import { kvWake } from './wake'

const BUCKETS: usize = 0
const MASK: usize = 4 // 2 × low − 1
const CAPACITY: usize = 8 // segments the directory has room for
const NEXT: usize = 12 // the next flushed table
const REAPED: usize = 16 // where the reaper of a flushed table stands
const DIRECTORY: u32 = 20

const SEGMENT_BITS: u32 = 10
const SEGMENT_BUCKETS: u32 = 1 << SEGMENT_BITS
const SEGMENT_MASK: u32 = SEGMENT_BUCKETS - 1
const SEGMENT_BYTES: u32 = SEGMENT_BUCKETS << 2
const CAPACITY_FIRST: u32 = 10
const BUCKETS_MIN: u32 = 4

/** A table of the least size; 0 where the budget has no room for it. */
export function tableCreate(budget: usize): usize {
  const table = budgetAlloc(budget, DIRECTORY + (CAPACITY_FIRST << 2))
  if (!table) return 0
  const segment = budgetAlloc(budget, SEGMENT_BYTES)
  if (!segment) {
    poolFree(budgetPool(budget), table)
    return 0
  }
  memory.fill(segment, 0, SEGMENT_BYTES)
  store<u32>(table, BUCKETS_MIN, BUCKETS)
  store<u32>(table, (BUCKETS_MIN << 1) - 1, MASK)
  store<u32>(table, CAPACITY_FIRST, CAPACITY)
  store<u32>(table, 0, NEXT)
  store<u32>(table, 0, REAPED)
  store<u32>(table, <u32>segment, DIRECTORY)
  return table
}

// @ts-ignore: decorator
@inline
export function tableBuckets(table: usize): u32 {
  return load<u32>(table, BUCKETS)
}

/** The greatest power of two not above the number of buckets. */
// @ts-ignore: decorator
@inline
export function tableLow(table: usize): u32 {
  return (load<u32>(table, MASK) >> 1) + 1
}

/** The address of a bucket's head. */
// @ts-ignore: decorator
@inline
export function tableBucket(table: usize, bucket: u32): usize {
  return <usize>load<u32>(table + ((bucket >> SEGMENT_BITS) << 2), DIRECTORY) + ((bucket & SEGMENT_MASK) << 2)
}

/** The address of the head of the bucket that a hash belongs to. */
// @ts-ignore: decorator
@inline
export function tableHead(table: usize, hash: u32): usize {
  const mask = load<u32>(table, MASK)
  const bucket = hash & mask
  return tableBucket(table, bucket < load<u32>(table, BUCKETS) ? bucket : hash & (mask >> 1))
}

/** Puts an entry at the head of its bucket. */
// @ts-ignore: decorator
@inline
export function tableLink(table: usize, entry: usize): void {
  const head = tableHead(table, load<u32>(entry, E_HASH))
  store<u32>(entry, load<u32>(head), E_NEXT)
  store<u32>(head, <u32>entry)
}

/** Whether the bucket of that hash leads to an entry at this address. */
export function tableHas(table: usize, hash: u32, entry: usize): bool {
  let at = <usize>load<u32>(tableHead(table, hash))
  while (at && at != entry) at = load<u32>(at, E_NEXT)
  return at != 0
}

/** The address of the pointer to an entry that is in the table. */
export function tableLinkOf(table: usize, entry: usize): usize {
  let link = tableHead(table, load<u32>(entry, E_HASH))
  while (<usize>load<u32>(link) != entry) {
    link = load<u32>(link)
    assert(link != 0)
  }
  return link
}

/**
 * Splits one bucket where `keys` outnumber the buckets; returns the table, which may have moved. Without room for it
 * the table stays as it is and its chains get longer, until a later insert finds room.
 */
// @ts-ignore: decorator
@inline
export function tableGrow(budget: usize, table: usize, keys: u32): usize {
  return keys > load<u32>(table, BUCKETS) ? split(budget, table) : table
}

function split(budget: usize, table: usize): usize {
  const fresh = load<u32>(table, BUCKETS)
  if (!(fresh & SEGMENT_MASK)) {
    const index = fresh >> SEGMENT_BITS
    if (index == load<u32>(table, CAPACITY)) {
      const wider = budgetTry(budget, DIRECTORY + (index << 3))
      if (!wider) return table
      memory.copy(wider, table, DIRECTORY + (index << 2))
      store<u32>(wider, index << 1, CAPACITY)
      poolFree(budgetPool(budget), table)
      table = wider
    }
    const segment = budgetTry(budget, SEGMENT_BYTES)
    if (!segment) return table
    memory.fill(segment, 0, SEGMENT_BYTES)
    store<u32>(table + (index << 2), <u32>segment, DIRECTORY)
  }
  const mask = load<u32>(table, MASK)
  const low = (mask >> 1) + 1
  let link = tableBucket(table, fresh - low)
  let freshLink = tableBucket(table, fresh)
  let entry = <usize>load<u32>(link)
  while (entry) {
    if ((load<u32>(entry, E_HASH) & mask) == fresh) {
      store<u32>(link, load<u32>(entry, E_NEXT))
      store<u32>(freshLink, <u32>entry)
      freshLink = entry
    } else {
      link = entry
    }
    entry = load<u32>(link)
  }
  store<u32>(freshLink, 0)
  store<u32>(table, fresh + 1, BUCKETS)
  if (fresh + 1 == low << 1) store<u32>(table, (low << 2) - 1, MASK)
  return table
}

/** Merges up to two buckets back where the `keys` need less than half of the buckets. Calls for no memory. */
// @ts-ignore: decorator
@inline
export function tableShrink(budget: usize, table: usize, keys: u32): void {
  if (keys < load<u32>(table, BUCKETS) >> 1) {
    merge(budget, table)
    if (keys < load<u32>(table, BUCKETS) >> 1) merge(budget, table)
  }
}

function merge(budget: usize, table: usize): void {
  const last = load<u32>(table, BUCKETS) - 1
  if (last < BUCKETS_MIN) return
  let low = (load<u32>(table, MASK) >> 1) + 1
  if (last < low) {
    low >>= 1
    store<u32>(table, (low << 1) - 1, MASK)
  }
  const from = tableBucket(table, last)
  let link = tableBucket(table, last - low)
  while (load<u32>(link)) link = load<u32>(link)
  store<u32>(link, load<u32>(from))
  store<u32>(from, 0)
  store<u32>(table, last, BUCKETS)
  if (!(last & SEGMENT_MASK)) {
    poolFree(budgetPool(budget), load<u32>(table + ((last >> SEGMENT_BITS) << 2), DIRECTORY))
  }
}

/** Takes a table out of service; its entries and itself are freed by tableReap, step by step. */
export function tableBury(budget: usize, table: usize): void {
  store<u32>(table, load<u32>(budget, BUDGET_GRAVES), NEXT)
  store<u32>(budget, <u32>table, BUDGET_GRAVES)
  kvWake(0)
}

/** Frees up to about `steps` buckets and entries of flushed tables; returns the steps left. */
export function tableReap(budget: usize, steps: u32): u32 {
  while (steps) {
    const table = <usize>load<u32>(budget, BUDGET_GRAVES)
    if (!table) break
    steps = reap(budget, table, steps)
  }
  return steps
}

function reap(budget: usize, table: usize, steps: u32): u32 {
  const pool = budgetPool(budget)
  const buckets = load<u32>(table, BUCKETS)
  let bucket = load<u32>(table, REAPED)
  while (bucket < buckets) {
    const head = tableBucket(table, bucket)
    let entry = <usize>load<u32>(head)
    while (entry) {
      const next = load<u32>(entry, E_NEXT)
      entryFree(budget, entry)
      entry = next
      if (!--steps) {
        store<u32>(head, <u32>entry)
        store<u32>(table, bucket, REAPED)
        return 0
      }
    }
    const segment = tableBucket(table, bucket & ~SEGMENT_MASK)
    if (++bucket == buckets || !(bucket & SEGMENT_MASK)) poolFree(pool, segment)
    if (!--steps && bucket < buckets) {
      store<u32>(table, bucket, REAPED)
      return 0
    }
  }
  store<u32>(budget, load<u32>(table, NEXT), BUDGET_GRAVES)
  poolFree(pool, table)
  return steps
}
