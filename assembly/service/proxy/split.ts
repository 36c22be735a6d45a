// Multi-key commands in parts: one part per server that holds a key, written to the servers' queues in one walk over
// the keys. MGET also keeps which server each key is on, so that the values can be put back in order.

import * as abi from '../../abi'
import { blockAlloc, blockData, blockGet, blockPut } from '../../memory/block'
import { alloc, free } from '../../memory/heap'
import {
  QUEUE_RECORD_BYTES,
  queueBytes,
  queueClear,
  queueInit,
  queueLost,
  queueRoom,
  queueWrote,
} from '../../memory/queue'
import { respArg, respArgLength, respArgc, respArgv, respUse } from '../../codec/resp'
import { ringLookup } from '../../ring/lookup'
import { kvExecute } from '../kv/kv'
import { MODE_MGET, MODE_MSET } from './commands'
import { partAnswered, partDone, partFailed } from './merge'
import * as pool from './pool'
import * as request from './request'
import { ROUTE_ABORT, ROUTE_OK, ROUTE_WAIT, appendArgument, header, shardSession, twins } from './forward'
import { FAIL_MEMORY } from './server-error'
import { upstreamComing, upstreamFail, upstreamFull, upstreamSubmit, upstreamTakes } from './upstream'

// Scratch per server of the command at hand: {part u32, keys u32, queue bytes before u32, −}.
const S_PART: usize = 0
const S_KEYS: usize = 4
const S_BEFORE: usize = 8
const S_BYTES: u32 = 16

/** Splits the command in the argument table over the servers of its keys. */
export function split(ch: usize, proxy: usize, mode: u32): i32 {
  const servers = load<u32>(proxy, pool.PROXY_COUNT)
  const step: u32 = mode == MODE_MSET ? 2 : 1
  const keys = (respArgc - 1) / step
  const mapBytes = (keys * 2 + 3) & ~3
  const map = blockAlloc(mapBytes + servers * 4)
  const scratch = alloc(<usize>servers * S_BYTES)
  if (!map || !scratch) {
    if (map) blockPut(map)
    if (scratch) free(scratch)
    return ROUTE_ABORT
  }
  memory.fill(scratch, 0, <usize>servers * S_BYTES)
  const ring = <usize>load<u32>(proxy, pool.PROXY_RING)
  const twin = twins(ch, proxy)
  let full = false
  for (let k: u32 = 0; k < keys; k++) {
    const i = 1 + k * step
    const index = ringLookup(ring, respArg(i), respArgLength(i))
    store<u16>(blockData(map) + (<usize>k << 1), <u16>index)
    const slot = scratch + <usize>index * S_BYTES
    const count = load<u32>(slot, S_KEYS)
    store<u32>(slot, count + 1, S_KEYS)
    if (!count && isFull(pool.serverOf(proxy, index + twin))) full = true
  }
  const outcome = full ? ROUTE_WAIT : send(ch, proxy, mode, map, scratch, keys, step)
  free(scratch)
  blockPut(map)
  return outcome
}

function isFull(server: usize): bool {
  if (load<u32>(server, pool.SERVER_KV)) return false
  return upstreamTakes(server) ? upstreamFull(server) : upstreamComing(server)
}

function send(ch: usize, proxy: usize, mode: u32, map: usize, scratch: usize, keys: u32, step: u32): i32 {
  const kind = mode == MODE_MGET ? request.KIND_MGET : mode == MODE_MSET ? request.KIND_MSET : request.KIND_SUM
  const whole = request.requestCreate(ch, kind)
  if (!whole) return ROUTE_ABORT
  const servers = load<u32>(proxy, pool.PROXY_COUNT)
  const twin = twins(ch, proxy)
  if (mode == MODE_MGET) {
    blockGet(map)
    store<u32>(whole, <u32>map, request.REQUEST_MAP)
  }
  store<u32>(whole, keys, request.REQUEST_COUNT)
  store<u32>(whole, 1, request.REQUEST_LEFT) // our own, until every part is under way
  for (let s: u32 = 0; s < servers; s++) {
    const slot = scratch + <usize>s * S_BYTES
    if (load<u32>(slot, S_KEYS) && !addPart(whole, s, slot)) {
      dropParts(whole)
      return ROUTE_ABORT // nothing was written to any server
    }
  }
  for (let s: u32 = 0; s < servers; s++) {
    const slot = scratch + <usize>s * S_BYTES
    if (load<u32>(slot, S_KEYS)) begin(pool.serverOf(proxy, s + twin), slot, 1 + load<u32>(slot, S_KEYS) * step)
  }
  for (let k: u32 = 0; k < keys; k++) {
    const index = load<u16>(blockData(map) + (<usize>k << 1))
    const queue = queueOf(pool.serverOf(proxy, index + twin))
    if (!queue) continue
    appendArgument(queue, 1 + k * step)
    if (step == 2) appendArgument(queue, 2 + k * step)
  }
  const lost = queueLost() // then half a part may stand in any of the queues
  for (let s: u32 = 0; s < servers; s++) {
    const slot = scratch + <usize>s * S_BYTES
    if (load<u32>(slot, S_KEYS)) finish(ch, proxy, pool.serverOf(proxy, s + twin), slot, map, keys, step, lost)
  }
  partDone(whole)
  return ROUTE_OK
}

function addPart(whole: usize, server: u32, slot: usize): bool {
  const part = request.requestRecord(request.KIND_PART)
  if (!part) return false
  store<u32>(part, <u32>whole, request.REQUEST_PARENT)
  store<u32>(part, server, request.REQUEST_SERVER)
  store<u32>(part, load<u32>(slot, S_KEYS), request.REQUEST_COUNT)
  store<u32>(part, load<u32>(whole, request.REQUEST_PARTS), request.REQUEST_SIBLING)
  store<u32>(whole, <u32>part, request.REQUEST_PARTS)
  store<u32>(whole, load<u32>(whole, request.REQUEST_LEFT) + 1, request.REQUEST_LEFT)
  store<u32>(slot, <u32>part, S_PART)
  return true
}

/** Memory ran out before anything was written: the parts go, the whole is answered (its client is about to close). */
function dropParts(whole: usize): void {
  let part = <usize>load<u32>(whole, request.REQUEST_PARTS)
  while (part) {
    const next = <usize>load<u32>(part, request.REQUEST_SIBLING)
    request.requestFree(part)
    part = next
  }
  store<u32>(whole, 1, request.REQUEST_DONE)
}

/** The queue that a server's part is written to; 0 where it is embedded or down. */
function queueOf(server: usize): usize {
  if (load<u32>(server, pool.SERVER_KV) || !upstreamTakes(server)) return 0
  return <usize>load<u32>(server, pool.SERVER_CHANNEL) + abi.CHANNEL_QUEUE
}

function begin(server: usize, slot: usize, argc: u32): void {
  const queue = queueOf(server)
  if (!queue) return
  store<u32>(slot, queueBytes(queue), S_BEFORE)
  const to = queueRoom(queue, 16)
  if (!to) return
  queueWrote(queue, header(to, 42, argc))
  appendArgument(queue, 0)
}

/** A part is written: it is submitted, or executed at once, or failed with its server. */
function finish(
  ch: usize,
  proxy: usize,
  server: usize,
  slot: usize,
  map: usize,
  keys: u32,
  step: u32,
  lost: bool,
): void {
  const part = <usize>load<u32>(slot, S_PART)
  if (load<u32>(server, pool.SERVER_KV)) return execute(shardSession(ch, proxy), server, part, map, keys, step)
  const queue = queueOf(server)
  if (queue) {
    upstreamSubmit(server, part, queueBytes(queue) - load<u32>(slot, S_BEFORE))
    if (lost) upstreamFail(server, FAIL_MEMORY)
  } else {
    partFailed(part, server, load<i32>(server, pool.SERVER_ERROR))
  }
}

/** Executes a part on an embedded shard, with an argument table of its own. */
function execute(session: usize, server: usize, part: usize, map: usize, keys: u32, step: u32): void {
  const argv = respArgv
  const argc = respArgc
  const index = load<u32>(server, pool.SERVER_INDEX)
  const count = 1 + load<u32>(part, request.REQUEST_COUNT) * step
  const table = alloc((<usize>count << 3) + QUEUE_RECORD_BYTES)
  if (!table) return partFailed(part, server, -abi.ENOMEM)
  const queue = table + (<usize>count << 3)
  queueInit(queue)
  memory.copy(table, argv, 8)
  let to = table + 8
  for (let k: u32 = 0; k < keys; k++) {
    if (load<u16>(blockData(map) + (<usize>k << 1)) != index) continue
    memory.copy(to, argv + (<usize>(1 + k * step) << 3), step << 3)
    to += step << 3
  }
  respUse(table, count)
  kvExecute(<usize>load<u32>(server, pool.SERVER_KV), session, queue)
  respUse(argv, argc)
  if (queueLost()) {
    queueClear(queue)
    partFailed(part, server, FAIL_MEMORY)
  } else {
    partAnswered(part, queue)
  }
  free(table)
}
