// A kv on a channel: decodes commands where they lie, executes them, and leaves the replies in the channel's queue.

import * as abi from '../abi'
import {
  FLAG_BLOCKED_HOST,
  FLAG_BLOCKED_OUT,
  FLAG_ENDING,
  FLAGS_BLOCKED,
  channelAbort,
  channelEnd,
  dirty,
  endpoint,
  flags,
  setFlags,
  waitForLimit,
} from '../channel/table'
import { respArg, respArgLength, respArgc, respDecode } from '../codec/resp'
import { batchBegin, batchEnd, batchMark, batchMarked, batchUse } from '../codec/resp-batch'
import { protocolError } from '../codec/resp-error'
import { RESP_INCOMPLETE, respRestrict } from '../codec/resp-limits'
import { queueBytes, queueLost } from '../memory/queue'
import { KV_CLOSE, KV_CLOSE_SILENT, KV_UPCALL } from './kv/command'
import { kvExecute } from './kv/kv'
import { spaceStore } from './kv/space'
import { storePeek } from './kv/store'
import { SESSION_AUTH_REQUIRED, SESSION_AUTHENTICATED, sessionFree } from './kv/session'
import { hurry } from '../uring/submission'
import { commandUp } from './command-up'
import { upcallRoom } from './upcall'

/** Executes every whole command in `[at, end)`; returns where it stopped. */
export function kvFrames(ch: usize, at: usize, end: usize): usize {
  const ep = endpoint(ch)
  const kv = <usize>load<u32>(ep, abi.ENDPOINT_TARGET)
  const queue = ch + abi.CHANNEL_QUEUE
  while (at < end && !(flags(ch) & (FLAGS_BLOCKED | FLAG_ENDING))) {
    if (!upcallRoom()) {
      waitForLimit(ch) // the host reads its list in this turn; a command that it answers needs a place there
      hurry()
      break
    }
    kvRestrict(ch)
    const ahead = kvIsRestricted(ch) ? 0 : batchBegin(at, end)
    if (ahead) {
      at = executeBatch(ch, kv, ahead)
      batchEnd()
      if (!at) return end
      continue
    }
    const taken = respDecode(at, end)
    if (taken == RESP_INCOMPLETE) break
    if (taken < 0) {
      protocolError(queue, taken)
      if (queueLost()) return abortForMemory(ch, end)
      channelEnd(ch, true)
      at = end
      break
    }
    at += taken
    if (respArgc && !execute(ch, kv)) return end
  }
  respRestrict(false)
  if (queueBytes(queue)) dirty(ch)
  return flags(ch) & FLAG_ENDING ? end : at
}

/** Executes commands that are decoded already; returns where it stopped, 0: the channel is aborted. */
function executeBatch(ch: usize, kv: usize, count: u32): usize {
  // a bucket and its first entry are each a cache miss: all buckets first, then all entries, then the commands
  if (count > 1) {
    const db = spaceStore(kv, load<u32>(ch, abi.CHANNEL_SESSION + abi.SESSION_DB))
    for (let i: u32 = 0; i < count; i++) {
      batchUse(i)
      batchMark(i, respArgc > 1 ? storePeek(db, respArg(1), respArgLength(1)) : 0)
    }
    let touched: u32 = 0
    for (let i: u32 = 0; i < count; i++) {
      const entry = batchMarked(i)
      if (entry) touched += load<u32>(entry) + load<u32>(entry, 56)
    }
    lookAhead = touched
  }
  let at: usize = 0
  for (let i: u32 = 0; i < count && !(flags(ch) & (FLAGS_BLOCKED | FLAG_ENDING)); i++) {
    at = batchUse(i)
    if (respArgc && !execute(ch, kv)) return 0
  }
  return at
}

// What was read ahead goes somewhere, so that no optimiser finds it useless.
let lookAhead: u32 = 0

/** Executes the command in the argument table; false: the channel is aborted. */
function execute(ch: usize, kv: usize): bool {
  const queue = ch + abi.CHANNEL_QUEUE
  const outcome = kvExecute(kv, ch + abi.CHANNEL_SESSION, queue)
  if (outcome) {
    if (outcome == KV_CLOSE) {
      channelEnd(ch, true)
    } else if (outcome == KV_CLOSE_SILENT) {
      channelAbort(ch)
      return false
    } else if (outcome == KV_UPCALL) {
      // the host answers in this turn; what follows waits, so that replies keep their order
      if (!commandUp(ch, 0)) return aborted(ch)
      setFlags(ch, FLAG_BLOCKED_HOST)
    }
  }
  if (queueLost()) return aborted(ch)
  if (queueBytes(queue) > load<u32>(endpoint(ch), abi.ENDPOINT_HIGH)) setFlags(ch, FLAG_BLOCKED_OUT)
  return true
}

function aborted(ch: usize): bool {
  abortForMemory(ch, 0)
  return false
}

/** Tells the decoder whether the channel has still to authenticate. */
// @ts-ignore: decorator
@inline
export function kvRestrict(ch: usize): void {
  respRestrict(kvIsRestricted(ch))
}

// @ts-ignore: decorator
@inline
function kvIsRestricted(ch: usize): bool {
  const session = load<u32>(ch, abi.CHANNEL_SESSION)
  return (session & (SESSION_AUTH_REQUIRED | SESSION_AUTHENTICATED)) == SESSION_AUTH_REQUIRED
}

/** The channel closes: its name is freed. */
export function kvClosing(ch: usize): void {
  sessionFree(ch + abi.CHANNEL_SESSION)
}

/** A reply found no memory: half an answer would be a lie, so the channel closes. */
function abortForMemory(ch: usize, end: usize): usize {
  respRestrict(false)
  channelAbort(ch)
  return end
}
