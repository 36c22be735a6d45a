// Records: what decoders find, 16 bytes each, in the order of the stream; see RECORD_* in ts. One region per
// instance. Its reader empties it; a decoder that finds no room stops before the frame and is called again.

import * as abi from './abi'
import { alloc, free } from '../memory/heap'

/** Where the next record goes. */
export let recordAt: usize = 0
/** A decoder has stopped for want of room, not of bytes. */
export let recordsShort: bool = false
/** A decoder has met an error behind which nothing can be told apart. */
export let recordsFatal: bool = false

let first: usize = 0
let end: usize = 0
let usual: usize = 0 // the region that stays, while a wider one serves a frame of very many parts
let usualEnd: usize = 0
let only: usize = 0 // where the record of the one frame goes that is wanted; 0: as many as there are
let whole: usize = 0 // where the region ends, while `end` bounds that one frame
let text: usize = 0
let textAt: usize = 0
let textEnd: usize = 0

/** Bytes for parts that are not in the stream as they are: unescaped words. More than the longest inline command. */
const TEXT_BYTES: u32 = 131072

/** Makes a region of `count` records; false when memory is exhausted. */
export function recordsCreate(count: u32): bool {
  usual = first = recordAt = alloc(<usize>count * abi.RECORD_BYTES)
  usualEnd = end = first + <usize>count * abi.RECORD_BYTES
  text = textAt = textEnd = only = 0
  recordsShort = recordsFatal = false
  return first != 0
}

/**
 * `bytes` bytes for a part that is not in the stream as it is, until the records are read; 0 where there is no room,
 * and then recordsShort is set. recordText keeps what was written.
 */
export function recordTextRoom(bytes: u32): usize {
  if (!text || (textAt == text && bytes > <u32>(textEnd - text))) {
    if (text) free(text)
    const size = max(bytes, TEXT_BYTES)
    text = textAt = alloc(size)
    textEnd = text ? text + size : 0
  }
  if (text && bytes <= <u32>(textEnd - textAt)) return textAt
  recordsShort = true
  return 0
}

/** Keeps `bytes` bytes that were written at recordTextRoom. */
export function recordText(bytes: u32): void {
  textAt += bytes
  assert(textAt <= textEnd)
}

/** The first record. It moves when the region grows. */
export function recordsFirst(): usize {
  return first
}

/** Records that wait to be read. */
// @ts-ignore: decorator
@inline
export function recordsCount(): u32 {
  return <u32>(recordAt - first) / abi.RECORD_BYTES
}

/** The reader is done with all of them, and a wider region goes. */
export function recordsDone(): void {
  if (first != usual) {
    free(first)
    first = usual
    end = usualEnd
  }
  recordAt = first
  textAt = text
}

/**
 * Whether `count` more records fit; otherwise recordsShort is set. An empty region grows, so that a frame of any number
 * of parts fits in the end: a decoder asks for what it has found, never for what was announced.
 */
// @ts-ignore: decorator
@inline
export function recordsRoom(count: u32): bool {
  if (recordAt + <usize>count * abi.RECORD_BYTES <= end) return true
  return grow(count)
}

/** Reports a frame, or a part of one. Asked for before: recordsRoom. */
// @ts-ignore: decorator
@inline
export function record(at: usize, length: u32, kind: u32, extra: u32): void {
  store<u64>(recordAt, (<u64>length << 32) | <u64>at)
  store<u64>(recordAt, (<u64>extra << 32) | <u64>kind, abi.RECORD_KIND)
  recordAt += abi.RECORD_BYTES
}

/** Reports a frame without parts. Asked for before: recordsRoom. */
// @ts-ignore: decorator
@inline
export function recordFrame(at: usize, length: u32): void {
  record(at, length, abi.RECORD_FRAME, 0)
}

/** Reports an error in the place of a frame of `length` bytes. Asked for before: recordsRoom. */
export function recordError(error: u32, length: u64): void {
  record(error, <u32>length, abi.RECORD_ERROR, <u32>(length >> 32))
}

/** Reports an error after which the stream is over. Asked for before: recordsRoom. */
export function recordFatal(error: u32, length: u64): void {
  recordError(error, length)
  recordsFatal = true
}

/** Before a decoder is called. */
// @ts-ignore: decorator
@inline
export function recordsBegin(): void {
  recordsShort = recordsFatal = false
}

/** From here on one frame is wanted, with what belongs to it, until recordsMany. */
export function recordsSingle(): void {
  only = recordAt
  whole = end
  end = min(end, recordAt + abi.RECORD_BYTES)
}

/** As many frames are wanted again as there are. */
export function recordsMany(): void {
  only = 0
  end = whole
}

/** Whether the one frame that is wanted is found: a decoder stops, and consumes nothing of what is behind it. */
// @ts-ignore: decorator
@inline
export function recordsSated(): bool {
  return only != 0 && recordAt != only
}

/** Whether only one frame is wanted. */
// @ts-ignore: decorator
@inline
export function recordsAreSingle(): bool {
  return only != 0
}

/** A decoder writes records in a loop of its own and says here where it ended. */
// @ts-ignore: decorator
@inline
export function recordsUntil(at: usize): void {
  recordAt = at
}

/** Where the region ends. */
// @ts-ignore: decorator
@inline
export function recordsEnd(): usize {
  return end
}

function grow(count: u32): bool {
  recordsShort = true
  const bytes = <usize>count * abi.RECORD_BYTES
  if (only) {
    if (recordAt != only) return false
    end = whole
    if (recordAt + bytes <= whole) {
      end = recordAt + bytes
      recordsShort = false
      return true
    }
  }
  if (recordAt != first || bytes <= end - first) return false
  const wider = alloc(bytes)
  if (!wider) return false
  if (first != usual) free(first)
  first = recordAt = wider
  end = wider + bytes
  if (only) {
    only = wider
    whole = end
  }
  recordsShort = false
  return true
}
