// Looking a key up: its hash tag, its hash, one load from the index, a short scan. Nothing is written, so loops that
// share a memory may share a ring.

import {
  HASH_XXH64,
  RING_BITS,
  RING_EMPTY_IS_ZERO,
  RING_ENTRIES,
  RING_ENTRY_BYTES,
  RING_HASH,
  RING_INDEX,
  RING_INDEX_SHIFT,
  RING_POINT_COUNT,
  RING_SERVER_BITS,
  RING_SERVER_COUNT,
  RING_TAG,
} from '../abi'
import { hash32 } from './hash'
import { tagLength, tagStart } from './tag'
import { xxh64 } from './xxh64'

/** The server of a key. */
export function ringLookup(ring: usize, key: usize, length: u32): u32 {
  return <u32>load<u16>(find(ring, aim(ring, key, length)))
}

/** The address of the entry that owns a key. */
export function ringLocate(ring: usize, key: usize, length: u32): usize {
  const first = <usize>load<u32>(ring, RING_ENTRIES)
  const at = find(ring, aim(ring, key, length))
  return at == first + <usize>load<u32>(ring, RING_POINT_COUNT) * RING_ENTRY_BYTES ? first : at
}

/** Where a key lies on the ring: 0 … 2^RING_BITS − 1. */
export function ringPosition(ring: usize, key: usize, length: u32): f64 {
  return <f64>(aim(ring, key, length) >> (64 - <u64>load<u32>(ring, RING_BITS)))
}

/**
 * The servers that follow a key's place on the ring, each once: at most `wanted` u32s are written to `out`, behind
 * which room for one bit per server is used. Returns how many there are; servers without points are not among them.
 */
export function ringReplicas(ring: usize, key: usize, length: u32, wanted: u32, out: usize): u32 {
  const points = load<u32>(ring, RING_POINT_COUNT)
  const first = <usize>load<u32>(ring, RING_ENTRIES)
  const end = first + <usize>points * RING_ENTRY_BYTES
  const seen = out + (<usize>wanted << 2)
  memory.fill(seen, 0, (load<u32>(ring, RING_SERVER_COUNT) + 7) >> 3)
  let at = ringLocate(ring, key, length)
  let found: u32 = 0
  for (let walked: u32 = 0; walked < points && found < wanted; walked++, at += RING_ENTRY_BYTES) {
    if (at == end) at = first
    const server = <u32>load<u16>(at)
    const byte = seen + (server >> 3)
    const bit = <u32>1 << (server & 7)
    if (<u32>load<u8>(byte) & bit) continue
    store<u8>(byte, <u32>load<u8>(byte) | bit)
    store<u32>(out + (<usize>found << 2), server)
    found++
  }
  return found
}

/** A key's position, at the top of a word whose low bits are zero: below every entry of that position. */
// @ts-ignore: decorator
@inline
function aim(ring: usize, key: usize, length: u32): u64 {
  const tag = load<u32>(ring, RING_TAG)
  if (tag != 0) {
    const inside = tagStart(key, length, tag)
    if (inside != 0) {
      length = tagLength()
      key = inside
    }
  }
  const hash = load<u32>(ring, RING_HASH)
  if (hash == HASH_XXH64) return (xxh64(key, length, 0) >> RING_SERVER_BITS) << RING_SERVER_BITS
  if (length == 0 && load<u32>(ring, RING_EMPTY_IS_ZERO)) return 0
  return <u64>hash32(hash, key, length) << 32
}

/** The first entry that is not below `target`, which may be the one behind the last. */
// @ts-ignore: decorator
@inline
function find(ring: usize, target: u64): usize {
  const slot = <usize>(target >> load<u64>(ring, RING_INDEX_SHIFT)) << 2
  let at = <usize>load<u32>(<usize>load<u32>(ring, RING_INDEX) + slot)
  while (load<u64>(at) < target) at += RING_ENTRY_BYTES
  return at
}
