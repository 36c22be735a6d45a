// One database of a keyspace: its table, its timing wheel, how many keys, and what may be done with a key.
//
// Whatever allocates may evict, and whatever removes may merge buckets: a link found before either is stale after it.

import { nowMs } from '../../clock'
import { blockRefs } from '../../memory/block'
import { poolFree } from '../../memory/pool'
import { copyBytes, sameBytes } from './bytes'
import { BUDGET_KEYS, budgetPin, budgetPool } from './budget'
import {
  E_EXPIRE,
  E_HASH,
  E_KEY,
  E_KEY_LENGTH,
  E_NEXT,
  E_USED,
  E_VALUE_LENGTH,
  entryBlock,
  entryCapacity,
  entryFits,
  entryFree,
  entryKey,
  entryKeyLength,
  entryNew,
  entryValue,
} from './entry'
import { expiryAdd, expiryOpen, expiryRemove } from './expiry'
import { hashKey } from './hash'
import { SPACE_EXPIRED } from './space'
import { tableBury, tableCreate, tableGrow, tableHead, tableLink, tableLinkOf, tableShrink } from './table'

export const S_SPACE: usize = 0 // the keyspace it belongs to
export const S_BUDGET: usize = 4
export const S_TABLE: usize = 8 // 0 until there is a key
export const S_KEYS: usize = 12
export const S_EXPIRES: usize = 16 // keys with a time to live
export const S_WHEEL: usize = 20 // 0 until there is a key
export const STORE_BYTES: u32 = 24

// How the last find went: the hash of its key and, where there is an entry, the address of the pointer to it.
export let foundHash: u32 = 0
export let foundLink: usize = 0

/** The clock of allkeys-lru: 16 ms, wraps in two years. */
// @ts-ignore: decorator
@inline
export function usedNow(): u32 {
  return <u32>(nowMs >> 4)
}

// @ts-ignore: decorator
@inline
export function storeBudget(db: usize): usize {
  return load<u32>(db, S_BUDGET)
}

/** The first entry of a key's bucket, or 0: a look ahead that changes nothing. */
export function storePeek(db: usize, key: usize, length: u32): usize {
  const table = <usize>load<u32>(db, S_TABLE)
  return table ? <usize>load<u32>(tableHead(table, hashKey(key, length))) : 0
}

/** The live entry of a key, marked as used, or 0. An entry that has expired is removed. */
export function storeFind(db: usize, key: usize, length: u32): usize {
  const hash = hashKey(key, length)
  foundHash = hash
  const table = <usize>load<u32>(db, S_TABLE)
  if (!table) return 0
  let link = tableHead(table, hash)
  while (true) {
    const entry = <usize>load<u32>(link)
    if (!entry) return 0
    if (
      load<u32>(entry, E_HASH) == hash &&
      load<u32>(entry, E_KEY_LENGTH) == length &&
      sameBytes(entry + E_KEY, key, length)
    ) {
      const expire = load<u64>(entry, E_EXPIRE)
      if (expire != 0 && expire < nowMs) {
        storeExpire(db, link, entry)
        return 0
      }
      foundLink = link
      store<u32>(entry, usedNow(), E_USED)
      return entry
    }
    link = entry
  }
}

/** Removes the entry that `link` points to. */
export function storeRemove(db: usize, link: usize, entry: usize): void {
  const budget = storeBudget(db)
  const keys = load<u32>(db, S_KEYS) - 1
  store<u32>(link, load<u32>(entry, E_NEXT))
  store<u32>(db, keys, S_KEYS)
  store<u32>(budget, load<u32>(budget, BUDGET_KEYS) - 1, BUDGET_KEYS)
  if (load<u64>(entry, E_EXPIRE)) expiryRemove(db, entry)
  entryFree(budget, entry)
  tableShrink(budget, load<u32>(db, S_TABLE), keys)
}

/** Removes an entry whose time is over. */
export function storeExpire(db: usize, link: usize, entry: usize): void {
  const space = <usize>load<u32>(db, S_SPACE)
  store<u64>(space, load<u64>(space, SPACE_EXPIRED) + 1, SPACE_EXPIRED)
  storeRemove(db, link, entry)
}

/** An entry that is not in the table yet, and a table for it; 0 where the budget has no room for both. */
export function storeEntry(db: usize, key: usize, keyLength: u32, hash: u32, length: u32): usize {
  const budget = storeBudget(db)
  const entry = entryNew(budget, key, keyLength, hash, length, length)
  if (entry && !load<u32>(db, S_TABLE) && !open(db, budget)) {
    entryFree(budget, entry)
    return 0
  }
  return entry
}

/** The table and the wheel of a database that gets its first key: later no EXPIRE can fail for want of a wheel. */
function open(db: usize, budget: usize): bool {
  if (!expiryOpen(db)) return false
  const table = tableCreate(budget)
  store<u32>(db, <u32>table, S_TABLE)
  return table != 0
}

/** Adds an entry whose key is not in the table. */
export function storeInsert(db: usize, entry: usize): void {
  const budget = storeBudget(db)
  const keys = load<u32>(db, S_KEYS) + 1
  store<u32>(db, keys, S_KEYS)
  store<u32>(budget, load<u32>(budget, BUDGET_KEYS) + 1, BUDGET_KEYS)
  store<u32>(entry, usedNow(), E_USED)
  const table = tableGrow(budget, load<u32>(db, S_TABLE), keys)
  store<u32>(db, <u32>table, S_TABLE)
  tableLink(table, entry)
}

/** Puts `fresh` in the place of `entry`, which is freed; its time to live passes on or ends. */
export function storeReplace(db: usize, entry: usize, fresh: usize, keepTtl: bool): void {
  const link = tableLinkOf(load<u32>(db, S_TABLE), entry)
  store<u32>(fresh, load<u32>(entry, E_NEXT), E_NEXT)
  store<u32>(fresh, usedNow(), E_USED)
  store<u32>(link, <u32>fresh)
  const expire = load<u64>(entry, E_EXPIRE)
  if (expire) {
    expiryRemove(db, entry)
    if (keepTtl) expiryAdd(db, fresh, expire)
  }
  entryFree(storeBudget(db), entry)
}

/** Ends the time to live of an entry. */
// @ts-ignore: decorator
@inline
export function storePersist(db: usize, entry: usize): void {
  if (load<u64>(entry, E_EXPIRE)) expiryRemove(db, entry)
}

/**
 * Sets the value of a key; `entry` is what storeFind has just returned for it. Returns the entry, or 0, and nothing has
 * changed but what was evicted, where the budget has no room.
 */
export function storeSet(
  db: usize,
  entry: usize,
  key: usize,
  keyLength: u32,
  value: usize,
  length: u32,
  keepTtl: bool,
): usize {
  if (entry && entryFits(entry, length)) {
    copyBytes(entryValue(entry), value, length)
    store<u32>(entry, length, E_VALUE_LENGTH)
    if (!keepTtl) storePersist(db, entry)
    return entry
  }
  const budget = storeBudget(db)
  const hash = foundHash
  budgetPin(budget, entry)
  const fresh = storeEntry(db, key, keyLength, hash, length)
  budgetPin(budget, 0)
  if (!fresh) return 0
  copyBytes(entryValue(fresh), value, length)
  if (entry) storeReplace(db, entry, fresh, keepTtl)
  else storeInsert(db, fresh)
  return fresh
}

/** Adds an entry whose value of `length` bytes is the caller's to write; the key is the one just looked for in vain. */
export function storeNew(db: usize, key: usize, keyLength: u32, length: u32): usize {
  const entry = storeEntry(db, key, keyLength, foundHash, length)
  if (entry) storeInsert(db, entry)
  return entry
}

/**
 * Makes an entry's value writable and `length` bytes long, the new bytes uninitialised: in place where there is room
 * and no reply shares it, else in a new entry that takes over key, value and time to live. Returns the entry, or 0 and
 * nothing has changed.
 */
export function storeResize(db: usize, entry: usize, length: u32, capacity: u32): usize {
  const block = entryBlock(entry)
  if (entryCapacity(entry) >= length && (!block || blockRefs(block) == 1)) {
    store<u32>(entry, length, E_VALUE_LENGTH)
    return entry
  }
  const budget = storeBudget(db)
  const keyLength = entryKeyLength(entry)
  const had = load<u32>(entry, E_VALUE_LENGTH)
  budgetPin(budget, entry)
  let fresh = entryNew(budget, entryKey(entry), keyLength, load<u32>(entry, E_HASH), length, capacity)
  if (!fresh && capacity > length) {
    fresh = entryNew(budget, entryKey(entry), keyLength, load<u32>(entry, E_HASH), length, length)
  }
  budgetPin(budget, 0)
  if (!fresh) return 0
  memory.copy(entryValue(fresh), entryValue(entry), min(had, length))
  storeReplace(db, entry, fresh, true)
  return fresh
}

/** Drops all keys at once; their memory comes back step by step. */
export function storeFlush(db: usize): void {
  const budget = storeBudget(db)
  const table = <usize>load<u32>(db, S_TABLE)
  if (!table) return
  const wheel = <usize>load<u32>(db, S_WHEEL)
  if (wheel) poolFree(budgetPool(budget), wheel)
  store<u32>(budget, load<u32>(budget, BUDGET_KEYS) - load<u32>(db, S_KEYS), BUDGET_KEYS)
  store<u32>(db, 0, S_TABLE)
  store<u32>(db, 0, S_KEYS)
  store<u32>(db, 0, S_EXPIRES)
  store<u32>(db, 0, S_WHEEL)
  tableBury(budget, table)
}
