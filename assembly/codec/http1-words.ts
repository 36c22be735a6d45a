// What is known by number in a head: methods, versions, forms of a target, names of fields.

import * as abi from './abi'
import { isHost } from './http1-facts'
import { NAME_LENGTHS, NAME_MULTIPLIER, NAME_SHIFT, NAME_SLOTS, NAME_WORDS, NAME_WORDS_BYTES } from './http1-names'

/** `HTTP/1.1` and `HTTP/0.0`, and which bits of the latter are given. */
const HTTP_1_1: u64 = 0x312e312f50545448
const HTTP_0_0: u64 = 0x302e302f50545448
const DIGITS_BITS: u64 = 0x0f000f0000000000
const LOWER: u64 = 0x2020202020202020

const COLON: u32 = 58
const SLASH: u32 = 47
const STAR: u32 = 42

// methods, as the first eight bytes hold them
const GET: u64 = 0x544547
const HEAD: u64 = 0x44414548
const POST: u64 = 0x54534f50
const PUT: u64 = 0x545550
const DELETE: u64 = 0x4554454c4544
const CONNECT: u64 = 0x5443454e4e4f43
const OPTIONS: u64 = 0x534e4f4954504f
const TRACE: u64 = 0x4543415254
const PATCH: u64 = 0x4843544150

/** HTTP1_METHOD_* of a method of up to eight bytes; 0 where it has no number. */
export function methodOf(word: u64): u32 {
  if (word == GET) return abi.HTTP1_METHOD_GET
  if (word == POST) return abi.HTTP1_METHOD_POST
  if (word == HEAD) return abi.HTTP1_METHOD_HEAD
  if (word == PUT) return abi.HTTP1_METHOD_PUT
  if (word == DELETE) return abi.HTTP1_METHOD_DELETE
  if (word == OPTIONS) return abi.HTTP1_METHOD_OPTIONS
  if (word == PATCH) return abi.HTTP1_METHOD_PATCH
  if (word == CONNECT) return abi.HTTP1_METHOD_CONNECT
  return word == TRACE ? abi.HTTP1_METHOD_TRACE : 0
}

/** Whether the eight bytes at `at` are `HTTP/`, a digit, a point and a digit. */
// @ts-ignore: decorator
@inline
export function versionGood(at: usize): bool {
  const word = load<u64>(at)
  if (word == HTTP_1_1) return true
  return (word & ~DIGITS_BITS) == HTTP_0_0 && <u32>load<u8>(at, 5) < 58 && <u32>load<u8>(at, 7) < 58
}

/** Why a good version is not served; 0: it is. */
// @ts-ignore: decorator
@inline
export function versionError(at: usize): u32 {
  const major = <u32>load<u8>(at, 5) - 48
  if (major == 1) return 0
  return major ? abi.HTTP1_ERROR_VERSION : abi.HTTP1_ERROR_BAD_VERSION
}

/** 0 for HTTP/1.0, 1 for all that are served as HTTP/1.1. */
// @ts-ignore: decorator
@inline
export function versionMinor(at: usize): u32 {
  return load<u8>(at, 7) == 48 ? 0 : 1
}

/** HTTP1_FORM_* of a request's target; 0 where its method has no such target. */
export function formOf(method: u32, at: usize, length: u32): u32 {
  if (method == abi.HTTP1_METHOD_CONNECT) return isHost(at, length, true) ? abi.HTTP1_FORM_AUTHORITY : 0
  const first = <u32>load<u8>(at)
  if (first == SLASH) return abi.HTTP1_FORM_ORIGIN
  if (first == STAR) return length == 1 && method == abi.HTTP1_METHOD_OPTIONS ? abi.HTTP1_FORM_ASTERISK : 0
  return isAbsolute(at, at + length) ? abi.HTTP1_FORM_ABSOLUTE : 0
}

/** A scheme, `://`, and something that is no path. */
function isAbsolute(p: usize, end: usize): bool {
  if ((<u32>load<u8>(p) | 32) - 97 > 25) return false
  while (p < end && isScheme(load<u8>(p))) p++
  if (end - p < 4 || load<u8>(p) != COLON || load<u8>(p, 1) != SLASH || load<u8>(p, 2) != SLASH) return false
  const c = <u32>load<u8>(p, 3)
  return c != SLASH && c != 63 && c != 35
}

function isScheme(c: u32): bool {
  return (c | 32) - 97 < 26 || c - 48 < 10 || c == 43 || c == 45 || c == 46
}

/** HTTP1_FIELD_* of the name `[name, end)`, in any case; 0 where it has none. Bytes from `low` on can be read. */
// @ts-ignore: decorator
@inline
export function fieldOf(name: usize, end: usize, low: usize): u32 {
  const length = <u32>(end - name)
  let last: u64 = 0
  if (end - low >= 8) {
    // with bit 5 set, no token but a capital letter becomes a small one, nor any a digit or a hyphen
    last = load<u64>(end - 8) | LOWER
    if (length < 8) last >>= <u64>(8 - length) << 3
  } else {
    for (let i: u32 = 0; i < length; i++) last |= <u64>(load<u8>(name + i) | 32) << (<u64>i << 3)
  }
  const field = <u32>load<u8>(NAME_SLOTS + <usize>(((last ^ <u64>length) * NAME_MULTIPLIER) >> NAME_SHIFT))
  const words = NAME_WORDS + <usize>field * NAME_WORDS_BYTES
  if (!field || load<u64>(words) != last || <u32>load<u8>(NAME_LENGTHS + field) != length) return 0
  if (length <= 8) return field
  if ((load<u64>(name) | LOWER) != load<u64>(words, 8)) return 0
  if (length <= 16) return field
  if ((load<u64>(name, 8) | LOWER) != load<u64>(words, 16)) return 0
  return length <= 24 || (load<u64>(name, 16) | LOWER) == load<u64>(words, 24) ? field : 0
}
