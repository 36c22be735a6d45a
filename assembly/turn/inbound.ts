// The way in: received bytes → frames. A frame that lies whole in a receive buffer is handled there; one that straddles
// is gathered in the channel's partial skb, which takes exactly its bytes and no more, so that everything behind it is
// again handled in place.

import * as abi from '../abi'
import {
  FLAG_ENDING,
  FLAG_EOF,
  FLAG_RECV_SIZED,
  FLAG_SIZED_WANTED,
  FLAG_TIMED,
  FLAGS_BLOCKED,
  channelAbort,
  clearFlags,
  dirty,
  flags,
  setFlags,
  state,
} from '../channel/table'
import {
  skbAlloc,
  skbClone,
  skbData,
  skbFree,
  skbGrow,
  skbLength,
  skbPull,
  skbPut,
  skbTail,
  skbTailroom,
} from '../memory/skb'
import { gatherRoom } from '../codec/gather'
import { control } from '../memory/arena'
import { SITE_HELD, SITE_INBOUND } from '../memory/abi'
import { countBy } from '../memory/counter'
import { siteSet } from '../memory/sites'
import { holdBuffer, holdSkb, upcallCount } from '../service/upcall'
import { bufferDone, bufferTake } from '../uring/buffers'
import { crowdHear } from './crowd'
import { idleHeard } from './idle'
import { lingerOn } from './linger'
import { answerOwed, failed, frames, need, peerEnded, released, scan, take } from './dispatch'

/**
 * The rest of a frame is received into its place, instead of being copied there from receive buffers, from this many
 * bytes on: ending a multishot and arming it again has to pay.
 */
const SIZED_MIN: u32 = 131072
/** … and goes on while this many are to come. */
const SIZED_REST: u32 = 16384
/** Not before this much has come: an announcement alone moves nobody. */
const SIZED_AFTER: u32 = 16384

/** `length` bytes have arrived in receive buffer `id`, which the kernel keeps for more or not. */
export function received(ch: usize, id: u32, length: u32, kept: bool): void {
  const before = upcallCount()
  countBy(ch + abi.CHANNEL_BYTES_IN, length)
  crowdHear(ch)
  if (flags(ch) & FLAG_TIMED) idleHeard(ch)
  let at = bufferTake(id, length, kept)
  const end = at + length
  if (listening(ch)) {
    if (partial(ch)) at = feed(ch, at, end)
    if (at < end && !partial(ch) && listening(ch)) at = frames(ch, at, end)
    if (at < end && listening(ch)) append(ch, at, <u32>(end - at))
    sized(ch, SIZED_MIN)
    dirty(ch)
  } else {
    lingerOn(ch)
  }
  if (upcallCount() != before) holdBuffer(id)
  bufferDone(id)
}

/** `length` bytes have arrived in the partial skb, where inboundRoom has told. */
export function receivedSized(ch: usize, length: u32): void {
  countBy(ch + abi.CHANNEL_BYTES_IN, length)
  countBy(control + abi.CONTROL_SIZED, length)
  crowdHear(ch)
  if (flags(ch) & FLAG_TIMED) idleHeard(ch)
  if (!listening(ch)) return lingerOn(ch)
  const skb = partial(ch)
  skbPut(skb, length)
  if (!(flags(ch) & FLAGS_BLOCKED) && scan(ch, skbData(skb), skbTail(skb))) drain(ch)
  sized(ch, SIZED_REST)
  dirty(ch)
}

/**
 * Room behind the partial frame, at inboundTail, for the rest of it or a good part: what a sized receive may bring. 0
 * where the frame is whole or decoding is blocked by now, or memory is short; then a multishot receive does it.
 */
export function inboundRoom(ch: usize): u32 {
  clearFlags(ch, FLAG_SIZED_WANTED)
  const skb = partial(ch)
  if (!skb || !listening(ch) || flags(ch) & FLAGS_BLOCKED) return 0
  const wanted = need(ch, skbData(skb), skbLength(skb))
  if (skbTailroom(skb) < min(wanted, SIZED_REST) && !widen(ch, skb, SIZED_REST)) return 0
  return min(wanted, skbTailroom(partial(ch)))
}

/** Where inboundRoom's bytes go. */
export function inboundTail(ch: usize): usize {
  return skbTail(partial(ch))
}

/** The peer has ended its side. Frames that wait are still handled first. */
export function receivedEnd(ch: usize): void {
  if (state(ch) != abi.STATE_OPEN) {
    channelAbort(ch) // lingering: now both sides have ended
    return
  }
  endIfHeard(ch)
}

/** The host or a limit has let go of the channel: what waits in the partial skb is handled. */
export function resume(ch: usize): void {
  if (listening(ch) && partial(ch) && !(flags(ch) & FLAGS_BLOCKED)) drain(ch)
  if (flags(ch) & FLAG_EOF && listening(ch)) endIfHeard(ch)
  dirty(ch)
}

/** Bytes that wait to be decoded. */
// @ts-ignore: decorator
@inline
export function partialBytes(ch: usize): u32 {
  const skb = partial(ch)
  return skb ? skbLength(skb) : 0
}

/** Frees what was never decoded. */
export function inboundRelease(ch: usize): void {
  if (flags(ch) & FLAG_RECV_SIZED) return // the kernel still writes there; the channel's end comes again
  released(ch)
  const skb = partial(ch)
  if (!skb) return
  store<u32>(ch, 0, abi.CHANNEL_PARTIAL)
  letGo(skb)
}

// @ts-ignore: decorator
@inline
function partial(ch: usize): usize {
  return <usize>load<u32>(ch, abi.CHANNEL_PARTIAL)
}

// @ts-ignore: decorator
@inline
function listening(ch: usize): bool {
  return state(ch) == abi.STATE_OPEN && !(flags(ch) & FLAG_ENDING)
}

function endIfHeard(ch: usize): void {
  // resume comes back here: bytes wait to be decoded, or the host owes an answer
  if (flags(ch) & FLAGS_BLOCKED && (partial(ch) || answerOwed(ch))) return
  const skb = partial(ch)
  peerEnded(ch, skb ? skbData(skb) : 0, partialBytes(ch))
}

/** Adds to the partial frame until it is whole and handled, or the bytes run out; returns where it stopped. */
function feed(ch: usize, at: usize, end: usize): usize {
  while (at < end) {
    const skb = partial(ch)
    if (!skb || !listening(ch)) return at
    if (flags(ch) & FLAGS_BLOCKED) {
      append(ch, at, <u32>(end - at))
      return end
    }
    const base = skbData(skb)
    const taken = take(ch, base, skbLength(skb), at, end)
    if (!append(ch, at, taken)) return end
    at += taken
    if (scan(ch, skbData(skb), skbTail(skb))) drain(ch)
  }
  return at
}

/** Handles the whole frames of the partial skb; an incomplete one stays, at its front. */
function drain(ch: usize): void {
  const skb = partial(ch)
  const stop = frames(ch, skbData(skb), skbTail(skb))
  skbPull(skb, <u32>(stop - skbData(skb)))
  if (skbLength(skb)) return
  store<u32>(ch, 0, abi.CHANNEL_PARTIAL)
  letGo(skb)
}

/** Frees an skb, unless the host may still have to read what it holds: then when it has. */
function letGo(skb: usize): void {
  if (upcallCount()) holdSkb(skb)
  else skbFree(skb)
}

/** Copies bytes behind the partial frame; false, and the channel fails, when memory is exhausted. */
function append(ch: usize, from: usize, bytes: u32): bool {
  let skb = partial(ch)
  if (!skb) {
    siteSet(SITE_INBOUND)
    skb = skbAlloc(bytes)
    if (!skb) return exhausted(ch)
    store<u32>(ch, <u32>skb, abi.CHANNEL_PARTIAL)
  } else if (skbTailroom(skb) < bytes) {
    if (!widen(ch, skb, bytes)) return exhausted(ch)
  }
  memory.copy(skbPut(skb, bytes), from, bytes)
  return true
}

/** Moves the partial frame into a block with room for `bytes` more at least. */
function widen(ch: usize, skb: usize, bytes: u32): bool {
  const have = skbLength(skb)
  const blocked = (flags(ch) & FLAGS_BLOCKED) != 0
  const room = gatherRoom(have, bytes, blocked ? 0 : need(ch, skbData(skb), have))
  if (upcallCount()) {
    // the host may still have to read what the old block holds
    siteSet(SITE_HELD)
    const old = skbClone(skb)
    if (!old) return false
    holdSkb(old)
  }
  return skbGrow(skb, room)
}

/** Wishes that the rest of a frame be received into its place, where at least `least` bytes of it are to come. */
function sized(ch: usize, least: u32): void {
  const skb = partial(ch)
  if (!skb || skbLength(skb) < SIZED_AFTER || !listening(ch) || flags(ch) & FLAGS_BLOCKED) return
  if (need(ch, skbData(skb), skbLength(skb)) >= least) setFlags(ch, FLAG_SIZED_WANTED)
}

function exhausted(ch: usize): bool {
  failed(ch, -abi.ENOMEM)
  channelAbort(ch)
  return false
}
