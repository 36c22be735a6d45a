// A pool: bytes of any size out of one fixed range, in O(1), by two-level segregated fit (Masmano et al., "TLSF: a new
// dynamic memory allocator for real-time systems", 2004). It never grows: exhausted means 0, and the caller decides.
//
//   block   | info u32 | payload …                                       |   payload 16-byte aligned, 12 + 16n bytes
//   free    | info     | prev u32 | next u32 | …           | start u32   |   start: so that the right neighbour finds
// it
//
// info = payload bytes | FREE | LEFT_FREE. Two neighbours are never both free: poolFree joins them at once.

import { DEBUG, poisonFill, poisonPool } from './debug'
import { slabRegion } from './slab'

const FREE: u32 = 1
const LEFT_FREE: u32 = 2
const FLAGS: u32 = 3
const SL_BITS: u32 = 4
const SL_COUNT: u32 = 1 << SL_BITS
const FL_COUNT: u32 = 25 // sizes below 256 B share the first level; the last reaches 4 GiB
const PAYLOAD_MIN: u32 = 12

// the pool's own record, at `pool`
const USED: usize = 0 // bytes handed out, headers included
const BYTES: usize = 4
const FL_MAP: usize = 8
const SL_MAPS: usize = 12
const HEADS: usize = SL_MAPS + FL_COUNT * 4
const REGION: usize = HEADS + FL_COUNT * SL_COUNT * 4 // of the instance that made the pool
const RECORD_BYTES: usize = (REGION + 4 + 15) & ~15

/** The least range that makes sense: the record, one block, the end mark. */
export const POOL_BYTES_MIN: usize = RECORD_BYTES + 64

/** The largest allocation there is: 3.5 GiB. */
export const POOL_ALLOC_MAX: u32 = 0xe0000000

/** Makes `[start, end)` a pool and returns it. The range is the pool's from now on. */
export function poolCreate(start: usize, end: usize): usize {
  const pool = (start + 15) & ~15
  assert(end > pool + POOL_BYTES_MIN)
  memory.fill(pool, 0, RECORD_BYTES)
  store<u32>(pool, <u32>slabRegion(), REGION)
  const block = pool + RECORD_BYTES + 12
  const last = ((end - 16) & ~15) + 12 // the end mark: a used block of no payload
  store<u32>(pool, <u32>(last - block), BYTES)
  store<u32>(block, <u32>(last - block - 4))
  store<u32>(last, 0)
  release(pool, block)
  return pool
}

/** The slab region of the instance that owns the pool: where others push what they free. */
export function poolRegion(pool: usize): usize {
  return <usize>load<u32>(pool, REGION)
}

/** Bytes handed out, headers included. */
export function poolUsed(pool: usize): u32 {
  return load<u32>(pool, USED)
}

/** Bytes the pool can hand out at most, headers included. */
export function poolBytes(pool: usize): u32 {
  return load<u32>(pool, BYTES)
}

/** What an allocation of `bytes` costs, header included. */
export function poolCost(bytes: u32): u32 {
  return payloadFor(bytes) + 4
}

/** The usable bytes at `at`, which came from poolAlloc. */
export function poolSize(at: usize): u32 {
  return load<u32>(at - 4) & ~FLAGS
}

// @ts-ignore: decorator
@inline
function payloadFor(bytes: u32): u32 {
  return max(PAYLOAD_MIN, ((bytes + 4 + 15) & ~15) - 4)
}

/** At least `bytes` bytes, 16-byte aligned, or 0. Their content is what the last owner left. */
export function poolAlloc(pool: usize, bytes: u32): usize {
  if (bytes > POOL_ALLOC_MAX) return 0
  const payload = payloadFor(bytes)
  const block = find(pool, payload)
  if (!block) return 0
  detach(pool, block)
  let size = load<u32>(block) & ~FLAGS
  const split = size >= payload + 4 + PAYLOAD_MIN
  if (DEBUG) poisonPool(block + 4, split ? payload : size, !split)
  if (split) {
    const rest = block + 4 + payload
    store<u32>(rest, size - payload - 4)
    size = payload
    release(pool, rest)
  } else {
    clearLeftFree(block + 4 + size)
  }
  store<u32>(block, size | (load<u32>(block) & LEFT_FREE))
  store<u32>(pool, load<u32>(pool, USED) + size + 4, USED)
  return block + 4
}

/** Gives `at` back. */
export function poolFree(pool: usize, at: usize): void {
  let block = at - 4
  let info = load<u32>(block)
  assert(!(info & FREE))
  let size = info & ~FLAGS
  store<u32>(pool, load<u32>(pool, USED) - size - 4, USED)
  if (DEBUG) poisonFill(at, size)
  const right = block + 4 + size
  const rightInfo = load<u32>(right)
  if (rightInfo & FREE) {
    detach(pool, right)
    size += 4 + (rightInfo & ~FLAGS)
    if (DEBUG) poisonFill(right, 12) // its size and its links are payload now
  }
  if (info & LEFT_FREE) {
    const left = <usize>load<u32>(block - 4)
    detach(pool, left)
    if (DEBUG) poisonFill(block - 4, 8) // so are where the left one starts, and our own size
    info = load<u32>(left)
    size += 4 + (info & ~FLAGS)
    block = left
  }
  store<u32>(block, size | (info & LEFT_FREE))
  release(pool, block)
}

/** Checks every block and list of the pool; traps where the invariant is broken. For tests. */
export function poolCheck(pool: usize): u32 {
  let block = pool + RECORD_BYTES + 12
  const last = block + load<u32>(pool, BYTES)
  let used: u32 = 0
  let free: u32 = 0
  let leftFree = false
  while (block != last) {
    const info = load<u32>(block)
    const size = info & ~FLAGS
    assert(((info & LEFT_FREE) != 0) == leftFree)
    if (info & FREE) {
      assert(!leftFree)
      assert(load<u32>(block + size) == <u32>block)
      free++
    } else {
      used += size + 4
    }
    leftFree = (info & FREE) != 0
    block += 4 + size
    assert(block <= last)
  }
  assert(used == load<u32>(pool, USED))
  let listed: u32 = 0
  for (let i: u32 = 0; i < FL_COUNT * SL_COUNT; i++) {
    for (let b = <usize>load<u32>(pool + HEADS + (i << 2)); b; b = <usize>load<u32>(b, 8)) listed++
  }
  assert(listed == free)
  return free
}

// @ts-ignore: decorator
@inline
function clearLeftFree(block: usize): void {
  store<u32>(block, load<u32>(block) & ~LEFT_FREE)
}

// First and second level of a size; `fl` and `sl` return through two globals, which asc keeps in registers when
// inlined.
let fl: u32 = 0
let sl: u32 = 0

// @ts-ignore: decorator
@inline
function mapping(size: u32): void {
  if (size < 256) {
    fl = 0
    sl = size >> 4
  } else {
    const top = 31 - clz<u32>(size)
    fl = top - 7
    sl = (size >> (top - SL_BITS)) & (SL_COUNT - 1)
  }
}

/** Puts a free block into its list and tells its right neighbour. */
function release(pool: usize, block: usize): void {
  const size = load<u32>(block) & ~FLAGS
  store<u32>(block, load<u32>(block) | FREE)
  store<u32>(block + size, <u32>block)
  const right = block + 4 + size
  store<u32>(right, load<u32>(right) | LEFT_FREE)
  mapping(size)
  const head = pool + HEADS + ((fl * SL_COUNT + sl) << 2)
  const next = load<u32>(head)
  store<u32>(block, 0, 4)
  store<u32>(block, next, 8)
  if (next) store<u32>(<usize>next, <u32>block, 4)
  store<u32>(head, <u32>block)
  store<u32>(pool, load<u32>(pool, FL_MAP) | (1 << fl), FL_MAP)
  const slMap = pool + SL_MAPS + (fl << 2)
  store<u32>(slMap, load<u32>(slMap) | (1 << sl))
}

/** Takes a free block out of its list. */
function detach(pool: usize, block: usize): void {
  const info = load<u32>(block)
  const prev = <usize>load<u32>(block, 4)
  const next = <usize>load<u32>(block, 8)
  if (prev) store<u32>(prev, <u32>next, 8)
  if (next) store<u32>(next, <u32>prev, 4)
  if (!prev) {
    mapping(info & ~FLAGS)
    store<u32>(pool + HEADS + ((fl * SL_COUNT + sl) << 2), <u32>next)
    if (!next) {
      const slMap = pool + SL_MAPS + (fl << 2)
      const rest = load<u32>(slMap) & ~(1 << sl)
      store<u32>(slMap, rest)
      if (!rest) store<u32>(pool, load<u32>(pool, FL_MAP) & ~(1 << fl), FL_MAP)
    }
  }
  store<u32>(block, info & ~FREE)
}

/** The first block of a list whose members are all large enough; 0 where there is none. */
function find(pool: usize, payload: u32): usize {
  // Rounded up to the next list, so that any member fits: good fit in constant time.
  const size = payload < 256 ? payload : payload + (1 << (31 - clz<u32>(payload) - SL_BITS)) - 1
  mapping(size)
  if (fl >= FL_COUNT) return 0
  let slMap = load<u32>(pool + SL_MAPS + (fl << 2)) & (~0 << sl)
  if (!slMap) {
    const flMap = fl + 1 < 32 ? load<u32>(pool, FL_MAP) & (~0 << (fl + 1)) : 0
    if (!flMap) return 0
    fl = ctz<u32>(flMap)
    slMap = load<u32>(pool + SL_MAPS + (fl << 2))
  }
  return <usize>load<u32>(pool + HEADS + ((fl * SL_COUNT + ctz<u32>(slMap)) << 2))
}
