// Hash tags: of a key with `{…}` only the part inside is hashed, so that keys can be kept together. As Redis and
// nutcracker have it: from the first opening byte to the first closing byte after it; nothing between is no tag.

import { RING_TAG_CLOSE_SHIFT } from './abi'

let found: u32 = 0

/** Where the tagged part of a key begins, 0 if it has none; tagLength() then tells its length. */
export function tagStart(key: usize, length: u32, tag: u32): usize {
  const end = key + length
  const start = behind(key, end, tag & 255)
  if (start == 0) return 0
  const close = behind(start, end, tag >> RING_TAG_CLOSE_SHIFT)
  if (close <= start + 1) return 0
  found = <u32>(close - 1 - start)
  return start
}

// @ts-ignore: decorator
@inline
export function tagLength(): u32 {
  return found
}

/** The address behind the first such byte in [at, end), or 0. */
// @ts-ignore: decorator
@inline
function behind(at: usize, end: usize, byte: u32): usize {
  if (ASC_FEATURE_SIMD) {
    const wanted = i8x16.splat(<i8>byte)
    for (; at + 16 <= end; at += 16) {
      const hits = i8x16.bitmask(i8x16.eq(v128.load(at), wanted))
      if (hits) return at + ctz(hits) + 1
    }
  }
  for (; at + 8 <= end; at += 8) {
    const differing = load<u64>(at) ^ (<u64>byte * 0x0101010101010101)
    const zeros = (differing - 0x0101010101010101) & ~differing & 0x8080808080808080 // the lowest one is exact
    if (zeros) return at + <usize>(ctz(zeros) >> 3) + 1
  }
  for (; at < end; at++) {
    if (<u32>load<u8>(at) == byte) return at + 1
  }
  return 0
}
