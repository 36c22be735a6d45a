// MD5 (RFC 1321) of one piece of memory. Keeps no buffer: the padding is made in registers, so that a lookup writes
// nothing and loops may share a ring.

// The digest, little-endian words. Globals belong to one instance, that is to one thread.
let a0: u32 = 0
let b0: u32 = 0
let c0: u32 = 0
let d0: u32 = 0

/** Digests the bytes; returns word 0, and md5Word tells the others. */
export function md5(at: usize, length: u32): u32 {
  a0 = 0x67452301
  b0 = 0xefcdab89
  c0 = 0x98badcfe
  d0 = 0x10325476
  let rest = <i32>length
  for (; rest >= 64; at += 64, rest -= 64) {
    digest(
      load<u32>(at), load<u32>(at, 4), load<u32>(at, 8), load<u32>(at, 12),
      load<u32>(at, 16), load<u32>(at, 20), load<u32>(at, 24), load<u32>(at, 28),
      load<u32>(at, 32), load<u32>(at, 36), load<u32>(at, 40), load<u32>(at, 44),
      load<u32>(at, 48), load<u32>(at, 52), load<u32>(at, 56), load<u32>(at, 60)
    )
  }
  let bitsLow = length << 3
  let bitsHigh = length >> 29
  if (rest >= 56) {
    digestTail(at, rest, padded(at + 56, rest - 56), padded(at + 60, rest - 60))
    digest(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, bitsLow, bitsHigh)
  } else {
    digestTail(at, rest, bitsLow, bitsHigh)
  }
  return a0
}

/** Word `i` of the last digest, 0 … 3. */
export function md5Word(i: u32): u32 {
  if (i == 0) return a0
  if (i == 1) return b0
  return i == 2 ? c0 : d0
}

function digestTail(at: usize, rest: i32, w14: u32, w15: u32): void {
  digest(
    padded(at, rest), padded(at + 4, rest - 4), padded(at + 8, rest - 8), padded(at + 12, rest - 12),
    padded(at + 16, rest - 16), padded(at + 20, rest - 20), padded(at + 24, rest - 24), padded(at + 28, rest - 28),
    padded(at + 32, rest - 32), padded(at + 36, rest - 36), padded(at + 40, rest - 40), padded(at + 44, rest - 44),
    padded(at + 48, rest - 48), padded(at + 52, rest - 52), w14, w15
  )
}

/** The word at `at` of the padded message, of which `rest` bytes from there are the message's; reads only those. */
// @ts-ignore: decorator
@inline
function padded(at: usize, rest: i32): u32 {
  return rest >= 4 ? load<u32>(at) : rest < 0 ? 0 : lastWord(at, rest)
}

function lastWord(at: usize, rest: i32): u32 {
  if (rest == 0) return 0x80
  if (rest == 1) return <u32>load<u8>(at) | 0x8000
  if (rest == 2) return <u32>load<u16>(at) | 0x800000
  return <u32>load<u16>(at) | (<u32>load<u8>(at, 2) << 16) | 0x80000000
}

// @ts-ignore: decorator
@inline
function f(a: u32, b: u32, c: u32, d: u32, word: u32, shift: u32): u32 {
  return b + rotl<u32>(a + (d ^ (b & (c ^ d))) + word, shift)
}

// @ts-ignore: decorator
@inline
function g(a: u32, b: u32, c: u32, d: u32, word: u32, shift: u32): u32 {
  return b + rotl<u32>(a + (c ^ (d & (b ^ c))) + word, shift)
}

// @ts-ignore: decorator
@inline
function h(a: u32, b: u32, c: u32, d: u32, word: u32, shift: u32): u32 {
  return b + rotl<u32>(a + (b ^ c ^ d) + word, shift)
}

// @ts-ignore: decorator
@inline
function i(a: u32, b: u32, c: u32, d: u32, word: u32, shift: u32): u32 {
  return b + rotl<u32>(a + (c ^ (b | ~d)) + word, shift)
}

function digest(
  w0: u32, w1: u32, w2: u32, w3: u32, w4: u32, w5: u32, w6: u32, w7: u32,
  w8: u32, w9: u32, w10: u32, w11: u32, w12: u32, w13: u32, w14: u32, w15: u32
): void {
  let a = a0
  let b = b0
  let c = c0
  let d = d0

  a = f(a, b, c, d, w0 + 0xd76aa478, 7)
  d = f(d, a, b, c, w1 + 0xe8c7b756, 12)
  c = f(c, d, a, b, w2 + 0x242070db, 17)
  b = f(b, c, d, a, w3 + 0xc1bdceee, 22)
  a = f(a, b, c, d, w4 + 0xf57c0faf, 7)
  d = f(d, a, b, c, w5 + 0x4787c62a, 12)
  c = f(c, d, a, b, w6 + 0xa8304613, 17)
  b = f(b, c, d, a, w7 + 0xfd469501, 22)
  a = f(a, b, c, d, w8 + 0x698098d8, 7)
  d = f(d, a, b, c, w9 + 0x8b44f7af, 12)
  c = f(c, d, a, b, w10 + 0xffff5bb1, 17)
  b = f(b, c, d, a, w11 + 0x895cd7be, 22)
  a = f(a, b, c, d, w12 + 0x6b901122, 7)
  d = f(d, a, b, c, w13 + 0xfd987193, 12)
  c = f(c, d, a, b, w14 + 0xa679438e, 17)
  b = f(b, c, d, a, w15 + 0x49b40821, 22)

  a = g(a, b, c, d, w1 + 0xf61e2562, 5)
  d = g(d, a, b, c, w6 + 0xc040b340, 9)
  c = g(c, d, a, b, w11 + 0x265e5a51, 14)
  b = g(b, c, d, a, w0 + 0xe9b6c7aa, 20)
  a = g(a, b, c, d, w5 + 0xd62f105d, 5)
  d = g(d, a, b, c, w10 + 0x02441453, 9)
  c = g(c, d, a, b, w15 + 0xd8a1e681, 14)
  b = g(b, c, d, a, w4 + 0xe7d3fbc8, 20)
  a = g(a, b, c, d, w9 + 0x21e1cde6, 5)
  d = g(d, a, b, c, w14 + 0xc33707d6, 9)
  c = g(c, d, a, b, w3 + 0xf4d50d87, 14)
  b = g(b, c, d, a, w8 + 0x455a14ed, 20)
  a = g(a, b, c, d, w13 + 0xa9e3e905, 5)
  d = g(d, a, b, c, w2 + 0xfcefa3f8, 9)
  c = g(c, d, a, b, w7 + 0x676f02d9, 14)
  b = g(b, c, d, a, w12 + 0x8d2a4c8a, 20)

  a = h(a, b, c, d, w5 + 0xfffa3942, 4)
  d = h(d, a, b, c, w8 + 0x8771f681, 11)
  c = h(c, d, a, b, w11 + 0x6d9d6122, 16)
  b = h(b, c, d, a, w14 + 0xfde5380c, 23)
  a = h(a, b, c, d, w1 + 0xa4beea44, 4)
  d = h(d, a, b, c, w4 + 0x4bdecfa9, 11)
  c = h(c, d, a, b, w7 + 0xf6bb4b60, 16)
  b = h(b, c, d, a, w10 + 0xbebfbc70, 23)
  a = h(a, b, c, d, w13 + 0x289b7ec6, 4)
  d = h(d, a, b, c, w0 + 0xeaa127fa, 11)
  c = h(c, d, a, b, w3 + 0xd4ef3085, 16)
  b = h(b, c, d, a, w6 + 0x04881d05, 23)
  a = h(a, b, c, d, w9 + 0xd9d4d039, 4)
  d = h(d, a, b, c, w12 + 0xe6db99e5, 11)
  c = h(c, d, a, b, w15 + 0x1fa27cf8, 16)
  b = h(b, c, d, a, w2 + 0xc4ac5665, 23)

  a = i(a, b, c, d, w0 + 0xf4292244, 6)
  d = i(d, a, b, c, w7 + 0x432aff97, 10)
  c = i(c, d, a, b, w14 + 0xab9423a7, 15)
  b = i(b, c, d, a, w5 + 0xfc93a039, 21)
  a = i(a, b, c, d, w12 + 0x655b59c3, 6)
  d = i(d, a, b, c, w3 + 0x8f0ccc92, 10)
  c = i(c, d, a, b, w10 + 0xffeff47d, 15)
  b = i(b, c, d, a, w1 + 0x85845dd1, 21)
  a = i(a, b, c, d, w8 + 0x6fa87e4f, 6)
  d = i(d, a, b, c, w15 + 0xfe2ce6e0, 10)
  c = i(c, d, a, b, w6 + 0xa3014314, 15)
  b = i(b, c, d, a, w13 + 0x4e0811a1, 21)
  a = i(a, b, c, d, w4 + 0xf7537e82, 6)
  d = i(d, a, b, c, w11 + 0xbd3af235, 10)
  c = i(c, d, a, b, w2 + 0x2ad7d2bb, 15)
  b = i(b, c, d, a, w9 + 0xeb86d391, 21)

  a0 += a
  b0 += b
  c0 += c
  d0 += d
}
