// Building a ring: one block of memory that never changes again. A change of servers builds the next ring.
//
//   head | points of each server | entries, ascending, and one behind the last | index
//
//   entry: position (48 bits; a 32-bit position has 16 zeros below it) · server (16 bits)
//   index: for each value of a position's top bits, the address of the first entry that is not below it

import { alloc, free } from '../memory/heap'
import {
  HASH_JENKINS,
  HASH_MD5,
  HASH_ONE_AT_A_TIME,
  HASH_XXH64,
  RING_BITS,
  RING_COUNTS,
  RING_EMPTY_IS_ZERO,
  RING_ENTRIES,
  RING_ENTRY_BYTES,
  RING_ERRORS_END,
  RING_ERROR_MEMORY,
  RING_ERROR_MODE,
  RING_ERROR_NAME,
  RING_ERROR_POINTS,
  RING_ERROR_SERVERS,
  RING_ERROR_WEIGHT,
  RING_HASH,
  RING_HEAD_BYTES,
  RING_INDEX,
  RING_INDEX_SHIFT,
  RING_KETAMA,
  RING_NAME_BYTES_MAX,
  RING_NATIVE,
  RING_POINTS_MAX,
  RING_POINT_COUNT,
  RING_SERVERS_MAX,
  RING_SERVER_BITS,
  RING_SERVER_BYTES,
  RING_SERVER_COUNT,
  RING_SERVER_INDEX,
  RING_SERVER_NAME,
  RING_SERVER_NAME_BYTES,
  RING_SERVER_WEIGHT,
  RING_TAG,
  RING_TWEMPROXY,
} from '../abi'
import { POINT_SUFFIX_BYTES, placePoints, pointsOf } from './points'
import { sortEntries, sortSpace } from './sort'
import { xxh64 } from './xxh64'

/**
 * Builds a ring over `count` server records. Returns its address, or one of RING_ERROR_*, which are below
 * RING_ERRORS_END. `tag` is 0 or two bytes; `perWeight` counts for RING_NATIVE alone. The records may go afterwards.
 */
export function ringBuild(mode: u32, hash: u32, tag: u32, perWeight: u32, servers: usize, count: u32): usize {
  if (!modeHas(mode, hash)) return RING_ERROR_MODE
  if (count == 0 || count > <u32>RING_SERVERS_MAX) return RING_ERROR_SERVERS
  let total: u64 = 0
  let live: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    const bytes = load<u32>(serverAt(servers, i), RING_SERVER_NAME_BYTES)
    if (bytes == 0 || bytes > <u32>RING_NAME_BYTES_MAX) return RING_ERROR_NAME
    const weight = load<u32>(serverAt(servers, i), RING_SERVER_WEIGHT)
    total += weight
    live += u32(weight != 0)
  }
  if (total == 0) return RING_ERROR_WEIGHT
  let points: u64 = 0
  for (let i: u32 = 0; i < count; i++) {
    points += pointsOf(mode, load<u32>(serverAt(servers, i), RING_SERVER_WEIGHT), total, live, perWeight)
  }
  if (points == 0) return RING_ERROR_WEIGHT
  if (points > <u64>RING_POINTS_MAX) return RING_ERROR_POINTS

  const most = max(<u32>points, count)
  const space = alloc(sortSpace(most) + (<usize>most << 3)) // entries to sort, and room to sort them in
  if (space == 0) return RING_ERROR_MEMORY
  const ring = buildWith(space, mode, hash, tag, perWeight, servers, count, total, live, <u32>points)
  free(space)
  return ring
}

function buildWith(
  space: usize, mode: u32, hash: u32, tag: u32, perWeight: u32,
  servers: usize, count: u32, total: u64, live: u32, points: u32
): usize {
  if (namesRepeat(servers, count, space)) return RING_ERROR_NAME
  const ring = layOut(mode, hash, tag, points, count)
  if (ring == 0) return RING_ERROR_MEMORY
  if (!place(ring, mode, servers, total, live, perWeight, space)) {
    free(ring)
    return RING_ERROR_SERVERS
  }
  sortEntries(load<u32>(ring, RING_ENTRIES), points, mode == RING_NATIVE ? 2 : 4, space)
  index(ring)
  return ring
}

/** Gives a ring's memory back. */
export function ringFree(ring: usize): void {
  assert(ring >= <usize>RING_ERRORS_END)
  free(ring)
}

function modeHas(mode: u32, hash: u32): bool {
  if (mode == RING_KETAMA) return hash == HASH_MD5
  if (mode == RING_NATIVE) return hash == HASH_XXH64
  return mode == RING_TWEMPROXY && hash >= <u32>HASH_ONE_AT_A_TIME && hash <= <u32>HASH_JENKINS
}

// @ts-ignore: decorator
@inline
function serverAt(servers: usize, i: u32): usize {
  return servers + <usize>i * RING_SERVER_BYTES
}

/** Have two servers the same name? Sorted by their hashes, equal names are neighbours. */
function namesRepeat(servers: usize, count: u32, space: usize): bool {
  const names = space + sortSpace(count)
  for (let i: u32 = 0; i < count; i++) {
    const server = serverAt(servers, i)
    const hash = xxh64(load<u32>(server, RING_SERVER_NAME), load<u32>(server, RING_SERVER_NAME_BYTES), 0)
    store<u64>(names + (<usize>i << 3), ((hash >> RING_SERVER_BITS) << RING_SERVER_BITS) | i)
  }
  sortEntries(names, count, 2, space)
  for (let i: u32 = 1; i < count; i++) {
    const server = serverAt(servers, load<u16>(names + (<usize>i << 3)))
    for (let j = i; j-- > 0; ) {
      if ((load<u64>(names + (<usize>i << 3)) ^ load<u64>(names + (<usize>j << 3))) >> RING_SERVER_BITS) break
      if (sameName(server, serverAt(servers, load<u16>(names + (<usize>j << 3))))) return true
    }
  }
  return false
}

function sameName(a: usize, b: usize): bool {
  const bytes = load<u32>(a, RING_SERVER_NAME_BYTES)
  if (bytes != load<u32>(b, RING_SERVER_NAME_BYTES)) return false
  return memory.compare(load<u32>(a, RING_SERVER_NAME), load<u32>(b, RING_SERVER_NAME), bytes) == 0
}

/** Allocates the ring and writes its head; 0 when memory is exhausted. */
function layOut(mode: u32, hash: u32, tag: u32, points: u32, count: u32): usize {
  const bits: u32 = max<u32>(1, 32 - clz(points - 1)) // the index has a slot for each point, or more
  const countsBytes = (count * 4 + 7) & ~7
  const entriesBytes = (points + 1) * RING_ENTRY_BYTES
  const ring = alloc(RING_HEAD_BYTES + countsBytes + entriesBytes + (<u32>4 << bits))
  if (ring == 0) return 0
  const head = <u32>ring
  store<u32>(ring, hash, RING_HASH)
  store<u32>(ring, tag, RING_TAG)
  store<u32>(ring, mode == RING_NATIVE ? 64 - RING_SERVER_BITS : 32, RING_BITS)
  store<u32>(ring, u32(mode == RING_TWEMPROXY), RING_EMPTY_IS_ZERO)
  store<u32>(ring, count, RING_SERVER_COUNT)
  store<u32>(ring, points, RING_POINT_COUNT)
  store<u32>(ring, head + RING_HEAD_BYTES, RING_COUNTS)
  store<u32>(ring, head + RING_HEAD_BYTES + countsBytes, RING_ENTRIES)
  store<u32>(ring, head + RING_HEAD_BYTES + countsBytes + entriesBytes, RING_INDEX)
  store<u64>(ring, 64 - <u64>bits, RING_INDEX_SHIFT)
  memory.fill(ring + RING_HEAD_BYTES, 0xff, countsBytes) // no server has counted its points yet
  return ring
}

/** Writes all points, record by record; false if the records do not number the servers 0 … count − 1. */
function place(ring: usize, mode: u32, servers: usize, total: u64, live: u32, perWeight: u32, text: usize): bool {
  const count = load<u32>(ring, RING_SERVER_COUNT)
  let at = <usize>load<u32>(ring, RING_ENTRIES)
  assert(RING_NAME_BYTES_MAX + POINT_SUFFIX_BYTES <= 1024) // what every sortSpace has
  for (let i: u32 = 0; i < count; i++) {
    const server = serverAt(servers, i)
    const number = load<u32>(server, RING_SERVER_INDEX)
    const counted = <usize>load<u32>(ring, RING_COUNTS) + (<usize>number << 2)
    if (number >= count || load<u32>(counted) != u32.MAX_VALUE) return false
    const points = <u32>pointsOf(mode, load<u32>(server, RING_SERVER_WEIGHT), total, live, perWeight)
    store<u32>(counted, points)
    at = placePoints(mode, server, number, points, text, at)
  }
  assert(at == endOf(ring))
  return true
}

/** Fills the index, and ends the entries with one that no position is above and that wraps to the first server. */
function index(ring: usize): void {
  const first = <usize>load<u32>(ring, RING_ENTRIES)
  const end = endOf(ring)
  store<u64>(end, (u64.MAX_VALUE << RING_SERVER_BITS) | <u64>load<u16>(first))
  const slots = <usize>load<u32>(ring, RING_INDEX)
  const shift = load<u64>(ring, RING_INDEX_SHIFT)
  let at = first
  for (let slot: u64 = 0; slot < <u64>1 << (64 - shift); slot++) {
    while (at < end && load<u64>(at) < slot << shift) at += RING_ENTRY_BYTES
    store<u32>(slots + (<usize>slot << 2), <u32>at)
  }
}

function endOf(ring: usize): usize {
  return <usize>load<u32>(ring, RING_ENTRIES) + <usize>load<u32>(ring, RING_POINT_COUNT) * RING_ENTRY_BYTES
}
