// A proxy's clients: each command is decoded where it lies, its keys are looked up in the ring, and its bytes are
// appended to its server's queue; an embedded shard executes it at once.

import * as abi from '../../abi'
import {
  FLAG_BLOCKED_OUT,
  FLAG_ENDING,
  FLAG_LAST,
  FLAGS_BLOCKED,
  channelAbort,
  channelEnd,
  dirty,
  endpoint,
  flags,
  setFlags,
  waitForLimit,
} from '../../channel/table'
import { respArgc, respDecode } from '../../codec/resp'
import { protocolError } from '../../codec/resp-error'
import { RESP_INCOMPLETE } from '../../codec/resp-limits'
import { count } from '../../memory/counter'
import { queueBytes, queueLost } from '../../memory/queue'
import { sessionFree } from '../kv/session'
import { MODE_CLOSE, commandMode } from './commands'
import { hurry } from '../../uring/submission'
import { upcallRoom } from '../upcall'
import { PROXY_IN_FLIGHT_MAX, PROXY_REQUESTS } from './pool'
import { REQUEST_QUEUE, KIND_SINGLE, requestCreate, requestDone, requestsAbandon } from './request'
import { ROUTE_ABORT, ROUTE_WAIT } from './forward'
import { route } from './route'

/** Routes every whole command in `[at, end)`; returns where it stopped. */
export function clientFrames(ch: usize, at: usize, end: usize): usize {
  const ep = endpoint(ch)
  const proxy = <usize>load<u32>(ep, abi.ENDPOINT_TARGET)
  const high = load<u32>(ep, abi.ENDPOINT_HIGH)
  const most = load<u32>(proxy, PROXY_IN_FLIGHT_MAX)
  const queue = ch + abi.CHANNEL_QUEUE
  while (at < end && !(flags(ch) & (FLAGS_BLOCKED | FLAG_ENDING | FLAG_LAST))) {
    if (load<u32>(ch, abi.CHANNEL_PENDING) >= most || !upcallRoom()) {
      waitForLimit(ch)
      if (!upcallRoom()) hurry() // the host reads its list in this turn
      break
    }
    const taken = respDecode(at, end)
    if (taken == RESP_INCOMPLETE) break
    if (taken < 0) {
      refuse(ch, taken)
      return end
    }
    if (respArgc) {
      const mode = commandMode()
      if (mode == MODE_CLOSE) {
        channelAbort(ch)
        return end
      }
      const outcome = route(ch, proxy, mode, at, taken)
      if (outcome == ROUTE_WAIT) {
        waitForLimit(ch)
        break
      }
      if (outcome == ROUTE_ABORT || queueLost()) {
        channelAbort(ch)
        return end
      }
      count(proxy + PROXY_REQUESTS)
      if (queueBytes(queue) > high) setFlags(ch, FLAG_BLOCKED_OUT)
    }
    at += taken
  }
  if (queueBytes(queue)) dirty(ch)
  return flags(ch) & (FLAG_ENDING | FLAG_LAST) ? end : at
}

/** The client's channel closes. */
export function clientClosing(ch: usize): void {
  requestsAbandon(ch)
  sessionFree(ch + abi.CHANNEL_SESSION)
}

/** A protocol error: the replies owed come first, then the error, then the end. */
function refuse(ch: usize, error: i32): void {
  if (!load<u32>(ch, abi.CHANNEL_PENDING)) {
    protocolError(ch + abi.CHANNEL_QUEUE, error)
    channelEnd(ch, true)
  } else {
    const request = requestCreate(ch, KIND_SINGLE)
    if (request) protocolError(request + REQUEST_QUEUE, error)
    channelEnd(ch, true)
    if (request) requestDone(request)
  }
  if (queueLost()) channelAbort(ch)
}
