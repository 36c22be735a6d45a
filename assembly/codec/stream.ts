// A stream: one decoder with what it must remember between pushes, for hosts that bring the bytes themselves. What a
// channel of the runtime does in turn/inbound.ts with receive buffers, this does with whatever it is given: frames that
// lie whole in a push are decoded in place; one that straddles pushes is gathered in an skb of its own.
//
//   stream | codec | partial skb | spent skbs | flags | decoder state (24) |

import * as abi from './abi'
import { alloc, free } from '../memory/heap'
import {
  SKB_NEXT,
  skbAlloc,
  skbData,
  skbFree,
  skbGrow,
  skbLength,
  skbPull,
  skbPut,
  skbTail,
  skbTailroom,
} from '../memory/skb'
import { codecDecode, codecEnd, codecNeed, codecRelease, codecTake, codecTell } from './codec'
import { gatherRoom } from './gather'
import { recordError, recordsCount, recordsDone, recordsRoom, recordsShort } from './records'

const CODEC: usize = 0
const PARTIAL: usize = 4
const SPENT: usize = 8 // the first of those whose bytes are still to be read by the host
const STATE: usize = 16
const STREAM_BYTES: usize = STATE + abi.DECODER_BYTES

/** A stream over the codec record at `codec`, which must stay; 0 when memory is exhausted. */
export function streamCreate(codec: usize): usize {
  const stream = alloc(STREAM_BYTES)
  if (!stream) return 0
  memory.fill(stream, 0, STREAM_BYTES)
  store<u32>(stream, <u32>codec, CODEC)
  return stream
}

/** Gives back a stream and all it holds. */
export function streamFree(stream: usize): void {
  dropSpent(stream)
  if (load<u32>(stream, PARTIAL)) skbFree(load<u32>(stream, PARTIAL))
  codecRelease(load<u32>(stream, CODEC), stream + STATE)
  free(stream)
}

/**
 * Decodes the `length` bytes at `at`; records of an earlier push are gone. Returns `length` when all of them are taken;
 * or the complement (~) of how many are, when the records had no room for more: the host reads them and pushes the
 * rest. Bytes are copied only where a frame straddles; records point into `[at, at + length)` or into the stream, and
 * are valid until the next push.
 */
export function streamPush(stream: usize, at: usize, length: u32): i32 {
  recordsDone()
  dropSpent(stream)
  const start = at
  const end = at + length
  while (true) {
    if (load<u32>(stream, PARTIAL)) {
      if (!drain(stream)) return short(stream, <u32>(at - start), length)
      if (load<u32>(stream, PARTIAL)) {
        if (at == end) return length
        const taken = feed(stream, at, end)
        if (!taken) return exhausted(stream, length)
        at += taken
        continue
      }
    }
    if (at == end) return length
    at = codecDecode(load<u32>(stream, CODEC), stream + STATE, at, end)
    if (recordsShort) return short(stream, <u32>(at - start), length)
    if (at == end) return length
    if (!gather(stream, at, <u32>(end - at))) return exhausted(stream, length)
    return length
  }
}

/** The stream is over: leaves a record where a frame stays incomplete. */
export function streamEnd(stream: usize): void {
  recordsDone()
  dropSpent(stream)
  const partial = <usize>load<u32>(stream, PARTIAL)
  const base = partial ? skbData(partial) : 0
  codecEnd(load<u32>(stream, CODEC), stream + STATE, base, partial ? skbLength(partial) : 0)
  spend(stream)
}

/** Says of the messages to come what the stream does not; see codecTell. */
export function streamTell(stream: usize, what: u32): bool {
  return codecTell(load<u32>(stream, CODEC), stream + STATE, what)
}

/** Bytes that wait for the rest of their frame. */
export function streamPending(stream: usize): u32 {
  const partial = <usize>load<u32>(stream, PARTIAL)
  return partial ? skbLength(partial) : 0
}

/**
 * Where the next bytes of an incomplete frame may be written, so that they need no further copy: at least `bytes` of
 * room, to be counted by streamPut; 0 where no frame is incomplete or memory is exhausted. See streamWants.
 */
export function streamRoom(stream: usize, bytes: u32): usize {
  const partial = <usize>load<u32>(stream, PARTIAL)
  if (!partial) return 0
  if (skbTailroom(partial) < bytes && !skbGrow(partial, skbLength(partial) + bytes)) return 0
  return skbTail(partial)
}

/** Bytes that the incomplete frame needs at least; 0: none is incomplete. All of them can go to streamRoom. */
export function streamWants(stream: usize): u32 {
  const partial = <usize>load<u32>(stream, PARTIAL)
  return partial ? codecNeed(load<u32>(stream, CODEC), stream + STATE, skbData(partial), skbLength(partial)) : 0
}

/** Counts `bytes` (at most streamWants) that were written at streamRoom, and decodes; see streamPush. */
export function streamPut(stream: usize, bytes: u32): i32 {
  const partial = <usize>load<u32>(stream, PARTIAL)
  assert(bytes <= streamWants(stream))
  skbPut(partial, bytes)
  return streamPush(stream, 0, 0)
}

/** Decodes what is gathered; false: the records had no room. An empty skb is put aside. */
function drain(stream: usize): bool {
  const partial = <usize>load<u32>(stream, PARTIAL)
  const at = skbData(partial)
  const stop = codecDecode(load<u32>(stream, CODEC), stream + STATE, at, skbTail(partial))
  skbPull(partial, <u32>(stop - at))
  if (!skbLength(partial)) spend(stream)
  return !recordsShort
}

/** Adds what belongs to the incomplete frame; 0 when memory is exhausted. */
function feed(stream: usize, at: usize, end: usize): u32 {
  const partial = <usize>load<u32>(stream, PARTIAL)
  const codec = <usize>load<u32>(stream, CODEC)
  const taken = codecTake(codec, stream + STATE, skbData(partial), skbLength(partial), at, end)
  return gather(stream, at, taken) ? taken : 0
}

/** Copies bytes behind the incomplete frame. */
function gather(stream: usize, from: usize, bytes: u32): bool {
  let partial = <usize>load<u32>(stream, PARTIAL)
  const have = partial ? skbLength(partial) : 0
  if (!partial) {
    // room for the whole frame at once where its length is known
    const need = codecNeed(load<u32>(stream, CODEC), stream + STATE, from, bytes)
    partial = skbAlloc(gatherRoom(0, bytes, need))
    if (!partial) return false
    store<u32>(stream, <u32>partial, PARTIAL)
  } else if (skbTailroom(partial) < bytes) {
    const need = codecNeed(load<u32>(stream, CODEC), stream + STATE, skbData(partial), have)
    const room = gatherRoom(have, bytes, need)
    if (!recordsCount()) {
      if (!skbGrow(partial, room)) return false
    } else {
      // records may point into what was before the incomplete frame
      const wider = skbAlloc(room)
      if (!wider) return false
      memory.copy(skbPut(wider, have), skbData(partial), have)
      spend(stream)
      store<u32>(stream, <u32>wider, PARTIAL)
      partial = wider
    }
  }
  memory.copy(skbPut(partial, bytes), from, bytes)
  return true
}

/** The records point into the gathered skb: it stays until the next push. */
function spend(stream: usize): void {
  const partial = <usize>load<u32>(stream, PARTIAL)
  if (!partial) return
  store<u32>(partial, load<u32>(stream, SPENT), SKB_NEXT)
  store<u32>(stream, <u32>partial, SPENT)
  store<u32>(stream, 0, PARTIAL)
}

function dropSpent(stream: usize): void {
  let skb = <usize>load<u32>(stream, SPENT)
  if (!skb) return
  store<u32>(stream, 0, SPENT)
  while (skb) {
    const next = <usize>load<u32>(skb, SKB_NEXT)
    skbFree(skb)
    skb = next
  }
}

/** The records have no room for more; where there are none at all, memory is exhausted. */
function short(stream: usize, taken: u32, length: u32): i32 {
  return recordsCount() ? ~<i32>taken : exhausted(stream, length)
}

/** No memory: the stream is over. */
function exhausted(stream: usize, length: u32): i32 {
  store<u32>(stream + STATE, abi.DECODER_DEAD, abi.DECODER_FLAGS)
  spend(stream)
  if (!recordsRoom(1)) recordsDone()
  recordError(abi.ERROR_NO_MEMORY, length)
  return length
}
