// An entry: one key with its value, its place in the table and its time to live, in one piece of the pool.
//
//   next | hash | key length | value length | used | block | expire at u64 | wheel next | wheel link | key … | value …
//
// A value of LARGE_BYTES and more lives in a data block of its own, which replies then share instead of copying.

import { blockBytes, blockData, blockPut, blockRefs } from '../../memory/block'
import { poolFree, poolSize } from '../../memory/pool'
import { NODE_LINK } from '../../timer/wheel'
import { copyBytes } from './bytes'
import { budgetAlloc, budgetAllocBlock, budgetPool } from './budget'

export const E_NEXT: usize = 0 // first, so that the address of a link is the address of an entry or of a bucket
export const E_HASH: usize = 4
export const E_KEY_LENGTH: usize = 8
export const E_VALUE_LENGTH: usize = 12
export const E_USED: usize = 16 // lru clock of the last access
export const E_BLOCK: usize = 20 // the large value's block, or 0
export const E_EXPIRE: usize = 24 // u64, milliseconds of the epoch; 0: never. The wheel's node begins here
export const E_KEY: u32 = 40

const BLOCK_OWNER: usize = 12 // in the header of a value's block, a word that block.ts leaves alone

/** From here on a value has its own block. */
export const LARGE_BYTES: u32 = 16384
/** A reused piece may be this many times as large as it needs to be. */
const SLACK_MAX: u32 = 2

// @ts-ignore: decorator
@inline
export function entryKey(entry: usize): usize {
  return entry + E_KEY
}

// @ts-ignore: decorator
@inline
export function entryKeyLength(entry: usize): u32 {
  return load<u32>(entry, E_KEY_LENGTH)
}

// @ts-ignore: decorator
@inline
export function entryLength(entry: usize): u32 {
  return load<u32>(entry, E_VALUE_LENGTH)
}

// @ts-ignore: decorator
@inline
export function entryBlock(entry: usize): usize {
  return load<u32>(entry, E_BLOCK)
}

/** The entry that a block of a large value belongs to; of anything else, any number. */
// @ts-ignore: decorator
@inline
export function entryBlockOwner(block: usize): usize {
  return load<u32>(block, BLOCK_OWNER)
}

/** Where the value's bytes are. */
// @ts-ignore: decorator
@inline
export function entryValue(entry: usize): usize {
  const block = load<u32>(entry, E_BLOCK)
  return block ? blockData(block) : entry + E_KEY + load<u32>(entry, E_KEY_LENGTH)
}

/** The bytes the value can take where it is. */
export function entryCapacity(entry: usize): u32 {
  const block = load<u32>(entry, E_BLOCK)
  return block ? blockBytes(block) : poolSize(entry) - E_KEY - load<u32>(entry, E_KEY_LENGTH)
}

/** Whether a value of `length` bytes can replace the present one in its place, without wasting room for ever. */
// @ts-ignore: decorator
@inline
export function entryFits(entry: usize, length: u32): bool {
  const block = load<u32>(entry, E_BLOCK)
  if (block) {
    const have = blockBytes(block)
    return length >= LARGE_BYTES && length <= have && have - length <= length && blockRefs(block) == 1
  }
  const need = E_KEY + load<u32>(entry, E_KEY_LENGTH) + length
  const have = poolSize(entry)
  return length < LARGE_BYTES && need <= have && have <= need * SLACK_MAX + 16
}

/**
 * An entry outside of any table, with the key, no time to live, and room for a value of `capacity` bytes whose first
 * `length` are the caller's to write. 0 when the budget does not allow it.
 */
export function entryNew(budget: usize, key: usize, keyLength: u32, hash: u32, length: u32, capacity: u32): usize {
  let block: usize = 0
  if (capacity >= LARGE_BYTES) {
    block = budgetAllocBlock(budget, capacity)
    if (!block) return 0
    capacity = 0
  }
  const entry = budgetAlloc(budget, E_KEY + keyLength + capacity)
  if (!entry) {
    if (block) blockPut(block)
    return 0
  }
  store<u32>(entry, hash, E_HASH)
  store<u32>(entry, keyLength, E_KEY_LENGTH)
  store<u32>(entry, length, E_VALUE_LENGTH)
  store<u32>(entry, <u32>block, E_BLOCK)
  store<u64>(entry, 0, E_EXPIRE)
  store<u32>(entry, 0, E_EXPIRE + NODE_LINK)
  if (block) store<u32>(block, <u32>entry, BLOCK_OWNER)
  copyBytes(entry + E_KEY, key, keyLength)
  return entry
}

/** Frees an entry that is in no table and on no wheel. A block that a reply still shares lives on with the reply. */
export function entryFree(budget: usize, entry: usize): void {
  const block = load<u32>(entry, E_BLOCK)
  if (block) blockPut(block)
  poolFree(budgetPool(budget), entry)
}
