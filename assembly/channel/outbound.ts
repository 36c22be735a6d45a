// The way out: one queue per channel, one gathered send per channel and turn, tried at once; only what the socket did
// not take becomes a SEND SQE, which waits for writability.

import * as abi from '../abi'
import { IOVEC_ENTRIES, iovecs } from '../memory/arena'
import { QUEUE_HEAD, queueConsume, queueFirst } from '../memory/queue'
import { SKB_NEXT, skbData, skbIsFragmented, skbLength, skbPiece } from '../memory/skb'
import { countBy } from '../memory/counter'
import { call, hostAddress, sqRoom, sqe } from '../uring/submission'
import { FLAG_CALLED, FLAG_SENDING, FLAG_STALLED, clearFlags, flags, setFlags, slotOf } from './table'
import { channelData } from './user-data'

/** Most pieces of one gathered send. */
export const GATHER_MAX: u32 = 64

export const TAG_SEND: u32 = 1 << 24
export const TAG_FILE: u32 = 3 << 24
export const TAG_NONE: u32 = 0
export const TAG_SLOT_MASK: u32 = 0xffffff

export let iovecCount: u32 = 0
/** Bytes of the last gather. */
export let gathered: u32 = 0

/** The iovecs of the last turn are no longer read. */
export function outboundTurn(): void {
  iovecCount = 0
}

/** The last gather is part of a call: its iovecs are taken. */
export function iovecsTake(count: u32): void {
  iovecCount += count
}

/** Starts the next send of a channel that has none under way and owes something; false where there was no room. */
export function outboundSend(ch: usize): bool {
  const queue = ch + abi.CHANNEL_QUEUE
  const fd = load<i32>(ch, abi.CHANNEL_FD)
  const slot = slotOf(ch)
  const head = <usize>load<u32>(queue, QUEUE_HEAD)
  const first = skbLength(head) ? head : queueFirst(queue) // the first piece that has bytes
  const length = skbLength(first)
  if (flags(ch) & FLAG_STALLED) {
    if (!sqRoom()) return false
    const s = sqe(abi.OP_SEND, fd, channelData(ch, abi.KIND_SEND))
    store<u64>(s, hostAddress(skbData(first)), abi.SQE_ADDR)
    store<u32>(s, length, abi.SQE_LEN)
    store<u32>(s, abi.MSG_NOSIGNAL | abi.MSG_WAITALL, abi.SQE_OP_FLAGS)
    store<u32>(ch, length, abi.CHANNEL_IN_FLIGHT)
    setFlags(ch, FLAG_SENDING)
    return true
  }
  const single = !load<u32>(head, SKB_NEXT) && !skbIsFragmented(head)
  if (single || iovecCount + GATHER_MAX > IOVEC_ENTRIES) {
    if (!call(abi.CALL_SEND, fd, <u32>skbData(first), length, 0, TAG_SEND | slot)) return false
    store<u32>(ch, length, abi.CHANNEL_IN_FLIGHT)
  } else {
    const at = iovecs + <usize>iovecCount * 16
    const count = gather(queue, at)
    if (!call(abi.CALL_SENDMSG, fd, <u32>at, count, gathered, TAG_SEND | slot)) return false
    iovecCount += count
    store<u32>(ch, gathered, abi.CHANNEL_IN_FLIGHT)
  }
  setFlags(ch, FLAG_CALLED)
  return true
}

/** Writes an iovec for each piece with bytes at the front of a queue, fragment by fragment; returns how many. */
export function gather(queue: usize, at: usize): u32 {
  let count: u32 = 0
  let bytes: u32 = 0
  for (let skb = <usize>load<u32>(queue, QUEUE_HEAD); skb; skb = <usize>load<u32>(skb, SKB_NEXT)) {
    for (let piece = skb; piece; piece = skbPiece(skb, piece)) {
      if (count == GATHER_MAX) break
      if (!skbLength(piece)) continue
      store<u64>(at + (<usize>count << 4), hostAddress(skbData(piece)))
      store<u64>(at + (<usize>count << 4), skbLength(piece), 8)
      bytes += skbLength(piece)
      count++
    }
    if (count == GATHER_MAX) break
  }
  gathered = bytes
  return count
}

/**
 * Books the result of a send, from a call or a completion. Returns 0, or the −errno that ended the channel's way out.
 */
export function outboundSent(ch: usize, result: i32, bit: u32): i32 {
  clearFlags(ch, bit)
  const asked = load<u32>(ch, abi.CHANNEL_IN_FLIGHT)
  store<u32>(ch, 0, abi.CHANNEL_IN_FLIGHT)
  if (result < 0 && result != -abi.EAGAIN) return result
  const sent = <u32>max(result, 0)
  const queue = ch + abi.CHANNEL_QUEUE
  queueConsume(queue, sent)
  countBy(ch + abi.CHANNEL_BYTES_OUT, sent)
  if (sent < asked) setFlags(ch, FLAG_STALLED)
  else clearFlags(ch, FLAG_STALLED)
  return 0
}
