// Rings that are tables: the owner of each slot, a key's slot being its hash modulo their number, or its jump hash.

import {
  RING_ERROR_POINTS,
  RING_ERROR_SLOTS,
  RING_HAPROXY_MAP,
  RING_MAGLEV,
  RING_MAP_STEPS_MAX,
  RING_MODE,
  RING_OWNERS,
  RING_PLAN_MODE,
  RING_PLAN_POINTS,
  RING_PLAN_SERVERS,
  RING_PLAN_SERVER_COUNT,
  RING_PLAN_SLOTS,
  RING_POINTS_MAX,
  RING_POINT_COUNT,
  RING_RANDOM,
  RING_SERVER_BYTES,
  RING_SERVER_INDEX,
  RING_SERVER_NAME,
  RING_SERVER_NAME_BYTES,
  RING_SERVER_WEIGHT,
  RING_SLOTS,
  RING_SLOTS_REDIS,
  RING_TABLE_MAX,
} from './abi'
import { xxh64 } from './xxh64'

const FREE: u16 = 0xffff // no slot's owner yet; so a Maglev table has at most 65535 servers

// A server that is filling slots of a Maglev table.
const FILL_AT: usize = 0 // u64, the slot it wants next
const FILL_SKIP: usize = 8 // u64
const FILL_TARGET: usize = 16 // f64
const FILL_WEIGHT: usize = 24 // f64
const FILL_SERVER: usize = 32 // u32
const FILL_BYTES: usize = 40

/** Slots that the plan's table has; RING_POINTS_MAX + 1 or more are too many, but for Maglev. */
export function slotsOf(plan: usize, total: u64, live: u32): u64 {
  const mode = load<u32>(plan, RING_PLAN_MODE)
  if (mode == RING_MAGLEV) return load<u32>(plan, RING_PLAN_POINTS)
  if (mode == RING_SLOTS) return RING_SLOTS_REDIS
  if (mode == RING_RANDOM) return live
  return mode == RING_HAPROXY_MAP ? total / commonWeight(plan) : total
}

/** RING_ERROR_* of a table that cannot be, else 0. */
export function tableFault(plan: usize, slots: u64): u32 {
  const mode = load<u32>(plan, RING_PLAN_MODE)
  const count = load<u32>(plan, RING_PLAN_SERVER_COUNT)
  if (slots > (mode == RING_MAGLEV ? <u64>RING_TABLE_MAX : <u64>RING_POINTS_MAX)) return RING_ERROR_POINTS
  if (mode == RING_MAGLEV && (slots < 2 || count > <u32>FREE)) return RING_ERROR_POINTS
  if (mode == RING_HAPROXY_MAP && slots * <u64>count > <u64>RING_MAP_STEPS_MAX) return RING_ERROR_POINTS
  if (mode != RING_SLOTS) return 0
  const owners = <usize>load<u32>(plan, RING_PLAN_SLOTS)
  if (owners == 0) return RING_ERROR_SLOTS
  for (let slot: usize = 0; slot < <usize>RING_SLOTS_REDIS; slot++) {
    if (<u32>load<u16>(owners + (slot << 1)) >= count) return RING_ERROR_SLOTS
  }
  return 0
}

/** Working space of tableFill. */
export function tableSpace(count: u32): usize {
  return <usize>count * FILL_BYTES
}

/** Gives every slot of the ring its owner. */
export function tableFill(ring: usize, plan: usize, total: u64, space: usize): void {
  const mode = load<u32>(ring, RING_MODE)
  const owners = <usize>load<u32>(ring, RING_OWNERS)
  const slots = load<u32>(ring, RING_POINT_COUNT)
  if (mode == RING_SLOTS) memory.copy(owners, load<u32>(plan, RING_PLAN_SLOTS), <usize>slots << 1)
  else if (mode == RING_MAGLEV) fillMaglev(owners, slots, plan, total, space)
  else if (mode == RING_HAPROXY_MAP) fillMap(owners, slots, plan, space)
  else fillInARow(owners, plan, mode == RING_RANDOM)
}

/** Each server as often in a row as it weighs; once in a random table. */
function fillInARow(owners: usize, plan: usize, once: bool): void {
  const first = <usize>load<u32>(plan, RING_PLAN_SERVERS)
  const end = first + <usize>load<u32>(plan, RING_PLAN_SERVER_COUNT) * RING_SERVER_BYTES
  for (let record = first; record < end; record += RING_SERVER_BYTES) {
    const weight = load<u32>(record, RING_SERVER_WEIGHT)
    for (let times = once ? min<u32>(weight, 1) : weight; times > 0; times--, owners += 2) {
      store<u16>(owners, <u16>load<u32>(record, RING_SERVER_INDEX))
    }
  }
}

/** Envoy's Maglev: in turn each server takes the next free slot of its own permutation, lighter ones not every time. */
function fillMaglev(owners: usize, slots: u32, plan: usize, total: u64, space: usize): void {
  const size = <u64>slots
  let record = <usize>load<u32>(plan, RING_PLAN_SERVERS)
  let end = space
  let heaviest: f64 = 0
  for (let left = load<u32>(plan, RING_PLAN_SERVER_COUNT); left > 0; left--, record += RING_SERVER_BYTES) {
    const weight = load<u32>(record, RING_SERVER_WEIGHT)
    if (weight == 0) continue
    const name = <usize>load<u32>(record, RING_SERVER_NAME)
    const bytes = load<u32>(record, RING_SERVER_NAME_BYTES)
    const part = <f64>weight / <f64>total
    heaviest = max(heaviest, part)
    store<u64>(end, xxh64(name, bytes, 0) % size, FILL_AT)
    store<u64>(end, (xxh64(name, bytes, 1) % (size - 1)) + 1, FILL_SKIP)
    store<f64>(end, 0, FILL_TARGET)
    store<f64>(end, part, FILL_WEIGHT)
    store<u32>(end, load<u32>(record, RING_SERVER_INDEX), FILL_SERVER)
    end += FILL_BYTES
  }
  memory.fill(owners, 0xff, <usize>slots << 1)
  let left = slots
  for (let turn: u32 = 1; left > 0; turn++) {
    for (let at = space; at < end && left > 0; at += FILL_BYTES) {
      const target = load<f64>(at, FILL_TARGET)
      if (<f64>turn * load<f64>(at, FILL_WEIGHT) < target) continue
      store<f64>(at, target + heaviest, FILL_TARGET)
      const skip = load<u64>(at, FILL_SKIP)
      let slot = load<u64>(at, FILL_AT)
      while (load<u16>(owners + (<usize>slot << 1)) != FREE) slot = follow(slot, skip, size)
      store<u16>(owners + (<usize>slot << 1), <u16>load<u32>(at, FILL_SERVER))
      store<u64>(at, follow(slot, skip, size), FILL_AT)
      left--
    }
  }
}

// @ts-ignore: decorator
@inline
function follow(slot: u64, skip: u64, size: u64): u64 {
  slot += skip
  return slot >= size ? slot - size : slot
}

/** HAProxy's map: for each slot the server that is furthest behind its share, the first of equals. */
function fillMap(owners: usize, slots: u32, plan: usize, space: usize): void {
  const first = <usize>load<u32>(plan, RING_PLAN_SERVERS)
  const count = load<u32>(plan, RING_PLAN_SERVER_COUNT)
  const common = commonWeight(plan)
  memory.fill(space, 0, <usize>count << 3) // i64 scores
  const size = <i64>slots
  for (let slot: u32 = 0; slot < slots; slot++) {
    let best: u32 = 0
    let most: i64 = -1
    for (let i: u32 = 0; i < count; i++) {
      const weight = <i64>load<u32>(first + <usize>i * RING_SERVER_BYTES, RING_SERVER_WEIGHT) / <i64>common
      if (weight == 0) continue
      const score = load<i64>(space + (<usize>i << 3)) + weight
      store<i64>(space + (<usize>i << 3), score)
      const behind = (score + size) / size
      if (behind <= most) continue
      most = behind
      best = i
    }
    const score = space + (<usize>best << 3)
    store<i64>(score, load<i64>(score) - size)
    const record = first + <usize>best * RING_SERVER_BYTES
    store<u16>(owners + (<usize>slot << 1), <u16>load<u32>(record, RING_SERVER_INDEX))
  }
}

/** The greatest common divisor of all weights. */
function commonWeight(plan: usize): u64 {
  let record = <usize>load<u32>(plan, RING_PLAN_SERVERS)
  let common: u64 = 0
  for (let left = load<u32>(plan, RING_PLAN_SERVER_COUNT); left > 0; left--, record += RING_SERVER_BYTES) {
    let weight = <u64>load<u32>(record, RING_SERVER_WEIGHT)
    while (weight) {
      const rest = common % weight
      common = weight
      weight = rest
    }
  }
  return common
}

/** Lamping and Veach: the bucket of a key among `buckets`. */
export function jump(key: u64, buckets: u32): u32 {
  let bucket: i64 = -1
  let next: i64 = 0
  while (next < <i64>buckets) {
    bucket = next
    key = key * 2862933555777941757 + 1
    next = <i64>(<f64>(bucket + 1) * (2147483648.0 / <f64>((key >> 33) + 1)))
  }
  return <u32>bucket
}
