// Which part of all keys each server owns: the exact length of its arcs, or its slots. With a hash of fifteen bits only
// what those reach counts.

import {
  HASH_CRC32,
  RING_ENTRIES,
  RING_ENTRY_BYTES,
  RING_HASH,
  RING_KIND,
  RING_KIND_CIRCLE,
  RING_KIND_TABLE,
  RING_KIND_WIDE,
  RING_OWNERS,
  RING_POINT_COUNT,
  RING_SERVER_BITS,
  RING_SERVER_COUNT,
} from './abi'
import { endOf } from './layout'

const CIRCLE: f64 = 18446744073709551616.0 // 2^64
const SHORT_HASHES: u32 = 0x8000 // values of HASH_CRC32

/** Writes the share of each server, an f64 between 0 and 1, to `out`; they add up to 1. */
export function ringShares(ring: usize, out: usize): void {
  memory.fill(out, 0, <usize>load<u32>(ring, RING_SERVER_COUNT) << 3)
  const kind = load<u32>(ring, RING_KIND)
  const short = load<u32>(ring, RING_HASH) == HASH_CRC32
  if (kind >= <u32>RING_KIND_TABLE) shareSlots(ring, short && kind == RING_KIND_TABLE, out)
  else shareArcs(ring, kind, short ? <u64>SHORT_HASHES << 32 : 0, out)
}

/** A point owns what lies behind the one before it; the first also what lies behind the last, up to `end`. */
function shareArcs(ring: usize, kind: u32, end: u64, out: usize): void {
  const whole = end == 0 ? CIRCLE : <f64>end
  const first = <usize>load<u32>(ring, RING_ENTRIES)
  const owners = <usize>load<u32>(ring, RING_OWNERS)
  const last = endOf(ring)
  let before: u64 = 0
  let sum: f64 = 0
  for (let at = first; at < last; at += RING_ENTRY_BYTES) {
    const entry = load<u64>(at)
    const isCircle = kind == RING_KIND_CIRCLE
    const server = isCircle ? <u32>entry & 0xffff : <u32>load<u16>(owners + ((at - first) >> 2))
    const position = isCircle ? (entry >> RING_SERVER_BITS) << RING_SERVER_BITS : entry
    const part = end != 0 && position >= end ? <f64>(end - before) : <f64>(position - before)
    add(out, server, part / whole)
    sum += part / whole
    if (end != 0 && position >= end) return
    before = position
  }
  const heir = <u32>load<u16>(kind == RING_KIND_CIRCLE ? first : owners)
  add(out, heir, 1 - sum)
}

/** A slot is worth as much as another, unless the hash ends within the slots or soon after them. */
function shareSlots(ring: usize, short: bool, out: usize): void {
  const owners = <usize>load<u32>(ring, RING_OWNERS)
  const slots = load<u32>(ring, RING_POINT_COUNT)
  for (let slot: u32 = 0; slot < slots; slot++) {
    const hashes: u32 = slot < SHORT_HASHES ? (SHORT_HASHES - 1 - slot) / slots + 1 : 0
    const share = short ? <f64>hashes / <f64>SHORT_HASHES : 1 / <f64>slots
    add(out, <u32>load<u16>(owners + (<usize>slot << 1)), share)
  }
}

// @ts-ignore: decorator
@inline
function add(out: usize, server: u32, share: f64): void {
  const at = out + (<usize>server << 3)
  store<f64>(at, load<f64>(at) + share)
}
