// Building a ring: checking the plan, placing all points or filling the table, sorting, indexing. A change of servers
// builds the next ring beside the old one.

import { alloc, free } from '../memory/heap'
import {
  HASH_CRC32A,
  HASH_DECIMAL,
  HASH_JENKINS,
  HASH_MD5,
  HASH_MURMUR2_64,
  HASH_ONE_AT_A_TIME,
  HASH_SDBM,
  HASH_XXH64,
  RING_COUNTS,
  RING_ENTRIES,
  RING_ENTRY_BYTES,
  RING_ENVOY,
  RING_ERRORS_END,
  RING_ERROR_MEMORY,
  RING_ERROR_MODE,
  RING_ERROR_NAME,
  RING_ERROR_POINTS,
  RING_ERROR_SERVERS,
  RING_ERROR_WEIGHT,
  RING_HAPROXY,
  RING_HAPROXY_MAP,
  RING_HASHRING,
  RING_JUMP,
  RING_KETAMA,
  RING_KIND_TABLE,
  RING_KIND_WIDE,
  RING_LIBMEMCACHED,
  RING_LIBMEMCACHED_PLAIN,
  RING_MAGLEV,
  RING_MODULA,
  RING_NAME_BYTES_MAX,
  RING_NATIVE,
  RING_NGINX,
  RING_OWNERS,
  RING_PLAN_HASH,
  RING_PLAN_MODE,
  RING_PLAN_POINT_HASH,
  RING_PLAN_SERVERS,
  RING_PLAN_SERVER_COUNT,
  RING_POINTS_MAX,
  RING_POINT_COUNT,
  RING_RANDOM,
  RING_SERVERS_MAX,
  RING_SERVER_BITS,
  RING_SERVER_BYTES,
  RING_SERVER_INDEX,
  RING_SERVER_NAME,
  RING_SERVER_NAME_BYTES,
  RING_SERVER_POINTS,
  RING_SERVER_WEIGHT,
  RING_SLOTS,
  RING_TWEMPROXY,
  RING_WEIGHTS,
} from './abi'
import { nearest, withoutRepeats } from './circle'
import { countPoints } from './count'
import { endOf, indexEntries, kindOf, layOut } from './layout'
import { POINT_SPACE_BYTES, placePoints, placeWide } from './points'
import { sortEntries, sortSpace, sortWide, wideSpace } from './sort'
import { slotsOf, tableFault, tableFill, tableSpace } from './table'
import { xxh64 } from './xxh64'

/**
 * Builds the ring that a plan asks for. Returns its address, or one of RING_ERROR_*, which are below RING_ERRORS_END.
 * Plan, records and names may go afterwards.
 */
export function ringBuild(plan: usize): usize {
  const mode = load<u32>(plan, RING_PLAN_MODE)
  if (!modeHas(mode, load<u32>(plan, RING_PLAN_HASH), load<u32>(plan, RING_PLAN_POINT_HASH))) return RING_ERROR_MODE
  const count = load<u32>(plan, RING_PLAN_SERVER_COUNT)
  const servers = <usize>load<u32>(plan, RING_PLAN_SERVERS)
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
  const kind = kindOf(mode)
  if (total == 0 && mode != RING_SLOTS) return RING_ERROR_WEIGHT
  const points = kind < <u32>RING_KIND_TABLE ? countPoints(plan, total, live) : slotsOf(plan, total, live)
  if (points == 0) return RING_ERROR_WEIGHT
  const fault = kind < <u32>RING_KIND_TABLE ? tooMany(points) : tableFault(plan, points)
  if (fault) return fault

  const space = alloc(spaceFor(kind, <u32>points, count))
  if (space == 0) return RING_ERROR_MEMORY
  const ring = buildWith(space, kind, plan, servers, count, total, <u32>points)
  free(space)
  return ring
}

function tooMany(points: u64): u32 {
  return points > <u64>RING_POINTS_MAX ? RING_ERROR_POINTS : 0
}

/** Room for what is largest: sorting points or names, filling a table. */
function spaceFor(kind: u32, points: u32, count: u32): usize {
  const names = sortSpace(count) + (<usize>count << 3)
  if (kind >= <u32>RING_KIND_TABLE) return max(names, tableSpace(count))
  const sorting = kind == <u32>RING_KIND_WIDE ? wideSpace(points) + (<usize>points << 4) : sortSpace(points)
  return max(names, sorting) + POINT_SPACE_BYTES
}

function buildWith(
  space: usize, kind: u32, plan: usize, servers: usize, count: u32, total: u64, points: u32
): usize {
  if (namesRepeat(servers, count, space)) return RING_ERROR_NAME
  const ring = layOut(plan, points)
  if (ring == 0) return RING_ERROR_MEMORY
  if (!countServers(ring, servers, count)) {
    free(ring)
    return RING_ERROR_SERVERS
  }
  if (kind >= <u32>RING_KIND_TABLE) {
    tableFill(ring, plan, total, space)
    countSlots(ring, count)
  } else {
    if (kind == <u32>RING_KIND_WIDE) placeAllWide(ring, plan, servers, count, points, space)
    else placeAll(ring, plan, servers, count, points, space)
    indexEntries(ring)
  }
  return ring
}

/** Gives a ring's memory back. */
export function ringFree(ring: usize): void {
  assert(ring >= <usize>RING_ERRORS_END)
  free(ring)
}

function modeHas(mode: u32, hash: u32, pointHash: u32): bool {
  const memcached = hash >= <u32>HASH_ONE_AT_A_TIME && hash <= <u32>HASH_JENKINS
  const wide = hash == HASH_XXH64 || hash == HASH_MURMUR2_64
  switch (mode) {
    case RING_KETAMA:
    case RING_LIBMEMCACHED:
    case RING_HASHRING: return hash == HASH_MD5
    case RING_NATIVE: return hash == HASH_XXH64
    case RING_TWEMPROXY:
    case RING_LIBMEMCACHED_PLAIN:
    case RING_RANDOM:
    case RING_MODULA: return memcached
    case RING_NGINX: return hash == HASH_CRC32A
    case RING_ENVOY: return wide && (pointHash == HASH_XXH64 || pointHash == HASH_MURMUR2_64)
    case RING_MAGLEV: return wide
    case RING_JUMP: return hash >= <u32>HASH_ONE_AT_A_TIME && hash <= <u32>HASH_DECIMAL
    case RING_HAPROXY:
    case RING_HAPROXY_MAP: return hash == HASH_CRC32A || (hash >= <u32>HASH_SDBM && hash <= <u32>HASH_DECIMAL)
    case RING_SLOTS: return true
  }
  return false
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

/** Notes the points and weights of all servers; false if the records do not number them 0 … count − 1. */
function countServers(ring: usize, servers: usize, count: u32): bool {
  const counts = <usize>load<u32>(ring, RING_COUNTS)
  const weights = <usize>load<u32>(ring, RING_WEIGHTS)
  memory.fill(counts, 0xff, <usize>count << 2) // none has counted its points yet
  for (let i: u32 = 0; i < count; i++) {
    const record = serverAt(servers, i)
    const number = load<u32>(record, RING_SERVER_INDEX)
    if (number >= count || load<u32>(counts + (<usize>number << 2)) != u32.MAX_VALUE) return false
    store<u32>(counts + (<usize>number << 2), load<u32>(record, RING_SERVER_POINTS))
    store<u32>(weights + (<usize>number << 2), load<u32>(record, RING_SERVER_WEIGHT))
  }
  return true
}

/** Counts the slots of a table instead. */
function countSlots(ring: usize, count: u32): void {
  const counts = <usize>load<u32>(ring, RING_COUNTS)
  memory.fill(counts, 0, <usize>count << 2)
  let owner = <usize>load<u32>(ring, RING_OWNERS)
  for (const end = owner + (<usize>load<u32>(ring, RING_POINT_COUNT) << 1); owner < end; owner += 2) {
    const counted = counts + (<usize>load<u16>(owner) << 2)
    store<u32>(counted, load<u32>(counted) + 1)
  }
}

/** Writes and sorts the points of all servers; among equal ones the earlier record wins. */
function placeAll(ring: usize, plan: usize, servers: usize, count: u32, points: u32, space: usize): void {
  const mode = load<u32>(plan, RING_PLAN_MODE)
  const entries = <usize>load<u32>(ring, RING_ENTRIES)
  let at = entries
  for (let i: u32 = 0; i < count; i++) at = placePoints(plan, serverAt(servers, i), at, space)
  assert(at == endOf(ring))
  sortEntries(entries, points, mode == RING_NATIVE ? 2 : 4, space)
  if (mode == RING_NGINX) withoutRepeats(ring)
  if (mode == RING_HAPROXY) nearest(ring)
}

function placeAllWide(ring: usize, plan: usize, servers: usize, count: u32, points: u32, space: usize): void {
  assert(load<u32>(plan, RING_PLAN_MODE) == RING_ENVOY)
  const sorted = space + POINT_SPACE_BYTES
  let at = sorted
  for (let i: u32 = 0; i < count; i++) at = placeWide(plan, serverAt(servers, i), at, space)
  assert(at == sorted + (<usize>points << 4))
  sortWide(sorted, points, at)
  let entry = <usize>load<u32>(ring, RING_ENTRIES)
  let owner = <usize>load<u32>(ring, RING_OWNERS)
  for (let from = sorted; from < at; from += 16, entry += RING_ENTRY_BYTES, owner += 2) {
    store<u64>(entry, load<u64>(from))
    store<u16>(owner, <u16>load<u64>(from, 8))
  }
}
