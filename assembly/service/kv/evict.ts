// allkeys-lru: which key goes when the budget is full. As Redis does it: sample a few entries, remember the oldest seen
// so far in a small pool of candidates, and evict the oldest of these that has not been used since.
//
//   candidate | used u32 | hash u32 | database u32 |      no pointer to an entry: that may be gone by then

import { BUDGET_CANDIDATES, BUDGET_KEYS, BUDGET_PINNED, BUDGET_SPACES } from './budget'
import { E_HASH, E_NEXT, E_USED } from './entry'
import { randomBelow } from './hash'
import { SPACE_DATABASES, SPACE_EVICTED, SPACE_NEXT, spaceStore } from './space'
import { S_BUDGET, S_KEYS, S_SPACE, S_TABLE, storeRemove, usedNow } from './store'
import { tableBucket, tableBuckets, tableHead, tableLinkOf } from './table'

const SAMPLES: u32 = 5
const SAMPLED_BUCKETS_MAX: u32 = 20
const ROUNDS_MAX: u32 = 16
const CANDIDATES: u32 = 16
const C_USED: usize = 0
const C_HASH: usize = 4
const C_STORE: usize = 8 // 0: none
const C_BYTES: u32 = 12

/** Evicts one key; false where there is none that may go. */
export function evictOne(budget: usize): bool {
  if (!findOld(budget)) return false
  evictAt(oldStore, oldLink)
  return true
}

/** An entry that has not been used for long, still in its table; 0 where there is none. */
export function oldEntry(budget: usize): usize {
  return findOld(budget) ? <usize>load<u32>(oldLink) : 0
}

// What findOld has found.
let oldStore: usize = 0
let oldLink: usize = 0

/** Finds the link to an entry that has not been used for long; false where there is none that may go. */
function findOld(budget: usize): bool {
  for (let round: u32 = 0; round < ROUNDS_MAX && load<u32>(budget, BUDGET_KEYS); round++) {
    sample(budget, pickStore(budget))
    while (true) {
      const oldest = oldestCandidate(budget)
      if (!oldest) break
      oldStore = load<u32>(oldest, C_STORE)
      store<u32>(oldest, 0, C_STORE)
      oldLink = linkOf(oldStore, load<u32>(oldest, C_HASH), load<u32>(oldest, C_USED))
      if (oldLink) return true
    }
  }
  return false
}

/** Evicts an entry of that database. */
export function evictEntry(db: usize, entry: usize): void {
  evictAt(db, tableLinkOf(load<u32>(db, S_TABLE), entry))
}

/** Forgets the candidates of a database that is going to be destroyed. */
export function evictForget(db: usize): void {
  const budget = <usize>load<u32>(db, S_BUDGET)
  for (let i: u32 = 0; i < CANDIDATES; i++) {
    const candidate = budget + BUDGET_CANDIDATES + i * C_BYTES
    if (<usize>load<u32>(candidate, C_STORE) == db) store<u32>(candidate, 0, C_STORE)
  }
}

/** A database, chosen as likely as it has keys. */
function pickStore(budget: usize): usize {
  let rest = randomBelow(load<u32>(budget, BUDGET_KEYS))
  let space = <usize>load<u32>(budget, BUDGET_SPACES)
  while (space) {
    const databases = load<u32>(space, SPACE_DATABASES)
    for (let i: u32 = 0; i < databases; i++) {
      const db = spaceStore(space, i)
      const keys = load<u32>(db, S_KEYS)
      if (rest < keys) return db
      rest -= keys
    }
    space = load<u32>(space, SPACE_NEXT)
  }
  assert(false) // BUDGET_KEYS is the sum of all S_KEYS
  return 0
}

/** Offers a few entries from a random place of the table as candidates. */
function sample(budget: usize, db: usize): void {
  const table = <usize>load<u32>(db, S_TABLE)
  const buckets = tableBuckets(table)
  const pinned = <usize>load<u32>(budget, BUDGET_PINNED)
  let bucket = randomBelow(buckets)
  let samples: u32 = 0
  for (let i: u32 = min(buckets, SAMPLED_BUCKETS_MAX); i && samples < SAMPLES; i--) {
    let entry = <usize>load<u32>(tableBucket(table, bucket))
    while (entry) {
      if (entry != pinned) offer(budget, db, load<u32>(entry, E_HASH), load<u32>(entry, E_USED))
      samples++
      entry = load<u32>(entry, E_NEXT)
    }
    if (++bucket == buckets) bucket = 0
  }
}

/** Takes the place of the youngest candidate, or a free one. */
function offer(budget: usize, db: usize, hash: u32, used: u32): void {
  const now = usedNow()
  let age = now - used
  let place: usize = 0
  for (let i: u32 = 0; i < CANDIDATES; i++) {
    const candidate = budget + BUDGET_CANDIDATES + i * C_BYTES
    if (!load<u32>(candidate, C_STORE)) {
      place = candidate
      age = 0
    } else if (load<u32>(candidate, C_HASH) == hash && <usize>load<u32>(candidate, C_STORE) == db) {
      store<u32>(candidate, used, C_USED)
      return
    } else if (now - load<u32>(candidate, C_USED) < age) {
      place = candidate
      age = now - load<u32>(candidate, C_USED)
    }
  }
  if (!place) return
  store<u32>(place, used, C_USED)
  store<u32>(place, hash, C_HASH)
  store<u32>(place, <u32>db, C_STORE)
}

function oldestCandidate(budget: usize): usize {
  const now = usedNow()
  let oldest: usize = 0
  let age: u32 = 0
  for (let i: u32 = 0; i < CANDIDATES; i++) {
    const candidate = budget + BUDGET_CANDIDATES + i * C_BYTES
    if (!load<u32>(candidate, C_STORE)) continue
    const its = now - load<u32>(candidate, C_USED)
    if (oldest && its <= age) continue
    oldest = candidate
    age = its
  }
  return oldest
}

/** The link to the entry with this hash, unless it has been used since it was sampled or may not go; or 0. */
function linkOf(db: usize, hash: u32, used: u32): usize {
  const table = <usize>load<u32>(db, S_TABLE)
  if (!table) return 0
  const pinned = <usize>load<u32>(load<u32>(db, S_BUDGET), BUDGET_PINNED)
  let link = tableHead(table, hash)
  while (true) {
    const entry = <usize>load<u32>(link)
    if (!entry) return 0
    if (load<u32>(entry, E_HASH) == hash && load<u32>(entry, E_USED) == used && entry != pinned) return link
    link = entry
  }
}

function evictAt(db: usize, link: usize): void {
  const space = <usize>load<u32>(db, S_SPACE)
  store<u64>(space, load<u64>(space, SPACE_EVICTED) + 1, SPACE_EVICTED)
  storeRemove(db, link, load<u32>(link))
}
