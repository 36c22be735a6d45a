// The numbers of RESP's replies: integers of 64 bits, doubles, big numbers.

import { parseInteger } from './integer'

const PLUS: u32 = 43
const MINUS: u32 = 45
const INF: u32 = 0x666e69
const NAN: u32 = 0x6e616e

/** An integer with or without a sign. */
export function isSignedInteger(at: usize, size: u32): bool {
  if (size > 1 && load<u8>(at) == PLUS && load<u8>(at, 1) != MINUS) return parseInteger(at + 1, size - 1)
  return parseInteger(at, size)
}

/** `[sign]digits[.digits][e[sign]digits]`, `[sign]inf` or `[sign]nan`. */
export function isDouble(at: usize, size: u32): bool {
  const end = at + size
  let p = afterSign(at, end)
  if (end - p == 3) {
    const word = <u32>load<u16>(p) | (<u32>load<u8>(p, 2) << 16)
    if (word == INF || word == NAN) return true
  }
  let digits = p
  p = afterDigits(p, end)
  if (p == digits) return false
  if (p < end && load<u8>(p) == 46) {
    digits = ++p
    p = afterDigits(p, end)
    if (p == digits) return false
  }
  if (p < end && (load<u8>(p) | 32) == 101) {
    digits = p = afterSign(p + 1, end)
    p = afterDigits(p, end)
    if (p == digits) return false
  }
  return p == end
}

/** Any number of digits with or without a sign. */
export function isBigNumber(at: usize, size: u32): bool {
  const end = at + size
  const digits = afterSign(at, end)
  return digits < end && afterDigits(digits, end) == end
}

// @ts-ignore: decorator
@inline
function afterSign(p: usize, end: usize): usize {
  return p < end && (load<u8>(p) == PLUS || load<u8>(p) == MINUS) ? p + 1 : p
}

function afterDigits(p: usize, end: usize): usize {
  while (p < end && <u32>load<u8>(p) - 48 < 10) p++
  return p
}
