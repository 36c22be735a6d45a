// The end of a turn: what channels want becomes SQEs and immediate calls. A channel whose wish found no room stays
// dirty, and the next `enter` does not block.

import * as abi from '../abi'
import { TAG_NONE, outboundSend } from '../channel/outbound'
import {
  FLAG_BLOCKED_OUT,
  FLAG_CALLED,
  FLAG_CANCELLING,
  FLAG_CLOSE_TOLD,
  FLAG_CONNECTING,
  FLAG_ENDING,
  FLAG_EOF,
  FLAG_HALF_CLOSE,
  FLAG_LINGER,
  FLAG_LINGERING,
  FLAG_RECV_ARMED,
  FLAG_RECV_WANTED,
  FLAG_SENDING,
  FLAG_SHUT,
  FLAG_WRITABLE_WANTED,
  FLAGS_BLOCKED,
  channelRelease,
  clearFlags,
  dirty,
  dirtyTake,
  endpoint,
  flags,
  inKernel,
  setFlags,
  state,
  waitingCount,
  waitingRemove,
} from '../channel/table'
import { nowNs } from '../clock'
import { queueBytes, queueClear } from '../memory/queue'
import { upcallEndpoint, upcallSlack } from '../service/upcall'
import { channelData } from '../channel/user-data'
import { countBy } from '../memory/counter'
import { call, hurry, sqRoom, sqe } from '../uring/submission'
import { acceptAgain, listenerOf } from './accept'
import { closed, closing } from './dispatch'
import { inboundRelease, partialBytes } from './inbound'

/** While decoding is blocked, receiving goes on until this much waits. */
const BLOCKED_BYTES: u32 = 65536
/**
 * After its own end a channel reads on, so that a reset does not overtake what it sent last: until this long nothing
 * came …
 */
const LINGER_NS: u64 = 100_000_000
/** … and at most this long. */
const LINGER_MAX_NS: u64 = 2_000_000_000
/** SQEs that one channel can need in a flush. */
const SQES_MAX: u32 = 3

const FLAGS_SENDING: u32 = FLAG_SENDING | FLAG_CALLED | FLAG_CONNECTING

let lingerHead: usize = 0
let lingerTail: usize = 0

export function flushCreate(): void {
  lingerHead = lingerTail = 0
}

/** Serves dirty channels while there is room; false where some are left. */
export function flushAll(): bool {
  while (sqRoom() >= SQES_MAX && upcallSlack()) {
    const ch = dirtyTake()
    if (!ch) return true
    if (!flush(ch)) {
      dirty(ch)
      return false
    }
  }
  return false
}

/** Closes channels that have lingered long enough; returns when the next one is due, 0: none. */
export function lingerTick(): u64 {
  while (lingerHead) {
    const due = load<u64>(lingerHead, abi.CHANNEL_DEADLINE_NS)
    if (due > nowNs) return due
    const ch = lingerHead
    store<u32>(ch, abi.STATE_CLOSING, abi.CHANNEL_STATE)
    clearFlags(ch, FLAG_RECV_WANTED)
    unlinger(ch)
    dirty(ch)
  }
  return 0
}

function flush(ch: usize): bool {
  if (state(ch) == abi.STATE_CLOSING) return close(ch)
  arm(ch)
  if (!(flags(ch) & FLAGS_SENDING) && queueBytes(ch + abi.CHANNEL_QUEUE) && !outboundSend(ch)) return false
  if (flags(ch) & FLAGS_SENDING) {
    if (flags(ch) & FLAG_CALLED && (waitingCount || awaited(ch))) hurry()
    return true
  }
  if (flags(ch) & FLAG_HALF_CLOSE && !(flags(ch) & FLAG_SHUT)) {
    setFlags(ch, FLAG_SHUT)
    return call(abi.CALL_SHUTDOWN, load<i32>(ch, abi.CHANNEL_FD), abi.SHUT_WR, 0, 0, TAG_NONE) != 0
  }
  if (flags(ch) & FLAG_ENDING && state(ch) == abi.STATE_OPEN) return end(ch)
  return true
}

/** Whether somebody waits for the queue to fall, who cannot wait for the next event from outside. */
function awaited(ch: usize): bool {
  const waits = FLAG_ENDING | FLAG_HALF_CLOSE | FLAG_BLOCKED_OUT | FLAG_WRITABLE_WANTED
  return (flags(ch) & waits) != 0 || load<u32>(ch, abi.CHANNEL_IN_FLIGHT) < queueBytes(ch + abi.CHANNEL_QUEUE)
}

/** Brings the kernel's receive or accept in line with what the channel wants. */
function arm(ch: usize): void {
  const f = flags(ch)
  if (f & (FLAG_CANCELLING | FLAG_CONNECTING)) return
  const held = f & FLAGS_BLOCKED && partialBytes(ch) >= BLOCKED_BYTES
  const wanted = f & FLAG_RECV_WANTED && !(f & FLAG_EOF) && !held
  if (wanted && !(f & FLAG_RECV_ARMED)) {
    const fd = load<i32>(ch, abi.CHANNEL_FD)
    if (state(ch) == abi.STATE_LISTENING) {
      store<u16>(sqe(abi.OP_ACCEPT, fd, channelData(ch, abi.KIND_ACCEPT)), abi.ACCEPT_MULTISHOT, abi.SQE_IOPRIO)
    } else {
      const s = sqe(abi.OP_RECV, fd, channelData(ch, abi.KIND_RECV))
      store<u8>(s, abi.SQE_FLAG_BUFFER_SELECT, abi.SQE_FLAGS)
      store<u16>(s, abi.RECV_MULTISHOT, abi.SQE_IOPRIO)
      store<u16>(s, abi.BUF_GROUP, abi.SQE_BUF_GROUP)
    }
    setFlags(ch, FLAG_RECV_ARMED)
  } else if (!wanted && f & FLAG_RECV_ARMED) {
    cancel(ch, channelData(ch, state(ch) == abi.STATE_LISTENING ? abi.KIND_ACCEPT : abi.KIND_RECV), 0)
  }
}

function cancel(ch: usize, what: u64, how: u32): void {
  const fd = how & abi.CANCEL_FD ? load<i32>(ch, abi.CHANNEL_FD) : -1
  const s = sqe(abi.OP_ASYNC_CANCEL, fd, channelData(ch, abi.KIND_CANCEL))
  store<u64>(s, what, abi.SQE_ADDR)
  store<u32>(s, how, abi.SQE_OP_FLAGS)
  setFlags(ch, FLAG_CANCELLING)
}

/** Everything owed is sent, and the service wants to close. */
function end(ch: usize): bool {
  if (!(flags(ch) & FLAG_LINGER) || flags(ch) & FLAG_EOF) {
    store<u32>(ch, abi.STATE_CLOSING, abi.CHANNEL_STATE)
    return close(ch)
  }
  if (!call(abi.CALL_SHUTDOWN, load<i32>(ch, abi.CHANNEL_FD), abi.SHUT_WR, 0, 0, TAG_NONE)) return false
  store<u32>(ch, abi.STATE_LINGERING, abi.CHANNEL_STATE)
  inboundRelease(ch)
  clearFlags(ch, FLAGS_BLOCKED)
  setFlags(ch, FLAG_RECV_WANTED | FLAG_SHUT)
  arm(ch)
  store<u64>(ch, nowNs, abi.CHANNEL_LINGER_NS)
  linger(ch)
  return true
}

/** A lingering channel has received something: it stays a little longer. */
export function lingerOn(ch: usize): void {
  if (!(flags(ch) & FLAG_LINGERING) || nowNs - load<u64>(ch, abi.CHANNEL_LINGER_NS) > LINGER_MAX_NS) return
  unlinger(ch)
  linger(ch)
}

function linger(ch: usize): void {
  setFlags(ch, FLAG_LINGERING)
  store<u64>(ch, nowNs + LINGER_NS, abi.CHANNEL_DEADLINE_NS)
  store<u32>(ch, <u32>lingerTail, abi.CHANNEL_PREV_LINGER)
  store<u32>(ch, 0, abi.CHANNEL_NEXT_LINGER)
  if (lingerTail) store<u32>(lingerTail, <u32>ch, abi.CHANNEL_NEXT_LINGER)
  else lingerHead = ch
  lingerTail = ch
}

function unlinger(ch: usize): void {
  if (!(flags(ch) & FLAG_LINGERING)) return
  clearFlags(ch, FLAG_LINGERING)
  const next = <usize>load<u32>(ch, abi.CHANNEL_NEXT_LINGER)
  const prev = <usize>load<u32>(ch, abi.CHANNEL_PREV_LINGER)
  if (prev) store<u32>(prev, <u32>next, abi.CHANNEL_NEXT_LINGER)
  else lingerHead = next
  if (next) store<u32>(next, <u32>prev, abi.CHANNEL_PREV_LINGER)
  else lingerTail = prev
  store<u64>(ch, 0, abi.CHANNEL_NEXT_LINGER) // both links: here a proxy's requests are looked for
}

/** One step of closing: tell the service, take back what the kernel holds, close the descriptor after the last CQE. */
function close(ch: usize): bool {
  if (!(flags(ch) & FLAG_CLOSE_TOLD)) {
    setFlags(ch, FLAG_CLOSE_TOLD)
    unlinger(ch)
    waitingRemove(ch)
    closing(ch)
  }
  if (inKernel(ch)) {
    if (flags(ch) & FLAG_CALLED) hurry()
    if (flags(ch) & (FLAG_RECV_ARMED | FLAG_SENDING | FLAG_CONNECTING) && !(flags(ch) & FLAG_CANCELLING)) {
      cancel(ch, 0, abi.CANCEL_FD | abi.CANCEL_ALL)
    }
    return true // the last completion makes it dirty again
  }
  if (!call(abi.CALL_CLOSE, load<i32>(ch, abi.CHANNEL_FD), 0, 0, 0, TAG_NONE)) return false
  const ep = endpoint(ch)
  const listener = listenerOf(ep) == ch
  inboundRelease(ch)
  queueClear(ch + abi.CHANNEL_QUEUE)
  countBy(ep + abi.ENDPOINT_BYTES_IN, load<u64>(ch, abi.CHANNEL_BYTES_IN))
  countBy(ep + abi.ENDPOINT_BYTES_OUT, load<u64>(ch, abi.CHANNEL_BYTES_OUT))
  if (listener) {
    store<u32>(ep, 0, abi.ENDPOINT_LISTENER)
  } else {
    closed(ch)
    store<u32>(ep, load<u32>(ep, abi.ENDPOINT_CHANNELS) - 1, abi.ENDPOINT_CHANNELS)
    acceptAgain(ep)
  }
  clearFlags(ch, FLAG_BLOCKED_OUT)
  channelRelease(ch)
  if (load<u32>(ep, abi.ENDPOINT_DRAINING) && !load<u32>(ep, abi.ENDPOINT_CHANNELS) && !listenerOf(ep)) {
    upcallEndpoint(abi.UP_DRAINED, ep, 0, 0, 0)
  }
  return true
}
