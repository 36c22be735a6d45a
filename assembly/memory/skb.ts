// skb: a 64-byte header over a data block that several headers can share, in the terms of Linux's sk_buff.
//
//        head        data              tail        end
//   block |  headroom |      bytes      |  tailroom |          head ≤ data ≤ tail ≤ end, asserted by invariants()
//
// One owner at a time: whoever holds the pointer frees it or hands it on. Addresses are offsets in the linear memory.

import { blockAlloc, blockBytes, blockData, blockGet, blockPut, blockRefs } from './block'
import { slabAlloc, slabFree } from './slab'

export const SKB_NEXT: usize = 0
export const SKB_BLOCK: usize = 4
export const SKB_HEAD: usize = 8
export const SKB_DATA: usize = 12
export const SKB_TAIL: usize = 16
export const SKB_END: usize = 20
/** 40 bytes that belong to the owner, as sk_buff's `cb`. */
export const SKB_CONTROL: usize = 24

let live: u32 = 0

/** skbs that exist. Zero when a loop has closed (law 5). */
export function skbLive(): u32 {
  return live
}

/** Forgets what an earlier arena of this instance held. */
export function skbReset(): void {
  live = 0
}

/** A new skb with `bytes` of tailroom at least; 0 when memory is exhausted. */
export function skbAlloc(bytes: u32): usize {
  const block = blockAlloc(bytes)
  if (!block) return 0
  const skb = skbOver(block, blockData(block), blockData(block))
  if (!skb) blockPut(block)
  return skb
}

/** A new skb over `[data, tail)` of a block; takes over the caller's reference to it. 0 when memory is exhausted. */
export function skbOver(block: usize, data: usize, tail: usize): usize {
  const skb = slabAlloc(0)
  if (!skb) return 0
  live++
  store<u32>(skb, 0, SKB_NEXT)
  store<u32>(skb, <u32>block, SKB_BLOCK)
  store<u32>(skb, <u32>blockData(block), SKB_HEAD)
  store<u32>(skb, <u32>data, SKB_DATA)
  store<u32>(skb, <u32>tail, SKB_TAIL)
  store<u32>(skb, <u32>blockData(block) + blockBytes(block), SKB_END)
  invariants(skb)
  return skb
}

/** Frees the header and its reference to the block. */
export function skbFree(skb: usize): void {
  live--
  blockPut(load<u32>(skb, SKB_BLOCK))
  slabFree(skb)
}

// @ts-ignore: decorator
@inline
export function skbData(skb: usize): usize {
  return load<u32>(skb, SKB_DATA)
}

// @ts-ignore: decorator
@inline
export function skbTail(skb: usize): usize {
  return load<u32>(skb, SKB_TAIL)
}

// @ts-ignore: decorator
@inline
export function skbLength(skb: usize): u32 {
  return load<u32>(skb, SKB_TAIL) - load<u32>(skb, SKB_DATA)
}

// @ts-ignore: decorator
@inline
export function skbHeadroom(skb: usize): u32 {
  return load<u32>(skb, SKB_DATA) - load<u32>(skb, SKB_HEAD)
}

/** Bytes that can be put behind the tail: none where another header shares the block. */
// @ts-ignore: decorator
@inline
export function skbTailroom(skb: usize): u32 {
  return blockRefs(load<u32>(skb, SKB_BLOCK)) > 1 ? 0 : load<u32>(skb, SKB_END) - load<u32>(skb, SKB_TAIL)
}

/** Moves data and tail of an empty skb up, for headers to come. */
export function skbReserve(skb: usize, bytes: u32): void {
  assert(skbLength(skb) == 0)
  store<u32>(skb, load<u32>(skb, SKB_DATA) + bytes, SKB_DATA)
  store<u32>(skb, load<u32>(skb, SKB_TAIL) + bytes, SKB_TAIL)
  invariants(skb)
}

/** Takes `bytes` of tailroom and returns where they begin. */
export function skbPut(skb: usize, bytes: u32): usize {
  assert(bytes <= skbTailroom(skb))
  const at = load<u32>(skb, SKB_TAIL)
  store<u32>(skb, at + bytes, SKB_TAIL)
  invariants(skb)
  return at
}

/** Takes `bytes` of headroom and returns the new first byte. */
export function skbPush(skb: usize, bytes: u32): usize {
  const at = load<u32>(skb, SKB_DATA) - bytes
  store<u32>(skb, at, SKB_DATA)
  invariants(skb)
  return at
}

/** Drops `bytes` at the front. */
export function skbPull(skb: usize, bytes: u32): void {
  store<u32>(skb, load<u32>(skb, SKB_DATA) + bytes, SKB_DATA)
  invariants(skb)
}

/** Shortens to `bytes`. */
export function skbTrim(skb: usize, bytes: u32): void {
  assert(bytes <= skbLength(skb))
  store<u32>(skb, load<u32>(skb, SKB_DATA) + bytes, SKB_TAIL)
  invariants(skb)
}

/** A second header over the same bytes; 0 when memory is exhausted. */
export function skbClone(skb: usize): usize {
  const block = load<u32>(skb, SKB_BLOCK)
  blockGet(block)
  const clone = skbOver(block, load<u32>(skb, SKB_DATA), load<u32>(skb, SKB_TAIL))
  if (!clone) blockPut(block)
  return clone
}

/** Moves the bytes into a block with room for `bytes` in all; false, and nothing changed, when memory is exhausted. */
export function skbGrow(skb: usize, bytes: u32): bool {
  const block = blockAlloc(bytes)
  if (!block) return false
  const length = skbLength(skb)
  const data = blockData(block)
  memory.copy(data, skbData(skb), length)
  blockPut(load<u32>(skb, SKB_BLOCK))
  store<u32>(skb, <u32>block, SKB_BLOCK)
  store<u32>(skb, <u32>data, SKB_HEAD)
  store<u32>(skb, <u32>data, SKB_DATA)
  store<u32>(skb, <u32>data + length, SKB_TAIL)
  store<u32>(skb, <u32>data + blockBytes(block), SKB_END)
  invariants(skb)
  return true
}

// @ts-ignore: decorator
@inline
function invariants(skb: usize): void {
  assert(
    load<u32>(skb, SKB_HEAD) <= load<u32>(skb, SKB_DATA) &&
      load<u32>(skb, SKB_DATA) <= load<u32>(skb, SKB_TAIL) &&
      load<u32>(skb, SKB_TAIL) <= load<u32>(skb, SKB_END),
  )
}
