// Channels whose receive found no buffer, or was not even tried for want of one: first come, first served when buffers
// return. A queue of slots; what is in it for a channel that has closed since is passed over.

import { channelCount } from '../memory/arena'
import { alloc } from '../memory/heap'
import { buffersContinue, buffersLeft } from '../uring/buffers'
import { cqReady } from '../uring/completion'
import { FLAG_STARVED, channelAt, clearFlags, flags, setFlags, slotOf } from './table'

/** Receives that one buffer is enough for, where receives continue in it. */
const SHARE: u32 = 16

let slots: usize = 0 // u32 each, as many as the table has
let queued: usize = 0 // u8 a slot: whether it is among them
let first: u32 = 0
let count: u32 = 0
let granted: u32 = 0

/** Prepares the queue; false when memory is exhausted. */
export function starvedCreate(): bool {
  first = count = granted = 0
  slots = alloc((<usize>channelCount << 2) + channelCount)
  queued = slots + (<usize>channelCount << 2)
  if (slots) memory.fill(queued, 0, channelCount)
  return slots != 0
}

/** A turn begins: what was granted in the last one has been tried. */
export function starvedTurn(): void {
  granted = 0
}

/** Whether a receive has to queue: others wait already, or there is no buffer left. */
// @ts-ignore: decorator
@inline
export function starving(): bool {
  return count != 0 || !buffersLeft()
}

/** Queues a channel that is to receive, and is not with the kernel. */
export function starve(ch: usize): void {
  setFlags(ch, FLAG_STARVED)
  const slot = slotOf(ch)
  if (load<u8>(queued + slot)) return // from now on, or since it was another channel's
  store<u8>(queued + slot, 1)
  store<u32>(slots + (<usize>((first + count++) & (channelCount - 1)) << 2), slot)
}

/** The channel that has waited longest, where there is a buffer for it; 0: none. */
export function starvedTake(): usize {
  while (count && granted < room()) {
    const slot = load<u32>(slots + (<usize>first << 2))
    const ch = channelAt(slot)
    store<u8>(queued + slot, 0)
    first = (first + 1) & (channelCount - 1)
    count--
    if (!(flags(ch) & FLAG_STARVED)) continue
    clearFlags(ch, FLAG_STARVED)
    granted++
    return ch
  }
  return 0
}

/** Receives that can be tried: completions not looked at yet have taken a buffer each. */
function room(): u32 {
  const left = buffersLeft()
  const taken = cqReady()
  return left > taken ? (left - taken) * (buffersContinue ? SHARE : 1) : 0
}
