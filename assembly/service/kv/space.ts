// A keyspace: its databases, its counters and its password, over a budget that it may share with other keyspaces.

import { alloc, free } from '../../memory/heap'
import { BUDGET_SPACES, budgetDestroy } from './budget'
import { evictForget } from './evict'
import { S_BUDGET, S_SPACE, STORE_BYTES, storeFlush } from './store'

export const SPACE_BUDGET: usize = 0
export const SPACE_NEXT: usize = 4 // the next keyspace of the same budget
export const SPACE_DATABASES: usize = 8
export const SPACE_PASSWORD: usize = 12 // on the heap, or 0: none is asked for
export const SPACE_PASSWORD_LENGTH: usize = 16
export const SPACE_COMMANDS: usize = 24 // u64, counters
export const SPACE_HITS: usize = 32
export const SPACE_MISSES: usize = 40
export const SPACE_EXPIRED: usize = 48
export const SPACE_EVICTED: usize = 56
const SPACE_STORES: usize = 64

export const DATABASES_MAX: u32 = 1024

/** An empty keyspace over a budget; 0 when memory is exhausted. */
export function spaceCreate(budget: usize, databases: u32): usize {
  if (databases - 1 >= DATABASES_MAX) return 0
  const bytes = SPACE_STORES + databases * STORE_BYTES
  const space = alloc(bytes)
  if (!space) return 0
  memory.fill(space, 0, bytes)
  store<u32>(space, <u32>budget, SPACE_BUDGET)
  store<u32>(space, databases, SPACE_DATABASES)
  for (let i: u32 = 0; i < databases; i++) {
    store<u32>(spaceStore(space, i), <u32>space, S_SPACE)
    store<u32>(spaceStore(space, i), <u32>budget, S_BUDGET)
  }
  store<u32>(space, load<u32>(budget, BUDGET_SPACES), SPACE_NEXT)
  store<u32>(budget, <u32>space, BUDGET_SPACES)
  return space
}

/** Frees a keyspace and, with the last one, the budget. No reply may still share a value of it. */
export function spaceDestroy(space: usize): void {
  const budget = <usize>load<u32>(space, SPACE_BUDGET)
  const databases = load<u32>(space, SPACE_DATABASES)
  let link = budget + BUDGET_SPACES
  while (<usize>load<u32>(link) != space) {
    link = <usize>load<u32>(link) + SPACE_NEXT
    assert(link != SPACE_NEXT)
  }
  store<u32>(link, load<u32>(space, SPACE_NEXT))
  if (load<u32>(budget, BUDGET_SPACES)) {
    for (let i: u32 = 0; i < databases; i++) {
      storeFlush(spaceStore(space, i))
      evictForget(spaceStore(space, i))
    }
  } else {
    budgetDestroy(budget)
  }
  if (load<u32>(space, SPACE_PASSWORD)) free(load<u32>(space, SPACE_PASSWORD))
  free(space)
}

/** The database of that number. */
// @ts-ignore: decorator
@inline
export function spaceStore(space: usize, index: u32): usize {
  return space + SPACE_STORES + index * STORE_BYTES
}
