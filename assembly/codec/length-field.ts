// The length-field decoder and encoder: Netty's LengthFieldBasedFrameDecoder and LengthFieldPrepender, with the
// differences of a stream whose chunking is invisible (an error is reported once, in its place, with its true length).

import * as abi from '../abi'

/** What the last step has found: a frame's first byte and length, or an error with the length it concerns. */
export let frameAt: usize = 0
export let frameLength: u32 = 0
export let frameError: u32 = 0
export let frameErrorLength: u64 = 0

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

/**
 * One step over `[at, end)` with the parameters at `codec` and the state at `decoder` {skip u64, pending error u32,
 * its length u64 at 16}. Returns the bytes consumed, with frameAt or frameError set where the step completed something
 * (both 0: bytes were discarded); 0: the frame is not whole, see lengthFieldNeed.
 */
export function lengthFieldStep(codec: usize, decoder: usize, at: usize, end: usize): u32 {
  frameAt = 0
  frameError = 0
  const have = <u64>(end - at)
  const skip = load<u64>(decoder)
  if (skip) return discard(decoder, skip, have)
  const offset = load<u32>(codec, abi.CODEC_FIELD_OFFSET)
  const bytes = load<u32>(codec, abi.CODEC_FIELD_LENGTH)
  const header = offset + bytes
  if (have < header) return 0
  const options = load<u32>(codec, abi.CODEC_FLAGS)
  const value = field(at + offset, bytes, (options & abi.CODEC_FLAG_LITTLE_ENDIAN) != 0)
  const adjustment = load<i64>(codec, abi.CODEC_ADJUSTMENT)
  if (value < 0 || value > 9007199254740991 || value + adjustment + <i64>header < <i64>header) {
    frameError = abi.ERROR_FRAME_CORRUPTED
    frameErrorLength = header
    return header
  }
  const whole = <u64>(value + adjustment + <i64>header)
  if (whole > load<u64>(codec, abi.CODEC_MAX_FRAME)) {
    return fail(decoder, abi.ERROR_FRAME_TOO_LONG, whole, have, (options & abi.CODEC_FLAG_FAIL_FAST) != 0)
  }
  const strip = load<u32>(codec, abi.CODEC_STRIP)
  if (strip > whole) return fail(decoder, abi.ERROR_FRAME_CORRUPTED, whole, have, true)
  if (have < whole) return 0
  frameAt = at + strip
  frameLength = <u32>whole - strip
  return <u32>whole
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

function fail(decoder: usize, error: u32, whole: u64, have: u64, now: bool): u32 {
  store<u64>(decoder, whole)
  if (now) {
    frameError = error
    frameErrorLength = whole
    store<u32>(decoder, 0, 8)
    if (whole <= have) {
      store<u64>(decoder, 0)
      return <u32>whole
    }
    store<u64>(decoder, whole - have)
    return <u32>have
  }
  store<u32>(decoder, error, 8)
  store<u64>(decoder, whole, 16)
  return discard(decoder, whole, have)
}

/** Drops up to `skip` bytes; an error that waits for the frame's end is due with its last byte. */
function discard(decoder: usize, skip: u64, have: u64): u32 {
  const dropped = min(skip, have)
  store<u64>(decoder, skip - dropped)
  if (skip == dropped && load<u32>(decoder, 8)) {
    frameError = load<u32>(decoder, 8)
    frameErrorLength = load<u64>(decoder, 16)
    store<u32>(decoder, 0, 8)
  }
  return <u32>dropped
}
