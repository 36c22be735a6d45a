// The memory that one or more keyspaces share: a pool as large as maxmemory, out of which comes everything that depends
// on what is stored. When the pool has no room, tables flushed earlier are freed, then, with allkeys-lru, keys evicted.

import { blockAllocIn, BLOCK_HEADER } from '../../memory/block'
import { alloc, free } from '../../memory/heap'
import { POOL_BYTES_MIN, poolAlloc, poolBytes, poolCost, poolCreate, poolFree, poolUsed } from '../../memory/pool'
import { evictOne } from './evict'
import { evictRun } from './run'
import { tableReap } from './table'

export const POLICY_NOEVICTION: u32 = 0
export const POLICY_ALLKEYS_LRU: u32 = 1

const POOL: usize = 0
const POLICY: usize = 4
const LIMIT: usize = 8 // bytes of the pool that may be in use
const PEAK: usize = 12
const BYTES: usize = 40 // as configured: the pool and its record
const BYTES_MAX: usize = 44 // what the range holds
export const BUDGET_SPACES: usize = 16 // list of the keyspaces that share the budget
export const BUDGET_GRAVES: usize = 20 // list of flushed tables that are still to be freed
export const BUDGET_KEYS: usize = 24 // keys in all keyspaces
export const BUDGET_PINNED: usize = 28 // an entry that must not be evicted now
export const BUDGET_FIRST: usize = 32 // the pool's first piece
export const BUDGET_CANDIDATES: usize = 48 // evict.ts
const RECORD_BYTES: usize = BUDGET_CANDIDATES + 16 * 12

/** The least budget: the pool's record and a table with a few keys. */
export const BUDGET_BYTES_MIN: u32 = 65536

const EVICTIONS_MAX: u32 = 1024 // for one allocation, while more is in use than may be
const SINGLES_MAX: u32 = 4 // evictions of single keys before a run of neighbours goes
const RUNS_MAX: u32 = 8 // for one allocation
const REAP_STEP: u32 = 1024

/** A budget of `bytes`, all of it taken from the heap and touched only as it fills; 0 when the heap has no room. */
export function budgetCreate(bytes: u32, policy: u32): usize {
  assert(POOL_BYTES_MIN < <usize>BUDGET_BYTES_MIN)
  if (bytes < BUDGET_BYTES_MIN) return 0
  const range = alloc(bytes)
  if (!range) return 0
  const budget = alloc(RECORD_BYTES)
  if (!budget) {
    free(range)
    return 0
  }
  memory.fill(budget, 0, RECORD_BYTES)
  const pool = poolCreate(range, range + bytes)
  assert(pool == range)
  store<u32>(budget, <u32>pool, POOL)
  store<u32>(budget, policy, POLICY)
  store<u32>(budget, bytes, BYTES_MAX)
  const first = poolAlloc(pool, 1) // no other call tells where the pieces begin
  poolFree(pool, first)
  store<u32>(budget, <u32>first, BUDGET_FIRST)
  budgetSetBytes(budget, bytes)
  return budget
}

/** Frees the whole pool at once, whatever is in it. */
export function budgetDestroy(budget: usize): void {
  free(load<u32>(budget, POOL))
  free(budget)
}

// @ts-ignore: decorator
@inline
export function budgetPool(budget: usize): usize {
  return load<u32>(budget, POOL)
}

export function budgetUsed(budget: usize): u32 {
  return poolUsed(load<u32>(budget, POOL))
}

export function budgetPeak(budget: usize): u32 {
  return load<u32>(budget, PEAK)
}

/** maxmemory. */
export function budgetBytes(budget: usize): u32 {
  return load<u32>(budget, BYTES)
}

export function budgetPolicy(budget: usize): u32 {
  return load<u32>(budget, POLICY)
}

export function budgetSetPolicy(budget: usize, policy: u32): void {
  store<u32>(budget, policy, POLICY)
}

/** Lowers or restores maxmemory; false where it is more than the budget was created with. */
export function budgetSetBytes(budget: usize, bytes: u32): bool {
  if (bytes > load<u32>(budget, BYTES_MAX)) return false
  store<u32>(budget, bytes, BYTES)
  store<u32>(budget, min(bytes, poolBytes(load<u32>(budget, POOL))), LIMIT)
  return true
}

/** Keeps an entry from being evicted while a command works on it; 0 ends that. */
// @ts-ignore: decorator
@inline
export function budgetPin(budget: usize, entry: usize): void {
  store<u32>(budget, <u32>entry, BUDGET_PINNED)
}

/** Bytes of the pool, at the price of old keys if need be and allowed; 0 where there is no room. */
// @ts-ignore: decorator
@inline
export function budgetAlloc(budget: usize, bytes: u32): usize {
  const at = budgetTry(budget, bytes)
  return at ? at : allocSlow(budget, bytes)
}

/** Bytes of the pool, or 0: nothing is evicted for them. */
// @ts-ignore: decorator
@inline
export function budgetTry(budget: usize, bytes: u32): usize {
  const pool = <usize>load<u32>(budget, POOL)
  if (<u64>poolUsed(pool) + poolCost(bytes) > <u64>load<u32>(budget, LIMIT)) return 0
  const at = poolAlloc(pool, bytes)
  const used = poolUsed(pool)
  if (used > load<u32>(budget, PEAK)) store<u32>(budget, used, PEAK)
  return at
}

/** A data block of the pool for a large value, on the same terms as budgetAlloc. */
export function budgetAllocBlock(budget: usize, bytes: u32): usize {
  const pool = <usize>load<u32>(budget, POOL)
  const limit = <u64>load<u32>(budget, LIMIT)
  if (bytes > 0x7fffff00) return 0
  const cost = <u64>poolCost(bytes + BLOCK_HEADER)
  if (cost > limit) return 0
  let evictions: u32 = 0
  while (true) {
    const block: usize = <u64>poolUsed(pool) + cost > limit ? 0 : blockAllocIn(pool, bytes)
    if (block) {
      if (poolUsed(pool) > load<u32>(budget, PEAK)) store<u32>(budget, poolUsed(pool), PEAK)
      return block
    }
    if (!reclaim(budget, <u32>cost, evictions++)) return 0
  }
}

function allocSlow(budget: usize, bytes: u32): usize {
  if (bytes > 0x7fffff00 || <u64>poolCost(bytes) > <u64>load<u32>(budget, LIMIT)) return 0
  let evictions: u32 = 0
  while (true) {
    if (!reclaim(budget, poolCost(bytes), evictions++)) return 0
    const at = budgetTry(budget, bytes)
    if (at) return at
  }
}

/** Whether more is in use than maxmemory allows since it was lowered, and keys may go for it. */
export function budgetExceeded(budget: usize): bool {
  return (
    load<u32>(budget, POLICY) == POLICY_ALLKEYS_LRU &&
    poolUsed(load<u32>(budget, POOL)) > load<u32>(budget, LIMIT) &&
    load<u32>(budget, BUDGET_KEYS) > 0
  )
}

/** Evicts up to `steps` keys while too much is in use; returns the steps left. */
export function budgetTrim(budget: usize, steps: u32): u32 {
  while (steps && budgetExceeded(budget) && evictOne(budget)) steps--
  return steps
}

/** Makes some room for an allocation of this cost: true if there is reason to try again. */
function reclaim(budget: usize, cost: u32, evictions: u32): bool {
  if (load<u32>(budget, BUDGET_GRAVES)) {
    tableReap(budget, REAP_STEP)
    return true
  }
  if (load<u32>(budget, POLICY) != POLICY_ALLKEYS_LRU) return false
  const over = <u64>poolUsed(load<u32>(budget, POOL)) + cost > <u64>load<u32>(budget, LIMIT)
  if (over ? evictions < EVICTIONS_MAX : evictions < SINGLES_MAX) return evictOne(budget)
  return evictions < EVICTIONS_MAX + RUNS_MAX && evictRun(budget, cost)
}
