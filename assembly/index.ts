// What runtime.wasm exports: one loop per instance, in a memory that the host provides and several instances may share.

import * as abi from './abi'
import {
  FLAG_BLOCKED_HOST,
  FLAG_HALF_CLOSE,
  channelAbort,
  channelEnd,
  channelFind,
  clearFlags,
  dirty,
  flags,
  setFlags,
  state,
  tableCreate,
} from './channel/table'
import { residencyCreate } from './channel/residency'
import { owed, trainCreate } from './channel/train'
import { outboundAttach, outboundCreate } from './channel/outbound'
import { starvedCreate } from './channel/starved'
import { zeroCopyCreate } from './channel/zero-copy'
import { respCreate } from './codec/resp'
import { batchCreate } from './codec/resp-batch'
import { repliesCreate } from './codec/resp-replies'
import { arenaCreate } from './memory/arena'
import { SITE_ANSWER } from './memory/abi'
import { queueAppend, queueLost } from './memory/queue'
import { siteSet } from './memory/sites'
import { hostSendFile, hostWrite } from './service/host'
import { proxiesCreate } from './service/proxy/pool'
import { REQUEST_CLIENT, REQUEST_QUEUE, requestDone, requestIsFirst } from './service/proxy/request'
import { sessionCreate } from './service/session'
import { timersCreate } from './timer/timers'
import { storesCreate } from './service/stores'
import { upcallCreate } from './service/upcall'
import { endpointsCreate } from './turn/endpoints'
import { crowdAttach, crowdCreate } from './turn/crowd'
import { hostCreate } from './uring/host'
import { idleCreate } from './turn/idle'
import { resume } from './turn/inbound'
import { buffersAttach, buffersCreate } from './uring/buffers'
import { completionAttach } from './uring/completion'
import { submissionAttach } from './uring/submission'

export { run, flush } from './turn/run'
export { fileSubmit } from './uring/file'
export { upcallCount, upcallsDone } from './service/upcall'
export { upcalls } from './memory/arena'
export { receiveSetBundles } from './uring/buffers'
export { cqReady } from './uring/completion'
export { alloc, free, heapUsed, heapBytes, heapCheck } from './memory/heap'
export { slabUsed, slabBytes, slabLimit } from './memory/slab'
export { leakReport } from './memory/leak'
export { leakSample } from './memory/skb'
export { channelsTouched, channelAt } from './channel/table'
export {
  endpointAdopt,
  endpointCreate,
  endpointFree,
  endpointListen,
  endpointLook,
  endpointStop,
  endpointDrain,
  endpointAbort,
  endpointAllow,
} from './turn/endpoints'
export { datagramOpen, datagramQueue } from './datagram/socket'
export { channelGoOn, channelMove } from './turn/move'
export { timeouts } from './turn/idle'
export { endpointConnect } from './service/host-connect'
export { ringBuild, ringFree } from './ring/build'
export { ringLookup } from './ring/lookup'
export {
  kvCreate,
  kvDestroy,
  kvExpires,
  kvKeys,
  kvResetStats,
  kvSetMaxmemory,
  kvSetPassword,
  kvSetPolicy,
  kvSetup,
  kvShare,
  kvStat,
} from './service/kv/kv'
export { storesAdd } from './service/stores'
export { proxyCreate } from './service/proxy/pool'
export {
  proxyEmbed,
  proxyErrors,
  proxyLimits,
  proxyRequests,
  proxyServer,
  proxyStop,
  serverStat,
} from './service/proxy/setup'
export { loadsAcquire, loadsAdd, loadsCap, loadsCreate, loadsRelease } from './ring/load'
export { ringLocate, ringLookupMany, ringOwner, ringPosition, ringSeed } from './ring/lookup'
export { ringReplicas } from './ring/replicas'
export { ringShares } from './ring/share'
export { ringHash } from './ring/hash'
export { sendSetMode } from './channel/outbound'
export { sendSetZeroCopy, sendZeroCopy } from './channel/zero-copy'
export { crowdSetMinWait } from './turn/crowd'
export { upstreamSeed } from './service/proxy/upstream'

/** Where the module's own static data ends: the first byte that an arena may use. */
export function memoryBase(): usize {
  return __heap_base
}

/** Lays out the loop in `[base, end)`; see arenaCreate. Returns the control block's offset, 0 where it does not fit. */
export function create(
  base: usize,
  end: usize,
  channels: u32,
  buffers: u32,
  bufferBytes: u32,
  sqEntries: u32,
  cqEntries: u32,
  slabs: u32,
): usize {
  const control = arenaCreate(base, end, channels, buffers, bufferBytes, sqEntries, cqEntries, slabs)
  if (!control) return 0
  tableCreate()
  endpointsCreate()
  buffersCreate()
  outboundCreate()
  zeroCopyCreate()
  crowdCreate()
  hostCreate()
  idleCreate()
  trainCreate()
  residencyCreate()
  sessionCreate()
  repliesCreate()
  if (!timersCreate() || !starvedCreate()) return 0
  return respCreate() && batchCreate() && upcallCreate() && storesCreate() && proxiesCreate() ? control : 0
}

/** The kernel is set up: its rings are read, and the receive buffers are provided. */
export function attach(): void {
  submissionAttach()
  completionAttach()
  buffersAttach()
  outboundAttach()
  crowdAttach()
}

/** The channel of a slot and generation; 0 where it is gone. */
export function find(slot: u32, generation: u32): usize {
  return channelFind(slot, generation)
}

/** Queues a message for a channel; see hostWrite. */
export function write(slot: u32, generation: u32, at: usize, length: u32): i32 {
  const ch = channelFind(slot, generation)
  return ch ? hostWrite(ch, at, length) : -abi.EPIPE
}

/** Queues bytes of a file for a channel; see hostSendFile. Numbers are f64 because they pass 32 bits. */
export function sendFile(
  slot: u32,
  generation: u32,
  fd: i32,
  place: f64,
  bytes: f64,
  how: u32,
  key: u32,
  align: u32,
): i32 {
  const ch = channelFind(slot, generation)
  return ch ? hostSendFile(ch, fd, <u64>place, <u64>bytes, how, key, align) : -abi.EPIPE
}

/** Ends our side of a channel once everything written is sent; the channel closes when the peer has ended too. */
export function end(slot: u32, generation: u32, whole: u32): void {
  const ch = channelFind(slot, generation)
  if (!ch || state(ch) != abi.STATE_OPEN) return
  if (whole) return channelEnd(ch, true)
  setFlags(ch, FLAG_HALF_CLOSE)
  dirty(ch)
}

/** Closes a channel at once. */
export function destroy(slot: u32, generation: u32): void {
  const ch = channelFind(slot, generation)
  if (ch) channelAbort(ch)
}

/** Stops (1) or goes on (0) decoding and receiving for a channel. */
export function pause(slot: u32, generation: u32, on: u32): void {
  const ch = channelFind(slot, generation)
  if (!ch || ((flags(ch) & FLAG_BLOCKED_HOST) != 0) == (on != 0)) return
  if (on) {
    setFlags(ch, FLAG_BLOCKED_HOST)
    return
  }
  clearFlags(ch, FLAG_BLOCKED_HOST)
  resume(ch)
}

/** Bytes queued for a channel, those of files not counted. */
export function queued(slot: u32, generation: u32): u32 {
  const ch = channelFind(slot, generation)
  return ch ? owed(ch) : 0
}

/**
 * Answers a UP_COMMAND with reply bytes. `request` is the upcall's extra: 0 for a kv's channel, which then goes on with
 * what follows the command; `close` ends the channel once the reply is sent.
 */
export function answer(slot: u32, generation: u32, request: usize, at: usize, length: u32, close: u32): void {
  siteSet(SITE_ANSWER)
  if (request) {
    const client = <usize>load<u32>(request, REQUEST_CLIENT)
    if (client) queueAppend(requestIsFirst(request) ? client + abi.CHANNEL_QUEUE : request + REQUEST_QUEUE, at, length)
    const lost = queueLost()
    if (close && client) channelEnd(client, true) // after the replies still owed
    requestDone(request)
    if (lost && client) channelAbort(client)
    return
  }
  const ch = channelFind(slot, generation)
  if (!ch) return
  queueAppend(ch + abi.CHANNEL_QUEUE, at, length)
  if (queueLost()) return channelAbort(ch)
  clearFlags(ch, FLAG_BLOCKED_HOST)
  if (close) channelEnd(ch, true)
  else resume(ch)
}
