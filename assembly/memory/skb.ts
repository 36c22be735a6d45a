// skb: a 64-byte header over a data block that several headers can share, in the terms of Linux's sk_buff.
//
//        head        data              tail        end
//   block |  headroom |      bytes      |  tailroom |          head ≤ data ≤ tail ≤ end, asserted by invariants()
//
// Behind its own bytes an skb may have fragments: further skbs, linked by next, whose bytes follow (fragment.ts). What
// is called length here is that of the own, linear part (sk_buff's headlen); skbTotal counts everything (its len). Put,
// push and reserve act on the linear part; pull, trim and all that move bytes see the whole.
//
// One owner at a time: whoever holds the pointer frees it or hands it on. skbGet adds a holder, who may read and free,
// and as long as there are several nobody may do more. Addresses are offsets in the linear memory.

import { blockAlloc, blockBytes, blockData, blockGet, blockPut, blockRefs } from './block'
import { DEBUG } from './debug'
import {
  fragmentsCheck,
  fragmentsClone,
  fragmentsFree,
  fragmentsGather,
  fragmentsPull,
  fragmentsTrim,
  skbRead,
} from './fragment'
import { leakDue, leakEvery, leakForget, leakNote, leakReset } from './leak'
import { slabAlloc, slabFree } from './slab'

export const SKB_NEXT: usize = 0
export const SKB_BLOCK: usize = 4
export const SKB_HEAD: usize = 8
export const SKB_DATA: usize = 12
export const SKB_TAIL: usize = 16
export const SKB_END: usize = 20 // the block's end; with fragments the tail: nothing can be put before them
export const SKB_FRAG_BYTES: usize = 24 // bytes in the fragments; 0: there are none
export const SKB_EXTRA: usize = 28 // holders beyond the first, in 24 bits, and above them the site of a sampled skb
export const SKB_FRAGS: usize = 32 // the first fragment and the last, where there are any
export const SKB_FRAG_LAST: usize = 36
export const SKB_SAMPLE_NEXT: usize = 40 // of a sampled skb (leak.ts)
export const SKB_SAMPLE_PREV: usize = 44
export const SKB_SAMPLE_MS: usize = 48
/** 12 bytes that belong to the owner, as sk_buff's `cb`. */
export const SKB_CONTROL: usize = 52

const USERS_MASK: u32 = 0xffffff
const SITE_SHIFT: u32 = 24

let made: u32 = 0
let freed: u32 = 0

/** skbs of this instance that exist. Zero when a loop has closed (law 5). */
export function skbLive(): u32 {
  return made - freed
}

/** Forgets what an earlier arena of this instance held. */
export function skbReset(): void {
  made = freed = 0
  leakReset()
}

/** Notes the site of one in `period` skbs from now on (leak.ts); 0: of none. */
export function leakSample(period: u32): void {
  leakEvery(period, made)
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
  store<u64>(skb, <u64>block << 32) // and no next
  store<u32>(skb, <u32>blockData(block), SKB_HEAD)
  store<u32>(skb, <u32>data, SKB_DATA)
  store<u32>(skb, <u32>tail, SKB_TAIL)
  store<u32>(skb, <u32>blockData(block) + blockBytes(block), SKB_END)
  store<u64>(skb, 0, SKB_FRAG_BYTES) // one holder, no site, no fragments
  if (leakDue(++made)) leakNote(skb, made)
  invariants(skb)
  return skb
}

/** One more holder. */
export function skbGet(skb: usize): void {
  if (DEBUG) invariants(skb)
  assert((load<u32>(skb, SKB_EXTRA) & USERS_MASK) < USERS_MASK)
  store<u32>(skb, load<u32>(skb, SKB_EXTRA) + 1, SKB_EXTRA)
}

/** One holder less; the last one frees the header, the fragments, and the reference to the block. */
// @ts-ignore: decorator
@inline
export function skbFree(skb: usize): void {
  if (DEBUG) invariants(skb)
  if (load<u64>(skb, SKB_FRAG_BYTES)) return skbFreeWhole(skb) // there is more to it than header and block
  freed++
  blockPut(load<u32>(skb, SKB_BLOCK))
  slabFree(skb)
}

/** As skbFree, for an skb that may be held by others, be sampled or have fragments. */
export function skbFreeWhole(skb: usize): void {
  const extra = load<u32>(skb, SKB_EXTRA)
  if (extra & USERS_MASK) {
    store<u32>(skb, extra - 1, SKB_EXTRA)
    return
  }
  if (skbSite(skb)) leakForget(skb)
  if (skbIsFragmented(skb)) fragmentsFree(skb)
  freed++
  blockPut(load<u32>(skb, SKB_BLOCK))
  slabFree(skb)
}

// @ts-ignore: decorator
@inline
export function skbData(skb: usize): usize {
  if (DEBUG) invariants(skb)
  return load<u32>(skb, SKB_DATA)
}

// @ts-ignore: decorator
@inline
export function skbTail(skb: usize): usize {
  if (DEBUG) invariants(skb)
  return load<u32>(skb, SKB_TAIL)
}

/** Bytes of the linear part. */
// @ts-ignore: decorator
@inline
export function skbLength(skb: usize): u32 {
  if (DEBUG) invariants(skb)
  return load<u32>(skb, SKB_TAIL) - load<u32>(skb, SKB_DATA)
}

/** Bytes in all, those of the fragments included. */
// @ts-ignore: decorator
@inline
export function skbTotal(skb: usize): u32 {
  return skbLength(skb) + load<u32>(skb, SKB_FRAG_BYTES)
}

/** Whether bytes lie in fragments. */
// @ts-ignore: decorator
@inline
export function skbIsFragmented(skb: usize): bool {
  return load<u32>(skb, SKB_FRAG_BYTES) != 0
}

/** The first fragment; 0 where there is none. */
// @ts-ignore: decorator
@inline
export function skbFragments(skb: usize): usize {
  return load<u32>(skb, SKB_FRAG_BYTES) ? <usize>load<u32>(skb, SKB_FRAGS) : 0
}

/** Who allocated it, where it is sampled; else 0. */
// @ts-ignore: decorator
@inline
export function skbSite(skb: usize): u32 {
  return load<u32>(skb, SKB_EXTRA) >> SITE_SHIFT
}

/** Writes the site, 0 where the skb is not sampled any more. */
export function skbSetSite(skb: usize, site: u32): void {
  store<u32>(skb, (load<u32>(skb, SKB_EXTRA) & USERS_MASK) | (site << SITE_SHIFT), SKB_EXTRA)
}

/** Whether others hold this header too, or share its block or one of its fragments': then nothing may be written. */
export function skbIsShared(skb: usize): bool {
  if (load<u32>(skb, SKB_EXTRA) & USERS_MASK) return true
  for (let piece = skb; piece; piece = skbPiece(skb, piece)) {
    if (blockRefs(load<u32>(piece, SKB_BLOCK)) > 1) return true
  }
  return false
}

/** The piece behind `piece` of an skb, which is its own first piece; 0 behind the last. */
// @ts-ignore: decorator
@inline
export function skbPiece(skb: usize, piece: usize): usize {
  return piece == skb ? skbFragments(skb) : <usize>load<u32>(piece, SKB_NEXT)
}

/** Bytes that can be pushed before the data: none where another header shares the block. */
export function skbHeadroom(skb: usize): u32 {
  if (DEBUG) invariants(skb)
  return blockRefs(load<u32>(skb, SKB_BLOCK)) > 1 ? 0 : load<u32>(skb, SKB_DATA) - load<u32>(skb, SKB_HEAD)
}

/** Bytes that can be put behind the tail: none where another header shares the block, or where there are fragments. */
// @ts-ignore: decorator
@inline
export function skbTailroom(skb: usize): u32 {
  if (DEBUG) invariants(skb)
  return blockRefs(load<u32>(skb, SKB_BLOCK)) > 1 ? 0 : load<u32>(skb, SKB_END) - load<u32>(skb, SKB_TAIL)
}

/** Moves data and tail of an empty skb up, for headers to come. */
export function skbReserve(skb: usize, bytes: u32): void {
  assert(skbTotal(skb) == 0 && bytes <= load<u32>(skb, SKB_END) - load<u32>(skb, SKB_TAIL))
  soleHolder(skb)
  store<u32>(skb, load<u32>(skb, SKB_DATA) + bytes, SKB_DATA)
  store<u32>(skb, load<u32>(skb, SKB_TAIL) + bytes, SKB_TAIL)
  invariants(skb)
}

/** Takes `bytes` of tailroom and returns where they begin. */
export function skbPut(skb: usize, bytes: u32): usize {
  assert(bytes <= skbTailroom(skb))
  soleHolder(skb)
  const at = load<u32>(skb, SKB_TAIL)
  store<u32>(skb, at + bytes, SKB_TAIL)
  invariants(skb)
  return at
}

/** Takes `bytes` of headroom and returns the new first byte. */
export function skbPush(skb: usize, bytes: u32): usize {
  assert(bytes <= skbHeadroom(skb))
  soleHolder(skb)
  const at = load<u32>(skb, SKB_DATA) - bytes
  store<u32>(skb, at, SKB_DATA)
  invariants(skb)
  return at
}

/** Drops `bytes` at the front; fragments that are used up are freed. */
export function skbPull(skb: usize, bytes: u32): void {
  const length = skbLength(skb)
  soleHolder(skb)
  if (bytes > length) return fragmentsPull(skb, bytes)
  store<u32>(skb, load<u32>(skb, SKB_DATA) + bytes, SKB_DATA)
  invariants(skb)
}

/** Shortens to `bytes`; fragments beyond them are freed. */
export function skbTrim(skb: usize, bytes: u32): void {
  soleHolder(skb)
  if (skbIsFragmented(skb)) return fragmentsTrim(skb, bytes)
  assert(bytes <= skbLength(skb))
  store<u32>(skb, load<u32>(skb, SKB_DATA) + bytes, SKB_TAIL)
  invariants(skb)
}

/** A second header over the same bytes, fragment by fragment; 0, and nothing taken, when memory is exhausted. */
export function skbClone(skb: usize): usize {
  const clone = skbCloneLinear(skb)
  if (!clone || !skbIsFragmented(skb)) return clone
  if (fragmentsClone(clone, skb)) return clone
  skbFree(clone)
  return 0
}

/** A second header over the bytes of the linear part alone. */
export function skbCloneLinear(skb: usize): usize {
  if (DEBUG) invariants(skb)
  const block = load<u32>(skb, SKB_BLOCK)
  blockGet(block)
  const clone = skbOver(block, skbData(skb), load<u32>(skb, SKB_TAIL))
  if (!clone) blockPut(block)
  return clone
}

/** The same bytes in a block of their own, in one piece, with room before and behind; 0 when memory is exhausted. */
export function skbCopy(skb: usize, headroom: u32, tailroom: u32): usize {
  const total = skbTotal(skb)
  const room = total + headroom + tailroom
  assert(<u64>total + <u64>headroom + <u64>tailroom == <u64>room)
  const copy = skbAlloc(room)
  if (!copy) return 0
  skbReserve(copy, headroom)
  skbRead(skb, 0, skbPut(copy, total), total)
  return copy
}

/**
 * Moves the bytes, in one piece, into a block with room for `bytes` in all; false, and nothing changed, when memory is
 * exhausted.
 */
export function skbGrow(skb: usize, bytes: u32): bool {
  const total = skbTotal(skb)
  assert(bytes >= total)
  soleHolder(skb)
  const block = blockAlloc(bytes)
  if (!block) return false
  const data = blockData(block)
  skbRead(skb, 0, data, total)
  if (skbIsFragmented(skb)) fragmentsFree(skb)
  blockPut(load<u32>(skb, SKB_BLOCK))
  store<u32>(skb, <u32>block, SKB_BLOCK)
  store<u32>(skb, <u32>data, SKB_HEAD)
  store<u32>(skb, <u32>data, SKB_DATA)
  store<u32>(skb, <u32>data + total, SKB_TAIL)
  store<u32>(skb, <u32>data + blockBytes(block), SKB_END)
  invariants(skb)
  return true
}

/** Brings all bytes into one piece; false, and nothing changed, when memory is exhausted. */
export function skbLinearize(skb: usize): bool {
  if (!skbIsFragmented(skb)) return true
  return fragmentsGather(skb) || skbGrow(skb, skbTotal(skb))
}

/**
 * This instance lets go of an skb, its fragments and their blocks, for another instance over the same memory to take.
 * Ownership moves whole: nothing of it may be shared, nor may it be linked anywhere.
 */
export function skbHandOver(skb: usize): void {
  if (DEBUG) invariants(skb)
  assert(!skbIsShared(skb) && !load<u32>(skb, SKB_NEXT))
  for (let piece = skb; piece; piece = skbPiece(skb, piece)) {
    if (skbSite(piece)) leakForget(piece)
    freed++
  }
}

/** An skb that another instance has handed over is this one's. */
export function skbTakeOver(skb: usize): void {
  for (let piece = skb; piece; piece = skbPiece(skb, piece)) {
    if (leakDue(++made)) leakNote(piece, made)
  }
  invariants(skb)
}

/** What several hold, nobody changes. */
// @ts-ignore: decorator
@inline
export function soleHolder(skb: usize): void {
  assert(!(load<u32>(skb, SKB_EXTRA) & USERS_MASK))
}

/**
 * head ≤ data ≤ tail ≤ end; with fragments tail = end. Beyond that, where it is looked at in whole (debug builds):
 * Σ length(fragment) = fragment bytes, every fragment is held once, has bytes and no fragments of its own.
 */
// @ts-ignore: decorator
@inline
export function invariants(skb: usize): void {
  assert(
    load<u32>(skb, SKB_HEAD) <= load<u32>(skb, SKB_DATA) &&
      load<u32>(skb, SKB_DATA) <= load<u32>(skb, SKB_TAIL) &&
      load<u32>(skb, SKB_TAIL) <= load<u32>(skb, SKB_END),
  )
  if (DEBUG) fragmentsCheck(skb)
}
