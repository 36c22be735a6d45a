// Classes of bytes in HTTP heads, and where a run of one class ends: sixteen bytes at a time with SIMD, by table
// without. Nothing outside of [p, end) is read, except bytes before p that belong to the same head.

export const CLASS_TOKEN: u32 = 1
export const CLASS_VALUE: u32 = 2 // in field values and reason phrases: tab, blank, visible, beyond ASCII
export const CLASS_TARGET: u32 = 4 // visible ASCII
export const CLASS_METHOD: u32 = 8 // token, but no small letter
export const CLASS_HOST: u32 = 16 // in a name: no colon, bracket or percent sign
export const CLASS_HEX: u32 = 32

const HT: u32 = 9

// biome-ignore format: a table
const CLASSES = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  2, 31, 6, 15, 31, 15, 31, 31, 22, 22, 31, 31, 22, 31, 31, 6,
  63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 6, 22, 6, 22, 6, 6,
  6, 63, 63, 63, 63, 63, 63, 31, 31, 31, 31, 31, 31, 31, 31, 31,
  31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 6, 6, 6, 15, 31,
  15, 55, 55, 55, 55, 55, 55, 23, 23, 23, 23, 23, 23, 23, 23, 23,
  23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 6, 15, 6, 31, 0,
  2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
  2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
  2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
  2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
  2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
  2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
  2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
  2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
])

/** Whether byte `c` is of a class. */
// @ts-ignore: decorator
@inline
export function isOf(c: u32, which: u32): bool {
  return (<u32>load<u8>(CLASSES + c) & which) != 0
}

/** The first byte from `p` on that is not of a class; `end` where there is none. */
// @ts-ignore: decorator
@inline
export function runEnd(p: usize, end: usize, which: u32): usize {
  while (p < end && isOf(load<u8>(p), which)) p++
  return p
}

/** A bit for each byte that is no token: a byte's upper half selects a bit, its lower half says where it is set. */
// @ts-ignore: decorator
@inline
function noToken(x: v128): u32 {
  const lower = i8x16.swizzle(
    i8x16(58, 63, 62, 63, 63, 63, 63, 63, 62, 62, 61, 21, 52, 21, 61, 28),
    v128.and(x, i8x16.splat(15)),
  )
  const upper = i8x16.swizzle(i8x16(0, 0, 1, 2, 4, 8, 16, 32, 0, 0, 0, 0, 0, 0, 0, 0), i8x16.shr_u(x, 4))
  return <u32>i8x16.bitmask(i8x16.eq(v128.and(lower, upper), i8x16.splat(0)))
}

/** A bit for each control character; the tab's is set too, though a value goes on behind it. */
// @ts-ignore: decorator
@inline
function noText(x: v128): u32 {
  return <u32>i8x16.bitmask(v128.or(i8x16.le_u(x, i8x16.splat(0x1f)), i8x16.eq(x, i8x16.splat(0x7f))))
}

// @ts-ignore: decorator
@inline
function noTarget(x: v128): u32 {
  return <u32>i8x16.bitmask(i8x16.gt_u(i8x16.sub(x, i8x16.splat(0x21)), i8x16.splat(0x5d)))
}

/** The bits of the bytes from `p` on, of the sixteen before `end`. */
// @ts-ignore: decorator
@inline
function tail(bits: u32, p: usize, end: usize): u32 {
  return bits >> (16 - <u32>(end - p))
}

/** The first byte from `p` on that is no token; `end` where there is none. 16 bytes of the head lie before `end`. */
// @ts-ignore: decorator
@inline
export function tokenEnd(p: usize, end: usize): usize {
  if (ASC_FEATURE_SIMD) {
    while (p + 16 <= end) {
      const bits = noToken(v128.load(p))
      if (bits) return p + ctz(bits)
      p += 16
    }
    if (p == end) return end
    const bits = tail(noToken(v128.load(end - 16)), p, end)
    return bits ? p + ctz(bits) : end
  }
  return runEnd(p, end, CLASS_TOKEN)
}

/** The first byte from `p` on that no field value has. As tokenEnd. */
// @ts-ignore: decorator
@inline
export function valueEnd(p: usize, end: usize): usize {
  if (ASC_FEATURE_SIMD) {
    while (p < end) {
      const whole = p + 16 <= end
      const bits = whole ? noText(v128.load(p)) : tail(noText(v128.load(end - 16)), p, end)
      if (!bits) {
        p = whole ? p + 16 : end
        continue
      }
      p += ctz(bits)
      if (load<u8>(p) != HT) return p
      p++
    }
    return end
  }
  return runEnd(p, end, CLASS_VALUE)
}

/** The first byte from `p` on that no request target has. As tokenEnd. */
// @ts-ignore: decorator
@inline
export function targetEnd(p: usize, end: usize): usize {
  if (ASC_FEATURE_SIMD) {
    while (p + 16 <= end) {
      const bits = noTarget(v128.load(p))
      if (bits) return p + ctz(bits)
      p += 16
    }
    if (p == end) return end
    const bits = tail(noTarget(v128.load(end - 16)), p, end)
    return bits ? p + ctz(bits) : end
  }
  return runEnd(p, end, CLASS_TARGET)
}
