// The turn: results of calls, completions, clocks and deadlines, and then the flush. One `run` per `enter`.

import * as abi from '../abi'
import { slicesServe } from '../channel/file-send'
import { TAG_DATAGRAM, TAG_FILE, TAG_SEND, TAG_SLOT_MASK, outboundSent, outboundTurn } from '../channel/outbound'
import { starve, starvedTurn } from '../channel/starved'
import {
  FLAG_BLOCKED_OUT,
  FLAG_CALLED,
  FLAG_CANCELLING,
  FLAG_CONNECTING,
  FLAG_EOF,
  FLAG_RECV_ARMED,
  FLAG_RECV_SIZED,
  FLAG_SENDING,
  FLAG_TIMED,
  FLAG_WRITABLE_WANTED,
  channelAbort,
  channelAt,
  channelFind,
  channelsOpen,
  clearFlags,
  dirty,
  endpoint,
  flags,
  setFlags,
  state,
  waitingCount,
  waitingTake,
} from '../channel/table'
import { owed, trainIsShort } from '../channel/train'
import { zeroCopyFree } from '../channel/zero-copy'
import { clockSet, nowNs } from '../clock'
import { KIND_DATAGRAM, KIND_DATAGRAM_SENT } from '../datagram/abi'
import { datagramReceived } from '../datagram/receive'
import { datagramSent } from '../datagram/send'
import { calls, control } from '../memory/arena'
import { count } from '../memory/counter'
import { memoryTick } from '../memory/remote'
import { siteSet } from '../memory/sites'
import { SITE_TICK } from '../memory/abi'
import { skbLive } from '../memory/skb'
import { TAG_SOCKET, upstreamSocket } from '../service/proxy/upstream'
import { storesFlush } from '../service/stores'
import { upcallCount, upcallFile, upcallSlack } from '../service/upcall'
import { timersNext } from '../timer/timers'
import { NEVER } from '../timer/wheel'
import { buffersContinue, bufferAfter, bufferDone, bufferRest, bufferTake, publishBuffers } from '../uring/buffers'
import { cqPublish, cqReady, cqTake } from '../uring/completion'
import { hostReady, hostWatch } from '../uring/host'
import { call, callRoom, callsDone, hurried, sqRoom, submissionPublish } from '../uring/submission'
import { accepted } from './accept'
import { crowdTell } from './crowd'
import { connected, drained, failed } from './dispatch'
import { flushAll } from './flush'
import { received, receivedEnd, receivedSized, resume } from './inbound'
import { idleSent } from './idle'
import { timeoutsTick } from './timeouts'
import { trainPolled, trainRead, trainResult } from './trains'

/** Most completions of one turn; then the host's loop has its say (law 9). */
const BUDGET: u32 = 256

/**
 * Most bytes of one turn, or one more receive, where receives share buffers: a hundred thousand small requests are
 * answered in several. Where each takes a whole buffer, their number is bound enough.
 */
const BUDGET_BYTES: i32 = 131_072

/** SQEs and calls that one completion may need at once. */
const SPARE: u32 = 8

/** Handles what the last `enter` has brought. Returns the number of upcalls that wait for the host. */
export function run(): u32 {
  clockSet(load<u64>(control, abi.CONTROL_REALTIME_MS), load<u64>(control, abi.CONTROL_MONOTONIC_NS))
  results()
  outboundTurn()
  starvedTurn()
  let budget = BUDGET
  let bytes = buffersContinue ? BUDGET_BYTES : i32.MAX_VALUE
  while (budget && bytes > 0 && cqReady() && upcallSlack() && sqRoom() > SPARE && callRoom() > SPARE) {
    const c = cqTake()
    const cqeFlags = load<u32>(c, abi.CQE_FLAGS)
    const result = load<i32>(c, abi.CQE_RES)
    complete(load<u64>(c, abi.CQE_USER_DATA), result, cqeFlags)
    if (cqeFlags & abi.CQE_FLAG_BUFFER) bytes -= result
    budget--
  }
  cqPublish()
  publishBuffers()
  for (let n = waitingCount; n; n--) resume(waitingTake())
  flush()
  memoryTick()
  return upcallCount()
}

/**
 * Turns wishes into SQEs and calls, and says how long the next `enter` may wait. Called again after the host's turn.
 */
export function flush(): void {
  const kept = flushAll()
  siteSet(SITE_TICK)
  storesFlush()
  timeoutsTick()
  const clean = kept && flushAll()
  slicesServe()
  hostWatch()
  submissionPublish()
  const next = timersNext()
  crowdTell(
    clean && !cqReady() && !upcallCount() && !hurried(),
    next == NEVER ? -1 : <i64>(max(next, nowNs) - nowNs),
  )
  store<u32>(control, channelsOpen(), abi.CONTROL_CHANNELS)
  store<u32>(control, skbLive(), abi.CONTROL_SKBS)
}

/** Books the results of immediate calls. */
function results(): void {
  const done = callsDone()
  for (let i: u32 = 0; i < done; i++) {
    const at = calls + <usize>i * abi.CALL_BYTES
    const tag = load<u32>(at, abi.CALL_TAG)
    if (!tag) continue
    const result = load<i32>(at, abi.CALL_RESULT)
    if ((tag & ~TAG_SLOT_MASK) == TAG_SEND) sent(channelAt(tag & TAG_SLOT_MASK), result, FLAG_CALLED, false)
    else if ((tag & ~TAG_SLOT_MASK) == TAG_SOCKET) upstreamSocket(tag & TAG_SLOT_MASK, result)
    else if ((tag & ~TAG_SLOT_MASK) == TAG_FILE) trainResult(channelAt(tag & TAG_SLOT_MASK), at, result)
    else if ((tag & ~TAG_SLOT_MASK) == TAG_DATAGRAM) datagramSent(channelAt(tag & TAG_SLOT_MASK), result, FLAG_CALLED)
  }
}

function sent(ch: usize, result: i32, bit: u32, more: bool): void {
  if (flags(ch) & FLAG_TIMED) idleSent(ch, <u32>max(result, 0))
  const error = outboundSent(ch, result, bit, more)
  dirty(ch)
  if (state(ch) == abi.STATE_CLOSING) return
  if (error) return fail(ch, error)
  const f = flags(ch)
  if (!(f & (FLAG_BLOCKED_OUT | FLAG_WRITABLE_WANTED))) return
  if (owed(ch) > load<u32>(endpoint(ch), abi.ENDPOINT_LOW) || !trainIsShort(ch)) return
  clearFlags(ch, FLAG_BLOCKED_OUT | FLAG_WRITABLE_WANTED)
  if (f & FLAG_WRITABLE_WANTED) drained(ch)
  if (f & FLAG_BLOCKED_OUT) resume(ch)
}

function fail(ch: usize, error: i32): void {
  failed(ch, error)
  channelAbort(ch)
}

function complete(data: u64, result: i32, cqeFlags: u32): void {
  const kind = data >> abi.UD_KIND_SHIFT
  if (kind == abi.KIND_HOST) return hostReady()
  if (kind == abi.KIND_FILE) return ofFile(data, result, cqeFlags)
  if (kind == abi.KIND_TIMEOUT) return // of a connect, which tells by itself how it ended
  const ch = channelFind(<u32>data, <u32>(data >> abi.UD_GENERATION_SHIFT) & abi.GENERATION_MASK)
  if (!ch) return stale(kind, result, cqeFlags)
  const more = (cqeFlags & abi.CQE_FLAG_MORE) != 0
  switch (<u32>kind) {
    case abi.KIND_RECV:
      receive(ch, result, cqeFlags, more)
      break
    case abi.KIND_SEND:
      if (cqeFlags & abi.CQE_FLAG_NOTIF) zeroCopyFree(ch, result)
      else sent(ch, result, FLAG_SENDING, more)
      break
    case abi.KIND_ACCEPT:
      accepted(ch, result, more)
      break
    case KIND_DATAGRAM:
      datagramReceived(ch, result, cqeFlags, more)
      break
    case KIND_DATAGRAM_SENT:
      datagramSent(ch, result, FLAG_SENDING)
      break
    case abi.KIND_CANCEL:
      clearFlags(ch, FLAG_CANCELLING)
      dirty(ch)
      break
    case abi.KIND_CONNECT:
      clearFlags(ch, FLAG_CONNECTING)
      dirty(ch)
      connected(ch, result)
      break
  }
}

/** A file operation of the host, a READ of a channel's file, or a poll of the socket it goes to. */
function ofFile(data: u64, result: i32, cqeFlags: u32): void {
  const slot = <u32>data
  if (slot & abi.FILE_OPERATION) return upcallFile(slot & ~abi.FILE_OPERATION, result)
  const ch = channelFind(slot & ~abi.FILE_READ, <u32>(data >> abi.UD_GENERATION_SHIFT) & abi.GENERATION_MASK)
  if (!ch) stale(abi.KIND_FILE, result, cqeFlags)
  else if (slot & abi.FILE_READ) trainRead(ch, result)
  else trainPolled(ch, result)
}

function receive(ch: usize, result: i32, cqeFlags: u32, more: bool): void {
  const sized = (flags(ch) & FLAG_RECV_SIZED) != 0
  if (!more) {
    clearFlags(ch, FLAG_RECV_ARMED | FLAG_RECV_SIZED)
    dirty(ch)
  }
  if (result > 0 && sized) {
    receivedSized(ch, result)
  } else if (result > 0) {
    slices(ch, cqeFlags >> abi.CQE_BUFFER_SHIFT, result, (cqeFlags & abi.CQE_FLAG_BUF_MORE) != 0)
  } else if (result == 0) {
    setFlags(ch, FLAG_EOF)
    receivedEnd(ch)
  } else if (result == -abi.ENOBUFS) {
    count(control + abi.CONTROL_STARVED)
    starve(ch)
  } else if (result != -abi.ECANCELED) {
    if (state(ch) != abi.STATE_CLOSING) fail(ch, result)
  }
}

/**
 * `length` bytes from buffer `id` on: a bundle is one completion for several buffers, as they stand in the ring.
 * Without a channel nobody wants them.
 */
function slices(ch: usize, id: u32, length: u32, kept: bool): void {
  while (true) {
    const part = min(length, bufferRest(id))
    const last = part == length
    const next = last ? id : bufferAfter(id)
    if (ch) {
      received(ch, id, part, kept && last)
    } else {
      bufferTake(id, part, kept && last)
      bufferDone(id)
    }
    if (last) return
    length -= part
    id = next
  }
}

/** A completion whose channel is gone never acts; what it carries is given back. */
function stale(kind: u64, result: i32, cqeFlags: u32): void {
  count(control + abi.CONTROL_STALE)
  if (cqeFlags & abi.CQE_FLAG_BUFFER) {
    slices(0, cqeFlags >> abi.CQE_BUFFER_SHIFT, max(result, 0), (cqeFlags & abi.CQE_FLAG_BUF_MORE) != 0)
  }
  if (kind == abi.KIND_ACCEPT && result >= 0) call(abi.CALL_CLOSE, result, 0, 0, 0, 0)
}
