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
import { RESP_INCOMPLETE, respArgc, respDecode, respRestrict } from '../codec/resp'
import { protocolError } from '../codec/resp-error'
import { queueBytes, queueLost } from '../memory/queue'
import { KV_CLOSE, KV_CLOSE_SILENT, KV_UPCALL } from './kv/command'
import { kvExecute } from './kv/kv'
import { SESSION_AUTH_REQUIRED, SESSION_AUTHENTICATED, sessionFree } from './kv/session'
import { hurry } from '../uring/submission'
import { commandUp } from './command-up'
import { upcallRoom } from './upcall'

/** Executes every whole command in `[at, end)`; returns where it stopped. */
export function kvFrames(ch: usize, at: usize, end: usize): usize {
  const ep = endpoint(ch)
  const kv = <usize>load<u32>(ep, abi.ENDPOINT_TARGET)
  const high = load<u32>(ep, abi.ENDPOINT_HIGH)
  const queue = ch + abi.CHANNEL_QUEUE
  const session = ch + abi.CHANNEL_SESSION
  while (at < end && !(flags(ch) & (FLAGS_BLOCKED | FLAG_ENDING))) {
    if (!upcallRoom()) {
      waitForLimit(ch) // the host reads its list in this turn; a command that it answers needs a place there
      hurry()
      break
    }
    kvRestrict(ch)
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
    if (!respArgc) continue
    const outcome = kvExecute(kv, session, queue)
    if (outcome) {
      if (outcome == KV_CLOSE) {
        channelEnd(ch, true)
      } else if (outcome == KV_CLOSE_SILENT) {
        channelAbort(ch)
        return end
      } else if (outcome == KV_UPCALL) {
        // the host answers in this turn; what follows waits, so that replies keep their order
        if (!commandUp(ch, 0)) return abortForMemory(ch, end)
        setFlags(ch, FLAG_BLOCKED_HOST)
      }
    }
    if (queueLost()) return abortForMemory(ch, end)
    if (queueBytes(queue) > high) setFlags(ch, FLAG_BLOCKED_OUT)
  }
  respRestrict(false)
  if (queueBytes(queue)) dirty(ch)
  return flags(ch) & FLAG_ENDING ? end : at
}

/** Tells the decoder whether the channel has still to authenticate. */
// @ts-ignore: decorator
@inline
export function kvRestrict(ch: usize): void {
  const session = load<u32>(ch, abi.CHANNEL_SESSION)
  respRestrict((session & (SESSION_AUTH_REQUIRED | SESSION_AUTHENTICATED)) == SESSION_AUTH_REQUIRED)
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
