// Where a server's points lie on a circle, bit for bit as the programs do whose rings we share.

import {
  RING_ENVOY,
  RING_HAPROXY,
  RING_HASHRING,
  RING_LIBMEMCACHED_PLAIN,
  RING_NAME_BYTES_MAX,
  RING_NATIVE,
  RING_NGINX,
  RING_PLAN_HASH,
  RING_PLAN_MODE,
  RING_PLAN_POINT_HASH,
  RING_PLAN_WORDS,
  RING_SERVER_BITS,
  RING_SERVER_INDEX,
  RING_SERVER_NAME,
  RING_SERVER_NAME_BYTES,
  RING_SERVER_POINTS,
} from './abi'
import { crc32Step, crc32Word } from './crc'
import { avalanche } from './haproxy'
import { hash32, ringHash } from './hash'
import { md5, md5Word } from './md5'
import { MD5X4_SPACE_BYTES, MD5_BLOCK_BYTES, MD5_SHORT_MAX, md5x4 } from './md5x4'
import { xxh64 } from './xxh64'

/** Bytes of text behind a name: `-` and a number. */
const SUFFIX_BYTES: u32 = 11

/** Working space of placePoints: a name with its suffix, or four blocks, and what md5x4 wants. */
export const POINT_SPACE_BYTES: usize = 4 * MD5_BLOCK_BYTES + MD5X4_SPACE_BYTES

/** Writes the entries of one server's record, position << 16 | server; returns the end. */
export function placePoints(plan: usize, record: usize, entries: usize, space: usize): usize {
  assert(<usize>RING_NAME_BYTES_MAX + SUFFIX_BYTES <= POINT_SPACE_BYTES)
  const mode = load<u32>(plan, RING_PLAN_MODE)
  const name = <usize>load<u32>(record, RING_SERVER_NAME)
  const bytes = load<u32>(record, RING_SERVER_NAME_BYTES)
  const server = <u64>load<u32>(record, RING_SERVER_INDEX)
  const end = entries + (<usize>load<u32>(record, RING_SERVER_POINTS) << 3)
  if (mode == RING_NATIVE) {
    for (let seed: u64 = 0; entries < end; entries += 8, seed++) {
      store<u64>(entries, ((xxh64(name, bytes, seed) >> RING_SERVER_BITS) << RING_SERVER_BITS) | server)
    }
  } else if (mode == RING_NGINX) {
    chain(name, bytes, server, entries, end)
  } else if (mode == RING_HAPROXY) {
    let number = decimalOf(name, bytes) << 12
    for (; entries < end; entries += 8, number++) store<u64>(entries, (<u64>avalanche(number) << 32) | server)
  } else if (mode == RING_LIBMEMCACHED_PLAIN) {
    const hash = load<u32>(plan, RING_PLAN_HASH)
    const text = prefix(name, bytes, 0x2d, space)
    for (let number: u32 = 0; entries < end; entries += 8, number++) {
      store<u64>(entries, (<u64>hash32(hash, space, bytes + 1 + writeDecimal(text, number)) << 32) | server)
    }
  } else {
    digests(name, bytes, server, mode == RING_HASHRING ? load<u32>(plan, RING_PLAN_WORDS) : 4, entries, end, space)
  }
  return end
}

/** Writes the points of Envoy's ring, each a u64 position and a u64 server; returns the end. */
export function placeWide(plan: usize, record: usize, entries: usize, space: usize): usize {
  assert(load<u32>(plan, RING_PLAN_MODE) == RING_ENVOY)
  const hash = load<u32>(plan, RING_PLAN_POINT_HASH)
  const bytes = load<u32>(record, RING_SERVER_NAME_BYTES)
  const server = <u64>load<u32>(record, RING_SERVER_INDEX)
  const end = entries + (<usize>load<u32>(record, RING_SERVER_POINTS) << 4)
  const text = prefix(load<u32>(record, RING_SERVER_NAME), bytes, 0x5f, space)
  for (let number: u32 = 0; entries < end; entries += 16, number++) {
    store<u64>(entries, ringHash(hash, space, bytes + 1 + writeDecimal(text, number)))
    store<u64>(entries, server, 8)
  }
  return end
}

/** MD5 of `name-0`, `name-1`, …, of each as many words as wanted. */
function digests(name: usize, bytes: u32, server: u64, words: u32, entries: usize, end: usize, space: usize): void {
  let number: u32 = 0
  if (bytes + SUFFIX_BYTES <= MD5_SHORT_MAX) {
    const lanes = space + 4 * MD5_BLOCK_BYTES
    memory.fill(space, 0, 4 * MD5_BLOCK_BYTES)
    for (let i: usize = 0; i < 4; i++) prefix(name, bytes, 0x2d, space + i * MD5_BLOCK_BYTES)
    const stride = <usize>words << 3
    // four numbers of as many digits at a time; their padding is overwritten as the numbers grow
    for (; entries + 4 * stride <= end; number += 4) {
      const digits = digitsOf(number)
      if (digits != digitsOf(number + 3)) {
        for (let i: u32 = 0; i < 4; i++, entries += stride) one(space, bytes, number + i, server, words, entries)
        memory.fill(space + bytes + 1, 0, MD5_BLOCK_BYTES - bytes - 1)
        continue
      }
      for (let i: u32 = 0; i < 4; i++) writeDecimal(space + <usize>i * MD5_BLOCK_BYTES + bytes + 1, number + i)
      md5x4(space, bytes + 1 + digits, lanes)
      for (let i: usize = 0; i < 4; i++) {
        for (let word: u32 = 0; word < words; word++, entries += 8) {
          store<u64>(entries, (<u64>load<u32>(lanes + (<usize>word << 4) + (i << 2)) << 32) | server)
        }
      }
    }
  } else {
    prefix(name, bytes, 0x2d, space)
  }
  for (; entries < end; number++, entries += <usize>words << 3) one(space, bytes, number, server, words, entries)
}

/** The points of one digest; the name and its dash lie at `text`. */
function one(text: usize, bytes: u32, number: u32, server: u64, words: u32, entries: usize): void {
  md5(text, bytes + 1 + writeDecimal(text + bytes + 1, number))
  for (let word: u32 = 0; word < words; word++) {
    store<u64>(entries + (<usize>word << 3), (<u64>md5Word(word) << 32) | server)
  }
}

/** nginx: CRC-32 of `host NUL port` and the point before, four bytes of it. */
function chain(name: usize, bytes: u32, server: u64, entries: usize, end: usize): void {
  let host = bytes
  if (bytes >= 5 && (load<u32>(name) | 0x20202020) == 0x78696e75 && load<u8>(name, 4) == 0x3a) {
    name += 5 // unix:
    bytes -= 5
    host = bytes
  } else {
    let at = bytes
    while (at > 0 && isDigit(load<u8>(name + at - 1))) at--
    if (at > 0 && load<u8>(name + at - 1) == 0x3a) host = at - 1
  }
  let base = crc32Step(~0, name, host)
  base = crc32Step(base, NUL, 1)
  if (host < bytes) base = crc32Step(base, name + host + 1, bytes - host - 1)
  let point: u32 = 0
  for (; entries < end; entries += 8) {
    point = ~crc32Word(base, point)
    store<u64>(entries, (<u64>point << 32) | server)
  }
}

const NUL: usize = memory.data<u8>([0])

/** Copies a name and one byte behind it; returns where a number may follow. */
function prefix(name: usize, bytes: u32, behind: u8, to: usize): usize {
  memory.copy(to, name, bytes)
  store<u8>(to + bytes, behind)
  return to + bytes + 1
}

function isDigit(byte: u8): bool {
  return <u32>byte - 0x30 <= 9
}

/** The number that a name is: its digits were checked. */
function decimalOf(at: usize, length: u32): u32 {
  let value: u32 = 0
  for (const end = at + length; at < end; at++) value = value * 10 + (<u32>load<u8>(at) - 0x30)
  return value
}

function digitsOf(value: u32): u32 {
  let digits: u32 = 1
  for (; value >= 10; value /= 10) digits++
  return digits
}

/** Writes a number as text; returns its length. */
function writeDecimal(at: usize, value: u32): u32 {
  const digits = digitsOf(value)
  for (let place = at + digits; place > at; value /= 10) store<u8>(--place, 0x30 + <u8>(value % 10))
  return digits
}
