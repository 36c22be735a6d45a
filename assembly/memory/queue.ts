// A queue of skbs that counts its bytes: what a channel owes its peer, or a reply that waits for its turn.
//
//   queue | head u32 | tail u32 | bytes u32 |
//
// An skb of a queue may have fragments; its total counts. Writers append through queueRoom and queueWrote, into the
// last skb while it has room; a large block that exists already is appended by reference. Refusal is whole: nothing is
// appended when memory is exhausted or the queue is at its bound, and queueLost tells, so that the owner closes rather
// than sends half a message.

import { blockAlloc, blockData, blockGet, blockPut } from './block'
import {
  SKB_END,
  SKB_NEXT,
  SKB_TAIL,
  skbData,
  skbFree,
  skbIsFragmented,
  skbLength,
  skbOver,
  skbPiece,
  skbPull,
  skbTailroom,
  skbTotal,
  soleHolder,
} from './skb'

export const QUEUE_HEAD: usize = 0
export const QUEUE_TAIL: usize = 4
export const QUEUE_BYTES: usize = 8
export const QUEUE_RECORD_BYTES: usize = 12

const FIRST_BYTES: u32 = 512 - 16 // an answer or two: what most channels owe at a time
const NEXT_BYTES: u32 = 16384 - 16

/** Most bytes of one queue. What is appended by reference costs little memory, so memory alone would not bound it. */
const BYTES_MAX: u64 = 1 << 30

// A write found no memory: nothing more is appended until the owner has asked.
let lost = false

export function queueInit(queue: usize): void {
  store<u64>(queue, 0)
  store<u32>(queue, 0, QUEUE_BYTES)
}

// @ts-ignore: decorator
@inline
export function queueBytes(queue: usize): u32 {
  return load<u32>(queue, QUEUE_BYTES)
}

/** Where the next `bytes` go, to be counted by queueWrote; 0 when memory is exhausted. */
// @ts-ignore: decorator
@inline
export function queueRoom(queue: usize, bytes: u32): usize {
  const tail = <usize>load<u32>(queue, QUEUE_TAIL)
  if (!lost && tail && skbTailroom(tail) >= bytes) return load<u32>(tail, SKB_TAIL)
  return roomSlow(queue, bytes)
}

/** Counts `bytes` that were written at what queueRoom returned. */
// @ts-ignore: decorator
@inline
export function queueWrote(queue: usize, bytes: u32): void {
  const tail = <usize>load<u32>(queue, QUEUE_TAIL)
  const end = load<u32>(tail, SKB_TAIL) + bytes
  assert(end <= load<u32>(tail, SKB_END))
  store<u32>(tail, end, SKB_TAIL)
  store<u32>(queue, load<u32>(queue, QUEUE_BYTES) + bytes, QUEUE_BYTES)
}

/** Appends a copy of `bytes` bytes. */
export function queueAppend(queue: usize, from: usize, bytes: u32): void {
  const to = queueRoom(queue, bytes)
  if (!to) return
  memory.copy(to, from, bytes)
  queueWrote(queue, bytes)
}

/** Appends `[data, data + bytes)` of a block by reference; the caller keeps its own reference. */
export function queueAppendBlock(queue: usize, block: usize, data: usize, bytes: u32): void {
  if (lost || full(queue, bytes)) return
  blockGet(block)
  const skb = skbOver(block, data, data + bytes)
  if (!skb) {
    blockPut(block)
    lost = true
    return
  }
  queuePush(queue, skb)
}

/** Appends an skb, which the queue owns from now on. */
export function queuePush(queue: usize, skb: usize): void {
  soleHolder(skb)
  const tail = <usize>load<u32>(queue, QUEUE_TAIL)
  store<u32>(skb, 0, SKB_NEXT)
  if (tail) store<u32>(tail, <u32>skb, SKB_NEXT)
  else store<u32>(queue, <u32>skb, QUEUE_HEAD)
  store<u32>(queue, <u32>skb, QUEUE_TAIL)
  grow(queue, skbTotal(skb))
}

/** Puts an skb before all others. */
export function queuePushFront(queue: usize, skb: usize): void {
  soleHolder(skb)
  const head = load<u32>(queue, QUEUE_HEAD)
  store<u32>(skb, head, SKB_NEXT)
  if (!head) store<u32>(queue, <u32>skb, QUEUE_TAIL)
  store<u32>(queue, <u32>skb, QUEUE_HEAD)
  grow(queue, skbTotal(skb))
}

/** Takes the first skb, which is the caller's from now on; 0 where there is none. */
export function queueShift(queue: usize): usize {
  const skb = <usize>load<u32>(queue, QUEUE_HEAD)
  if (!skb) return 0
  unlink(queue, skb)
  store<u32>(skb, 0, SKB_NEXT)
  store<u32>(queue, load<u32>(queue, QUEUE_BYTES) - skbTotal(skb), QUEUE_BYTES)
  return skb
}

/** The first piece that has bytes, which the queue has; a head or an skb's linear part may be used up. */
export function queueFirst(queue: usize): usize {
  for (let skb = <usize>load<u32>(queue, QUEUE_HEAD); skb; skb = <usize>load<u32>(skb, SKB_NEXT)) {
    for (let piece = skb; piece; piece = skbPiece(skb, piece)) {
      if (skbLength(piece)) return piece
    }
  }
  return 0
}

/** Hangs all skbs of `from` behind those of `queue`; false, and nothing moved, where they would be too many bytes. */
export function queueSplice(queue: usize, from: usize): bool {
  assert(queue != from)
  if (!fits(queue, load<u32>(from, QUEUE_BYTES))) return false
  const head = load<u32>(from, QUEUE_HEAD)
  if (head) join(queue, <usize>head, from)
  return true
}

/** Hangs all skbs of `from` before those of `queue`; false, and nothing moved, where they would be too many bytes. */
export function queueSpliceFront(queue: usize, from: usize): bool {
  assert(queue != from)
  if (!fits(queue, load<u32>(from, QUEUE_BYTES))) return false
  const last = <usize>load<u32>(from, QUEUE_TAIL)
  if (!last) return true
  store<u32>(last, load<u32>(queue, QUEUE_HEAD), SKB_NEXT)
  if (!load<u32>(queue, QUEUE_HEAD)) store<u32>(queue, <u32>last, QUEUE_TAIL)
  store<u32>(queue, load<u32>(from, QUEUE_HEAD), QUEUE_HEAD)
  grow(queue, load<u32>(from, QUEUE_BYTES))
  queueInit(from)
  return true
}

/** Moves all of `from` to the end of `queue`: small rests are copied, the rest changes hands. */
export function queueMove(queue: usize, from: usize): void {
  const bytes = load<u32>(from, QUEUE_BYTES)
  const head = <usize>load<u32>(from, QUEUE_HEAD)
  const tail = <usize>load<u32>(queue, QUEUE_TAIL)
  if (!head) return
  if (full(queue, bytes)) {
    queueClear(from)
    return
  }
  const few = !load<u32>(head, SKB_NEXT) && !skbIsFragmented(head) && bytes <= FIRST_BYTES
  if (few && tail && skbTailroom(tail) >= bytes) {
    queueAppend(queue, skbData(head), bytes)
    queueClear(from)
    return
  }
  join(queue, head, from)
}

/** Drops `bytes` at the front: they are sent. */
export function queueConsume(queue: usize, bytes: u32): void {
  assert(bytes <= load<u32>(queue, QUEUE_BYTES))
  store<u32>(queue, load<u32>(queue, QUEUE_BYTES) - bytes, QUEUE_BYTES)
  while (bytes) {
    const skb = <usize>load<u32>(queue, QUEUE_HEAD)
    const length = skbTotal(skb)
    if (bytes < length) {
      skbPull(skb, bytes)
      return
    }
    bytes -= length
    shift(queue, skb)
  }
}

/** As queueConsume, but skbs that are used up go to the end of `kept`. */
export function queueConsumeInto(queue: usize, bytes: u32, kept: usize): void {
  while (bytes) {
    const length = skbTotal(<usize>load<u32>(queue, QUEUE_HEAD))
    if (bytes < length) return queueConsume(queue, bytes)
    bytes -= length
    queuePush(kept, queueShift(queue))
  }
}

/** Frees everything. */
export function queueClear(queue: usize): void {
  while (true) {
    const skb = <usize>load<u32>(queue, QUEUE_HEAD)
    if (!skb) break
    shift(queue, skb)
  }
  store<u32>(queue, 0, QUEUE_BYTES)
}

/** Whether a write since the last call was refused for want of memory. */
// @ts-ignore: decorator
@inline
export function queueLost(): bool {
  const was = lost
  lost = false
  return was
}

/** Whether `bytes` more would be too many; then they count as lost. */
function full(queue: usize, bytes: u32): bool {
  if (fits(queue, bytes)) return false
  lost = true
  return true
}

function fits(queue: usize, bytes: u32): bool {
  return <u64>load<u32>(queue, QUEUE_BYTES) + <u64>bytes <= BYTES_MAX
}

function grow(queue: usize, bytes: u32): void {
  const before = load<u32>(queue, QUEUE_BYTES)
  assert(before + bytes >= before)
  store<u32>(queue, before + bytes, QUEUE_BYTES)
}

function join(queue: usize, head: usize, from: usize): void {
  const tail = <usize>load<u32>(queue, QUEUE_TAIL)
  if (tail) store<u32>(tail, <u32>head, SKB_NEXT)
  else store<u32>(queue, <u32>head, QUEUE_HEAD)
  store<u32>(queue, load<u32>(from, QUEUE_TAIL), QUEUE_TAIL)
  grow(queue, load<u32>(from, QUEUE_BYTES))
  queueInit(from)
}

// @ts-ignore: decorator
@inline
function unlink(queue: usize, skb: usize): void {
  const next = load<u32>(skb, SKB_NEXT)
  store<u32>(queue, next, QUEUE_HEAD)
  if (!next) store<u32>(queue, 0, QUEUE_TAIL)
}

function shift(queue: usize, skb: usize): void {
  unlink(queue, skb)
  skbFree(skb)
}

function roomSlow(queue: usize, bytes: u32): usize {
  if (!lost && !full(queue, bytes)) {
    const block = blockAlloc(max(bytes, load<u32>(queue, QUEUE_TAIL) ? NEXT_BYTES : FIRST_BYTES))
    if (block) {
      const skb = skbOver(block, blockData(block), blockData(block))
      if (skb) {
        queuePush(queue, skb)
        return blockData(block)
      }
      blockPut(block)
    }
  }
  lost = true
  return 0
}
