// Every decoder and encoder behind one contract: the only place that knows them all.
//
//   decode   takes every whole frame in [at, end), leaves records, and returns where it stopped. What lies behind
//            belongs to a frame that is not whole (or the records have no room: recordsShort); it is presented again,
//            from there on, with more bytes behind it. The state knows how far it was looked at. Bytes to be discarded
//            are consumed at once, so that nobody keeps them.
//   take     how many of the new bytes [at, end), behind the `have` at `base`, go to the incomplete frame: never beyond
//            its end, so that what follows it is decoded where it lies.
//   need     bytes that the incomplete frame needs at least, for sizing the block that gathers it.
//   end      the stream is over with `left` bytes of an incomplete frame.
//   encode   writes a frame of `length` bytes with its framing to `to`, which has room for `bound` bytes.
//
// A decoder never reads a byte outside of [at, end), and of a gathered frame none outside of [base, base + have).

import { ERANGE } from '../abi'
import * as abi from './abi'
import { delimiterDecode, delimiterEncode, delimiterEnd, delimiterTake } from './delimiter'
import { fixedDecode, fixedFits, fixedNeed } from './fixed'
import { http1Decode, http1End, http1Take, http1Tell } from './http1'
import { lengthFieldDecode, lengthFieldEncode, lengthFieldEnd, lengthFieldFits, lengthFieldNeed } from './length-field'
import { lineDecode, lineEncode, lineEnd, lineTake } from './line'
import { memcachedDecode, memcachedNeed, memcachedTake } from './memcached'
import { recordError, recordFrame, recordsBegin, recordsFatal, recordsRoom } from './records'
import { repliesDecode, repliesRelease, repliesTake } from './resp-replies'
import { replyNeed } from './resp-reply'
import { requestsDecode, requestsNeed, requestsTake } from './resp-requests'
import { varint32Decode, varint32Encode, varint32Fits, varint32Need } from './varint32'

// @ts-ignore: decorator
@inline
function kind(codec: usize): u32 {
  return load<u32>(codec, abi.CODEC_KIND)
}

// @ts-ignore: decorator
@inline
function isReplies(codec: usize): bool {
  return (load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_REPLIES) != 0
}

export function codecDecode(codec: usize, state: usize, at: usize, end: usize): usize {
  if (load<u32>(state, abi.DECODER_FLAGS) & abi.DECODER_DEAD) return end
  recordsBegin()
  const stop = decode(codec, state, at, end)
  if (!recordsFatal) return stop
  store<u32>(state, load<u32>(state, abi.DECODER_FLAGS) | abi.DECODER_DEAD, abi.DECODER_FLAGS)
  return end
}

function decode(codec: usize, state: usize, at: usize, end: usize): usize {
  switch (kind(codec)) {
    case abi.CODEC_LENGTH_FIELD:
      return lengthFieldDecode(codec, state, at, end)
    case abi.CODEC_RESP:
      return isReplies(codec) ? repliesDecode(codec, state, at, end) : requestsDecode(codec, state, at, end)
    case abi.CODEC_MEMCACHED:
      return memcachedDecode(codec, state, at, end)
    case abi.CODEC_LINE:
      return lineDecode(codec, state, at, end)
    case abi.CODEC_DELIMITER:
      return delimiterDecode(codec, state, at, end)
    case abi.CODEC_FIXED:
      return fixedDecode(codec, at, end)
    case abi.CODEC_VARINT32:
      return varint32Decode(codec, state, at, end)
    case abi.CODEC_HTTP1:
      return http1Decode(codec, state, at, end)
    default:
      if (at == end || !recordsRoom(1)) return at
      recordFrame(at, <u32>(end - at))
      return end
  }
}

export function codecTake(codec: usize, state: usize, base: usize, have: u32, at: usize, end: usize): u32 {
  const more = <u32>(end - at)
  if (load<u32>(state, abi.DECODER_FLAGS) & abi.DECODER_DEAD) return more
  switch (kind(codec)) {
    case abi.CODEC_RESP:
      if (isReplies(codec)) return repliesTake(codec, state, have, at, end)
      return requestsTake(codec, state, base, have, at, end)
    case abi.CODEC_MEMCACHED:
      return memcachedTake(codec, state, have, at, end)
    case abi.CODEC_LINE:
      return lineTake(codec, state, have, at, end)
    case abi.CODEC_DELIMITER:
      return delimiterTake(codec, state, have, at, end)
    case abi.CODEC_HTTP1:
      return http1Take(codec, state, at, end)
    default:
      return min(more, codecNeed(codec, state, base, have))
  }
}

export function codecNeed(codec: usize, state: usize, base: usize, have: u32): u32 {
  switch (kind(codec)) {
    case abi.CODEC_LENGTH_FIELD:
      return lengthFieldNeed(codec, base, have)
    case abi.CODEC_RESP:
      return isReplies(codec) ? replyNeed(state, have) : requestsNeed(state, have)
    case abi.CODEC_MEMCACHED:
      return memcachedNeed(state, have)
    case abi.CODEC_FIXED:
      return fixedNeed(codec, have)
    case abi.CODEC_VARINT32:
      return varint32Need(base, have)
    default:
      return 1
  }
}

/** The most records of an end: a delimiter that might have become longer ends its frame then, and so may others. */
export const END_RECORDS: u32 = 64

/** Leaves at most END_RECORDS records, for which there must be room, and ends the state. */
export function codecEnd(codec: usize, state: usize, base: usize, left: u32): void {
  if (load<u32>(state, abi.DECODER_FLAGS) & abi.DECODER_DEAD) return
  recordsBegin()
  switch (kind(codec)) {
    case abi.CODEC_LENGTH_FIELD:
      lengthFieldEnd(state, left)
      break
    case abi.CODEC_LINE:
      lineEnd(codec, state, left)
      break
    case abi.CODEC_DELIMITER:
      delimiterEnd(codec, state, base, left)
      break
    case abi.CODEC_HTTP1:
      http1End(state, left)
      break
    default:
      if (left) recordError(abi.ERROR_FRAME_INCOMPLETE, left)
  }
  store<u32>(state, abi.DECODER_DEAD, abi.DECODER_FLAGS)
}

/** Says of the messages to come what the stream does not: HTTP1_TELL_*. False where that cannot be said now. */
export function codecTell(codec: usize, state: usize, what: u32): bool {
  if (load<u32>(state, abi.DECODER_FLAGS) & abi.DECODER_DEAD) return false
  return kind(codec) == abi.CODEC_HTTP1 && http1Tell(codec, state, what)
}

/** Gives back what a state holds beyond its own bytes. */
export function codecRelease(codec: usize, state: usize): void {
  switch (kind(codec)) {
    case abi.CODEC_RESP:
      if (isReplies(codec)) repliesRelease(state)
      break
  }
}

/** The most bytes that a frame of `length` bytes takes once it is encoded. */
export function codecBound(codec: usize, length: u32): u32 {
  switch (kind(codec)) {
    case abi.CODEC_LENGTH_FIELD:
      return length + 8
    case abi.CODEC_LINE:
      return length + 2
    case abi.CODEC_DELIMITER:
      return length + 64
    case abi.CODEC_VARINT32:
      return length + 5
    default:
      return length
  }
}

/** Returns the bytes written; −ERANGE where the codec has no frame of that length. `to` does not overlap `from`. */
export function codecEncode(codec: usize, to: usize, from: usize, length: u32): i32 {
  let before: u32 = 0
  let after: u32 = 0
  switch (kind(codec)) {
    case abi.CODEC_LENGTH_FIELD:
      if (!lengthFieldFits(codec, length)) return -ERANGE
      before = lengthFieldEncode(codec, to, length)
      break
    case abi.CODEC_LINE:
      after = lineEncode(codec, to + length)
      break
    case abi.CODEC_DELIMITER:
      after = delimiterEncode(codec, to + length)
      break
    case abi.CODEC_FIXED:
      if (!fixedFits(codec, length)) return -ERANGE
      break
    case abi.CODEC_VARINT32:
      if (!varint32Fits(length)) return -ERANGE
      before = varint32Encode(to, length)
      break
  }
  memory.copy(to + before, from, length)
  return <i32>(before + length + after)
}
