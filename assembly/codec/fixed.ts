// The decoder of frames that all have one length. The encoder has nothing to add.

import * as abi from './abi'
import { recordAt, recordsEnd, recordsRoom, recordsUntil } from './records'

// @ts-ignore: decorator
@inline
function frameLength(codec: usize): u32 {
  return load<u32>(codec, abi.CODEC_MAX_FRAME)
}

/** See codec.ts. */
export function fixedDecode(codec: usize, at: usize, end: usize): usize {
  const length = frameLength(codec)
  const whole = <u32>(end - at) / length
  const room = <u32>(recordsEnd() - recordAt) / abi.RECORD_BYTES
  let to = recordAt
  const until = to + <usize>min(whole, room) * abi.RECORD_BYTES
  for (; to < until; to += abi.RECORD_BYTES, at += length) {
    store<u64>(to, (<u64>length << 32) | <u64>at)
    store<u64>(to, 0, abi.RECORD_KIND)
  }
  recordsUntil(to)
  if (whole > room) recordsRoom(1)
  return at
}

/** See codec.ts. */
export function fixedNeed(codec: usize, have: u32): u32 {
  const length = frameLength(codec)
  return have < length ? length - have : 1
}

/** Whether a frame may have `length` bytes. */
export function fixedFits(codec: usize, length: u32): bool {
  return length == frameLength(codec)
}
