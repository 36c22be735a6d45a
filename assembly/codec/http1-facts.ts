// What the fields of a head say about its message: who is asked, how long the body is, whether the connection stays.
// Values are judged as they are found; contradictions between them when the head is whole.

import * as abi from './abi'
import { CLASS_HEX, CLASS_HOST, isOf } from './http1-scan'

/** Most digits of a Content-Length. */
const DIGITS_MAX: u32 = 19

const HT: u32 = 9
const SP: u32 = 32
const PERCENT: u32 = 37
const COMMA: u32 = 44
const COLON: u32 = 58

// words in lower case, as far as eight bytes hold them
const CLOSE: u64 = 0x65736f6c63
const KEEP_ALIV: u64 = 0x76696c612d706565 // `eep-aliv`
const UPGRADE: u64 = 0x65646172677075
const CHUNKED: u64 = 0x64656b6e756863
const CONTINUE: u64 = 0x65756e69746e6f63
const ONE_HUNDRED: u64 = 0x2d303031 // `100-`
const LOWER: u64 = 0x2020202020202020

// of the head at hand; scratch between headBegin and headError
let hosts: u32 = 0
let hostGood: bool = false
let lengths: u32 = 0
let lengthGood: bool = false
let codings: u32 = 0
let close: bool = false
let keepAlive: bool = false
let upgradeNamed: bool = false
let upgradeField: bool = false
let expectContinue: bool = false

export let chunked: bool = false
export let contentLength: u64 = 0
/** The value of Content-Length; 0 where there is none. */
export let lengthAt: usize = 0
export let lengthBytes: u32 = 0

/** Before the fields of a head. */
export function factsBegin(): void {
  hosts = lengths = codings = lengthBytes = 0
  contentLength = 0
  lengthAt = 0
  hostGood = lengthGood = chunked = close = keepAlive = upgradeNamed = upgradeField = expectContinue = false
}

/** Whether a field says anything about its message. */
// @ts-ignore: decorator
@inline
export function isFact(field: u32): bool {
  return field - 1 < <u32>abi.HTTP1_FIELD_UPGRADE
}

/** A field for which isFact holds, with its value. */
export function fact(field: u32, at: usize, length: u32): void {
  switch (field) {
    case abi.HTTP1_FIELD_HOST:
      if (!hosts++) hostGood = isHost(at, length, false)
      break
    case abi.HTTP1_FIELD_CONNECTION:
      connection(at, at + length)
      break
    case abi.HTTP1_FIELD_CONTENT_LENGTH:
      if (!lengths++) lengthGood = number(at, length)
      lengthAt = at
      lengthBytes = length
      break
    case abi.HTTP1_FIELD_TRANSFER_ENCODING:
      codings++
      chunked = length == 7 && (word(at, 7) | (LOWER >> 8)) == CHUNKED
      break
    case abi.HTTP1_FIELD_EXPECT:
      if (length == 12) expectContinue = word(at, 4) == ONE_HUNDRED && (word(at + 4, 8) | LOWER) == CONTINUE
      break
    case abi.HTTP1_FIELD_UPGRADE:
      upgradeField = true
      break
  }
}

/** What contradicts itself in a request's head; 0: nothing. `minor` is its version's. */
export function requestError(method: u32, minor: u32): u32 {
  if (!hosts && minor) return abi.HTTP1_ERROR_NO_HOST
  if (hosts > 1) return abi.HTTP1_ERROR_TWO_HOSTS
  if (hosts && !hostGood) return abi.HTTP1_ERROR_BAD_HOST
  const error = framingError(minor)
  if (error) return error
  return method == abi.HTTP1_METHOD_CONNECT && (chunked || contentLength) ? abi.HTTP1_ERROR_CONNECT_BODY : 0
}

/** What contradicts itself about a message's body; 0: nothing. */
export function framingError(minor: u32): u32 {
  if (lengths > 1) return abi.HTTP1_ERROR_TWO_LENGTHS
  if (lengths && !lengthGood) return abi.HTTP1_ERROR_BAD_LENGTH
  if (!codings) return 0
  if (codings > 1) return abi.HTTP1_ERROR_TWO_CODINGS
  if (!minor) return abi.HTTP1_ERROR_CODING_IN_1_0
  if (lengths) return abi.HTTP1_ERROR_LENGTH_AND_CODING
  return chunked ? 0 : abi.HTTP1_ERROR_CODING
}

/** HTTP1_FLAG_* of the head. */
export function factFlags(minor: u32): u32 {
  let flags: u32 = minor ? abi.HTTP1_FLAG_MINOR_1 : 0
  if (chunked) flags |= abi.HTTP1_FLAG_CHUNKED
  if (!close && (minor || keepAlive)) flags |= abi.HTTP1_FLAG_KEEP_ALIVE
  if (upgradeNamed && upgradeField) flags |= abi.HTTP1_FLAG_UPGRADE
  if (expectContinue && minor) flags |= abi.HTTP1_FLAG_EXPECT_CONTINUE
  return flags
}

/** Up to eight bytes, the first lowest. */
function word(at: usize, bytes: u32): u64 {
  let value: u64 = 0
  for (let i: u32 = 0; i < bytes; i++) value |= <u64>load<u8>(at + i) << (<u64>i << 3)
  return value
}

/** The words of a Connection field. */
function connection(p: usize, end: usize): void {
  while (p < end) {
    let c = <u32>load<u8>(p)
    if (c == SP || c == HT || c == COMMA) {
      p++
      continue
    }
    const from = p
    let to = p
    while (p < end) {
      c = load<u8>(p++)
      if (c == COMMA) break
      if (c != SP && c != HT) to = p
    }
    const length = <u32>(to - from)
    if (length == 5) close = close || (word(from, 5) | (LOWER >> 24)) == CLOSE
    else if (length == 7) upgradeNamed = upgradeNamed || (word(from, 7) | (LOWER >> 8)) == UPGRADE
    else if (length == 10 && (load<u8>(from) | 32) == 107 && (load<u8>(from, 9) | 32) == 101) {
      keepAlive = keepAlive || (word(from + 1, 8) | LOWER) == KEEP_ALIV
    }
  }
}

/** A Content-Length: digits and nothing else. */
function number(at: usize, length: u32): bool {
  if (length - 1 >= DIGITS_MAX) return false
  let value: u64 = 0
  for (let i: u32 = 0; i < length; i++) {
    const digit = <u32>load<u8>(at + i) - 48
    if (digit > 9) return false
    value = value * 10 + digit
  }
  contentLength = value
  return true
}

/** `uri-host [":" port]` of RFC 9110; an empty one is allowed, and a port demanded only with `whole`. */
export function isHost(at: usize, length: u32, whole: bool): bool {
  let p = at
  const end = at + length
  if (p < end && load<u8>(p) == 91) {
    p++
    while (p < end && (isOf(load<u8>(p), CLASS_HOST) || load<u8>(p) == COLON)) p++
    if (p == at + 1 || p == end || load<u8>(p) != 93) return false
    p++
  } else {
    while (p < end) {
      if (isOf(load<u8>(p), CLASS_HOST)) p++
      else if (isEscape(p, end)) p += 3
      else break
    }
  }
  if (p == end) return !whole
  if (load<u8>(p++) != COLON || (whole && (p == end || p == at + 1))) return false
  while (p < end && <u32>load<u8>(p) - 48 < 10) p++
  return p == end
}

function isEscape(p: usize, end: usize): bool {
  if (end - p < 3 || load<u8>(p) != PERCENT) return false
  return isOf(load<u8>(p, 1), CLASS_HEX) && isOf(load<u8>(p, 2), CLASS_HEX)
}
