// Room for what is larger than the holes that single evictions leave: a run of neighbours in the pool goes together,
// the first of them an old one. The pool does not know what a neighbour is. It is an entry if a table leads to it, and
// the block of a large value if such an entry owns it; all else, and what a reply or a command holds, ends the run.

import { BLOCK_HEADER, blockRefs } from '../../memory/block'
import { poolBytes, poolSize } from '../../memory/pool'
import { BUDGET_FIRST, BUDGET_PINNED, BUDGET_SPACES, budgetPool } from './budget'
import { E_HASH, entryBlock, entryBlockOwner } from './entry'
import { evictEntry, oldEntry } from './evict'
import { SPACE_DATABASES, SPACE_NEXT, spaceStore } from './space'
import { S_TABLE } from './store'
import { tableHas } from './table'

const ATTEMPTS: u32 = 4
const WALK_MAX: u32 = 8192 // pieces looked at in one attempt
const HEADER: u32 = 4 // the pool's, before each piece
const FREE: u32 = 1 // in that header

/** Evicts neighbours until there is a hole for `bytes`; false where none was found that can be made. */
export function evictRun(budget: usize, bytes: u32): bool {
  const need = bytes + (bytes >> 4) + BLOCK_HEADER + 64 // the pool takes a hole only from a list whose members all fit
  for (let attempt: u32 = 0; attempt < ATTEMPTS; attempt++) {
    const from = oldEntry(budget)
    if (!from) return false
    const start = findRun(budget, from, need)
    if (start) {
      clearRun(budget, start)
      return true
    }
  }
  return false
}

// The end of the run that findRun has found.
let runEnd: usize = 0

/** Walks right from a piece and round; returns where a run of `need` bytes begins that may go, or 0. */
function findRun(budget: usize, from: usize, need: u32): usize {
  let start = from
  let at = from
  for (let walked: u32 = 0; walked < WALK_MAX; walked++) {
    const size = poolSize(at)
    if (!size) {
      start = at = load<u32>(budget, BUDGET_FIRST) // round the end of the pool
      continue
    }
    const next = at + size + HEADER
    if (!isFree(at) && !ownerOf(budget, at)) start = next
    else if (next - start >= <usize>need) {
      runEnd = next
      return start
    }
    at = next
  }
  return 0
}

/** Evicts whatever is in the run. */
function clearRun(budget: usize, start: usize): void {
  let at = start
  while (at < runEnd) {
    // a freed piece joins its free neighbours: what comes next is found before, beyond a hole that follows
    let next = at + poolSize(at) + HEADER
    if (next < runEnd && isFree(next)) next += poolSize(next) + HEADER
    if (!isFree(at)) {
      const owner = ownerOf(budget, at)
      // evicting one piece of the run may have freed another, or merged a table's buckets
      if (owner) evictEntry(ownerStore, owner)
    }
    at = next
  }
}

// @ts-ignore: decorator
@inline
function isFree(at: usize): bool {
  return (load<u32>(at - HEADER) & FREE) != 0
}

// The database of the entry that ownerOf has found.
let ownerStore: usize = 0

/** The entry that a piece of the pool is, or whose value it holds, if that may be evicted; or 0. */
function ownerOf(budget: usize, at: usize): usize {
  let entry = at
  if (!findStore(budget, entry)) {
    entry = entryBlockOwner(at)
    const pool = budgetPool(budget)
    if (entry <= pool || entry >= pool + poolBytes(pool) || entry & 15) return 0
    if (!findStore(budget, entry) || entryBlock(entry) != at) return 0
  }
  const block = entryBlock(entry)
  if (block && blockRefs(block) > 1) return 0
  return entry == <usize>load<u32>(budget, BUDGET_PINNED) ? 0 : entry
}

/** Whether a table leads to what would be an entry at this address; its database is then ownerStore. */
function findStore(budget: usize, entry: usize): bool {
  const hash = load<u32>(entry, E_HASH)
  let space = <usize>load<u32>(budget, BUDGET_SPACES)
  while (space) {
    const databases = load<u32>(space, SPACE_DATABASES)
    for (let i: u32 = 0; i < databases; i++) {
      const db = spaceStore(space, i)
      const table = <usize>load<u32>(db, S_TABLE)
      if (table && tableHas(table, hash, entry)) {
        ownerStore = db
        return true
      }
    }
    space = load<u32>(space, SPACE_NEXT)
  }
  return false
}
