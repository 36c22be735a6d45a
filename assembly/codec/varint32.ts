// The decoder and encoder of frames behind their length as a base-128 varint, the least significant group first:
// Protocol Buffers' delimited messages. The limit counts the frame without its prefix.

import * as abi from './abi'
import { recordAt, recordError, recordFatal, recordsEnd, recordsRoom, recordsUntil } from './records'

const PREFIX_BYTES_MAX: u32 = 5
const LENGTH_END: u64 = 1 << 31

// state: bytes to skip u32
const SKIP: usize = 0

/** The length that the last call of `prefix` has read. */
let value: u64 = 0

/** Reads the prefix at `at`; returns its bytes, 0 where `[at, end)` holds only a part of it. */
function prefix(at: usize, end: usize): u32 {
  const most = min(<u32>(end - at), PREFIX_BYTES_MAX)
  let read: u64 = 0
  for (let i: u32 = 0; i < most; i++) {
    const byte = <u64>load<u8>(at + i)
    read |= (byte & 0x7f) << <u64>(i * 7)
    if (byte < 0x80) {
      value = read
      return i + 1
    }
  }
  value = LENGTH_END // no frame has it
  return most == PREFIX_BYTES_MAX ? PREFIX_BYTES_MAX : 0
}

/** See codec.ts. */
export function varint32Decode(codec: usize, state: usize, at: usize, end: usize): usize {
  const skip = min<usize>(load<u32>(state, SKIP), end - at)
  if (skip) {
    store<u32>(state, load<u32>(state, SKIP) - <u32>skip, SKIP)
    at += skip
  }
  const most = load<u64>(codec, abi.CODEC_MAX_FRAME)
  const room = recordsEnd()
  let to = recordAt
  while (at < end) {
    // one or two bytes in nearly all cases
    let length = <u64>load<u8>(at)
    let bytes: u32 = 1
    if (length >= 0x80) {
      const second: u64 = end - at >= 2 ? load<u8>(at, 1) : 0x80
      if (second < 0x80) {
        length = (length & 0x7f) | (second << 7)
        bytes = 2
      } else {
        bytes = prefix(at, end)
        if (!bytes) break
        length = value
      }
    }
    const body = at + bytes
    if (length <= most) {
      if (<u64>(end - body) < length) break
      if (to + abi.RECORD_BYTES > room) return full(to, at)
      store<u64>(to, (length << 32) | <u64>body)
      store<u64>(to, 0, abi.RECORD_KIND)
      to += abi.RECORD_BYTES
      at = body + <usize>length
      continue
    }
    if (to + abi.RECORD_BYTES > room) return full(to, at)
    recordsUntil(to)
    if (length >= LENGTH_END) {
      recordFatal(abi.ERROR_PREFIX_CORRUPTED, PREFIX_BYTES_MAX)
      return end
    }
    recordError(abi.ERROR_FRAME_TOO_LONG, length)
    to = recordAt
    const there = min<u64>(length, end - body)
    store<u32>(state, <u32>(length - there), SKIP)
    at = body + <usize>there
  }
  recordsUntil(to)
  return at
}

/** The records have no room for the frame at `at`. */
function full(to: usize, at: usize): usize {
  recordsUntil(to)
  recordsRoom(1)
  return at
}

/** See codec.ts. */
export function varint32Need(at: usize, have: u32): u32 {
  const bytes = prefix(at, at + have)
  const whole = <u32>value + bytes
  return bytes && have < whole ? whole - have : 1
}

/** Whether a prefix can say `length`. */
export function varint32Fits(length: u32): bool {
  return <u64>length < LENGTH_END
}

/** Writes the prefix of a frame of `length` bytes at `to`; returns its bytes. */
export function varint32Encode(to: usize, length: u32): u32 {
  let bytes: u32 = 0
  for (; length >= 0x80; length >>= 7) store<u8>(to + bytes++, <u8>length | 0x80)
  store<u8>(to + bytes++, <u8>length)
  return bytes
}
