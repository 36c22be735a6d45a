// Who comes next when a key's server cannot take it: what each program tries then, and every server once.

import {
  HASH_CRC32,
  RING_ENTRIES,
  RING_HASH,
  RING_KIND,
  RING_KIND_CIRCLE,
  RING_KIND_JUMP,
  RING_KIND_RANDOM,
  RING_KIND_TABLE,
  RING_KIND_WIDE,
  RING_MAGLEV,
  RING_MODE,
  RING_MODULA,
  RING_OWNERS,
  RING_POINT_COUNT,
  RING_SERVER_COUNT,
} from './abi'
import { crc32Step } from './crc'
import { keyHash, pointOf, slotOf } from './lookup'

/** Hashes tried anew before what is left of the servers follows in the order of the table; nginx gives up as soon. */
const REHASHES_MAX: u32 = 20

let found: u32 = 0

/**
 * The servers that follow a key's place, each once: at most `wanted` u32s are written to `out`, behind which room for
 * one bit per server is used. Returns how many there are; servers that own nothing are not among them.
 *
 * On a circle they are the owners of the points that follow (nginx's and Envoy's next try, HAProxy's next node). In a
 * Maglev table Envoy hashes the hash anew, nginx without `consistent` the key with the number of the try before it;
 * jump hash does as Maglev. Every other table goes on to the next slot.
 */
export function ringReplicas(ring: usize, key: usize, length: u32, wanted: u32, out: usize): u32 {
  const seen = out + (<usize>wanted << 2)
  memory.fill(seen, 0, (load<u32>(ring, RING_SERVER_COUNT) + 7) >> 3)
  found = 0
  const kind = load<u32>(ring, RING_KIND)
  let hash = keyHash(ring, key, length)
  if (kind < <u32>RING_KIND_TABLE) {
    walk(ring, kind, pointOf(ring, hash), wanted, out, seen)
    return found
  }
  let slot = slotOf(ring, hash)
  const mode = load<u32>(ring, RING_MODE)
  const isNginx = mode == RING_MODULA && load<u32>(ring, RING_HASH) == HASH_CRC32
  if (isNginx || mode == RING_MAGLEV || kind == RING_KIND_JUMP) {
    const first = hash
    for (let attempt: u32 = 1; attempt <= REHASHES_MAX; attempt++) {
      take(owner(ring, kind, slot), wanted, out, seen)
      if (found == wanted) return found
      hash = isNginx ? hash + again(key, length, attempt) : first ^ (~(<u64>attempt) + 1)
      slot = slotOf(ring, hash)
    }
  }
  walk(ring, kind, slot, wanted, out, seen)
  return found
}

/** Goes once round the points or slots from `start`. */
function walk(ring: usize, kind: u32, start: u32, wanted: u32, out: usize, seen: usize): void {
  const count = load<u32>(ring, RING_POINT_COUNT)
  let at = start
  for (let walked: u32 = 0; walked < count && found < wanted; walked++) {
    take(owner(ring, kind, at), wanted, out, seen)
    if (++at == count) at = 0
  }
}

// @ts-ignore: decorator
@inline
function owner(ring: usize, kind: u32, at: u32): u32 {
  if (kind == RING_KIND_CIRCLE) return <u32>load<u16>(<usize>load<u32>(ring, RING_ENTRIES) + (<usize>at << 3))
  return <u32>load<u16>(<usize>load<u32>(ring, RING_OWNERS) + (<usize>at << 1))
}

// @ts-ignore: decorator
@inline
function take(server: u32, wanted: u32, out: usize, seen: usize): void {
  const byte = seen + (server >> 3)
  const bit = <u32>1 << (server & 7)
  if (<u32>load<u8>(byte) & bit) return
  store<u8>(byte, <u32>load<u8>(byte) | bit)
  store<u32>(out + (<usize>found << 2), server)
  found++
}

/** nginx: fifteen bits of the CRC-32 of the number of the try, in decimal, and the key. */
function again(key: usize, length: u32, attempt: u32): u64 {
  let crc: u32 = ~0
  if (attempt >= 10) crc = crc32Step(crc, DIGITS + attempt / 10, 1)
  crc = crc32Step(crc, DIGITS + (attempt % 10), 1)
  return <u64>((~crc32Step(crc, key, length) >> 16) & 0x7fff)
}

const DIGITS: usize = memory.data<u8>([0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39])
