// What some programs do to a circle once it is sorted.

import {
  RING_COUNTS,
  RING_ENTRIES,
  RING_ENTRY_BYTES,
  RING_POINT_COUNT,
  RING_SERVER_BITS,
} from './abi'
import { endOf } from './layout'

/** nginx keeps only the first of equal points. */
export function withoutRepeats(ring: usize): void {
  const first = <usize>load<u32>(ring, RING_ENTRIES)
  const end = endOf(ring)
  const counts = <usize>load<u32>(ring, RING_COUNTS)
  let to = first
  for (let at = first + RING_ENTRY_BYTES; at < end; at += RING_ENTRY_BYTES) {
    if ((load<u64>(to) ^ load<u64>(at)) >> RING_SERVER_BITS) {
      to += RING_ENTRY_BYTES
      store<u64>(to, load<u64>(at))
    } else {
      const counted = counts + (<usize>load<u16>(at) << 2)
      store<u32>(counted, load<u32>(counted) - 1)
    }
  }
  store<u32>(ring, <u32>((to - first) / RING_ENTRY_BYTES) + 1, RING_POINT_COUNT)
}

/**
 * HAProxy takes the nearest point, the one before where both are as near. So each point moves to the middle between it
 * and the next one, and the search for the next point finds the nearest. Of equal points all but the last stay: a key
 * exactly there belongs to the first of them, as in HAProxy's tree.
 */
export function nearest(ring: usize): void {
  const first = <usize>load<u32>(ring, RING_ENTRIES)
  const last = endOf(ring) - RING_ENTRY_BYTES
  const start = load<u64>(first) >> 32
  for (let at = first; at < last; at += RING_ENTRY_BYTES) {
    const gap = (load<u64>(at, RING_ENTRY_BYTES) >> 32) - (load<u64>(at) >> 32)
    store<u64>(at, load<u64>(at) + ((gap >> 1) << 32))
  }
  const entry = load<u64>(last)
  const gap = (start - (entry >> 32)) & 0xffffffff
  const moved = entry + ((gap == 0 ? 0x80000000 : gap >> 1) << 32)
  if (moved >= entry) return store<u64>(last, moved)
  memory.copy(first + RING_ENTRY_BYTES, first, last - first)
  store<u64>(first, moved)
}
