// Connections to a proxy's servers: one each, requests in order, replies matched by order alone. Whatever could put a
// reply in the wrong place (a timeout, a stray or malformed reply, a reply before its request was sent) closes the
// connection and answers everything in flight with an error.

import * as abi from '../../abi'
import {
  FLAG_RECV_WANTED,
  FLAG_SENDING,
  channelAbort,
  channelCreate,
  dirty,
  flags,
  setFlags,
} from '../../channel/table'
import { nowNs } from '../../clock'
import { replyRaw } from '../../codec/reply'
import { replyBegin, replyNeed, replyProtocol, replyScan } from '../../codec/resp-reply'
import { queueAppend, queueAppendBlock, queueBytes, queueLost } from '../../memory/queue'
import { SKB_BLOCK, skbData, skbTail } from '../../memory/skb'
import { count } from '../../memory/counter'
import { timerArm, timerCancel, timerHas } from '../../timer/timers'
import { CONNECT_SQES, connectSubmit } from '../../uring/connect'
import { call, hurry, sqRoom } from '../../uring/submission'
import { upcallEndpoint } from '../upcall'
import { failReply } from './failure'
import { FAIL_CLOSED, FAIL_MALFORMED, FAIL_MEMORY, FAIL_STRAY, FAIL_TIMEOUT } from './server-error'
import { partReply } from './merge'
import * as pool from './pool'
import {
  KIND_PART,
  KIND_SINGLE,
  REQUEST_CLIENT,
  REQUEST_DEADLINE,
  REQUEST_KIND,
  REQUEST_NEXT_SERVER,
  REQUEST_SENT_AT,
  requestDone,
  requestIsFirst,
  requestKeep,
  requestRecord,
} from './request'

export const TAG_SOCKET: u32 = 2 << 24

const BACKOFF_FIRST_NS: u64 = 50_000_000
const BACKOFF_MAX_NS: u64 = 5_000_000_000
/** Replies of this size that lie in a block of their own change hands instead of being copied. */
const BY_REFERENCE: u32 = 4096

let random: u64 = 0

/** Sets the seed of the reconnect jitter. */
export function upstreamSeed(seed: u64): void {
  random = seed | 1
}

/** Starts connecting to a server that is down. */
export function upstreamConnect(server: usize): void {
  const tag = TAG_SOCKET | load<u32>(server, pool.SERVER_NUMBER)
  if (!call(abi.CALL_SOCKET, -1, load<u32>(server, pool.SERVER_FAMILY), abi.SOCK_STREAM, 0, tag)) {
    hurry() // the call list is full: the next turn has room
    timerArm(server + pool.SERVER_TIMER, nowNs + BACKOFF_FIRST_NS)
    return
  }
  hurry()
  timerCancel(server + pool.SERVER_TIMER)
  store<u32>(server, pool.UPSTREAM_SOCKET, pool.SERVER_STATE)
}

/** The socket that upstreamConnect asked for. */
export function upstreamSocket(number: u32, fd: i32): void {
  const server = pool.serverByNumber(number)
  if (load<u32>(server, pool.SERVER_STATE) != pool.UPSTREAM_SOCKET) {
    if (fd >= 0) call(abi.CALL_CLOSE, fd, 0, 0, 0, 0)
    return
  }
  if (fd < 0) return down(server, fd)
  const ep = <usize>load<u32>(server, pool.SERVER_ENDPOINT)
  const ch = sqRoom() >= CONNECT_SQES ? channelCreate(fd, ep, abi.STATE_OPEN) : 0
  if (!ch) {
    call(abi.CALL_CLOSE, fd, 0, 0, 0, 0)
    return down(server, -abi.ENOMEM)
  }
  if (load<u32>(server, pool.SERVER_FAMILY) != abi.AF_UNIX) {
    call(abi.CALL_SETSOCKOPT, fd, abi.IPPROTO_TCP, abi.TCP_NODELAY, 1, 0)
  }
  store<u32>(ep, load<u32>(ep, abi.ENDPOINT_CHANNELS) + 1, abi.ENDPOINT_CHANNELS)
  store<u32>(ch, <u32>server, abi.CHANNEL_OWNER)
  connect(server, ch)
  store<u32>(server, <u32>ch, pool.SERVER_CHANNEL)
  store<u32>(server, pool.UPSTREAM_CONNECTING, pool.SERVER_STATE)
  store<u64>(server, 0, pool.SERVER_QUEUED)
  replyBegin(server + pool.SERVER_SCAN)
  replyProtocol(server + pool.SERVER_SCAN, load<u32>(server, pool.SERVER_RESP3) != 0)
  if (load<u32>(server, pool.SERVER_RESP3)) sayHello(server, ch)
}

function connect(server: usize, ch: usize): void {
  const timeout = load<u64>(<usize>load<u32>(server, pool.SERVER_PROXY), pool.PROXY_CONNECT_NS)
  const length = load<u32>(server, pool.SERVER_ADDRESS_LENGTH)
  connectSubmit(ch, server + pool.SERVER_ADDRESS, length, server + pool.SERVER_TIMESPEC, timeout)
}

/** RESP3 begins with HELLO 3, whose reply nobody waits for; a server that refuses it goes on in RESP2. */
function sayHello(server: usize, ch: usize): void {
  const request = requestRecord(KIND_SINGLE)
  const queue = ch + abi.CHANNEL_QUEUE
  if (!request) return upstreamFail(server, FAIL_MEMORY)
  const before = queueBytes(queue)
  replyRaw(queue, '*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n')
  upstreamSubmit(server, request, queueBytes(queue) - before)
}

/** The connect has completed. */
export function upstreamConnected(ch: usize, result: i32): void {
  const server = <usize>load<u32>(ch, abi.CHANNEL_OWNER)
  if (<usize>load<u32>(server, pool.SERVER_CHANNEL) != ch) return // given up meanwhile
  // nobody but its timeout cancels the connect of a channel that is still wanted
  if (result < 0) return upstreamFail(server, result == -abi.ECANCELED ? -abi.ETIMEDOUT : result)
  store<u32>(server, pool.UPSTREAM_UP, pool.SERVER_STATE)
  store<u32>(server, 0, pool.SERVER_FAILURES)
  store<u32>(server, 0, pool.SERVER_ERROR)
  setFlags(ch, FLAG_RECV_WANTED)
  dirty(ch)
  tell(server, 1)
  awaitReply(server)
}

/** Whether requests may be queued for the server: it is up, or connecting for the first time. */
// @ts-ignore: decorator
@inline
export function upstreamTakes(server: usize): bool {
  const state = load<u32>(server, pool.SERVER_STATE)
  return state == pool.UPSTREAM_UP || (state == pool.UPSTREAM_CONNECTING && !load<u32>(server, pool.SERVER_FAILURES))
}

/** Whether the server's first connection is still to come, so that its clients wait; it is started where nobody has. */
export function upstreamComing(server: usize): bool {
  const state = load<u32>(server, pool.SERVER_STATE)
  if (state == pool.UPSTREAM_IDLE) upstreamConnect(server)
  return state == pool.UPSTREAM_IDLE || (state == pool.UPSTREAM_SOCKET && !load<u32>(server, pool.SERVER_FAILURES))
}

/** Whether the server has reached a limit, so that its clients must wait. */
// @ts-ignore: decorator
@inline
export function upstreamFull(server: usize): bool {
  const proxy = <usize>load<u32>(server, pool.SERVER_PROXY)
  const ch = <usize>load<u32>(server, pool.SERVER_CHANNEL)
  return (
    load<u32>(server, pool.SERVER_PENDING) >= load<u32>(proxy, pool.PROXY_SERVER_REQUESTS_MAX) ||
    queueBytes(ch + abi.CHANNEL_QUEUE) > load<u32>(proxy, pool.PROXY_SERVER_BYTES_MAX)
  )
}

/** Books a request whose `bytes` were just appended to the server's queue. */
export function upstreamSubmit(server: usize, request: usize, bytes: u32): void {
  const proxy = <usize>load<u32>(server, pool.SERVER_PROXY)
  const queued = load<u64>(server, pool.SERVER_QUEUED) + bytes
  const timeout = load<u64>(proxy, pool.PROXY_TIMEOUT_NS)
  store<u64>(server, queued, pool.SERVER_QUEUED)
  store<u64>(request, queued, REQUEST_SENT_AT)
  store<u64>(request, timeout ? nowNs + timeout : 0, REQUEST_DEADLINE)
  const last = <usize>load<u32>(server, pool.SERVER_LAST)
  if (last) store<u32>(last, <u32>request, REQUEST_NEXT_SERVER)
  else store<u32>(server, <u32>request, pool.SERVER_FIRST)
  store<u32>(server, <u32>request, pool.SERVER_LAST)
  const up = load<u32>(server, pool.SERVER_STATE) == pool.UPSTREAM_UP // else upstreamConnected does it
  if (timeout && up && !timerHas(server + pool.SERVER_TIMER)) timerArm(server + pool.SERVER_TIMER, nowNs + timeout)
  store<u32>(server, load<u32>(server, pool.SERVER_PENDING) + 1, pool.SERVER_PENDING)
  count(server + pool.SERVER_REQUESTS)
  const ch = <usize>load<u32>(server, pool.SERVER_CHANNEL)
  dirty(ch)
  if (queueLost()) upstreamFail(server, FAIL_MEMORY) // half a request may stand in the queue
}

/** Matches every whole reply in `[at, end)`; returns where it stopped. */
export function upstreamFrames(ch: usize, at: usize, end: usize): usize {
  const server = <usize>load<u32>(ch, abi.CHANNEL_OWNER)
  const scan = server + pool.SERVER_SCAN
  while (at < end) {
    const length = replyScan(scan, at, end)
    if (length == 0) break
    if (length < 0) {
      upstreamFail(server, FAIL_MALFORMED)
      return end
    }
    replyBegin(scan)
    const request = <usize>load<u32>(server, pool.SERVER_FIRST)
    if (!request || isEarly(ch, request)) {
      upstreamFail(server, FAIL_STRAY)
      return end
    }
    shift(server, request)
    deliver(ch, request, at, length)
    at += length
  }
  return at
}

/**
 * Whether a reply has come before its request was sent. Of a SEND that waits for the socket an unknown part is gone,
 * but never its last byte: that one comes with its completion.
 */
function isEarly(ch: usize, request: usize): bool {
  const sent = load<u64>(ch, abi.CHANNEL_BYTES_OUT)
  const end = load<u64>(request, REQUEST_SENT_AT)
  if (end <= sent) return false
  return !(flags(ch) & FLAG_SENDING) || end >= sent + load<u32>(ch, abi.CHANNEL_IN_FLIGHT)
}

/** Whether the partial reply `[base, end)` is whole or malformed. */
export function upstreamScan(ch: usize, base: usize, end: usize): bool {
  const server = <usize>load<u32>(ch, abi.CHANNEL_OWNER)
  const length = replyScan(server + pool.SERVER_SCAN, base, end)
  if (length == 0) return false
  replyBegin(server + pool.SERVER_SCAN) // upstreamFrames scans it once more, now that it lies in one piece
  return true
}

/** Bytes the partial reply needs beyond the `have` gathered ones. */
export function upstreamNeed(ch: usize, have: u32): u32 {
  return replyNeed(<usize>load<u32>(ch, abi.CHANNEL_OWNER) + pool.SERVER_SCAN, have)
}

/** The server has ended the connection. */
export function upstreamEnd(ch: usize): void {
  const server = <usize>load<u32>(ch, abi.CHANNEL_OWNER)
  if (<usize>load<u32>(server, pool.SERVER_CHANNEL) == ch) upstreamFail(server, FAIL_CLOSED)
}

/** The channel closes for a reason of its own: reset, send error. */
export function upstreamClosing(ch: usize): void {
  const server = <usize>load<u32>(ch, abi.CHANNEL_OWNER)
  if (<usize>load<u32>(server, pool.SERVER_CHANNEL) == ch) upstreamFail(server, -abi.ECONNRESET)
}

/** The server's timer has come. It is one for all that a server waits for, and put off only when it comes. */
export function upstreamDue(server: usize): void {
  switch (load<u32>(server, pool.SERVER_STATE)) {
    case pool.UPSTREAM_DOWN:
    case pool.UPSTREAM_IDLE:
      upstreamConnect(server)
      break
    case pool.UPSTREAM_UP:
      awaitReply(server)
  }
}

/** Waits until the deadline of the oldest request, if there is one; where that is over, the connection ends. */
function awaitReply(server: usize): void {
  const first = <usize>load<u32>(server, pool.SERVER_FIRST)
  const deadline = first ? load<u64>(first, REQUEST_DEADLINE) : 0
  if (!deadline) return
  if (deadline > nowNs) return timerArm(server + pool.SERVER_TIMER, deadline)
  count(server + pool.SERVER_TIMEOUTS)
  upstreamFail(server, FAIL_TIMEOUT)
}

function shift(server: usize, request: usize): void {
  const next = load<u32>(request, REQUEST_NEXT_SERVER)
  store<u32>(server, next, pool.SERVER_FIRST)
  if (!next) store<u32>(server, 0, pool.SERVER_LAST)
  store<u32>(server, load<u32>(server, pool.SERVER_PENDING) - 1, pool.SERVER_PENDING)
}

/** Hands a reply to its request: straight to the client where it is next in turn. */
function deliver(ch: usize, request: usize, at: usize, length: u32): void {
  if (load<u32>(request, REQUEST_KIND) == KIND_PART) return partReply(request, at, length)
  if (requestIsFirst(request)) {
    const queue = <usize>load<u32>(request, REQUEST_CLIENT) + abi.CHANNEL_QUEUE
    const skb = <usize>load<u32>(ch, abi.CHANNEL_PARTIAL)
    if (length >= BY_REFERENCE && skb && at >= skbData(skb) && at < skbTail(skb)) {
      queueAppendBlock(queue, load<u32>(skb, SKB_BLOCK), at, length)
    } else {
      queueAppend(queue, at, length)
    }
  } else if (load<u32>(request, REQUEST_CLIENT)) {
    requestKeep(request, at, length)
  }
  requestDone(request)
}

/** The connection ends: everything in flight is answered with an error, and a new one is tried after a while. */
export function upstreamFail(server: usize, error: i32): void {
  hurry() // clients that waited for this server can go on
  const ch = <usize>load<u32>(server, pool.SERVER_CHANNEL)
  store<u32>(server, 0, pool.SERVER_CHANNEL)
  if (ch) channelAbort(ch)
  count(server + pool.SERVER_DISCONNECTS)
  down(server, error)
  let request = <usize>load<u32>(server, pool.SERVER_FIRST)
  store<u32>(server, 0, pool.SERVER_FIRST)
  store<u32>(server, 0, pool.SERVER_LAST)
  store<u32>(server, 0, pool.SERVER_PENDING)
  while (request) {
    const next = <usize>load<u32>(request, REQUEST_NEXT_SERVER)
    failReply(server, request, error)
    request = next
  }
}

function down(server: usize, error: i32): void {
  const was = load<u32>(server, pool.SERVER_STATE)
  const failures = load<u32>(server, pool.SERVER_FAILURES)
  const backoff = min(BACKOFF_FIRST_NS << min(failures, 16), BACKOFF_MAX_NS)
  random ^= random << 13
  random ^= random >> 7
  random ^= random << 17
  store<u32>(server, failures + 1, pool.SERVER_FAILURES)
  timerArm(server + pool.SERVER_TIMER, nowNs + (backoff >> 1) + (random % backoff))
  store<i32>(server, error, pool.SERVER_ERROR)
  store<u32>(server, pool.UPSTREAM_DOWN, pool.SERVER_STATE)
  if (was == pool.UPSTREAM_UP || failures == 0) tell(server, 0)
}

function tell(server: usize, up: u32): void {
  if (load<u32>(server, pool.SERVER_RESP3)) return // the first connection speaks for the server
  const ep = <usize>load<u32>(server, pool.SERVER_ENDPOINT)
  const error = <i64>load<i32>(server, pool.SERVER_ERROR)
  upcallEndpoint(abi.UP_SERVER, ep, load<u32>(server, pool.SERVER_INDEX), up, <u64>error)
}
