// The RESP reply writer: appends replies to a queue. Texts are string literals, which live in read-only static data; to
// join two of them would allocate, so a long text is written in pieces.
// When memory is exhausted a writer appends nothing more, and queueLost tells the owner of the queue.

import { queueAppendBlock, queueRoom, queueWrote } from '../memory/queue'
import { writeInteger, writeUnsigned } from './integer'

const CRLF: u16 = 0x0a0d
const HEADER_BYTES: u32 = 24 // a type, an integer, CRLF

/** `+OK`. */
// @ts-ignore: decorator
@inline
export function replyOk(out: usize): void {
  const to = queueRoom(out, 5)
  if (!to) return
  store<u32>(to, 0x0d4b4f2b)
  store<u8>(to, 10, 4)
  queueWrote(out, 5)
}

/** The null of RESP2's bulk strings, or of RESP3. */
// @ts-ignore: decorator
@inline
export function replyNull(out: usize, resp3: bool): void {
  const to = queueRoom(out, 8)
  if (!to) return
  if (resp3) {
    store<u32>(to, 0x000a0d5f)
    queueWrote(out, 3)
  } else {
    store<u64>(to, 0x0a0d312d24)
    queueWrote(out, 5)
  }
}

/** `:value`. */
export function replyInteger(out: usize, value: i64): void {
  const to = queueRoom(out, HEADER_BYTES)
  if (!to) return
  if (<u64>value < 10) {
    store<u32>(to, 0x0a0d303a + (<u32>value << 8))
    queueWrote(out, 4)
    return
  }
  store<u8>(to, 58)
  const digits = writeInteger(to + 1, value)
  store<u16>(to + 1 + digits, CRLF)
  queueWrote(out, digits + 3)
}

/** The length line of a bulk string, array, map …: its bytes. `to` has HEADER_BYTES of room. */
// @ts-ignore: decorator
@inline
function writeHeader(to: usize, type: u32, count: u32): u32 {
  if (count < 10) {
    store<u32>(to, type | (count << 8) | 0x0a0d3000)
    return 4
  }
  if (count < 100) {
    const tens = count / 10
    store<u32>(to, type | (tens << 8) | ((count - tens * 10) << 16) | 0x0d303000)
    store<u8>(to, 10, 4)
    return 5
  }
  store<u8>(to, type)
  const digits = writeUnsigned(to + 1, count)
  store<u16>(to + 1 + digits, CRLF)
  return digits + 3
}

function replyHeader(out: usize, type: u32, count: u32): void {
  const to = queueRoom(out, HEADER_BYTES)
  if (to) queueWrote(out, writeHeader(to, type, count))
}

/** `*count`, to be followed by that many replies. */
export function replyArray(out: usize, count: u32): void {
  replyHeader(out, 42, count)
}

/** A map of `count` pairs; in RESP2 an array of twice as many. */
export function replyMap(out: usize, resp3: bool, count: u32): void {
  replyHeader(out, resp3 ? 37 : 42, resp3 ? count : count << 1)
}

/** Room for a bulk string of `length` bytes, to be written at what is returned; 0 when memory is exhausted. */
// @ts-ignore: decorator
@inline
export function replyBulkRoom(out: usize, length: u32): usize {
  const to = queueRoom(out, length + HEADER_BYTES)
  if (!to) return 0
  const header = writeHeader(to, 36, length)
  store<u16>(to + header + length, CRLF)
  queueWrote(out, header + length + 2)
  return to + header
}

/** A bulk string, copied. */
export function replyBulk(out: usize, at: usize, length: u32): void {
  const to = replyBulkRoom(out, length)
  if (to) memory.copy(to, at, length)
}

/** A bulk string that shares the bytes of a data block. */
export function replyBulkBlock(out: usize, block: usize, at: usize, length: u32): void {
  replyHeader(out, 36, length)
  queueAppendBlock(out, block, at, length)
  const to = queueRoom(out, 2)
  if (!to) return
  store<u16>(to, CRLF)
  queueWrote(out, 2)
}

/** A bulk string with the digits of an integer. */
export function replyBulkInteger(out: usize, value: i64): void {
  const to = queueRoom(out, HEADER_BYTES + HEADER_BYTES)
  if (!to) return
  const digits = writeInteger(to + HEADER_BYTES, value)
  const header = writeHeader(to, 36, digits)
  memory.copy(to + header, to + HEADER_BYTES, digits)
  store<u16>(to + header + digits, CRLF)
  queueWrote(out, header + digits + 2)
}

/** A bulk string with a constant text. */
export function replyBulkText(out: usize, text: string): void {
  replyHeader(out, 36, text.length)
  replyRaw(out, text)
  replyRaw(out, '\r\n')
}

/** `+text`. */
export function replyStatus(out: usize, text: string): void {
  replyRaw(out, '+')
  replyRaw(out, text)
  replyRaw(out, '\r\n')
}

/** `-text`. */
export function replyError(out: usize, text: string): void {
  replyRaw(out, '-')
  replyRaw(out, text)
  replyRaw(out, '\r\n')
}

/** `-before` + bytes of the client's + `after`. */
export function replyErrorWith(out: usize, before: string, at: usize, length: u32, after: string): void {
  replyRaw(out, '-')
  replyRaw(out, before)
  replyQuoted(out, at, length)
  replyRaw(out, after)
  replyRaw(out, '\r\n')
}

/** A constant text as it is, one byte per character. */
export function replyRaw(out: usize, text: string): void {
  const length: u32 = text.length
  const to = queueRoom(out, length)
  if (!to) return
  const from = changetype<usize>(text)
  for (let i: u32 = 0; i < length; i++) store<u8>(to + i, load<u16>(from + (i << 1)))
  queueWrote(out, length)
}

/** Bytes of the client's inside an error line: they end at a NUL, and line ends become blanks. */
export function replyQuoted(out: usize, at: usize, length: u32): void {
  const to = queueRoom(out, length)
  if (!to) return
  let i: u32 = 0
  for (; i < length; i++) {
    const c = load<u8>(at + i)
    if (!c) break
    store<u8>(to + i, c == 13 || c == 10 ? 32 : c)
  }
  queueWrote(out, i)
}

/** How many of these bytes an error line repeats at its end: none from a NUL on, and no line end before it. */
export function replyTrimmed(at: usize, length: u32): u32 {
  let end: u32 = 0
  while (end < length && load<u8>(at + end)) end++
  while (end && (load<u8>(at + end - 1) == 10 || load<u8>(at + end - 1) == 13)) end--
  return end
}

/** Bytes of the client's with the letters in lower case. */
export function replyLower(out: usize, at: usize, length: u32): void {
  const to = queueRoom(out, length)
  if (!to) return
  for (let i: u32 = 0; i < length; i++) {
    const c: u32 = load<u8>(at + i)
    store<u8>(to + i, c - 65 < 26 ? c | 32 : c)
  }
  queueWrote(out, length)
}
