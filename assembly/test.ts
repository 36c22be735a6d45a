// What test.wasm exports: the core with a small harness, so that unit tests can feed it bytes and read bytes back.

import * as abi from './abi'
import { channelCreate, tableCreate } from './channel/table'
import { clockSet } from './clock'
import { CODEC_BYTES, CODEC_KIND, CODEC_RAW } from './codec/abi'
import { respArgc, respCreate, respDecode } from './codec/resp'
import { RESP_INCOMPLETE } from './codec/resp-limits'
import { recordsCreate } from './codec/records'
import { repliesCreate } from './codec/resp-replies'
import { attach, create } from './index'
import { arenaCreate, control } from './memory/arena'
import { alloc, heapBytes, heapCheck, heapCreate, heapUsed } from './memory/heap'
import { poolCheck } from './memory/pool'
import { QUEUE_HEAD, QUEUE_RECORD_BYTES, queueBytes, queueClear, queueInit, queueLost } from './memory/queue'
import { skbRead } from './memory/fragment'
import { SKB_NEXT, skbLive, skbReset, skbTotal } from './memory/skb'
import { SLAB_RECORD_BYTES, slabCreate, slabUsed } from './memory/slab'
import { budgetPool } from './service/kv/budget'
import { kvExecute, kvSetup, KV_DONE } from './service/kv/kv'
import { SESSION_BYTES } from './service/kv/session'
import { SPACE_BUDGET } from './service/kv/space'
import { upcallCreate } from './service/upcall'
import { endpointCreate } from './turn/endpoints'
import { timersCreate } from './timer/timers'
import { NODE_BYTES, NODE_DUE, wheelAdd, wheelCancel, wheelDue } from './timer/wheel'

export { destroy, queued, run, sendFile, write } from './index'
export { control, upcalls } from './memory/arena'
export { clockSet, heapUsed, heapBytes, heapCheck, alloc, slabUsed, skbLive }
export { free } from './memory/heap'
export { digitsOf, parseInteger, parsedInteger, writeInteger, writeUnsigned } from './codec/integer'
export {
  END_RECORDS,
  codecBound,
  codecDecode,
  codecEncode,
  codecEnd,
  codecNeed,
  codecRelease,
  codecTake,
  codecTell,
} from './codec/codec'
export { lengthFieldEncode, lengthFieldFits } from './codec/length-field'
export { recordsCount, recordsCreate, recordsDone, recordsFirst, recordsRoom, recordsShort } from './codec/records'
export {
  streamCreate,
  streamEnd,
  streamFree,
  streamPending,
  streamPush,
  streamPut,
  streamRoom,
  streamTell,
  streamWants,
} from './codec/stream'
export {
  respArgc,
  respArgv,
  respDecode,
  respIsInline,
  respNeed,
  respScan,
  scanAt,
  scanBulk,
  scanFrom,
  scanLeft,
  scanLine,
} from './codec/resp'
export { respGot, respRestrict } from './codec/resp-limits'
export { REPLY_STATE_BYTES, replyBegin, replyNeed, replyProtocol, replyScan } from './codec/resp-reply'
export { blockAlloc, blockAllocIn, blockBytes, blockData, blockGet, blockPut, blockRefs } from './memory/block'
export { poolAlloc, poolBytes, poolCheck, poolCost, poolCreate, poolFree, poolSize, poolUsed } from './memory/pool'
export { skbAddFragment, skbRead, skbSplit } from './memory/fragment'
export { brokenAt, brokenClass } from './memory/debug'
export { gather, gathered } from './channel/outbound'
export { leakReport } from './memory/leak'
export { memoryTick, remoteDrain } from './memory/remote'
export { siteSet } from './memory/sites'
export {
  QUEUE_RECORD_BYTES,
  queueAppend,
  queueAppendBlock,
  queueBytes,
  queueClear,
  queueConsume,
  queueInit,
  queueLost,
  queueMove,
  queuePush,
  queuePushFront,
  queueRoom,
  queueShift,
  queueSplice,
  queueSpliceFront,
  queueWrote,
} from './memory/queue'
export {
  leakSample,
  skbAlloc,
  skbClone,
  skbCopy,
  skbData,
  skbFragments,
  skbFree,
  skbGet,
  skbGrow,
  skbHandOver,
  skbHeadroom,
  skbIsShared,
  skbLength,
  skbLinearize,
  skbPull,
  skbPush,
  skbPut,
  skbReserve,
  skbTail,
  skbTailroom,
  skbTakeOver,
  skbTotal,
  skbTrim,
} from './memory/skb'
export { slabAlloc, slabBytes, slabClass, slabFree, slabLimit, slabSurplus, slabTrim } from './memory/slab'
export { commandMode, commandsCreate } from './service/proxy/commands'
export { hashKey } from './service/kv/hash'
export { globMatch } from './service/kv/glob'
export {
  kvCreate,
  kvDestroy,
  kvExpires,
  kvKeys,
  kvNext,
  kvResetStats,
  kvSetMaxmemory,
  kvSetPassword,
  kvSetPolicy,
  kvShare,
  kvStat,
  kvTick,
  sessionFree,
} from './service/kv/kv'

export { upcallCount, upcallsDone } from './service/upcall'
export { idleBegin, idleEnd, idleHeard, timeouts } from './turn/idle'
export { lingerBegin, lingerOn } from './turn/linger'
export { timeoutsTick } from './turn/timeouts'
export { state } from './channel/table'
export {
  TIMER_BYTES,
  nodeArm,
  nodeCancel,
  timerArm,
  timerArmFine,
  timerCancel,
  timerHas,
  timerInit,
  timerKind,
  timerOwner,
  timerStart,
  timersBegin,
  timersCreate,
  timersNext,
  timersPlaced,
  timersSpent,
  timersTake,
} from './timer/timers'
export {
  WHEEL_BYTES,
  wheelAdd,
  wheelBudget,
  wheelCancel,
  wheelCreate,
  wheelDue,
  wheelHas,
  wheelNext,
  wheelPending,
  wheelPlaced,
  wheelRearm,
  wheelSteps,
} from './timer/wheel'

const PAGE_BITS: usize = 16
let queue: usize = 0
let result: i32 = 0

/** Lays out an arena of `heap` and `slabs` bytes; what an earlier call made is gone. */
export function testCreate(heap: usize, slabs: usize, seed: u64): bool {
  return testCreateAt((__heap_base + 4095) & ~4095, heap, slabs, seed)
}

/** The same at an address, for several instances over one memory. */
export function testCreateAt(start: usize, heap: usize, slabs: usize, seed: u64): bool {
  const slabStart = start + 4096
  const slabEnd = slabStart + slabs
  const end = slabEnd + heap
  const pages = <i32>((end + 0xffff) >> PAGE_BITS) - memory.size()
  if (pages > 0 && memory.grow(pages) < 0) return false
  assert(SLAB_RECORD_BYTES <= 4096)
  slabCreate(start, slabStart, slabEnd)
  heapCreate(slabEnd, end)
  skbReset()
  queueLost()
  queue = alloc(QUEUE_RECORD_BYTES)
  queueInit(queue)
  repliesCreate()
  return respCreate() && recordsCreate(4096) && kvSetup(seed)
}

/** Where the module's own data ends. */
export function testBase(): usize {
  return (__heap_base + 4095) & ~4095
}

/** A session as a channel has one: all zero but the id. */
export function testSession(id: u64): usize {
  const session = alloc(SESSION_BYTES)
  memory.fill(session, 0, SESSION_BYTES)
  store<u64>(session, id, 16)
  return session
}

/**
 * Decodes and executes the commands in `[at, at + length)` until one does not return KV_DONE; their replies are in the
 * queue. Returns the bytes consumed, or the decoder's error.
 */
export function testFeed(kv: usize, session: usize, at: usize, length: u32): i32 {
  const end = at + length
  let p = at
  result = KV_DONE
  while (p < end && result == KV_DONE) {
    const taken = respDecode(p, end)
    if (taken < 0) return taken
    if (taken == RESP_INCOMPLETE) break
    p += taken
    if (respArgc) result = kvExecute(kv, session, queue)
  }
  return <i32>(p - at)
}

/** What the last command of testFeed returned. */
export function testResult(): i32 {
  return result
}

export function testReplyBytes(): u32 {
  return queueBytes(queue)
}

/** Copies the replies to `to` and empties the queue. */
export function testReply(to: usize): void {
  for (let skb = <usize>load<u32>(queue, QUEUE_HEAD); skb; skb = load<u32>(skb, SKB_NEXT)) {
    skbRead(skb, 0, to, skbTotal(skb))
    to += skbTotal(skb)
  }
  queueClear(queue)
}

/** Empties the queue. */
export function testDrop(): void {
  queueClear(queue)
}

/** Whether a reply was lost for want of memory since the last call. */
export function testLost(): bool {
  return queueLost()
}

/** Traps where the keyspace's pool is broken. */
export function testPoolCheck(kv: usize): u32 {
  return poolCheck(budgetPool(load<u32>(kv, SPACE_BUDGET)))
}

/** Lays out a whole loop, without a kernel, and opens one channel in it: slot 0, generation 1. */
export function testChannel(): usize {
  const end: usize = 16 << 20
  const pages = <i32>(end >> PAGE_BITS) - memory.size()
  if (pages > 0 && memory.grow(pages) < 0) return 0
  if (!arenaCreate(__heap_base, end, 64, 4, 4096, 64, 128, 1 << 20)) return 0
  tableCreate()
  if (!timersCreate() || !upcallCreate()) return 0
  const ep = alloc(abi.ENDPOINT_BYTES)
  memory.fill(ep, 0, abi.ENDPOINT_BYTES)
  store<u32>(ep, abi.SERVICE_HOST, abi.ENDPOINT_SERVICE)
  return channelCreate(7, ep, abi.STATE_OPEN)
}

/** A whole loop over rings that the test serves, with a channel on descriptor 7 whose codec leaves bytes alone. */
export function testLoop(): usize {
  const end: usize = 32 << 20
  const pages = <i32>(end >> PAGE_BITS) - memory.size()
  if (pages > 0 && memory.grow(pages) < 0) return 0
  if (!create(__heap_base, end, 64, 4, 4096, 64, 128, 1 << 20)) return 0
  const rings = load<u32>(control, abi.CONTROL_RINGS)
  memory.fill(rings, 0, 16)
  for (let i: u32 = 0; i < 4; i++) store<u32>(control + (i << 2), rings + (i << 2), abi.CONTROL_SQ_HEAD)
  store<u32>(control, rings + abi.RINGS_BYTES_FIXED, abi.CONTROL_CQES)
  attach()
  const ep = endpointCreate(abi.SERVICE_HOST, 0, 65536, 32768, 8)
  const codec = alloc(CODEC_BYTES)
  memory.fill(codec, 0, CODEC_BYTES)
  store<u32>(codec, CODEC_RAW, CODEC_KIND)
  store<u32>(ep, <u32>codec, abi.ENDPOINT_CODEC)
  store<u32>(ep, 1, abi.ENDPOINT_CHANNELS)
  return channelCreate(7, ep, abi.STATE_OPEN)
}

/** Adds `count` nodes, one behind the other, due within `spread` ticks. */
export function testWheelFill(wheel: usize, nodes: usize, count: u32, now: u64, spread: u32, seed: u32): void {
  let random = seed | 1
  for (let i: u32 = 0; i < count; i++) {
    random = step(random)
    wheelAdd(wheel, nodes + <usize>i * NODE_BYTES, now + 1 + (random % spread))
  }
}

/** Adds and cancels a node `rounds` times: the life of a timeout that is not reached. */
export function testWheelPairs(wheel: usize, node: usize, rounds: u32, now: u64, spread: u32, seed: u32): void {
  let random = seed | 1
  for (let i: u32 = 0; i < rounds; i++) {
    random = step(random)
    wheelAdd(wheel, node, now + 1 + (random % spread))
    wheelCancel(wheel, node)
  }
}

/** Cancels a node chosen at random among `count` that are pending and adds it again, `rounds` times. */
export function testWheelChurn(
  wheel: usize,
  nodes: usize,
  count: u32,
  rounds: u32,
  now: u64,
  spread: u32,
  seed: u32,
): void {
  let random = seed | 1
  for (let i: u32 = 0; i < rounds; i++) {
    random = step(random)
    const node = nodes + <usize>(random % count) * NODE_BYTES
    wheelCancel(wheel, node)
    random = step(random)
    wheelAdd(wheel, node, now + 1 + (random % spread))
  }
}

/** Takes out all that is due; returns how many, or −1 if one was not. */
export function testWheelDrain(wheel: usize, now: u64): i32 {
  let count = 0
  for (let node = wheelDue(wheel, now); node; node = wheelDue(wheel, now)) {
    if (load<u64>(node, NODE_DUE) > now) return -1
    count++
  }
  return count
}

/** Marsaglia's xorshift. */
// @ts-ignore: decorator
@inline
function step(random: u32): u32 {
  random ^= random << 13
  random ^= random >> 17
  return random ^ (random << 5)
}
