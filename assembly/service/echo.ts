// Echo, without the host: the smallest service, and the floor that other services are measured against.

import * as abi from '../abi'
import { FLAG_BLOCKED_OUT, FLAGS_BLOCKED, channelAbort, dirty, endpoint, flags, setFlags } from '../channel/table'
import { queueAppend, queueBytes, queueLost } from '../memory/queue'

/** Sends `[at, end)` back. */
export function echoFrames(ch: usize, at: usize, end: usize): usize {
  if (flags(ch) & FLAGS_BLOCKED) return at
  const queue = ch + abi.CHANNEL_QUEUE
  queueAppend(queue, at, <u32>(end - at))
  if (queueLost()) {
    channelAbort(ch)
    return end
  }
  if (queueBytes(queue) > load<u32>(endpoint(ch), abi.ENDPOINT_HIGH)) setFlags(ch, FLAG_BLOCKED_OUT)
  dirty(ch)
  return end
}
