// The way out: one queue per channel, one gathered send per channel and turn, and never two under way.
//
// Where the kernel takes sends as SQEs for nothing (FEATURE_SEND_SQE), every send is one, and its bytes are the
// kernel's until its completion. Elsewhere a send is an immediate call, and only what the socket did not take becomes
// an SQE, which waits for writability.

import * as abi from '../abi'
import { IOVEC_ENTRIES, control, iovecs } from '../memory/arena'
import { QUEUE_HEAD, queueFirst } from '../memory/queue'
import { SKB_NEXT, skbData, skbIsFragmented, skbLength, skbPiece } from '../memory/skb'
import { countBy } from '../memory/counter'
import { MSGHDR_BYTES, MSGHDR_IOV, MSGHDR_IOVLEN } from '../uring/msghdr'
import { call, hostAddress, sqIdle, sqRoom, sqe } from '../uring/submission'
import {
  FLAG_CALLED,
  FLAG_SENDING,
  FLAG_SEND_ODD,
  FLAG_STALLED,
  FLAG_TIMED,
  clearFlags,
  flags,
  setFlags,
  slotOf,
} from './table'
import { channelData } from './user-data'
import { zeroCopyConsume, zeroCopyOwes, zeroCopyPays, zeroCopyRefused } from './zero-copy'

/** Most pieces of one gathered send. */
export const GATHER_MAX: u32 = 64

export const TAG_SEND: u32 = 1 << 24
export const TAG_FILE: u32 = 3 << 24
export const TAG_DATAGRAM: u32 = 4 << 24
export const TAG_NONE: u32 = 0
export const TAG_SLOT_MASK: u32 = 0xffffff

/** How sends go out: as the kernel likes it best, as calls, as SQEs. */
const SENDS_BEST: u32 = 0
const SENDS_SQE: u32 = 2

/** How many iovecs take as much room as a struct msghdr. */
const MSGHDR_ENTRIES: u32 = <u32>MSGHDR_BYTES >> 4

export let iovecCount: u32 = 0
let mode: u32 = SENDS_BEST
let bySqe = false
let odd = false
let canZeroCopy = false
/** Bytes of the last gather. */
export let gathered: u32 = 0
let fragments = false // whether some of them were those of fragments, which a short send frees
/** Sends of this turn that most likely complete while they are submitted, and whose completion nobody waits for. */
export let sendsExpected: u32 = 0

export function outboundCreate(): void {
  mode = SENDS_BEST
  bySqe = odd = false
  iovecCount = sendsExpected = 0
}

/** The kernel is known now. */
export function outboundAttach(): void {
  canZeroCopy = (load<u32>(control, abi.CONTROL_FEATURES) & abi.FEATURE_SEND_ZC) != 0
  sendSetMode(mode)
}

/** How sends go out from now on: 0, as the kernel likes it best; 1, as immediate calls; 2, as SQEs. */
export function sendSetMode(to: u32): void {
  mode = to
  bySqe = to == SENDS_BEST ? (load<u32>(control, abi.CONTROL_FEATURES) & abi.FEATURE_SEND_SQE) != 0 : to == SENDS_SQE
}

/** Whether sends are SQEs. */
export function sendsBySqe(): bool {
  return bySqe
}

/** A turn begins: the iovecs of the last one are no longer read, unless `enter` has left SQEs behind. */
export function outboundTurn(): void {
  if (sqIdle()) iovecCount = 0
  sendsExpected = 0
  odd = !odd
}

/** Nobody waits for the completion of the send that was just started: a wait may pass over it. */
export function outboundExpect(ch: usize): void {
  if ((flags(ch) & (FLAG_SENDING | FLAG_STALLED)) == FLAG_SENDING) sendsExpected++
}

/** The last gather is part of a call: its iovecs are taken. */
export function iovecsTake(count: u32): void {
  iovecCount += count
}

/** Starts the next send of a channel that has none under way and owes something; false where there was no room. */
export function outboundSend(ch: usize): bool {
  const queue = ch + abi.CHANNEL_QUEUE
  const head = <usize>load<u32>(queue, QUEUE_HEAD)
  const single = !load<u32>(head, SKB_NEXT) && !skbIsFragmented(head)
  const stalled = (flags(ch) & FLAG_STALLED) != 0
  const byIovecs = !single && iovecCount + MSGHDR_ENTRIES + GATHER_MAX <= IOVEC_ENTRIES
  if (bySqe) return byIovecs ? submitMessage(ch) : submitPiece(ch)
  return stalled ? submitPiece(ch) : byIovecs ? callMessage(ch) : callPiece(ch)
}

/** The first piece that has bytes. */
function firstPiece(queue: usize): usize {
  const head = <usize>load<u32>(queue, QUEUE_HEAD)
  return skbLength(head) ? head : queueFirst(queue)
}

function callPiece(ch: usize): bool {
  const first = firstPiece(ch + abi.CHANNEL_QUEUE)
  const length = skbLength(first)
  const fd = load<i32>(ch, abi.CHANNEL_FD)
  if (!call(abi.CALL_SEND, fd, <u32>skbData(first), length, 0, TAG_SEND | slotOf(ch))) return false
  return under(ch, length, FLAG_CALLED)
}

function callMessage(ch: usize): bool {
  const at = iovecs + (<usize>iovecCount << 4)
  const count = gather(ch + abi.CHANNEL_QUEUE, at)
  const fd = load<i32>(ch, abi.CHANNEL_FD)
  if (!call(abi.CALL_SENDMSG, fd, <u32>at, count, gathered, TAG_SEND | slotOf(ch))) return false
  iovecCount += count
  return under(ch, gathered, FLAG_CALLED)
}

function submitPiece(ch: usize): bool {
  if (!sqRoom()) return false
  const first = firstPiece(ch + abi.CHANNEL_QUEUE)
  const length = skbLength(first)
  submit(ch, zeroCopy(ch, length) ? abi.OP_SEND_ZC : abi.OP_SEND, skbData(first), length)
  return under(ch, length, FLAG_SENDING)
}

/** The kernel reads header and iovecs when it takes the SQE, and keeps copies. */
function submitMessage(ch: usize): bool {
  if (!sqRoom()) return false
  const header = iovecs + (<usize>iovecCount << 4)
  const count = gather(ch + abi.CHANNEL_QUEUE, header + MSGHDR_BYTES)
  memory.fill(header, 0, MSGHDR_BYTES)
  store<u64>(header, hostAddress(header + MSGHDR_BYTES), MSGHDR_IOV)
  store<u64>(header, count, MSGHDR_IOVLEN)
  iovecCount += MSGHDR_ENTRIES + count
  submit(ch, !fragments && zeroCopy(ch, gathered) ? abi.OP_SENDMSG_ZC : abi.OP_SENDMSG, header, 1)
  return under(ch, gathered, FLAG_SENDING)
}

function zeroCopy(ch: usize, bytes: u32): bool {
  return bySqe && canZeroCopy && zeroCopyPays(ch, bytes)
}

function submit(ch: usize, op: u32, at: usize, length: u32): void {
  const s = sqe(op, load<i32>(ch, abi.CHANNEL_FD), channelData(ch, abi.KIND_SEND))
  store<u64>(s, hostAddress(at), abi.SQE_ADDR)
  store<u32>(s, length, abi.SQE_LEN)
  if (op == abi.OP_SEND_ZC || op == abi.OP_SENDMSG_ZC) store<u16>(s, abi.SEND_ZC_REPORT_USAGE, abi.SQE_IOPRIO)
  // who waits for writes to move must see each step of a long one
  const whole = bySqe && flags(ch) & FLAG_TIMED ? 0 : abi.MSG_WAITALL
  store<u32>(s, abi.MSG_NOSIGNAL | whole, abi.SQE_OP_FLAGS)
}

/** A send of `bytes` is under way. */
function under(ch: usize, bytes: u32, bit: u32): bool {
  store<u32>(ch, bytes, abi.CHANNEL_IN_FLIGHT)
  clearFlags(ch, FLAG_SEND_ODD)
  setFlags(ch, odd ? bit | FLAG_SEND_ODD : bit)
  return true
}

/** Writes an iovec for each piece with bytes at the front of a queue, fragment by fragment; returns how many. */
export function gather(queue: usize, at: usize): u32 {
  let count: u32 = 0
  let bytes: u32 = 0
  fragments = false
  for (let skb = <usize>load<u32>(queue, QUEUE_HEAD); skb; skb = <usize>load<u32>(skb, SKB_NEXT)) {
    for (let piece = skb; piece; piece = skbPiece(skb, piece)) {
      if (count == GATHER_MAX) break
      if (!skbLength(piece)) continue
      store<u64>(at + (<usize>count << 4), hostAddress(skbData(piece)))
      store<u64>(at + (<usize>count << 4), skbLength(piece), 8)
      bytes += skbLength(piece)
      count++
      if (piece != skb) fragments = true
    }
    if (count == GATHER_MAX) break
  }
  gathered = bytes
  return count
}

/**
 * Books the result of a send, from a call or a completion; `more`: its memory is free only after a notification.
 * Returns 0, or the −errno that ended the channel's way out.
 */
export function outboundSent(ch: usize, result: i32, bit: u32, more: bool): i32 {
  clearFlags(ch, bit)
  const asked = load<u32>(ch, abi.CHANNEL_IN_FLIGHT)
  store<u32>(ch, 0, abi.CHANNEL_IN_FLIGHT)
  if (more) zeroCopyOwes(ch)
  if (result < 0 && result != -abi.EAGAIN && !zeroCopyRefused(result)) return result
  const sent = <u32>max(result, 0)
  zeroCopyConsume(ch, sent)
  countBy(ch + abi.CHANNEL_BYTES_OUT, sent)
  if (sent < asked || (bySqe && late(ch))) setFlags(ch, FLAG_STALLED)
  else clearFlags(ch, FLAG_STALLED)
  return 0
}

/** Whether a send has not completed in the `enter` that submitted it: its socket was full. */
function late(ch: usize): bool {
  return ((flags(ch) & FLAG_SEND_ODD) != 0) == odd
}
