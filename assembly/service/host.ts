// Channels that the host handles: frames are decoded here and reported as upcalls; what the host writes is encoded
// here.

import * as abi from '../abi'
import { queueBound } from '../channel/bound'
import { CODEC_FLAGS, ERROR_NO_MEMORY, RECORD_BYTES } from '../codec/abi'
import {
  FLAG_BLOCKED_FRAME,
  FLAG_BLOCKED_OUT,
  FLAG_ENDING,
  FLAG_WRITABLE_WANTED,
  FLAGS_BLOCKED,
  channelAbort,
  dirty,
  endpoint,
  flags,
  setFlags,
  state,
  waitForLimit,
} from '../channel/table'
import {
  END_RECORDS,
  codecBound,
  codecDecode,
  codecEncode,
  codecEnd,
  codecNeed,
  codecRelease,
  codecTake,
} from '../codec/codec'
import { lastQueue, owed, trainAppend, trainIsLong, trainWrote } from '../channel/train'
import {
  recordAt,
  recordsCount,
  recordsFirst,
  recordsMany,
  recordsRoom,
  recordsShort,
  recordsSingle,
} from '../codec/records'
import { SITE_WRITE } from '../memory/abi'
import { queueLost, queueRoom, queueWrote } from '../memory/queue'
import { siteSet } from '../memory/sites'
import { hurry } from '../uring/submission'
import { CODEC_SINGLE, UP_FRAME } from './abi'
import { upcall, upcallRoom } from './upcall'

// @ts-ignore: decorator
@inline
function codecOf(ch: usize): usize {
  const own = <usize>load<u32>(ch, abi.CHANNEL_OWNER) // since an upgrade
  return own ? own : <usize>load<u32>(endpoint(ch), abi.ENDPOINT_CODEC)
}

// @ts-ignore: decorator
@inline
function isSingle(codec: usize): bool {
  return (load<u32>(codec, CODEC_FLAGS) & CODEC_SINGLE) != 0
}

/**
 * Reports every whole frame in `[at, end)`, or one, behind which the host says how to go on; returns where it stopped.
 */
export function hostFrames(ch: usize, at: usize, end: usize): usize {
  const codec = codecOf(ch)
  const single = isSingle(codec)
  while (at < end && !(flags(ch) & FLAGS_BLOCKED)) {
    if (!upcallRoom()) return limit(ch, at)
    const before = recordsCount()
    if (single) recordsSingle()
    at = codecDecode(codec, ch + abi.CHANNEL_DECODER, at, end)
    if (single) recordsMany()
    const found = recordsCount() - before
    // the region may have grown, and moved
    const kind = single ? UP_FRAME : abi.UP_FRAMES
    if (found) upcall(kind, ch, recordsFirst() + <usize>before * RECORD_BYTES, found, 0)
    if (found && single) {
      setFlags(ch, FLAG_BLOCKED_FRAME)
      break
    }
    if (!recordsShort) break
    if (found || recordsCount()) return limit(ch, at)
    upcall(abi.UP_ERROR, ch, 0, ERROR_NO_MEMORY, 0)
    channelAbort(ch)
    return end
  }
  return at
}

/** The host reads the list in this turn, and the channel goes on in the next. */
function limit(ch: usize, at: usize): usize {
  waitForLimit(ch)
  hurry() // no event may follow
  return at
}

/** Bytes the incomplete frame at `at` needs beyond the `have` that are there. */
export function hostNeed(ch: usize, at: usize, have: u32): u32 {
  return codecNeed(codecOf(ch), ch + abi.CHANNEL_DECODER, at, have)
}

/** How many of the new bytes `[at, end)` go to the incomplete frame of `have` bytes at `base`. */
export function hostTake(ch: usize, base: usize, have: u32, at: usize, end: usize): u32 {
  return codecTake(codecOf(ch), ch + abi.CHANNEL_DECODER, base, have, at, end)
}

/** The peer has ended its side; the `left` bytes at `base` never became a whole frame. */
export function hostEnd(ch: usize, base: usize, left: u32): void {
  if (!recordsRoom(END_RECORDS)) {
    limit(ch, base) // the end comes again when the channel goes on
    return
  }
  const first = recordAt
  codecEnd(codecOf(ch), ch + abi.CHANNEL_DECODER, base, left)
  const found = <u32>(recordAt - first) / RECORD_BYTES
  if (found) upcall(abi.UP_FRAMES, ch, first, found, 0)
  upcall(abi.UP_END, ch, 0, 0, 0)
}

/** Whether the host still looks at a frame of the channel, behind which another codec may go on. */
export function hostLooks(ch: usize): bool {
  return (flags(ch) & FLAG_BLOCKED_FRAME) != 0
}

/** The channel closes: what its decoder holds is given back. */
export function hostRelease(ch: usize): void {
  codecRelease(codecOf(ch), ch + abi.CHANNEL_DECODER)
}

/**
 * Queues a message for a channel, framed by its codec. Returns 1, or 0 where the queue is now above its high watermark
 * (UP_WRITABLE follows when it has drained), or −errno with nothing queued: −EPIPE after the end, −ENOBUFS above the
 * queue's bound, −ENOMEM, −ERANGE where the codec has no frame of that length.
 */
export function hostWrite(ch: usize, at: usize, length: u32): i32 {
  if (state(ch) != abi.STATE_OPEN || flags(ch) & FLAG_ENDING) return -abi.EPIPE
  const ep = endpoint(ch)
  const queue = lastQueue(ch)
  const high = load<u32>(ep, abi.ENDPOINT_HIGH)
  if (<u64>owed(ch) > queueBound(high)) return -abi.ENOBUFS
  siteSet(SITE_WRITE)
  const codec = codecOf(ch)
  const to = queueRoom(queue, codecBound(codec, length))
  if (!to) {
    queueLost()
    return -abi.ENOMEM
  }
  const written = codecEncode(codec, to, at, length)
  if (written < 0) return written
  queueWrote(queue, written)
  trainWrote(ch, written)
  dirty(ch)
  if (owed(ch) <= high) return 1
  setFlags(ch, FLAG_WRITABLE_WANTED | FLAG_BLOCKED_OUT) // no more is decoded for a channel that is full (law 7)
  return 0
}

/**
 * Queues bytes of a file for a channel; UP_SENT follows when the socket has them. Returns 1, or 0 where so many files
 * wait that UP_WRITABLE follows, or −errno with nothing queued: −EPIPE after the end, −ENOBUFS, −ENOMEM.
 */
export function hostSendFile(ch: usize, fd: i32, place: u64, bytes: u64, how: u32, key: u32, align: u32): i32 {
  if (state(ch) != abi.STATE_OPEN || flags(ch) & FLAG_ENDING) return -abi.EPIPE
  const result = trainAppend(ch, fd, place, bytes, how, key, align)
  if (result < 0) return result
  dirty(ch)
  if (!trainIsLong(ch)) return 1
  setFlags(ch, FLAG_WRITABLE_WANTED | FLAG_BLOCKED_OUT)
  return 0
}
