// The end of a turn: what channels want becomes SQEs and immediate calls. A channel whose wish found no room stays
// dirty, and the next `enter` does not block.

import * as abi from '../abi'
import { TAG_NONE, outboundExpect, outboundSend } from '../channel/outbound'
import { starve, starvedTake, starving } from '../channel/starved'
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
  FLAG_RECV_ARMED,
  FLAG_RECV_SIZED,
  FLAG_RECV_WANTED,
  FLAG_SENDING,
  FLAG_SHUT,
  FLAG_SIZED_WANTED,
  FLAG_TIMED,
  FLAG_TIMES_SET,
  FLAG_TRAIN,
  FLAG_WRITABLE_WANTED,
  FLAG_ZERO_COPY,
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
import { KIND_DATAGRAM, STATE_DATAGRAM } from '../datagram/abi'
import { datagramArm } from '../datagram/receive'
import { datagramFlush } from '../datagram/send'
import { queueBytes, queueClear } from '../memory/queue'
import { upcallEndpoint, upcallSlack } from '../service/upcall'
import { channelData } from '../channel/user-data'
import { zeroCopyRelease } from '../channel/zero-copy'
import { countBy } from '../memory/counter'
import { wheelHas } from '../timer/wheel'
import { receiveHow } from '../uring/buffers'
import { call, hostAddress, hurry, sqRoom, sqe } from '../uring/submission'
import { closed, closing, opening } from './dispatch'
import { inboundRelease, inboundRoom, inboundTail, partialBytes } from './inbound'
import { acceptAgain, acceptEnd, acceptsSingly, listenerOf } from './accept'
import { idleBegin, idleEnd, idleSending } from './idle'
import { lingerBegin, lingerEnd } from './linger'
import { trainEnd, trainFlush } from './trains'

/** While decoding is blocked, receiving goes on until this much waits. */
const BLOCKED_BYTES: u32 = 65536
/** SQEs that one channel can need in a flush. */
const SQES_MAX: u32 = 3

const FLAGS_SIZED: u32 = FLAG_SIZED_WANTED | FLAG_RECV_SIZED
const FLAGS_SENDING: u32 = FLAG_SENDING | FLAG_CALLED | FLAG_CONNECTING

/** Serves dirty channels while there is room; false where some are left. */
export function flushAll(): bool {
  feedStarved()
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

function flush(ch: usize): bool {
  if (state(ch) == abi.STATE_CLOSING) return close(ch)
  if (state(ch) == abi.STATE_OPENING) {
    opening(ch)
    return true
  }
  if (flags(ch) & FLAG_TIMES_SET) idleBegin(ch)
  arm(ch, false)
  if (state(ch) == STATE_DATAGRAM) return datagramFlush(ch)
  if (flags(ch) & FLAG_TRAIN) {
    const train = trainFlush(ch)
    if (train) return train > 0
  }
  if (!(flags(ch) & FLAGS_SENDING) && queueBytes(ch + abi.CHANNEL_QUEUE)) {
    if (!outboundSend(ch)) return false
    if (flags(ch) & FLAG_TIMED) idleSending(ch)
    if (!waitingCount && !awaited(ch)) outboundExpect(ch)
  }
  if (flags(ch) & FLAGS_SENDING) {
    if (flags(ch) & FLAG_CALLED && (waitingCount || awaited(ch))) hurry()
    return true
  }
  if (flags(ch) & FLAG_HALF_CLOSE && !(flags(ch) & FLAG_SHUT)) {
    if (!call(abi.CALL_SHUTDOWN, load<i32>(ch, abi.CHANNEL_FD), abi.SHUT_WR, 0, 0, TAG_NONE)) return false
    setFlags(ch, FLAG_SHUT)
  }
  if (flags(ch) & FLAG_ENDING && state(ch) == abi.STATE_OPEN) return end(ch)
  return true
}

/** Receives that had no buffer are tried again, oldest first, as far as there are buffers. */
function feedStarved(): void {
  while (sqRoom() >= SQES_MAX) {
    const ch = starvedTake()
    if (!ch) return
    if (state(ch) != abi.STATE_CLOSING) arm(ch, true)
  }
}

/** Whether somebody waits for the queue to fall, who cannot wait for the next event from outside. */
function awaited(ch: usize): bool {
  const waits = FLAG_ENDING | FLAG_HALF_CLOSE | FLAG_BLOCKED_OUT | FLAG_WRITABLE_WANTED
  return (flags(ch) & waits) != 0 || load<u32>(ch, abi.CHANNEL_IN_FLIGHT) < queueBytes(ch + abi.CHANNEL_QUEUE)
}

/**
 * Brings the kernel's receive or accept in line with what the channel wants. `fed`: there is a buffer for it, and
 * others that wait for one are behind it.
 */
function arm(ch: usize, fed: bool): void {
  const f = flags(ch)
  if (f & (FLAG_CANCELLING | FLAG_CONNECTING)) return
  const held = f & FLAGS_BLOCKED && partialBytes(ch) >= BLOCKED_BYTES
  const wanted = f & FLAG_RECV_WANTED && !(f & FLAG_EOF) && !held
  if (wanted && !(f & FLAG_RECV_ARMED)) {
    const fd = load<i32>(ch, abi.CHANNEL_FD)
    if (state(ch) == abi.STATE_LISTENING) {
      const s = sqe(abi.OP_ACCEPT, fd, channelData(ch, abi.KIND_ACCEPT))
      store<u32>(s, abi.SOCK_NONBLOCK | abi.SOCK_CLOEXEC, abi.SQE_OP_FLAGS) // a sendfile must not wait
      if (!acceptsSingly(ch)) store<u16>(s, abi.ACCEPT_MULTISHOT, abi.SQE_IOPRIO)
      store<u32>(ch, acceptsSingly(ch) ? 0 : 1, abi.CHANNEL_OWNER) // whether it is a multishot that is armed
    } else if (state(ch) == STATE_DATAGRAM) {
      if (!fed && starving()) return starve(ch)
      datagramArm(ch)
    } else if (!(f & FLAG_SIZED_WANTED) || !armSized(ch, fd)) {
      if (!fed && starving()) return starve(ch)
      const s = sqe(abi.OP_RECV, fd, channelData(ch, abi.KIND_RECV))
      store<u8>(s, abi.SQE_FLAG_BUFFER_SELECT, abi.SQE_FLAGS)
      store<u16>(s, receiveHow, abi.SQE_IOPRIO)
      store<u16>(s, abi.BUF_GROUP, abi.SQE_BUF_GROUP)
    }
    setFlags(ch, FLAG_RECV_ARMED)
  } else if (f & FLAG_RECV_ARMED && (!wanted || tooMany(ch) || (f & FLAGS_SIZED) == FLAG_SIZED_WANTED)) {
    cancel(ch, channelData(ch, kindOf(state(ch))), 0)
  }
}

/** The kind of operation that brings a channel what it wants. */
function kindOf(state: u32): u64 {
  if (state == abi.STATE_LISTENING) return abi.KIND_ACCEPT
  return state == STATE_DATAGRAM ? KIND_DATAGRAM : abi.KIND_RECV
}

/** A receive of the rest of a large frame into its final place; false where a multishot has to do. */
function armSized(ch: usize, fd: i32): bool {
  const room = inboundRoom(ch)
  if (!room) return false
  const s = sqe(abi.OP_RECV, fd, channelData(ch, abi.KIND_RECV))
  store<u64>(s, hostAddress(inboundTail(ch)), abi.SQE_ADDR)
  store<u32>(s, room, abi.SQE_LEN)
  setFlags(ch, FLAG_RECV_SIZED)
  return true
}

/** A multishot accept that could bring more than the endpoint may have. */
function tooMany(ch: usize): bool {
  return state(ch) == abi.STATE_LISTENING && load<u32>(ch, abi.CHANNEL_OWNER) != 0 && acceptsSingly(ch)
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
  arm(ch, false)
  lingerBegin(ch)
  return true
}

/** One step of closing: tell the service, take back what the kernel holds, close the descriptor after the last CQE. */
function close(ch: usize): bool {
  if (!(flags(ch) & FLAG_CLOSE_TOLD)) {
    setFlags(ch, FLAG_CLOSE_TOLD)
    lingerEnd(ch)
    idleEnd(ch)
    if (listenerOf(endpoint(ch)) == ch) acceptEnd(ch)
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
  if (flags(ch) & FLAG_TRAIN && !trainEnd(ch)) return false
  if (load<i32>(ch, abi.CHANNEL_FD) >= 0) {
    if (!call(abi.CALL_CLOSE, load<i32>(ch, abi.CHANNEL_FD), 0, 0, 0, TAG_NONE)) return false
    store<i32>(ch, -1, abi.CHANNEL_FD)
  }
  if (flags(ch) & FLAG_ZERO_COPY) return true // so does the last notification
  zeroCopyRelease(ch)
  const ep = endpoint(ch)
  const listener = listenerOf(ep) == ch
  inboundRelease(ch)
  queueClear(ch + abi.CHANNEL_QUEUE)
  countBy(ep + abi.ENDPOINT_BYTES_IN, load<u64>(ch, abi.CHANNEL_BYTES_IN))
  countBy(ep + abi.ENDPOINT_BYTES_OUT, load<u64>(ch, abi.CHANNEL_BYTES_OUT))
  if (listener) {
    assert(!wheelHas(ch + abi.CHANNEL_TIMER))
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
