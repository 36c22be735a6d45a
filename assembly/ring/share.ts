// Which part of a ring each server owns: the exact length of its arcs.

import { RING_ENTRIES, RING_ENTRY_BYTES, RING_POINT_COUNT, RING_SERVER_BITS, RING_SERVER_COUNT } from '../abi'

const CIRCLE: u64 = <u64>1 << (64 - RING_SERVER_BITS)

/** Writes the share of each server, an f64 between 0 and 1, to `out`; they add up to 1. */
export function ringShares(ring: usize, out: usize): void {
  const count = load<u32>(ring, RING_SERVER_COUNT)
  memory.fill(out, 0, <usize>count << 3)
  let at = <usize>load<u32>(ring, RING_ENTRIES)
  const end = at + <usize>load<u32>(ring, RING_POINT_COUNT) * RING_ENTRY_BYTES
  // A point owns what lies behind the one before it; the first also what lies behind the last.
  let before = (load<u64>(end - RING_ENTRY_BYTES) >> RING_SERVER_BITS) - CIRCLE
  for (; at < end; at += RING_ENTRY_BYTES) {
    const entry = load<u64>(at)
    const position = entry >> RING_SERVER_BITS
    const sum = out + (<usize>(entry & ((1 << RING_SERVER_BITS) - 1)) << 3)
    store<u64>(sum, load<u64>(sum) + position - before)
    before = position
  }
  for (let i: u32 = 0; i < count; i++) {
    const sum = out + (<usize>i << 3)
    store<f64>(sum, <f64>load<u64>(sum) / <f64>CIRCLE)
  }
}
