// Freeing for another loop: instances of the core may share one memory, each with an arena of its own, and only the
// owner of an arena touches its slabs and pools. What another instance frees it pushes onto the owner's remote list, a
// Treiber stack: compare-and-swap to push, one exchange to take everything, so that nothing is ever popped singly and
// an address that comes back cannot confuse anybody (ABA). The owner gives back what it took, a bounded share a turn.
//
// Who may touch what: an skb, its fragments and their blocks belong to one instance at a time, wholly. skbHandOver
// proves that nothing is shared and lets go; skbTakeOver makes it the new instance's own. The two sides order their
// accesses by whatever carries the pointer (an atomic store and load). So reference counts are plain words.
//
// The record is part of the region's: a cache line of its own, since others write there.

import { blockHome } from './block'
import { poolFree } from './pool'
import { slabHas, slabRegion, slabSurplus, slabTake, slabTrim } from './slab'

export const R_REMOTE: usize = 192 // u32, written by everybody
const R_TAKEN: usize = 188 // u32, the owner's: taken and not yet given back

/** Objects given back in a turn, and pages. */
const DRAIN_BUDGET: u32 = 1024
const TRIM_BUDGET: u32 = 4

/** Hands an object to the owner of the region at `record`, over its first word. */
export function remotePush(record: usize, at: usize): void {
  if (ASC_FEATURE_THREADS) {
    let head = atomic.load<u32>(record, R_REMOTE)
    while (true) {
      store<u32>(at, head)
      const seen = atomic.cmpxchg<u32>(record, head, <u32>at, R_REMOTE)
      if (seen == head) return
      head = seen
    }
  } else {
    store<u32>(at, load<u32>(record, R_REMOTE))
    store<u32>(record, <u32>at, R_REMOTE)
  }
}

/** Gives back what other instances have freed, `budget` objects at most; returns how many. */
export function remoteDrain(budget: u32): u32 {
  const record = slabRegion()
  let left = budget
  let at = <usize>load<u32>(record, R_TAKEN)
  while (left) {
    if (!at) {
      at = takeAll(record)
      if (!at) break
    }
    const next = load<u32>(at)
    if (slabHas(at)) slabTake(at)
    else poolFree(blockHome(at), at)
    at = next
    left--
  }
  store<u32>(record, <u32>at, R_TAKEN)
  return budget - left
}

/** Once a turn: takes back what others have freed, and returns surplus pages, a bounded share of each. */
// @ts-ignore: decorator
@inline
export function memoryTick(): void {
  const record = slabRegion()
  if (load<u32>(record, R_REMOTE) | load<u32>(record, R_TAKEN) | slabSurplus()) tick()
}

function tick(): void {
  remoteDrain(DRAIN_BUDGET)
  slabTrim(TRIM_BUDGET)
}

function takeAll(record: usize): usize {
  if (ASC_FEATURE_THREADS) return <usize>atomic.xchg<u32>(record, 0, R_REMOTE)
  const head = load<u32>(record, R_REMOTE)
  store<u32>(record, 0, R_REMOTE)
  return <usize>head
}
