// Four MD5 digests at once, of messages that fit into one block: how the points of a server are placed quickly. In
// lanes where the target has SIMD, one after the other where it has not.

import { md5, md5Word } from './md5'

/** The longest message of one block. */
export const MD5_SHORT_MAX: u32 = 55
export const MD5_BLOCK_BYTES: u32 = 64

/** Bytes of working space: the digests, behind them the words of all lanes. */
export const MD5X4_SPACE_BYTES: u32 = 64 + 256

/**
 * Digests the four messages of `length` bytes at `blocks`, `blocks` + 64, …; word `w` of digest `i` is then the u32 at
 * `space` + 16 w + 4 i. The blocks' other bytes are overwritten with the padding, and must be zero before.
 */
export function md5x4(blocks: usize, length: u32, space: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (let i: usize = 0; i < 4; i++) {
      store<u8>(blocks + i * MD5_BLOCK_BYTES + length, 0x80)
      store<u32>(blocks + i * MD5_BLOCK_BYTES, length << 3, 56)
    }
    for (let part: usize = 0; part < 64; part += 16) transpose(blocks + part, space + 64 + (part << 2))
    digestLanes(space + 64, space)
  } else {
    for (let i: usize = 0; i < 4; i++) {
      md5(blocks + i * MD5_BLOCK_BYTES, length)
      for (let word: u32 = 0; word < 4; word++) store<u32>(space + (<usize>word << 4) + (i << 2), md5Word(word))
    }
  }
}

/** Turns four words of each of four blocks into four vectors with a lane for each block. */
function transpose(from: usize, to: usize): void {
  const a = v128.load(from)
  const b = v128.load(from + MD5_BLOCK_BYTES)
  const c = v128.load(from + 2 * MD5_BLOCK_BYTES)
  const d = v128.load(from + 3 * MD5_BLOCK_BYTES)
  const lowAB = v128.shuffle<u32>(a, b, 0, 4, 1, 5)
  const lowCD = v128.shuffle<u32>(c, d, 0, 4, 1, 5)
  const highAB = v128.shuffle<u32>(a, b, 2, 6, 3, 7)
  const highCD = v128.shuffle<u32>(c, d, 2, 6, 3, 7)
  v128.store(to, v128.shuffle<u64>(lowAB, lowCD, 0, 2))
  v128.store(to, v128.shuffle<u64>(lowAB, lowCD, 1, 3), 16)
  v128.store(to, v128.shuffle<u64>(highAB, highCD, 0, 2), 32)
  v128.store(to, v128.shuffle<u64>(highAB, highCD, 1, 3), 48)
}

/** b + (a + mixed + word + constant rotated left) */
// @ts-ignore: decorator
@inline
function step(a: v128, b: v128, mixed: v128, words: usize, word: usize, constant: u32, shift: i32): v128 {
  const input = i32x4.add(v128.load(words + (word << 4)), i32x4.splat(constant))
  const sum = i32x4.add(i32x4.add(a, mixed), input)
  return i32x4.add(b, v128.or(i32x4.shl(sum, shift), i32x4.shr_u(sum, 32 - shift)))
}

// @ts-ignore: decorator
@inline
function f(a: v128, b: v128, c: v128, d: v128, words: usize, word: usize, constant: u32, shift: i32): v128 {
  return step(a, b, v128.bitselect(c, d, b), words, word, constant, shift)
}

// @ts-ignore: decorator
@inline
function g(a: v128, b: v128, c: v128, d: v128, words: usize, word: usize, constant: u32, shift: i32): v128 {
  return step(a, b, v128.bitselect(b, c, d), words, word, constant, shift)
}

// @ts-ignore: decorator
@inline
function h(a: v128, b: v128, c: v128, d: v128, words: usize, word: usize, constant: u32, shift: i32): v128 {
  return step(a, b, v128.xor(v128.xor(b, c), d), words, word, constant, shift)
}

// @ts-ignore: decorator
@inline
function i(a: v128, b: v128, c: v128, d: v128, words: usize, word: usize, constant: u32, shift: i32): v128 {
  return step(a, b, v128.xor(c, v128.or(b, v128.not(d))), words, word, constant, shift)
}

function digestLanes(words: usize, out: usize): void {
  const a0 = i32x4.splat(0x67452301)
  const b0 = i32x4.splat(0xefcdab89)
  const c0 = i32x4.splat(0x98badcfe)
  const d0 = i32x4.splat(0x10325476)
  let a = a0
  let b = b0
  let c = c0
  let d = d0

  a = f(a, b, c, d, words, 0, 0xd76aa478, 7)
  d = f(d, a, b, c, words, 1, 0xe8c7b756, 12)
  c = f(c, d, a, b, words, 2, 0x242070db, 17)
  b = f(b, c, d, a, words, 3, 0xc1bdceee, 22)
  a = f(a, b, c, d, words, 4, 0xf57c0faf, 7)
  d = f(d, a, b, c, words, 5, 0x4787c62a, 12)
  c = f(c, d, a, b, words, 6, 0xa8304613, 17)
  b = f(b, c, d, a, words, 7, 0xfd469501, 22)
  a = f(a, b, c, d, words, 8, 0x698098d8, 7)
  d = f(d, a, b, c, words, 9, 0x8b44f7af, 12)
  c = f(c, d, a, b, words, 10, 0xffff5bb1, 17)
  b = f(b, c, d, a, words, 11, 0x895cd7be, 22)
  a = f(a, b, c, d, words, 12, 0x6b901122, 7)
  d = f(d, a, b, c, words, 13, 0xfd987193, 12)
  c = f(c, d, a, b, words, 14, 0xa679438e, 17)
  b = f(b, c, d, a, words, 15, 0x49b40821, 22)

  a = g(a, b, c, d, words, 1, 0xf61e2562, 5)
  d = g(d, a, b, c, words, 6, 0xc040b340, 9)
  c = g(c, d, a, b, words, 11, 0x265e5a51, 14)
  b = g(b, c, d, a, words, 0, 0xe9b6c7aa, 20)
  a = g(a, b, c, d, words, 5, 0xd62f105d, 5)
  d = g(d, a, b, c, words, 10, 0x02441453, 9)
  c = g(c, d, a, b, words, 15, 0xd8a1e681, 14)
  b = g(b, c, d, a, words, 4, 0xe7d3fbc8, 20)
  a = g(a, b, c, d, words, 9, 0x21e1cde6, 5)
  d = g(d, a, b, c, words, 14, 0xc33707d6, 9)
  c = g(c, d, a, b, words, 3, 0xf4d50d87, 14)
  b = g(b, c, d, a, words, 8, 0x455a14ed, 20)
  a = g(a, b, c, d, words, 13, 0xa9e3e905, 5)
  d = g(d, a, b, c, words, 2, 0xfcefa3f8, 9)
  c = g(c, d, a, b, words, 7, 0x676f02d9, 14)
  b = g(b, c, d, a, words, 12, 0x8d2a4c8a, 20)

  a = h(a, b, c, d, words, 5, 0xfffa3942, 4)
  d = h(d, a, b, c, words, 8, 0x8771f681, 11)
  c = h(c, d, a, b, words, 11, 0x6d9d6122, 16)
  b = h(b, c, d, a, words, 14, 0xfde5380c, 23)
  a = h(a, b, c, d, words, 1, 0xa4beea44, 4)
  d = h(d, a, b, c, words, 4, 0x4bdecfa9, 11)
  c = h(c, d, a, b, words, 7, 0xf6bb4b60, 16)
  b = h(b, c, d, a, words, 10, 0xbebfbc70, 23)
  a = h(a, b, c, d, words, 13, 0x289b7ec6, 4)
  d = h(d, a, b, c, words, 0, 0xeaa127fa, 11)
  c = h(c, d, a, b, words, 3, 0xd4ef3085, 16)
  b = h(b, c, d, a, words, 6, 0x04881d05, 23)
  a = h(a, b, c, d, words, 9, 0xd9d4d039, 4)
  d = h(d, a, b, c, words, 12, 0xe6db99e5, 11)
  c = h(c, d, a, b, words, 15, 0x1fa27cf8, 16)
  b = h(b, c, d, a, words, 2, 0xc4ac5665, 23)

  a = i(a, b, c, d, words, 0, 0xf4292244, 6)
  d = i(d, a, b, c, words, 7, 0x432aff97, 10)
  c = i(c, d, a, b, words, 14, 0xab9423a7, 15)
  b = i(b, c, d, a, words, 5, 0xfc93a039, 21)
  a = i(a, b, c, d, words, 12, 0x655b59c3, 6)
  d = i(d, a, b, c, words, 3, 0x8f0ccc92, 10)
  c = i(c, d, a, b, words, 10, 0xffeff47d, 15)
  b = i(b, c, d, a, words, 1, 0x85845dd1, 21)
  a = i(a, b, c, d, words, 8, 0x6fa87e4f, 6)
  d = i(d, a, b, c, words, 15, 0xfe2ce6e0, 10)
  c = i(c, d, a, b, words, 6, 0xa3014314, 15)
  b = i(b, c, d, a, words, 13, 0x4e0811a1, 21)
  a = i(a, b, c, d, words, 4, 0xf7537e82, 6)
  d = i(d, a, b, c, words, 11, 0xbd3af235, 10)
  c = i(c, d, a, b, words, 2, 0x2ad7d2bb, 15)
  b = i(b, c, d, a, words, 9, 0xeb86d391, 21)

  v128.store(out, i32x4.add(a, a0))
  v128.store(out, i32x4.add(b, b0), 16)
  v128.store(out, i32x4.add(c, c0), 32)
  v128.store(out, i32x4.add(d, d0), 48)
}
