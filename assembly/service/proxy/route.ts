// Where one command of a proxy goes: to one server, to several in parts, to the proxy's own answers, or nowhere.

import * as abi from '../../abi'
import { channelEnd } from '../../channel/table'
import { parseInteger, parsedInteger } from '../../codec/integer'
import { replyErrorWith, replyLower, replyRaw } from '../../codec/reply'
import { respArg, respArgLength, respArgc } from '../../codec/resp'
import { queueAppend, queueAppendBlock, queueBytes, queueRoom, queueWrote } from '../../memory/queue'
import { SKB_BLOCK, skbData, skbTail } from '../../memory/skb'
import { ringLookup } from '../../ring/lookup'
import { commandUp } from '../command-up'
import { KV_CLOSE, KV_UPCALL } from '../kv/command'
import { kvExecute } from '../kv/kv'
import * as commands from './commands'
import { ROUTE_ABORT, ROUTE_OK, ROUTE_WAIT, appendArgument, header, shardSession, twins } from './forward'
import { serverError } from './server-error'
import { PROXY_LOCAL, PROXY_RING, SERVER_CHANNEL, SERVER_ERROR, SERVER_KV, serverOf } from './pool'
import { KIND_HOST, KIND_SINGLE, REQUEST_DONE, REQUEST_QUEUE, requestCreate, requestDone } from './request'
import { split } from './split'
import { upstreamComing, upstreamFull, upstreamSubmit, upstreamTakes } from './upstream'

/** A frame of this size that lies in a block of its own goes to the server without being copied. */
const BY_REFERENCE: u32 = 4096

/** Routes the command in the argument table, whose frame is the `taken` bytes at `at`. */
export function route(ch: usize, proxy: usize, mode: u32, at: usize, taken: u32): i32 {
  if (mode == commands.MODE_KEY) {
    if (respArgc < 2) return arity(ch)
    return single(ch, proxy, 1, at, taken)
  }
  switch (mode) {
    case commands.MODE_LOCAL:
      return local(ch, proxy)
    case commands.MODE_PROTOCOL:
      // what was sent over one connection must be answered before the next goes over another
      return load<u32>(ch, abi.CHANNEL_PENDING) ? ROUTE_WAIT : local(ch, proxy)
    case commands.MODE_REFUSED:
      return refused(ch, "ERR '", "' is not supported by the proxy: it cannot be sharded")
    case commands.MODE_UNKNOWN:
      return refused(ch, "ERR unknown command '", "'")
    case commands.MODE_KEY2:
      if (respArgc < 3) return arity(ch)
      return single(ch, proxy, 2, at, taken)
    case commands.MODE_MGET:
    case commands.MODE_SUM:
    case commands.MODE_MSET:
      if (respArgc < 2 || (mode == commands.MODE_MSET && (respArgc & 1) == 0)) return arity(ch)
      return onOneServer(proxy, 1, respArgc, mode == commands.MODE_MSET ? 2 : 1)
        ? single(ch, proxy, 1, at, taken)
        : split(ch, proxy, mode)
    case commands.MODE_ALL:
      return together(ch, proxy, 1, respArgc, 1, at, taken)
    case commands.MODE_PAIRS:
      return together(ch, proxy, 1, respArgc, 2, at, taken)
    case commands.MODE_TWO:
      return together(ch, proxy, 1, 3, 1, at, taken)
    case commands.MODE_REST:
      return together(ch, proxy, 2, respArgc, 1, at, taken)
    case commands.MODE_COUNTED:
      return counted(ch, proxy, 1, at, taken)
    case commands.MODE_COUNTED2:
      return counted(ch, proxy, 2, at, taken)
    default:
      return counted(ch, proxy, 2, at, taken)
  }
}

// @ts-ignore: decorator
@inline
function serverFor(proxy: usize, argument: u32): u32 {
  return ringLookup(<usize>load<u32>(proxy, PROXY_RING), respArg(argument), respArgLength(argument))
}

/** Sends the whole command to the server of one key. */
function single(ch: usize, proxy: usize, key: u32, at: usize, taken: u32): i32 {
  const server = serverOf(proxy, serverFor(proxy, key) + twins(ch, proxy))
  const kv = <usize>load<u32>(server, SERVER_KV)
  if (kv) return embedded(ch, proxy, kv)
  if (!upstreamTakes(server)) {
    if (upstreamComing(server)) return ROUTE_WAIT
    const request = requestHere(ch)
    if (!sinkOf(ch, request)) return ROUTE_ABORT
    serverError(sinkOf(ch, request), server, load<i32>(server, SERVER_ERROR))
    if (request) requestDone(request)
    return ROUTE_OK
  }
  if (upstreamFull(server)) return ROUTE_WAIT
  const request = requestCreate(ch, KIND_SINGLE)
  if (!request) return ROUTE_ABORT
  const queue = <usize>load<u32>(server, SERVER_CHANNEL) + abi.CHANNEL_QUEUE
  const before = queueBytes(queue)
  if (load<u8>(at) != 42) encode(queue)
  else if (taken < BY_REFERENCE || !byReference(ch, queue, at, taken)) queueAppend(queue, at, taken)
  upstreamSubmit(server, request, queueBytes(queue) - before)
  return ROUTE_OK
}

/** A large frame was gathered in a block of its own: the server's queue takes a reference to it. */
function byReference(ch: usize, queue: usize, at: usize, taken: u32): bool {
  const skb = <usize>load<u32>(ch, abi.CHANNEL_PARTIAL)
  if (!skb || at < skbData(skb) || at >= skbTail(skb)) return false
  queueAppendBlock(queue, load<u32>(skb, SKB_BLOCK), at, taken)
  return true
}

/** Writes the argument table as an array of bulks: what an inline command becomes for a server. */
function encode(queue: usize): void {
  let to = queueRoom(queue, 16)
  if (!to) return
  queueWrote(queue, header(to, 42, respArgc))
  for (let i: u32 = 0; i < respArgc; i++) appendArgument(queue, i)
}

/** Executes the command on an embedded shard. */
function embedded(ch: usize, proxy: usize, kv: usize): i32 {
  const request = requestHere(ch)
  const sink = sinkOf(ch, request)
  if (!sink) return ROUTE_ABORT
  kvExecute(kv, shardSession(ch, proxy), sink)
  if (request) requestDone(request)
  return ROUTE_OK
}

/** Answers without a server: PING, ECHO, SELECT 0, HELLO 2 …; what the kv leaves to the host goes up. */
function local(ch: usize, proxy: usize): i32 {
  const request = requestHere(ch)
  const sink = sinkOf(ch, request)
  if (!sink) return ROUTE_ABORT
  const outcome = kvExecute(<usize>load<u32>(proxy, PROXY_LOCAL), ch + abi.CHANNEL_SESSION, sink)
  if (outcome == KV_UPCALL) {
    const waiting = request ? request : requestCreate(ch, KIND_HOST)
    if (waiting && commandUp(ch, waiting)) return ROUTE_OK
    if (waiting) store<u32>(waiting, 1, REQUEST_DONE) // nobody will answer it: it goes with its client
    return ROUTE_ABORT
  }
  if (outcome == KV_CLOSE) channelEnd(ch, true)
  if (request) requestDone(request)
  return ROUTE_OK
}

/** Forwards a command whose keys (arguments first … end − 1 by step) must all be on one server. */
function together(ch: usize, proxy: usize, first: u32, end: u32, step: u32, at: usize, taken: u32): i32 {
  if (respArgc < end || respArgc <= first) return arity(ch)
  if (!onOneServer(proxy, first, end, step)) {
    return refused(ch, "ERR the keys of '", "' are on different servers; a hash tag can bring them together")
  }
  return single(ch, proxy, first, at, taken)
}

/**
 * A command that says how many keys it has, in argument `position`; EVAL's script or a destination key comes before.
 */
function counted(ch: usize, proxy: usize, position: u32, at: usize, taken: u32): i32 {
  if (respArgc <= position + 1) return arity(ch)
  const valid = parseInteger(respArg(position), respArgLength(position)) && parsedInteger > 0
  if (!valid || parsedInteger > <i64>(respArgc - position - 1)) {
    return refused(ch, "ERR '", "' needs at least one key, so that the proxy knows its server")
  }
  const end = position + 1 + <u32>parsedInteger
  return together(ch, proxy, position + 1, end, 1, at, taken)
}

function onOneServer(proxy: usize, first: u32, end: u32, step: u32): bool {
  const server = serverFor(proxy, first)
  for (let i = first + step; i < end; i += step) if (serverFor(proxy, i) != server) return false
  return true
}

/** A record for a reply that must wait behind others; 0 where the reply can go straight to the client's queue. */
// @ts-ignore: decorator
@inline
function requestHere(ch: usize): usize {
  return load<u32>(ch, abi.CHANNEL_FIRST) ? requestCreate(ch, KIND_SINGLE) : 0
}

/** Where such a reply is written; 0: memory was exhausted. */
// @ts-ignore: decorator
@inline
function sinkOf(ch: usize, request: usize): usize {
  if (request) return request + REQUEST_QUEUE
  return load<u32>(ch, abi.CHANNEL_FIRST) ? 0 : ch + abi.CHANNEL_QUEUE
}

function arity(ch: usize): i32 {
  const request = requestHere(ch)
  const sink = sinkOf(ch, request)
  if (!sink) return ROUTE_ABORT
  replyRaw(sink, "-ERR wrong number of arguments for '")
  replyLower(sink, respArg(0), respArgLength(0))
  replyRaw(sink, "' command\r\n")
  if (request) requestDone(request)
  return ROUTE_OK
}

/** Answers with an error that names the command. */
function refused(ch: usize, before: string, after: string): i32 {
  const request = requestHere(ch)
  const sink = sinkOf(ch, request)
  if (!sink) return ROUTE_ABORT
  replyErrorWith(sink, before, respArg(0), min(respArgLength(0), 128), after)
  if (request) requestDone(request)
  return ROUTE_OK
}
