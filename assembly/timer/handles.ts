// Timers for hosts, who hold handles instead of addresses: a wheel, and nodes out of chunks that are kept for reuse. A
// handle names a node and its generation, so that one whose timer has fired or was cancelled never acts on another.
//
//   record | the wheel | first free node | nodes made | chunks: their addresses, and room for how many |
//   node   | a wheel's node | generation | id | index | pad |    handle = generation << 32 | index, as a number

import { alloc, free } from '../memory/heap'
import {
  NEVER,
  NODE_BYTES,
  NODE_LINK,
  NODE_NEXT,
  WHEEL_BYTES,
  wheelAdd,
  wheelBudget,
  wheelCancel,
  wheelCreate,
  wheelDue,
  wheelHas,
  wheelNext,
  wheelPending,
  wheelRearm,
  wheelSteps,
} from './wheel'

const R_FREE: usize = WHEEL_BYTES // u32, linked by NODE_NEXT
const R_MADE: usize = R_FREE + 4 // u32
const R_CHUNKS: usize = R_FREE + 8 // u32
const R_ROOM: usize = R_FREE + 12 // u32
const RECORD_BYTES: usize = R_FREE + 16

const N_GENERATION: usize = NODE_BYTES // u32, 21 bits used: a handle is an integer below 2^53
const N_ID: usize = NODE_BYTES + 4 // u32
const N_INDEX: usize = NODE_BYTES + 8 // u32
const NODE_BITS: u32 = 5 // 32 bytes
const GENERATION_MASK: u32 = 0x1fffff

const CHUNK_BITS: u32 = 10
const CHUNK_NODES: u32 = 1 << CHUNK_BITS
const ROOM_FIRST: u32 = 16

/** A wheel whose clock says `now`; 0 when memory is exhausted. Times are whole numbers below 2^53. */
export function timersOpen(now: f64): usize {
  const timers = alloc(RECORD_BYTES)
  const chunks = alloc(ROOM_FIRST << 2)
  if (!timers || !chunks) {
    if (timers) free(timers)
    return 0
  }
  wheelCreate(timers, <u64>now)
  store<u32>(timers, 0, R_FREE)
  store<u32>(timers, 0, R_MADE)
  store<u32>(timers, <u32>chunks, R_CHUNKS)
  store<u32>(timers, ROOM_FIRST, R_ROOM)
  return timers
}

/** Frees a wheel with all its timers. */
export function timersFree(timers: usize): void {
  const chunks = <usize>load<u32>(timers, R_CHUNKS)
  const made = load<u32>(timers, R_MADE)
  for (let i: u32 = 0; i < made; i += CHUNK_NODES) free(load<u32>(chunks + ((i >> CHUNK_BITS) << 2)))
  free(chunks)
  free(timers)
}

/** Adds a timer that is due when the clock says `due` or more; returns its handle, 0 when memory is exhausted. */
export function timersAdd(timers: usize, due: f64, id: u32): f64 {
  const node = take(timers)
  if (!node) return 0
  store<u32>(node, id, N_ID)
  wheelAdd(timers, node, <u64>due)
  return <f64>((<u64>load<u32>(node, N_GENERATION) << 32) | <u64>load<u32>(node, N_INDEX))
}

/** Takes a timer back; false where it has fired or was cancelled. */
export function timersCancel(timers: usize, handle: f64): bool {
  const node = find(timers, <u64>handle)
  if (!node) return false
  wheelCancel(timers, node)
  give(timers, node)
  return true
}

/** Sets when a timer is due; false where it has fired or was cancelled. */
export function timersRearm(timers: usize, handle: f64, due: f64): bool {
  const node = find(timers, <u64>handle)
  if (!node) return false
  wheelRearm(timers, node, <u64>due)
  return true
}

/**
 * The clock says `now`: writes the ids (u32) of up to `most` timers that are due to `out`, in order of their ticks, and
 * returns how many. Looks at up to `steps` timers; timersSteps tells how many of these are left, 0: there may be more.
 */
export function timersAdvance(timers: usize, now: f64, out: usize, most: u32, steps: u32): u32 {
  let count: u32 = 0
  wheelBudget(steps)
  while (count < most) {
    const node = wheelDue(timers, <u64>now)
    if (!node) break
    store<u32>(out + (<usize>(count++) << 2), load<u32>(node, N_ID))
    give(timers, node)
  }
  return count
}

/** Steps that the last timersAdvance has left over. */
export function timersSteps(): u32 {
  return wheelSteps
}

/** When the next timer is due, never later than it is; Infinity where there is none. */
export function timersNext(timers: usize): f64 {
  const next = wheelNext(timers)
  return next == NEVER ? Infinity : <f64>next
}

/** Timers pending. */
export function timersPending(timers: usize): u32 {
  return wheelPending(timers)
}

// @ts-ignore: decorator
@inline
function nodeAt(timers: usize, index: u32): usize {
  const chunk = <usize>load<u32>(<usize>load<u32>(timers, R_CHUNKS) + ((index >> CHUNK_BITS) << 2))
  return chunk + (<usize>(index & (CHUNK_NODES - 1)) << NODE_BITS)
}

/** The node of a handle that is pending; 0 where there is none. */
// @ts-ignore: decorator
@inline
function find(timers: usize, handle: u64): usize {
  const index = <u32>handle
  if (index >= load<u32>(timers, R_MADE)) return 0
  const node = nodeAt(timers, index)
  return load<u32>(node, N_GENERATION) == <u32>(handle >> 32) && wheelHas(node) ? node : 0
}

// @ts-ignore: decorator
@inline
function take(timers: usize): usize {
  const node = <usize>load<u32>(timers, R_FREE)
  if (!node) return make(timers)
  store<u32>(timers, load<u32>(node, NODE_NEXT), R_FREE)
  return node
}

// @ts-ignore: decorator
@inline
function give(timers: usize, node: usize): void {
  const generation = (load<u32>(node, N_GENERATION) + 1) & GENERATION_MASK
  store<u32>(node, generation ? generation : 1, N_GENERATION) // no handle is 0
  store<u32>(node, load<u32>(timers, R_FREE), NODE_NEXT)
  store<u32>(timers, <u32>node, R_FREE)
}

/** A node that never was one, out of the last chunk or a new one. */
function make(timers: usize): usize {
  const index = load<u32>(timers, R_MADE)
  if (!(index & (CHUNK_NODES - 1)) && !extend(timers, index >> CHUNK_BITS)) return 0
  store<u32>(timers, index + 1, R_MADE)
  const node = nodeAt(timers, index)
  store<u32>(node, 0, NODE_LINK)
  store<u32>(node, 1, N_GENERATION)
  store<u32>(node, index, N_INDEX)
  return node
}

function extend(timers: usize, chunk: u32): bool {
  const room = load<u32>(timers, R_ROOM)
  if (chunk == room) {
    const wider = alloc(room << 3)
    if (!wider) return false
    const chunks = <usize>load<u32>(timers, R_CHUNKS)
    memory.copy(wider, chunks, room << 2)
    free(chunks)
    store<u32>(timers, <u32>wider, R_CHUNKS)
    store<u32>(timers, room << 1, R_ROOM)
  }
  const fresh = alloc(CHUNK_NODES << NODE_BITS)
  if (!fresh) return false
  store<u32>(<usize>load<u32>(timers, R_CHUNKS) + (<usize>chunk << 2), <u32>fresh)
  return true
}
