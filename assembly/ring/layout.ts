// The memory of a ring: one block that never changes once it is built.
//
//   head | points of each server | weights | entries, and one behind the last | index | owners
//
//   circle: entries are position (48 bits; a 32-bit position has 16 zeros below it) · server (16 bits), ascending
//   wide:   entries are positions of 64 bits, their servers stand in the owners
//   index:  for each value of a position's top bits, the address of the first entry that is not below it
//   table:  owners alone, one for each slot

import { alloc } from '../memory/heap'
import {
  RING_AVALANCHE,
  RING_BITS,
  RING_COUNTS,
  RING_EMPTY_IS_ZERO,
  RING_ENTRIES,
  RING_ENTRY_BYTES,
  RING_ENVOY,
  RING_HASH,
  RING_HEAD_BYTES,
  RING_INDEX,
  RING_INDEX_SHIFT,
  RING_JUMP,
  RING_KIND,
  RING_KIND_CIRCLE,
  RING_KIND_JUMP,
  RING_KIND_RANDOM,
  RING_KIND_TABLE,
  RING_KIND_WIDE,
  RING_MAGLEV,
  RING_MODE,
  RING_NATIVE,
  RING_OWNERS,
  RING_PLAN_AVALANCHE,
  RING_PLAN_EMPTY_IS_ZERO,
  RING_PLAN_HASH,
  RING_PLAN_MODE,
  RING_PLAN_SERVER_COUNT,
  RING_PLAN_TAG,
  RING_POINT_COUNT,
  RING_RANDOM,
  RING_SERVER_BITS,
  RING_SERVER_COUNT,
  RING_TAG,
  RING_WEIGHTS,
} from './abi'

export function kindOf(mode: u32): u32 {
  if (mode == RING_ENVOY) return RING_KIND_WIDE
  if (mode == RING_JUMP) return RING_KIND_JUMP
  if (mode == RING_RANDOM) return RING_KIND_RANDOM
  return mode >= <u32>RING_MAGLEV ? RING_KIND_TABLE : RING_KIND_CIRCLE
}

function bitsOf(mode: u32): u32 {
  if (mode == RING_NATIVE) return 64 - RING_SERVER_BITS
  return mode == RING_ENVOY || mode == RING_MAGLEV || mode == RING_JUMP ? 64 : 32
}

/** Allocates a ring of so many points or slots and writes its head; 0 when memory is exhausted. */
export function layOut(plan: usize, points: u32): usize {
  const mode = load<u32>(plan, RING_PLAN_MODE)
  const count = load<u32>(plan, RING_PLAN_SERVER_COUNT)
  const kind = kindOf(mode)
  const isTable = kind >= <u32>RING_KIND_TABLE
  const indexBits: u32 = max<u32>(1, 32 - clz(points - 1)) // the index has a slot for each point, or more
  const countsBytes = (count * 4 + 7) & ~7
  const entriesBytes = isTable ? 0 : (points + 1) * RING_ENTRY_BYTES
  const indexBytes = isTable ? 0 : <u32>4 << indexBits
  const ownersBytes = kind == <u32>RING_KIND_CIRCLE ? 0 : (points + 1) * 2
  const ring = alloc(RING_HEAD_BYTES + 2 * countsBytes + entriesBytes + indexBytes + ownersBytes)
  if (ring == 0) return 0
  const counts = <u32>ring + RING_HEAD_BYTES
  const entries = counts + 2 * countsBytes
  store<u32>(ring, load<u32>(plan, RING_PLAN_HASH), RING_HASH)
  store<u32>(ring, load<u32>(plan, RING_PLAN_TAG), RING_TAG)
  store<u32>(ring, bitsOf(mode), RING_BITS)
  store<u32>(ring, load<u32>(plan, RING_PLAN_EMPTY_IS_ZERO), RING_EMPTY_IS_ZERO)
  store<u32>(ring, count, RING_SERVER_COUNT)
  store<u32>(ring, points, RING_POINT_COUNT)
  store<u32>(ring, counts, RING_COUNTS)
  store<u32>(ring, entries, RING_ENTRIES)
  store<u32>(ring, entries + entriesBytes, RING_INDEX)
  store<u32>(ring, kind, RING_KIND)
  store<u64>(ring, 64 - <u64>indexBits, RING_INDEX_SHIFT)
  store<u32>(ring, load<u32>(plan, RING_PLAN_AVALANCHE), RING_AVALANCHE)
  store<u32>(ring, mode, RING_MODE)
  store<u32>(ring, counts + countsBytes, RING_WEIGHTS)
  store<u32>(ring, entries + entriesBytes + indexBytes, RING_OWNERS)
  return ring
}

/** The address of what lies behind the last entry. */
export function endOf(ring: usize): usize {
  return <usize>load<u32>(ring, RING_ENTRIES) + <usize>load<u32>(ring, RING_POINT_COUNT) * RING_ENTRY_BYTES
}

/** Ends the entries with one that no position is above and that wraps to the first server, and fills the index. */
export function indexEntries(ring: usize): void {
  const first = <usize>load<u32>(ring, RING_ENTRIES)
  const end = endOf(ring)
  if (load<u32>(ring, RING_KIND) == RING_KIND_CIRCLE) {
    store<u64>(end, (u64.MAX_VALUE << RING_SERVER_BITS) | <u64>load<u16>(first))
  } else {
    const owners = <usize>load<u32>(ring, RING_OWNERS)
    store<u64>(end, u64.MAX_VALUE)
    store<u16>(owners + (<usize>load<u32>(ring, RING_POINT_COUNT) << 1), load<u16>(owners))
  }
  const slots = <usize>load<u32>(ring, RING_INDEX)
  const shift = load<u64>(ring, RING_INDEX_SHIFT)
  let at = first
  for (let slot: u64 = 0; slot < <u64>1 << (64 - shift); slot++) {
    while (at < end && load<u64>(at) < slot << shift) at += RING_ENTRY_BYTES
    store<u32>(slots + (<usize>slot << 2), <u32>at)
  }
}
