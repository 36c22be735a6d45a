// The length-field decoder and encoder: Netty's LengthFieldBasedFrameDecoder and LengthFieldPrepender, with the
// differences of a stream whose chunking is invisible (an error is reported once, in its place, with its true length).

import * as abi from './abi'
import { recordAt, recordError, recordsEnd, recordsRoom, recordsUntil } from './records'

/** The largest value that JavaScript can name. */
const VALUE_MAX: u64 = 9007199254740991

// state: bytes to skip u64 · length of the frame that an error waits for u64 · that error u32
const SKIP: usize = 0
const PENDING_LENGTH: usize = 8
const PENDING: usize = 16

// @ts-ignore: decorator
@inline
function field(at: usize, bytes: u32, little: bool): i64 {
  switch (bytes) {
    case 1:
      return load<u8>(at)
    case 2:
      return little ? load<u16>(at) : bswap<u16>(load<u16>(at))
    case 3:
      return little
        ? <i64>load<u16>(at) | (<i64>load<u8>(at, 2) << 16)
        : (<i64>load<u8>(at) << 16) | <i64>bswap<u16>(load<u16>(at, 1))
    case 4:
      return little ? load<u32>(at) : bswap<u32>(load<u32>(at))
    default:
      return little ? load<i64>(at) : bswap<i64>(load<i64>(at))
  }
}

/** See codec.ts. */
export function lengthFieldDecode(codec: usize, state: usize, at: usize, end: usize): usize {
  if (load<u64>(state, SKIP)) {
    if (!recordsRoom(1)) return at
    at += discard(state, load<u64>(state, SKIP), end - at)
  }
  const bytes = load<u32>(codec, abi.CODEC_FIELD_LENGTH)
  const header = load<u32>(codec, abi.CODEC_FIELD_OFFSET) + bytes
  const shift = load<u32>(codec, abi.CODEC_FIELD_OFFSET)
  const little = (load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_LITTLE_ENDIAN) != 0
  const behind = load<i64>(codec, abi.CODEC_ADJUSTMENT) + <i64>header
  const most = load<u64>(codec, abi.CODEC_MAX_FRAME)
  const strip = load<u32>(codec, abi.CODEC_STRIP)
  const room = recordsEnd()
  let to = recordAt
  while (end - at >= <usize>header) {
    const value = field(at + shift, bytes, little)
    const whole = <u64>(value + behind)
    if (to + abi.RECORD_BYTES > room) {
      recordsUntil(to)
      if (!recordsRoom(1)) return at
    }
    // one comparison for what is nearly always so: not negative, not too long, not shorter than its header
    if (<u64>value <= VALUE_MAX && whole <= most && whole >= <u64>header && whole >= <u64>strip) {
      if (<u64>(end - at) < whole) break
      store<u64>(to, ((whole - <u64>strip) << 32) | <u64>(at + strip))
      store<u64>(to, 0, abi.RECORD_KIND)
      to += abi.RECORD_BYTES
      at += <usize>whole
      continue
    }
    recordsUntil(to)
    at += bad(codec, state, value, end - at, header)
    to = recordAt
  }
  recordsUntil(to)
  return at
}

/** A frame that cannot be delivered; returns the bytes consumed of the `have` that are there. */
function bad(codec: usize, state: usize, value: i64, have: u64, header: u32): usize {
  const behind = load<i64>(codec, abi.CODEC_ADJUSTMENT) + <i64>header
  if (value < 0 || <u64>value > VALUE_MAX || value + behind < <i64>header) {
    recordError(abi.ERROR_FRAME_CORRUPTED, header)
    return header
  }
  const whole = <u64>(value + behind)
  if (whole > load<u64>(codec, abi.CODEC_MAX_FRAME)) {
    const now = (load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_FAIL_FAST) != 0
    return fail(state, abi.ERROR_FRAME_TOO_LONG, whole, have, now)
  }
  return fail(state, abi.ERROR_FRAME_CORRUPTED, whole, have, true)
}

/** See codec.ts: an error that waited for the frame's end, or a frame that never came whole. */
export function lengthFieldEnd(state: usize, left: u32): void {
  if (load<u32>(state, PENDING)) recordError(load<u32>(state, PENDING), load<u64>(state, PENDING_LENGTH))
  else if (left) recordError(abi.ERROR_FRAME_INCOMPLETE, left)
}

/** Bytes that must be added to the `have` of an incomplete frame at `at` before a step can go on. */
export function lengthFieldNeed(codec: usize, at: usize, have: u32): u32 {
  const offset = load<u32>(codec, abi.CODEC_FIELD_OFFSET)
  const bytes = load<u32>(codec, abi.CODEC_FIELD_LENGTH)
  const header = offset + bytes
  if (have < header) return header - have
  const little = (load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_LITTLE_ENDIAN) != 0
  const whole = field(at + offset, bytes, little) + load<i64>(codec, abi.CODEC_ADJUSTMENT) + <i64>header
  return <u32>(whole - <i64>have)
}

/** What the field of a frame of `length` bytes says. */
function fieldValue(codec: usize, length: u32): i64 {
  const included = load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_LENGTH_INCLUDED
  const own = included ? <i64>load<u32>(codec, abi.CODEC_FIELD_LENGTH) : 0
  return <i64>length + own - load<i64>(codec, abi.CODEC_ADJUSTMENT)
}

/** Whether the field can hold what a frame of `length` bytes needs. */
export function lengthFieldFits(codec: usize, length: u32): bool {
  const value = fieldValue(codec, length)
  const bytes = load<u32>(codec, abi.CODEC_FIELD_LENGTH)
  return value >= 0 && (bytes == 8 || value < <i64>1 << (bytes << 3))
}

/** Writes the field of a frame of `length` bytes, which fits, at `to`; returns the field's length. */
export function lengthFieldEncode(codec: usize, to: usize, length: u32): u32 {
  const bytes = load<u32>(codec, abi.CODEC_FIELD_LENGTH)
  const value = fieldValue(codec, length)
  const little = (load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_LITTLE_ENDIAN) != 0
  for (let i: u32 = 0; i < bytes; i++) {
    store<u8>(to + i, <u8>(value >> ((little ? i : bytes - 1 - i) << 3)))
  }
  return bytes
}

function fail(state: usize, error: u32, whole: u64, have: u64, now: bool): usize {
  if (now) {
    recordError(error, whole)
  } else {
    store<u32>(state, error, PENDING)
    store<u64>(state, whole, PENDING_LENGTH)
  }
  return discard(state, whole, have)
}

/** Drops up to `skip` bytes; an error that waits for the frame's end is due with its last byte. */
function discard(state: usize, skip: u64, have: u64): usize {
  const dropped = min(skip, have)
  store<u64>(state, skip - dropped, SKIP)
  if (skip == dropped && load<u32>(state, PENDING)) {
    recordError(load<u32>(state, PENDING), load<u64>(state, PENDING_LENGTH))
    store<u32>(state, 0, PENDING)
  }
  return <usize>dropped
}
