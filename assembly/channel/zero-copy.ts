// Zero-copy sends: the socket reads from our pages until the peer has acknowledged them. A send has two completions,
// its result and, perhaps much later, the notification that its memory is free; until the last one is in, a channel
// keeps what it has sent, and its slot.
//
//   record | notifications to come u32 | pad | queue of what is sent |
//
// On loopback, and through devices that cannot gather, the kernel copies after all, and says so. Then zero-copy sends
// cost more than others, and the loop ceases to make them.

import * as abi from '../abi'
import { channelCount } from '../memory/arena'
import { alloc } from '../memory/heap'
import { queueBytes, queueClear, queueConsume, queueConsumeInto, queueInit } from '../memory/queue'
import { slabAlloc, slabFree } from '../memory/slab'
import { FLAG_ZERO_COPY, clearFlags, dirty, flags, setFlags, slotOf } from './table'

const Z_COUNT: usize = 0
const Z_QUEUE: usize = 8
const SLAB_CLASS: u32 = 0 // 64 bytes

/** Bytes that one channel may keep beyond their send; above, its sends copy. */
const KEPT_MAX: u32 = 4 << 20

// The record of each slot that has one; the table is made when it is first needed.
let records: usize = 0
let least: u32 = 0

export function zeroCopyCreate(): void {
  records = 0
  least = 0
}

/** Sends of at least `bytes` are zero-copy from now on, where the kernel can; 0: none. */
export function sendSetZeroCopy(bytes: u32): void {
  least = bytes
}

/** From how many bytes on sends are zero-copy; 0: none are, or none any more. */
export function sendZeroCopy(): u32 {
  return least
}

/** Whether a send of `bytes` is to be a zero-copy one: then the channel has a record. */
export function zeroCopyPays(ch: usize, bytes: u32): bool {
  if (!least || bytes < least) return false
  if (!records) {
    records = alloc(<usize>channelCount << 2)
    if (!records) return false
    memory.fill(records, 0, <usize>channelCount << 2)
  }
  const at = records + (<usize>slotOf(ch) << 2)
  let record = <usize>load<u32>(at)
  if (record) return queueBytes(record + Z_QUEUE) < KEPT_MAX
  record = slabAlloc(SLAB_CLASS)
  if (!record) return false
  store<u32>(record, 0, Z_COUNT)
  queueInit(record + Z_QUEUE)
  store<u32>(at, <u32>record)
  return true
}

/** A send has its result, and a notification will follow. */
export function zeroCopyOwes(ch: usize): void {
  const record = recordOf(ch)
  store<u32>(record, load<u32>(record, Z_COUNT) + 1, Z_COUNT)
  setFlags(ch, FLAG_ZERO_COPY)
}

/** Takes `bytes` that are sent off the channel's queue, and keeps them while notifications are to come. */
export function zeroCopyConsume(ch: usize, bytes: u32): void {
  const queue = ch + abi.CHANNEL_QUEUE
  if (flags(ch) & FLAG_ZERO_COPY) queueConsumeInto(queue, bytes, recordOf(ch) + Z_QUEUE)
  else queueConsume(queue, bytes)
}

/** A notification is in. Which send it is of does not matter: what is kept goes with the last one. */
export function zeroCopyFree(ch: usize, usage: i32): void {
  const record = recordOf(ch)
  const left = load<u32>(record, Z_COUNT) - 1
  store<u32>(record, left, Z_COUNT)
  if (<u32>usage & abi.NOTIF_COPIED) least = 0
  if (left) return
  queueClear(record + Z_QUEUE)
  clearFlags(ch, FLAG_ZERO_COPY)
  dirty(ch)
}

/** Whether a send failed because the socket or the machine has no zero-copy sends: then others are made. */
export function zeroCopyRefused(result: i32): bool {
  if (!least || (result != -abi.EOPNOTSUPP && result != -abi.ENOMEM)) return false
  least = 0
  return true
}

/** The channel's slot is given back. */
export function zeroCopyRelease(ch: usize): void {
  if (!records) return
  const at = records + (<usize>slotOf(ch) << 2)
  if (!load<u32>(at)) return
  slabFree(<usize>load<u32>(at))
  store<u32>(at, 0)
}

// @ts-ignore: decorator
@inline
function recordOf(ch: usize): usize {
  return <usize>load<u32>(records + (<usize>slotOf(ch) << 2))
}
