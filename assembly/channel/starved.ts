// Channels whose receive found no buffer, or was not even tried for want of one: first come, first served when buffers
// return. A queue of slots; what is in it for a channel that has closed since is passed over.
//
// A multishot takes buffers for as long as its socket has bytes, so that the first of those that are tried again may
// leave nothing for the others. Those wait in a queue of their own, which comes before that of channels that have
// received something since they were tried: everybody gets a buffer before somebody gets one twice.

import * as abi from '../abi'
import { channelCount } from '../memory/arena'
import { alloc } from '../memory/heap'
import { buffersContinue, buffersLeft } from '../uring/buffers'
import { cqReady } from '../uring/completion'
import { FLAG_STARVED, channelAt, clearFlags, flags, setFlags, slotOf } from './table'

/** Receives that one buffer is enough for, where receives continue in it. */
const SHARE: u32 = 16

/** A queue: first u32 | count u32 | slots, u32 each, as many as the table has. */
const Q_FIRST: usize = 0
const Q_COUNT: usize = 4
const Q_SLOTS: usize = 8

let hungry: usize = 0 // got nothing when they were tried
let others: usize = 0
let fedAt: usize = 0 // u32 a slot: the bytes that its channel had received when it was tried
let queued: usize = 0 // u8 a slot: whether it is in a queue
let waiting: u32 = 0
let granted: u32 = 0

/** Prepares the queues; false when memory is exhausted. */
export function starvedCreate(): bool {
  waiting = granted = 0
  const bytes = Q_SLOTS + (<usize>channelCount << 2)
  hungry = alloc(2 * bytes + (<usize>channelCount << 2) + channelCount)
  if (!hungry) return false
  others = hungry + bytes
  fedAt = others + bytes
  queued = fedAt + (<usize>channelCount << 2)
  store<u64>(hungry, 0)
  store<u64>(others, 0)
  memory.fill(fedAt, 0, (<usize>channelCount << 2) + channelCount)
  return true
}

/** A turn begins: what was granted in the last one has been tried. */
export function starvedTurn(): void {
  granted = 0
}

/** Whether a receive has to queue: others wait already, or there is no buffer left. */
// @ts-ignore: decorator
@inline
export function starving(): bool {
  return waiting != 0 || !buffersLeft()
}

/** Queues a channel that is to receive, and is not with the kernel. */
export function starve(ch: usize): void {
  setFlags(ch, FLAG_STARVED)
  const slot = slotOf(ch)
  if (load<u8>(queued + slot)) return // from now on, or since it was another channel's
  store<u8>(queued + slot, 1)
  waiting++
  // where a slot has had another channel, the comparison may err, and someone comes a little earlier
  const queue = load<u32>(fedAt + (<usize>slot << 2)) == load<u32>(ch, abi.CHANNEL_BYTES_IN) ? hungry : others
  const count = load<u32>(queue, Q_COUNT)
  store<u32>(queue + (<usize>((load<u32>(queue, Q_FIRST) + count) & (channelCount - 1)) << 2), slot, Q_SLOTS)
  store<u32>(queue, count + 1, Q_COUNT)
}

/** The channel to be tried next, where there is a buffer for it; 0: none. */
export function starvedTake(): usize {
  while (waiting && granted < room()) {
    const slot = next(load<u32>(hungry, Q_COUNT) ? hungry : others)
    const ch = channelAt(slot)
    store<u8>(queued + slot, 0)
    waiting--
    if (!(flags(ch) & FLAG_STARVED)) continue
    clearFlags(ch, FLAG_STARVED)
    store<u32>(fedAt + (<usize>slot << 2), load<u32>(ch, abi.CHANNEL_BYTES_IN))
    granted++
    return ch
  }
  return 0
}

function next(queue: usize): u32 {
  const first = load<u32>(queue, Q_FIRST)
  store<u32>(queue, (first + 1) & (channelCount - 1), Q_FIRST)
  store<u32>(queue, load<u32>(queue, Q_COUNT) - 1, Q_COUNT)
  return load<u32>(queue + (<usize>first << 2), Q_SLOTS)
}

/** Receives that can be tried: completions not looked at yet have taken a buffer each. */
function room(): u32 {
  const left = buffersLeft()
  const taken = cqReady()
  return left > taken ? (left - taken) * (buffersContinue ? SHARE : 1) : 0
}
