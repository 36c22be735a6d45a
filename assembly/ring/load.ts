// Bounded loads (Mirrokni, Thorup and Zadimoghaddam, arXiv 1608.01350): a server that has its fair share and a little
// more gets no further key until one is released; the key goes to the next server. What changes lies beside the ring.

import { alloc } from '../memory/heap'
import {
  RING_HAPROXY,
  RING_LOADS_FACTOR,
  RING_LOADS_HEAD_BYTES,
  RING_LOADS_SERVERS,
  RING_LOADS_TOTAL,
  RING_LOADS_WEIGHT,
  RING_MODE,
  RING_SERVER_COUNT,
  RING_WEIGHTS,
} from './abi'
import { ringLookup } from './lookup'
import { ringReplicas } from './replicas'

/** The loads of a ring's servers, all 0; no server may have more than `factor` percent of its share. 0: no memory. */
export function loadsCreate(ring: usize, factor: u32): usize {
  const count = load<u32>(ring, RING_SERVER_COUNT)
  const loads = alloc(<usize>RING_LOADS_HEAD_BYTES + (<usize>count << 3) + ((count + 7) >> 3))
  if (loads == 0) return 0
  memory.fill(loads, 0, <usize>RING_LOADS_HEAD_BYTES + (<usize>count << 2))
  store<u32>(loads, factor, RING_LOADS_FACTOR)
  let total: u64 = 0
  for (let i: u32 = 0; i < count; i++) total += weightOf(ring, i)
  store<u64>(loads, total, RING_LOADS_WEIGHT)
  return loads
}

/** The first server for a key that has room, which then has one request more. */
export function loadsAcquire(loads: usize, ring: usize, key: usize, length: u32): u32 {
  const server = chosen(loads, ring, key, length)
  store<u32>(loadAt(loads, server), load<u32>(loadAt(loads, server)) + 1)
  store<u32>(loads, load<u32>(loads, RING_LOADS_TOTAL) + 1, RING_LOADS_TOTAL)
  return server
}

function chosen(loads: usize, ring: usize, key: usize, length: u32): u32 {
  const owner = ringLookup(ring, key, length)
  if (load<u32>(loadAt(loads, owner)) < loadsCap(loads, ring, owner)) return owner
  const count = load<u32>(ring, RING_SERVER_COUNT)
  const others = loads + RING_LOADS_SERVERS + (<usize>count << 2)
  const found = ringReplicas(ring, key, length, count, others)
  for (let i: u32 = 0; i < found; i++) {
    const server = load<u32>(others + (<usize>i << 2))
    if (load<u32>(loadAt(loads, server)) < loadsCap(loads, ring, server)) return server
  }
  return owner // all who own anything are full: servers too light for a point hold the rest of the room
}

/** Takes `requests` off a server; false if it has fewer. */
export function loadsRelease(loads: usize, server: u32, requests: u32): bool {
  const at = loadAt(loads, server)
  if (load<u32>(at) < requests) return false
  store<u32>(at, load<u32>(at) - requests)
  store<u32>(loads, load<u32>(loads, RING_LOADS_TOTAL) - requests, RING_LOADS_TOTAL)
  return true
}

/** Adds requests that a server has from elsewhere. */
export function loadsAdd(loads: usize, server: u32, requests: u32): void {
  store<u32>(loadAt(loads, server), load<u32>(loadAt(loads, server)) + requests)
  store<u32>(loads, load<u32>(loads, RING_LOADS_TOTAL) + requests, RING_LOADS_TOTAL)
}

/** What a server may have once one more request is there: factor × (total + 1) × weight / weights, at least 1. */
export function loadsCap(loads: usize, ring: usize, server: u32): u32 {
  const all = (<u64>load<u32>(loads, RING_LOADS_TOTAL) + 1) * <u64>load<u32>(loads, RING_LOADS_FACTOR)
  const weights = load<u64>(loads, RING_LOADS_WEIGHT)
  const weight = weightOf(ring, server)
  if (weights == 0) return u32.MAX_VALUE
  if (load<u32>(ring, RING_MODE) == RING_HAPROXY) return haproxyCap((all + 99) / 100, ring, server, weights << 4)
  const cap = ceil<f64>((<f64>all * <f64>weight) / (<f64>weights * 100))
  return <u32>max<f64>(1, min<f64>(cap, 4294967295))
}

/** HAProxy rounds the sum up first and shares the rest out by the weights of servers before; its weights are × 16. */
function haproxyCap(slots: u64, ring: usize, server: u32, weights: u64): u32 {
  const weight = weightOf(ring, server) << 4
  const rest = slots % weights
  let before: u64 = 0
  for (let i: u32 = 0; i < server; i++) before += weightOf(ring, i) << 4
  const cap = weight * (slots / weights) + ((before + weight) * rest) / weights - (before * rest) / weights
  return <u32>max<u64>(cap, 1)
}

// @ts-ignore: decorator
@inline
function loadAt(loads: usize, server: u32): usize {
  return loads + RING_LOADS_SERVERS + (<usize>server << 2)
}

// @ts-ignore: decorator
@inline
function weightOf(ring: usize, server: u32): u64 {
  return <u64>load<u32>(<usize>load<u32>(ring, RING_WEIGHTS) + (<usize>server << 2))
}
