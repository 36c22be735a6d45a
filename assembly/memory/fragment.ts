// Fragments: the skbs that hang behind another one's own bytes, in sk_buff's terms its frag_list, one level deep. The
// whole owns them: they are freed with it, count in its total, and have no empty ones among them.
//
//   skb ─ frags ─▶ fragment ─ next ─▶ fragment ─ next ─▶ 0        frag last ─▶ the last one
//
// What needs memory either happens whole or not at all; pull and trim need none.

import { blockBytes, blockData, blockRefs } from './block'
import { POISON, broken } from './debug'
import {
  SKB_BLOCK,
  SKB_DATA,
  SKB_END,
  SKB_EXTRA,
  SKB_FRAG_BYTES,
  SKB_FRAG_LAST,
  SKB_FRAGS,
  SKB_NEXT,
  SKB_TAIL,
  invariants,
  skbCloneLinear,
  skbFragments,
  skbFree,
  skbFreeWhole,
  skbPiece,
  skbTotal,
  soleHolder,
} from './skb'

/** Hangs `fragment`, and what hangs behind it, at the end of `skb`, which owns it from now on. */
export function skbAddFragment(skb: usize, fragment: usize): void {
  assert(skb != fragment && !load<u32>(fragment, SKB_NEXT))
  assert(<u64>skbTotal(skb) + <u64>skbTotal(fragment) <= <u64>0xffffffff)
  soleHolder(skb)
  soleHolder(fragment)
  const rest = skbFragments(fragment)
  const restBytes = load<u32>(fragment, SKB_FRAG_BYTES)
  const restLast = <usize>load<u32>(fragment, SKB_FRAG_LAST)
  setFragments(fragment, 0, 0, 0)
  if (length(fragment)) append(skb, fragment, fragment, length(fragment))
  else skbFree(fragment)
  if (rest) append(skb, rest, restLast, restBytes)
  invariants(skb)
}

/**
 * Cuts an skb at `at`: it keeps what is before, and the new skb, which is returned, has the rest, over the same blocks.
 * 0, and nothing changed, when memory is exhausted. No byte is copied.
 */
export function skbSplit(skb: usize, at: u32): usize {
  const total = skbTotal(skb)
  assert(at <= total)
  soleHolder(skb)
  const rest = at < total && at >= length(skb) ? splitFragments(skb, at, total) : splitLinear(skb, at, total)
  if (!rest) return 0
  invariants(skb)
  invariants(rest)
  return rest
}

/** Copies `bytes` bytes from offset `from` on, wherever they lie. */
export function skbRead(skb: usize, from: u32, to: usize, bytes: u32): void {
  assert(<u64>from + <u64>bytes <= <u64>skbTotal(skb))
  for (let piece = skb; bytes; piece = skbPiece(skb, piece)) {
    const there = length(piece)
    if (from >= there) {
      from -= there
      continue
    }
    const take = min(bytes, there - from)
    memory.copy(to, <usize>load<u32>(piece, SKB_DATA) + from, take)
    to += take
    bytes -= take
    from = 0
  }
}

/** Drops more than the linear part holds. */
export function fragmentsPull(skb: usize, bytes: u32): void {
  assert(bytes <= skbTotal(skb))
  bytes -= length(skb)
  store<u32>(skb, load<u32>(skb, SKB_TAIL), SKB_DATA)
  let first = skbFragments(skb)
  const left = load<u32>(skb, SKB_FRAG_BYTES) - bytes
  while (bytes && bytes >= length(first)) {
    const next = <usize>load<u32>(first, SKB_NEXT)
    bytes -= length(first)
    skbFreeWhole(first)
    first = next
  }
  if (bytes) store<u32>(first, load<u32>(first, SKB_DATA) + bytes, SKB_DATA)
  setFragments(skb, first, first ? <usize>load<u32>(skb, SKB_FRAG_LAST) : 0, left)
  invariants(skb)
}

/** Shortens an skb that has fragments. */
export function fragmentsTrim(skb: usize, bytes: u32): void {
  assert(bytes <= skbTotal(skb))
  if (bytes <= length(skb)) {
    fragmentsFree(skb)
    store<u32>(skb, load<u32>(skb, SKB_DATA) + bytes, SKB_TAIL)
  } else {
    let kept = bytes - length(skb)
    let last = skbFragments(skb)
    while (kept > length(last)) {
      kept -= length(last)
      last = <usize>load<u32>(last, SKB_NEXT)
    }
    store<u32>(last, load<u32>(last, SKB_DATA) + kept, SKB_TAIL)
    freeList(<usize>load<u32>(last, SKB_NEXT))
    store<u32>(last, 0, SKB_NEXT)
    setFragments(skb, skbFragments(skb), last, bytes - length(skb))
  }
  invariants(skb)
}

/** Hangs clones of the fragments of `skb` behind `clone`; false, with some of them there, when memory is exhausted. */
export function fragmentsClone(clone: usize, skb: usize): bool {
  for (let piece = skbFragments(skb); piece; piece = <usize>load<u32>(piece, SKB_NEXT)) {
    const twin = skbCloneLinear(piece)
    if (!twin) return false
    append(clone, twin, twin, length(twin))
  }
  return true
}

/** Copies the fragments behind the linear part, where that is alone in its block and has the room. */
export function fragmentsGather(skb: usize): bool {
  soleHolder(skb)
  const block = <usize>load<u32>(skb, SKB_BLOCK)
  const tail = <usize>load<u32>(skb, SKB_TAIL)
  const bytes = load<u32>(skb, SKB_FRAG_BYTES)
  if (blockRefs(block) > 1 || <usize>bytes > blockData(block) + blockBytes(block) - tail) return false
  skbRead(skb, length(skb), tail, bytes)
  fragmentsFree(skb)
  store<u32>(skb, <u32>tail + bytes, SKB_TAIL)
  invariants(skb)
  return true
}

/** Frees all fragments. */
export function fragmentsFree(skb: usize): void {
  const first = skbFragments(skb)
  setFragments(skb, 0, 0, 0)
  freeList(first)
}

/** The part of invariants() that takes time; traps with the class of headers where the skb has been freed. */
export function fragmentsCheck(skb: usize): void {
  if (load<u32>(skb, SKB_EXTRA) == POISON) broken(skb, 0)
  let bytes: u32 = 0
  let last: usize = 0
  for (let piece = skbFragments(skb); piece; piece = <usize>load<u32>(piece, SKB_NEXT)) {
    if (load<u32>(piece, SKB_EXTRA) == POISON) broken(piece, 0)
    soleHolder(piece)
    assert(!load<u32>(piece, SKB_FRAG_BYTES) && load<u32>(piece, SKB_DATA) < load<u32>(piece, SKB_TAIL))
    bytes += length(piece)
    last = piece
  }
  assert(bytes == load<u32>(skb, SKB_FRAG_BYTES))
  assert(!last || (last == <usize>load<u32>(skb, SKB_FRAG_LAST) && load<u32>(skb, SKB_TAIL) == load<u32>(skb, SKB_END)))
}

function freeList(first: usize): void {
  while (first) {
    const next = <usize>load<u32>(first, SKB_NEXT)
    skbFreeWhole(first)
    first = next
  }
}

// @ts-ignore: decorator
@inline
function length(piece: usize): u32 {
  return load<u32>(piece, SKB_TAIL) - load<u32>(piece, SKB_DATA)
}

/** Replaces the list. The end says whether bytes may follow the tail: not before fragments. */
function setFragments(skb: usize, first: usize, last: usize, bytes: u32): void {
  const block = <usize>load<u32>(skb, SKB_BLOCK)
  store<u32>(skb, <u32>first, SKB_FRAGS)
  store<u32>(skb, <u32>last, SKB_FRAG_LAST)
  store<u32>(skb, bytes, SKB_FRAG_BYTES)
  store<u32>(skb, first ? load<u32>(skb, SKB_TAIL) : <u32>blockData(block) + blockBytes(block), SKB_END)
}

function append(skb: usize, first: usize, last: usize, bytes: u32): void {
  const head = skbFragments(skb)
  if (head) store<u32>(<usize>load<u32>(skb, SKB_FRAG_LAST), <u32>first, SKB_NEXT)
  setFragments(skb, head ? head : first, last, load<u32>(skb, SKB_FRAG_BYTES) + bytes)
}

/** The cut is in the linear part, or behind everything: the rest is a second header over that block. */
function splitLinear(skb: usize, at: u32, total: u32): usize {
  const rest = skbCloneLinear(skb)
  if (!rest) return 0
  store<u32>(rest, load<u32>(rest, SKB_DATA) + min(at, length(skb)), SKB_DATA)
  if (at == total) return rest
  store<u32>(skb, load<u32>(skb, SKB_DATA) + at, SKB_TAIL)
  moveFragments(rest, skb)
  return rest
}

function moveFragments(to: usize, from: usize): void {
  const first = skbFragments(from)
  setFragments(to, first, first ? <usize>load<u32>(from, SKB_FRAG_LAST) : 0, load<u32>(from, SKB_FRAG_BYTES))
  setFragments(from, 0, 0, 0)
}

/** The cut is in the fragments: the first one behind it leads the rest, or a second header over its end. */
function splitFragments(skb: usize, at: u32, total: u32): usize {
  let before: usize = 0 // the last fragment that stays
  let piece = skbFragments(skb)
  let kept = at - length(skb)
  while (kept >= length(piece)) {
    kept -= length(piece)
    before = piece
    piece = <usize>load<u32>(piece, SKB_NEXT)
  }
  const next = <usize>load<u32>(piece, SKB_NEXT)
  const last = <usize>load<u32>(skb, SKB_FRAG_LAST)
  let rest = piece
  if (kept) {
    rest = skbCloneLinear(piece)
    if (!rest) return 0
    store<u32>(rest, load<u32>(rest, SKB_DATA) + kept, SKB_DATA)
    store<u32>(piece, load<u32>(piece, SKB_DATA) + kept, SKB_TAIL)
    before = piece
  }
  store<u32>(rest, 0, SKB_NEXT)
  if (before) store<u32>(before, 0, SKB_NEXT)
  setFragments(skb, before ? skbFragments(skb) : 0, before, at - length(skb))
  setFragments(rest, next, next ? last : 0, total - at - length(rest))
  return rest
}
