// Data blocks: the reference-counted memory that skbs point into. Up to 32 KiB a block is a slab object; a larger one
// comes from the heap or, for a stored value, from the pool it was asked from.
//
//   block | refs u32 | bytes u32 (capacity) | home u32 (its pool, 0: a slab) | pad | data …

import { BLOCK_HEADER_BYTES } from '../abi'
import { BROKEN_POOL, DEBUG, POISON, broken } from './debug'
import { heapPool } from './heap'
import { poolAlloc, poolFree, poolRegion } from './pool'
import { remoteDrain, remotePush } from './remote'
import { SLAB_BYTES_MAX, slabAlloc, slabClass, slabFree, slabRegion } from './slab'

export const BLOCK_HEADER: u32 = BLOCK_HEADER_BYTES
/** Blocks taken back from other instances before an allocation is refused. */
const DRAIN_MAX: u32 = 65536

/** A small block comes from the heap where the slabs are exhausted. */
let spills: bool = false

const B_REFS: usize = 0
const B_BYTES: usize = 4
const B_HOME: usize = 8

/**
 * From now on the two share what they have: for a core whose memory is too small to give each size a page of its own,
 * and which has no limits to keep them apart for.
 */
export function blockSpill(): void {
  spills = true
}

/** A block of at least `bytes`, with one reference; 0 when memory is exhausted. */
export function blockAlloc(bytes: u32): usize {
  const whole = bytes + BLOCK_HEADER
  if (whole > SLAB_BYTES_MAX) return blockAllocIn(heapPool(), bytes)
  const cls = slabClass(whole)
  const block = slabAlloc(cls)
  if (!block) return spills ? blockAllocIn(heapPool(), bytes) : 0
  store<u32>(block, 1, B_REFS)
  store<u32>(block, (64 << cls) - BLOCK_HEADER, B_BYTES)
  store<u32>(block, 0, B_HOME)
  return block
}

/** A block of `bytes` out of a pool, with one reference; 0 when the pool is exhausted. */
export function blockAllocIn(pool: usize, bytes: u32): usize {
  let block = poolAlloc(pool, bytes + BLOCK_HEADER)
  if (!block && remoteDrain(DRAIN_MAX)) block = poolAlloc(pool, bytes + BLOCK_HEADER)
  if (!block) return 0
  store<u32>(block, 1, B_REFS)
  store<u32>(block, bytes, B_BYTES)
  store<u32>(block, <u32>pool, B_HOME)
  return block
}

/** The block's first data byte. */
// @ts-ignore: decorator
@inline
export function blockData(block: usize): usize {
  return block + BLOCK_HEADER
}

/** The block's capacity. */
// @ts-ignore: decorator
@inline
export function blockBytes(block: usize): u32 {
  return load<u32>(block, B_BYTES)
}

/** The pool that a block came from; 0: a slab. */
// @ts-ignore: decorator
@inline
export function blockHome(block: usize): usize {
  return <usize>load<u32>(block, B_HOME)
}

// @ts-ignore: decorator
@inline
export function blockRefs(block: usize): u32 {
  if (DEBUG) alive(block)
  return load<u32>(block, B_REFS)
}

/** Takes one more reference. */
// @ts-ignore: decorator
@inline
export function blockGet(block: usize): void {
  if (DEBUG) alive(block)
  store<u32>(block, load<u32>(block, B_REFS) + 1, B_REFS)
}

/** Gives one reference back; the last one frees the block. */
export function blockPut(block: usize): void {
  if (DEBUG) alive(block)
  const refs = load<u32>(block, B_REFS)
  assert(refs > 0)
  store<u32>(block, refs - 1, B_REFS)
  if (refs > 1) return
  const home = blockHome(block)
  if (home) freeIn(home, block)
  else slabFree(block)
}

function freeIn(pool: usize, block: usize): void {
  const region = poolRegion(pool)
  if (region == slabRegion()) return poolFree(pool, block)
  if (DEBUG) store<u32>(block, POISON, B_BYTES)
  remotePush(region, block)
}

/** Traps where the block has been freed. */
function alive(block: usize): void {
  if (load<u32>(block, B_HOME) == POISON || load<u32>(block, B_BYTES) == POISON) broken(block, BROKEN_POOL)
}
