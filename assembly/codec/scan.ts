// Looking for one byte among many: 64 at a time as a mask of bits, by SIMD or, in a build without it, by words. Nothing
// outside of [at, end) is read.

const ONES: u64 = 0x0101010101010101
const LOWS: u64 = 0x7f7f7f7f7f7f7f7f
const GATHER: u64 = 0x0102040810204080

/** A bit for each of eight bytes that is zero, exactly: no borrow of one byte reaches the next. */
// @ts-ignore: decorator
@inline
function zeros(word: u64): u64 {
  const high = ~(((word & LOWS) + LOWS) | word | LOWS)
  return ((high >> 7) * GATHER) >> 56
}

// @ts-ignore: decorator
@inline
function wordMask(at: usize, byte: u32): u64 {
  return zeros(load<u64>(at) ^ (ONES * byte))
}

/** A bit for each of the 16 bytes at `at` that is `byte`, the first of them in the lowest. */
// @ts-ignore: decorator
@inline
function mask16(at: usize, byte: u32): u64 {
  if (ASC_FEATURE_SIMD) {
    return <u64>(<u32>i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(<u8>byte))))
  }
  return wordMask(at, byte) | (wordMask(at + 8, byte) << 8)
}

/** A bit for each of the 64 bytes at `at` that is `byte`, the first of them in the lowest. */
// @ts-ignore: decorator
@inline
export function mask64(at: usize, byte: u32): u64 {
  return (
    mask16(at, byte) | (mask16(at + 16, byte) << 16) | (mask16(at + 32, byte) << 32) | (mask16(at + 48, byte) << 48)
  )
}

/** The same for the fewer than 64 bytes in `[at, end)`. */
export function maskRest(at: usize, end: usize, byte: u32): u64 {
  let mask: u64 = 0
  let bit: u64 = 0
  for (; at + 16 <= end; at += 16, bit += 16) mask |= mask16(at, byte) << bit
  if (at + 8 <= end) {
    mask |= wordMask(at, byte) << bit
    at += 8
    bit += 8
  }
  for (; at < end; at++, bit++) mask |= <u64>(<u32>load<u8>(at) == byte) << bit
  return mask
}

/** The first place of `byte` in `[at, end)`, or `end`. */
export function findByte(at: usize, end: usize, byte: u32): usize {
  for (; at + 64 <= end; at += 64) {
    const mask = mask64(at, byte)
    if (mask) return at + <usize>ctz(mask)
  }
  const mask = maskRest(at, end, byte)
  return mask ? at + <usize>ctz(mask) : end
}
