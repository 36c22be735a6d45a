// Channels that the host handles: frames are decoded here and reported as upcalls; what the host writes is encoded
// here.

import * as abi from '../abi'
import {
  FLAG_BLOCKED_OUT,
  FLAG_ENDING,
  FLAG_WRITABLE_WANTED,
  FLAGS_BLOCKED,
  dirty,
  endpoint,
  flags,
  setFlags,
  state,
  waitForLimit,
} from '../channel/table'
import {
  frameAt,
  frameError,
  frameErrorLength,
  frameLength,
  lengthFieldEncode,
  lengthFieldFits,
  lengthFieldNeed,
  lengthFieldStep,
} from '../codec/length-field'
import { queueBytes, queueLost, queueRoom, queueWrote } from '../memory/queue'
import { hurry } from '../uring/submission'
import { upcall, upcallRoom } from './upcall'

/** A queue takes writes up to this many times its high watermark, and at least QUEUE_BYTES_MIN. */
const QUEUE_FACTOR: u64 = 4
const QUEUE_BYTES_MIN: u64 = 1 << 20
/** The longest length field. */
const PREFIX_MAX: u32 = 8

/** Reports every whole frame in `[at, end)`; returns where it stopped. */
export function hostFrames(ch: usize, at: usize, end: usize): usize {
  const codec = endpoint(ch) + abi.ENDPOINT_CODEC
  const raw = load<u32>(codec, abi.CODEC_KIND) == abi.CODEC_RAW
  while (at < end && !(flags(ch) & FLAGS_BLOCKED)) {
    if (!upcallRoom()) {
      waitForLimit(ch)
      hurry() // the host reads the list in this turn, and no event may follow
      break
    }
    if (raw) {
      upcall(abi.UP_FRAME, ch, at, <u32>(end - at), 0)
      return end
    }
    const taken = lengthFieldStep(codec, ch + abi.CHANNEL_DECODER, at, end)
    if (!taken) break
    at += taken
    if (frameAt) upcall(abi.UP_FRAME, ch, frameAt, frameLength, 0)
    else if (frameError) upcall(abi.UP_ERROR, ch, 0, frameError, frameErrorLength)
  }
  return at
}

/** Bytes the incomplete frame at `at` needs beyond the `have` that are there. */
export function hostNeed(ch: usize, at: usize, have: u32): u32 {
  const codec = endpoint(ch) + abi.ENDPOINT_CODEC
  return load<u32>(codec, abi.CODEC_KIND) == abi.CODEC_RAW ? 1 : lengthFieldNeed(codec, at, have)
}

/** The peer has ended its side; `left` bytes of a frame never came whole. */
export function hostEnd(ch: usize, left: u32): void {
  const decoder = ch + abi.CHANNEL_DECODER
  const pending = load<u32>(decoder, 8) // an error that waited for the frame's end
  if (pending) upcall(abi.UP_ERROR, ch, 0, pending, load<u64>(decoder, 16))
  else if (left) upcall(abi.UP_ERROR, ch, 0, abi.ERROR_FRAME_INCOMPLETE, left)
  upcall(abi.UP_END, ch, 0, 0, 0)
}

/**
 * Queues a message for a channel, framed by its codec. Returns 1, or 0 where the queue is now above its high watermark
 * (UP_WRITABLE follows when it has drained), or −errno with nothing queued: −EPIPE after the end, −ENOBUFS above the
 * queue's bound, −ENOMEM, −EINVAL where the length field cannot hold the length.
 */
export function hostWrite(ch: usize, at: usize, length: u32): i32 {
  if (state(ch) != abi.STATE_OPEN || flags(ch) & FLAG_ENDING) return -abi.EPIPE
  const ep = endpoint(ch)
  const queue = ch + abi.CHANNEL_QUEUE
  const high = load<u32>(ep, abi.ENDPOINT_HIGH)
  if (<u64>queueBytes(queue) > max<u64>(<u64>high * QUEUE_FACTOR, QUEUE_BYTES_MIN)) return -abi.ENOBUFS
  const codec = ep + abi.ENDPOINT_CODEC
  const framed = load<u32>(codec, abi.CODEC_KIND) == abi.CODEC_LENGTH_FIELD
  if (framed && !lengthFieldFits(codec, length)) return -abi.EINVAL
  const to = queueRoom(queue, framed ? length + PREFIX_MAX : length)
  if (!to) {
    queueLost()
    return -abi.ENOMEM
  }
  const before = framed ? lengthFieldEncode(codec, to, length) : 0
  memory.copy(to + before, at, length)
  queueWrote(queue, before + length)
  dirty(ch)
  if (queueBytes(queue) <= high) return 1
  setFlags(ch, FLAG_WRITABLE_WANTED | FLAG_BLOCKED_OUT) // no more is decoded for a channel that is full (law 7)
  return 0
}
