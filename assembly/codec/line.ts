// The line decoder and encoder: a frame ends at a line feed, and one carriage return directly before it belongs to the
// delimiter. The limit counts what is before both.

import * as abi from './abi'
import { recordAt, recordError, recordFrame, recordsEnd, recordsRoom, recordsSated, recordsUntil } from './records'
import { findByte, mask64, maskRest } from './scan'

const LF: u32 = 10
const CR: u32 = 13

// state: bytes of the incomplete line that hold no line feed u32 · bytes of it that were discarded u64 · flags u32
const SCANNED: usize = 0
const DISCARDED: usize = 8
const FLAGS: usize = 16
const DISCARDING: u32 = 1 // the line is too long
const AFTER_CR: u32 = 2 // … and the last byte of it that came is a carriage return

// @ts-ignore: decorator
@inline
function failsFast(codec: usize): bool {
  return (load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_FAIL_FAST) != 0
}

/** See codec.ts. */
export function lineDecode(codec: usize, state: usize, at: usize, end: usize): usize {
  if (load<u32>(state, FLAGS) & DISCARDING) {
    if (!recordsRoom(1)) return at
    at = discard(codec, state, at, end)
    if (load<u32>(state, FLAGS)) return end
  }
  const most = <u32>load<u64>(codec, abi.CODEC_MAX_FRAME)
  const kept: u32 = load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_STRIP ? 0 : -1
  const last = recordsEnd() - abi.RECORD_BYTES // where the last record may go
  let to = recordAt
  let p = at + load<u32>(state, SCANNED)
  // an empty line at the beginning has nothing before its line feed that could be looked at
  if (p == at && p < end && <u32>load<u8>(p) == LF) {
    if (!recordsRoom(1)) return at
    recordFrame(at, 1 & kept)
    to = recordAt
    p = ++at
    store<u32>(state, 0, SCANNED)
  }
  while (p < end) {
    let mask: u64
    const from = p
    if (end - p >= 64) {
      mask = mask64(p, LF)
      p += 64
    } else {
      mask = maskRest(p, end, LF)
      p = end
    }
    for (; mask; mask &= mask - 1) {
      const feed = from + <usize>ctz(mask)
      const after = <u32>(<u32>load<u8>(feed - 1) == CR)
      const length = <u32>(feed - at) - after
      if (to > last) {
        store<u32>(state, <u32>(feed - at), SCANNED)
        recordsUntil(to)
        recordsRoom(1)
        return at
      }
      if (length <= most) {
        store<u64>(to, (<u64>(length + ((after + 1) & kept)) << 32) | <u64>at)
        store<u64>(to, 0, abi.RECORD_KIND)
        to += abi.RECORD_BYTES
      } else {
        recordsUntil(to)
        recordError(abi.ERROR_FRAME_TOO_LONG, failsFast(codec) ? <u64>most + 1 : <u64>length)
        to = recordAt
      }
      at = feed + 1
    }
  }
  recordsUntil(to)
  return rest(codec, state, at, end)
}

/** A line that is not whole: it waits, unless it is too long already. A carriage return at its end may not count. */
function rest(codec: usize, state: usize, at: usize, end: usize): usize {
  const most = load<u64>(codec, abi.CODEC_MAX_FRAME)
  const left = <u32>(end - at)
  const after = left > 0 && <u32>load<u8>(end - 1) == CR
  store<u32>(state, left, SCANNED)
  if (recordsSated()) return at
  if (<u64>(left - <u32>after) <= most) return at
  if (failsFast(codec)) {
    if (!recordsRoom(1)) return at
    recordError(abi.ERROR_FRAME_TOO_LONG, most + 1)
  }
  store<u32>(state, 0, SCANNED)
  store<u64>(state, left, DISCARDED)
  store<u32>(state, DISCARDING | (after ? AFTER_CR : 0), FLAGS)
  return end
}

/** Drops what is left of a line that is too long; returns where the next one begins. */
function discard(codec: usize, state: usize, at: usize, end: usize): usize {
  const feed = findByte(at, end, LF)
  const more = <u64>(feed - at)
  const after = more ? <u32>load<u8>(feed - 1) == CR : (load<u32>(state, FLAGS) & AFTER_CR) != 0
  const gone = load<u64>(state, DISCARDED) + more
  if (feed == end) {
    store<u64>(state, gone, DISCARDED)
    store<u32>(state, DISCARDING | (after ? AFTER_CR : 0), FLAGS)
    return end
  }
  if (!failsFast(codec)) recordError(abi.ERROR_FRAME_TOO_LONG, gone - <u64>after)
  store<u32>(state, 0, FLAGS)
  return feed + 1
}

/** See codec.ts: through the line feed, and never more than makes the line too long. */
export function lineTake(codec: usize, state: usize, have: u32, at: usize, end: usize): u32 {
  const scanned = load<u32>(state, SCANNED) == have
  const most = load<u64>(codec, abi.CODEC_MAX_FRAME) + 2
  const stop = at + <usize>min<u64>(end - at, <u64>have < most ? most - <u64>have : 1)
  const feed = findByte(at, stop, LF)
  if (scanned) store<u32>(state, have + <u32>(feed - at), SCANNED)
  return <u32>(feed - at) + <u32>(feed < stop)
}

/** See codec.ts. */
export function lineEnd(codec: usize, state: usize, left: u32): void {
  const discarding = (load<u32>(state, FLAGS) & DISCARDING) != 0
  const length = discarding ? load<u64>(state, DISCARDED) : left
  if (length && !(discarding && failsFast(codec))) recordError(abi.ERROR_FRAME_INCOMPLETE, length)
}

/** Writes the delimiter at `to`; returns its length. */
export function lineEncode(codec: usize, to: usize): u32 {
  if (load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_CRLF) {
    store<u16>(to, (LF << 8) | CR)
    return 2
  }
  store<u8>(to, LF)
  return 1
}
