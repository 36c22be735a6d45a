// Looking a key up: its hash tag, its hash, one load from the index, a short scan; or one load from a table. Nothing is
// written, so loops that share a memory may share a ring.

import {
  HASH_XXH64,
  RING_AVALANCHE,
  RING_BITS,
  RING_EMPTY_IS_ZERO,
  RING_ENTRIES,
  RING_ENTRY_BYTES,
  RING_HASH,
  RING_INDEX,
  RING_INDEX_SHIFT,
  RING_KIND,
  RING_KIND_CIRCLE,
  RING_KIND_JUMP,
  RING_KIND_RANDOM,
  RING_KIND_WIDE,
  RING_OWNERS,
  RING_POINT_COUNT,
  RING_SERVER_BITS,
  RING_TAG,
} from './abi'
import { avalanche } from './haproxy'
import { ringHash } from './hash'
import { endOf } from './layout'
import { jump } from './table'
import { tagLength, tagStart } from './tag'
import { xxh64 } from './xxh64'

/** The server of a key. */
export function ringLookup(ring: usize, key: usize, length: u32): u32 {
  return ownerOf(ring, keyHash(ring, key, length))
}

/**
 * The servers of `count` keys that lie one behind the other at `keys`; `ends` holds where each one ends, counted from
 * `keys`. Writes a u32 for each to `out`, which may be `ends`.
 */
export function ringLookupMany(ring: usize, keys: usize, ends: usize, count: u32, out: usize): void {
  let start: u32 = 0
  for (let i: usize = 0; i < <usize>count << 2; i += 4) {
    const end = load<u32>(ends + i)
    store<u32>(out + i, ringLookup(ring, keys + start, end - start))
    start = end
  }
}

/** The address of the entry that owns a key of a circle. */
export function ringLocate(ring: usize, key: usize, length: u32): usize {
  const at = find(ring, aim(ring, keyHash(ring, key, length)))
  return at == endOf(ring) ? <usize>load<u32>(ring, RING_ENTRIES) : at
}

/** Where a key lies: its position on a circle, 0 … 2^RING_BITS − 1, or its slot of a table. */
export function ringPosition(ring: usize, key: usize, length: u32): u64 {
  const hash = keyHash(ring, key, length)
  const kind = load<u32>(ring, RING_KIND)
  if (kind == RING_KIND_CIRCLE) return aim(ring, hash) >> (64 - <u64>load<u32>(ring, RING_BITS))
  return kind == RING_KIND_WIDE ? hash : <u64>slotOf(ring, hash)
}

/** The hash of a key, as wide as the ring's hash is. */
// @ts-ignore: decorator
@inline
export function keyHash(ring: usize, key: usize, length: u32): u64 {
  const tag = load<u32>(ring, RING_TAG)
  if (tag != 0) {
    const inside = tagStart(key, length, tag)
    if (inside != 0) {
      length = tagLength()
      key = inside
    }
  }
  const hash = load<u32>(ring, RING_HASH)
  return hash == HASH_XXH64 ? xxh64(key, length, 0) : rareHash(ring, hash, key, length)
}

function rareHash(ring: usize, hash: u32, key: usize, length: u32): u64 {
  if (length == 0 && load<u32>(ring, RING_EMPTY_IS_ZERO)) return 0
  const value = ringHash(hash, key, length)
  return load<u32>(ring, RING_AVALANCHE) ? <u64>avalanche(<u32>value) : value
}

/** The server of a key whose hash is known. */
export function ringOwner(ring: usize, hash: u64): u32 {
  return ownerOf(ring, hash)
}

// @ts-ignore: decorator
@inline
function ownerOf(ring: usize, hash: u64): u32 {
  const kind = load<u32>(ring, RING_KIND)
  return kind == RING_KIND_CIRCLE ? <u32>load<u16>(find(ring, aim(ring, hash))) : rareOwner(ring, kind, hash)
}

function rareOwner(ring: usize, kind: u32, hash: u64): u32 {
  const owners = <usize>load<u32>(ring, RING_OWNERS)
  if (kind != RING_KIND_WIDE) return <u32>load<u16>(owners + (<usize>slotOf(ring, hash) << 1))
  const entry = find(ring, hash) - <usize>load<u32>(ring, RING_ENTRIES)
  return <u32>load<u16>(owners + (entry >> 2)) // eight bytes each there, two here
}

/** The slot of a table that a hash belongs to; any one in a random ring. */
export function slotOf(ring: usize, hash: u64): u32 {
  const kind = load<u32>(ring, RING_KIND)
  const slots = load<u32>(ring, RING_POINT_COUNT)
  if (kind == RING_KIND_JUMP) return jump(hash, slots)
  if (kind == RING_KIND_RANDOM) return <u32>(((chance() >> 32) * <u64>slots) >> 32)
  return load<u32>(ring, RING_BITS) == 64 ? <u32>(hash % <u64>slots) : <u32>hash % slots
}

/** A hash at the top of a word whose low bits are zero: below every entry of that position. */
// @ts-ignore: decorator
@inline
function aim(ring: usize, hash: u64): u64 {
  return load<u32>(ring, RING_BITS) == 32 ? hash << 32 : (hash >> RING_SERVER_BITS) << RING_SERVER_BITS
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

/** The number of the point that owns a hash on a circle, wide or not. */
export function pointOf(ring: usize, hash: u64): u32 {
  const target = load<u32>(ring, RING_KIND) == RING_KIND_WIDE ? hash : aim(ring, hash)
  const point = <u32>((find(ring, target) - <usize>load<u32>(ring, RING_ENTRIES)) >> 3)
  return point == load<u32>(ring, RING_POINT_COUNT) ? 0 : point
}

// Globals belong to one instance, that is to one thread.
let state: u64 = 0x9e3779b97f4a7c15

/** Where the choices of random rings begin. */
export function ringSeed(seed: u64): void {
  state = seed
}

/** splitmix64 */
function chance(): u64 {
  state += 0x9e3779b97f4a7c15
  let value = state
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb
  return value ^ (value >> 31)
}
