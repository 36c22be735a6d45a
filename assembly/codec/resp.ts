// The RESP request decoder: arrays of bulk strings and inline commands, as Redis 7.0 takes them.
//
// A command that lies whole in a block is decoded in one pass, in place: respDecode fills the argument table. One that
// does not is gathered by its channel; respScan then walks it as it grows, without looking at a byte twice, and
// respDecode runs once, when it is whole. Where a scan stands is four words, kept in the channel between chunks.

import { alloc, free } from '../memory/heap'
import { parseInteger, parsedInteger } from './integer'
import {
  RESP_BAD_BULK,
  RESP_BAD_MULTIBULK,
  RESP_BIG_BULK_COUNT,
  RESP_BIG_COUNT,
  RESP_BIG_INLINE,
  RESP_EXPECTED_BULK,
  RESP_INCOMPLETE,
  RESP_LINE_MAX,
  RESP_NO_CRLF,
  RESP_NO_MEMORY,
  RESP_UNAUTHENTICATED_BULK,
  RESP_UNAUTHENTICATED_MULTIBULK,
  RESP_UNBALANCED,
  bulkMax,
  elementsMax,
  lineMax,
  respUnexpected,
  respWrong,
  restricted,
} from './resp-limits'

const CR: u32 = 13
const LF: u32 = 10
const DOLLAR: u32 = 36
const STAR: u32 = 42

/** The argument table of the last command decoded: {address u32, length u32} each. Reused by the next. */
export let respArgv: usize = 0
export let respArgc: u32 = 0

let capacity: u32 = 0
let unescaped: usize = 0 // the arguments of the last inline command that respDecode has met

// Where a scan stands, relative to the frame's first byte.
export let scanAt: u32 = 0 // the next byte to look at
export let scanLine: u32 = 0 // where the line being read begins
export let scanLeft: i32 = 0 // arguments still to come; 0: the first line is not whole yet
export let scanBulk: i32 = -1 // length of the bulk whose bytes begin at scanAt; −1: reading a line

/** Puts the argument table into the heap. Called once per instance, after heapCreate. */
export function respCreate(): bool {
  capacity = 1024
  respArgv = alloc(capacity << 3)
  unescaped = alloc(RESP_LINE_MAX + 2)
  return respArgv != 0 && unescaped != 0
}

// @ts-ignore: decorator
@inline
export function respArg(i: u32): usize {
  return <usize>load<u32>(respArgv + (i << 3))
}

// @ts-ignore: decorator
@inline
export function respArgLength(i: u32): u32 {
  return load<u32>(respArgv + (i << 3), 4)
}

/** Makes another table the argument table, for a part of a command; the caller puts the old one back. */
export function respUse(table: usize, count: u32): void {
  respArgv = table
  respArgc = count
}

/** Loads a scan's place; all zero and −1 for a frame not begun. */
// @ts-ignore: decorator
@inline
export function scanFrom(at: u32, line: u32, left: i32, bulk: i32): void {
  scanAt = at
  scanLine = line
  scanLeft = left
  scanBulk = bulk
}

/**
 * Decodes the command at `at`. Returns the bytes it takes and fills the argument table (0 arguments: nothing to do);
 * RESP_INCOMPLETE, with the scan's place set; or an error. The bytes themselves stay as they are.
 */
export function respDecode(at: usize, end: usize): i32 {
  if (at >= end) {
    scanFrom(0, 0, 0, -1)
    return RESP_INCOMPLETE
  }
  if (load<u8>(at) != STAR) return decodeInline(at, end)
  let p = at + 1
  let count: i32 = 0
  // `*N\r\n` with one digit is nearly every command there is
  if (p + 3 <= end && load<u16>(p, 1) == 0x0a0d && <u32>load<u8>(p) - 49 < min(elementsMax, 9)) {
    count = <i32>load<u8>(p) - 48
    p += 3
  } else {
    const header = line(p, end)
    if (header <= 0) {
      if (header == 0) scanFrom(<u32>(end - at) - heldBack(end), 0, 0, -1)
      return header == LINE_BAD ? RESP_BAD_MULTIBULK : header == LINE_LONG ? RESP_BIG_COUNT : RESP_INCOMPLETE
    }
    const good = parseInteger(p, header - 2) && parsedInteger <= <i64>elementsMax
    p += header
    if (!good) return respWrong(RESP_BAD_MULTIBULK, p)
    if (parsedInteger <= 0) {
      respArgc = 0
      return <i32>(p - at)
    }
    count = <i32>parsedInteger
  }
  if (restricted && count > 10) return RESP_UNAUTHENTICATED_MULTIBULK
  // the short lengths that need no look at the limit
  const oneDigit = min(bulkMax, 9) + 1
  const endTwo = bulkMax >= 99 ? end : 0
  let argument: u32 = 0
  for (let left = count; left > 0; left--) {
    let length: u32 = 0
    if (p + 4 <= end && load<u8>(p) == DOLLAR && load<u16>(p, 2) == 0x0a0d && <u32>load<u8>(p, 1) - 48 < oneDigit) {
      length = <u32>load<u8>(p, 1) - 48
      p += 4
    } else if (p + 5 <= endTwo && load<u8>(p) == DOLLAR && load<u16>(p, 3) == 0x0a0d && twoDigits(p + 1)) {
      length = (<u32>load<u8>(p, 1) - 48) * 10 + <u32>load<u8>(p, 2) - 48
      p += 5
    } else {
      const header = bulkHeader(p, end)
      if (header <= 0) {
        if (header == 0) scanFrom(<u32>(end - at) - (p < end ? heldBack(end) : 0), <u32>(p - at), left, -1)
        return header
      }
      p += header
      length = <u32>parsedInteger
    }
    if (<usize>length + 2 > end - p) {
      scanFrom(<u32>(p - at), <u32>(p - at), left, length)
      return RESP_INCOMPLETE
    }
    if (argument == capacity && !growTable(count)) return respWrong(RESP_NO_MEMORY, p)
    store<u32>(respArgv + (argument << 3), <u32>p)
    store<u32>(respArgv + (argument << 3), length, 4)
    argument++
    p += length
    if (load<u16>(p) != 0x0a0d) return respWrong(RESP_NO_CRLF, p + 2)
    p += 2
  }
  respArgc = argument
  return <i32>(p - at)
}

/**
 * Walks on in a frame gathered at `base` whose bytes now reach `end`, from the place loaded by scanFrom. Returns 1 when
 * the frame is whole, RESP_INCOMPLETE with the new place set, or an error.
 */
export function respScan(base: usize, end: usize): i32 {
  if (!scanLeft) {
    if (base >= end) return RESP_INCOMPLETE
    if (load<u8>(base) != STAR) return scanInline(base, end)
    const header = lineFrom(base + 1, max(base + scanAt, base + 1), end)
    if (header <= 0) {
      if (header == 0) scanAt = <u32>(end - base) - heldBack(end)
      return header == LINE_BAD ? RESP_BAD_MULTIBULK : header == LINE_LONG ? RESP_BIG_COUNT : RESP_INCOMPLETE
    }
    if (!parseInteger(base + 1, header - 2) || parsedInteger > <i64>elementsMax) {
      return respWrong(RESP_BAD_MULTIBULK, base + 1 + header)
    }
    if (parsedInteger <= 0) return 1
    if (restricted && parsedInteger > 10) return RESP_UNAUTHENTICATED_MULTIBULK
    scanLeft = <i32>parsedInteger
    scanAt = scanLine = 1 + header
    scanBulk = -1
  }
  while (true) {
    if (scanBulk >= 0) {
      const p = base + scanAt
      if (p > end || <usize>scanBulk + 2 > end - p) return RESP_INCOMPLETE
      if (load<u16>(p + scanBulk) != 0x0a0d) return respWrong(RESP_NO_CRLF, p + scanBulk + 2)
      scanAt += <u32>scanBulk + 2
      scanLine = scanAt
      scanBulk = -1
      if (!--scanLeft) return 1
    }
    const p = base + scanLine
    if (p >= end) return RESP_INCOMPLETE
    const header = bulkHeaderFrom(p, max(base + scanAt, p + 1), end)
    if (header <= 0) {
      if (header == 0) scanAt = <u32>(end - base) - heldBack(end)
      return header
    }
    scanBulk = <i32>parsedInteger
    scanAt = scanLine + header
  }
}

/** Bytes that must at least be added to the `have` gathered ones before a scan can go on; never beyond the frame. */
export function respNeed(have: u32): u32 {
  if (!scanLeft) return have < 4 ? 4 - have : 1
  const rest = <u64>(scanLeft - (scanBulk >= 0 ? 1 : 0)) * 6 // `$0\r\n\r\n` each
  const whole = <u64>(scanBulk >= 0 ? scanAt + <u32>scanBulk + 2 : scanLine) + rest
  return whole > <u64>have ? <u32>min<u64>(whole - have, 0x7fffffff) : 1
}

/** Whether the scan's frame is an inline command, which ends at a line feed and not at a count of bytes. */
export function respIsInline(base: usize): bool {
  return !scanLeft && load<u8>(base) != STAR
}

// A line's length including its CRLF; 0: no end yet; or one of these.
const LINE_BAD: i32 = -100
const LINE_LONG: i32 = -101

// @ts-ignore: decorator
@inline
function line(from: usize, end: usize): i32 {
  return lineFrom(from, from, end)
}

/** The line that begins at `from`, searched from `p` on: its bytes up to and with CRLF. */
function lineFrom(from: usize, p: usize, end: usize): i32 {
  const limit = min(end, from + lineMax + 1)
  while (p < limit && load<u8>(p) != CR) p++
  if (<u32>(p - from) > lineMax) return respWrong(LINE_LONG, from + lineMax + 1)
  if (p + 1 >= end) return 0
  return load<u8>(p, 1) == LF ? <i32>(p - from) + 2 : respWrong(LINE_BAD, p + 2)
}

/** A carriage return that ends the chunk must be looked at again with what follows. */
// @ts-ignore: decorator
@inline
function heldBack(end: usize): u32 {
  return load<u8>(end - 1) == CR ? 1 : 0
}

// @ts-ignore: decorator
@inline
function twoDigits(p: usize): bool {
  return <u32>load<u8>(p) - 49 < 9 && <u32>load<u8>(p, 1) - 48 < 10
}

// @ts-ignore: decorator
@inline
function bulkHeader(p: usize, end: usize): i32 {
  return bulkHeaderFrom(p, p + 1, end)
}

/** The header of a bulk: its bytes, with the length in parsedInteger; 0: incomplete; or an error. */
function bulkHeaderFrom(p: usize, from: usize, end: usize): i32 {
  if (p >= end) return RESP_INCOMPLETE
  // Redis judges the type once the line is whole; so that chunks do not matter, neither do we wait longer
  if (load<u8>(p) != DOLLAR) return respUnexpected(RESP_EXPECTED_BULK, p)
  const header = lineFrom(p + 1, from, end)
  if (header == 0) return RESP_INCOMPLETE
  if (header == LINE_LONG) return RESP_BIG_BULK_COUNT
  if (header < 0) return RESP_BAD_BULK
  if (!parseInteger(p + 1, header - 2) || parsedInteger < 0 || parsedInteger > <i64>bulkMax) {
    return respWrong(RESP_BAD_BULK, p + 1 + header)
  }
  if (restricted && parsedInteger > 16384) return RESP_UNAUTHENTICATED_BULK
  return header + 1
}

/** Room for more arguments: grows as they come, never from a count that was only announced. */
function growTable(count: i32): bool {
  const wider = min(capacity << 1, max(<u32>count, 1024))
  const table = alloc(<usize>wider << 3)
  if (!table) return false
  memory.copy(table, respArgv, capacity << 3)
  free(respArgv)
  respArgv = table
  capacity = wider
  return true
}

function decodeInline(at: usize, end: usize): i32 {
  const size = respLine(at, end)
  return size > 0 && !respSplit(at, size, unescaped) ? RESP_UNBALANCED : size
}

/** Bytes of the inline command at `at`, its end included; RESP_INCOMPLETE, with the scan's place set; or an error. */
export function respLine(at: usize, end: usize): i32 {
  scanFrom(0, 0, 0, -1)
  const whole = scanInline(at, end)
  if (whole <= 0) return whole
  const size = scanAt
  scanFrom(0, 0, 0, -1)
  return <i32>size
}

/** Splits the inline command of `size` bytes at `at` into arguments, unescaped to `to`; false: unbalanced quotes. */
export function respSplit(at: usize, size: u32, to: usize): bool {
  let last = at + size - 1 // the line feed
  if (last > at && load<u8>(last - 1) == CR) last--
  const balanced = splitInline(at, last, to)
  if (!balanced) respWrong(RESP_UNBALANCED, at + size)
  return balanced
}

/** 1 when the inline command at `base` has its line feed, which is then the byte before scanAt. */
function scanInline(base: usize, end: usize): i32 {
  let p = base + scanAt
  const limit = min(end, base + lineMax + 2)
  while (p < limit && load<u8>(p) != LF) p++
  scanAt = <u32>(p - base)
  // with its carriage return a line may be one byte longer than without
  if (scanAt > lineMax && (scanAt > lineMax + 1 || load<u8>(p - 1) != CR)) {
    return respWrong(RESP_BIG_INLINE, base + lineMax + 1)
  }
  if (p >= end) return RESP_INCOMPLETE
  scanAt++
  return 1
}

// @ts-ignore: decorator
@inline
function isSpace(c: u32): bool {
  return c == 32 || (c >= 9 && c <= 13)
}

/** What ends a word without quotes: not all of what may stand before one. */
// @ts-ignore: decorator
@inline
function endsWord(c: u32): bool {
  return c == 32 || c == 10 || c == 13 || c == 9 || c == 0
}

function hex(c: u32): i32 {
  if (c - 48 < 10) return c - 48
  const lower = c | 32
  return lower - 97 < 6 ? lower - 87 : -1
}

/** Splits `[p, end)` into unescaped arguments as sdssplitargs does; false: quotes do not balance. */
function splitInline(p: usize, end: usize, to: usize): bool {
  respArgc = 0
  while (true) {
    while (p < end && isSpace(load<u8>(p))) p++
    if (p >= end || load<u8>(p) == 0) return true // sdssplitargs ends at a NUL
    if (respArgc == capacity && !growTable(capacity << 1)) return false
    const start = to
    let quote: u32 = 0
    for (; ; p++) {
      if (p >= end) {
        if (quote) return false
        break
      }
      const c: u32 = load<u8>(p)
      if (!quote) {
        if (endsWord(c)) break
        if (c == 34 || c == 39) quote = c
        else store<u8>(to++, c)
      } else if (c == 0) {
        return false // to sdssplitargs the line ends here
      } else if (c == 92 && quote == 34 && p + 1 < end && load<u8>(p, 1)) {
        p++
        const e: u32 = load<u8>(p)
        if (e == 120 && p + 2 < end && hex(load<u8>(p, 1)) >= 0 && hex(load<u8>(p, 2)) >= 0) {
          store<u8>(to++, (hex(load<u8>(p, 1)) << 4) | hex(load<u8>(p, 2)))
          p += 2
        } else {
          store<u8>(to++, e == 110 ? 10 : e == 114 ? 13 : e == 116 ? 9 : e == 98 ? 8 : e == 97 ? 7 : e)
        }
      } else if (c == 92 && quote == 39 && p + 1 < end && load<u8>(p, 1) == 39) {
        p++
        store<u8>(to++, 39)
      } else if (c == quote) {
        // a closing quote must be followed by a space or nothing at all
        if (p + 1 < end && load<u8>(p, 1) && !isSpace(load<u8>(p, 1))) return false
        quote = 0
        p++
        break
      } else {
        store<u8>(to++, c)
      }
    }
    store<u32>(respArgv + (respArgc << 3), <u32>start)
    store<u32>(respArgv + (respArgc << 3), <u32>(to - start), 4)
    respArgc++
  }
}
