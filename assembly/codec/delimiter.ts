// The delimiter decoder and encoder: a frame ends where the first of its delimiters begins, and of two that begin there
// at the longer one. The limit counts what is before it.

import * as abi from './abi'
import * as tables from './delimiter-tables'
import { behindDelimiter, delimiterTables } from './delimiter-tables'
import { recordError, recordFrame, recordsRoom, recordsSated } from './records'

// state: bytes of the incomplete frame that were looked at u32 · state of the automaton u32 · bytes that were discarded
// of a frame that is too long u64 · whether it is u32
const SCANNED: usize = 0
const NODE: usize = 4
const DISCARDED: usize = 8
const DISCARDING: usize = 16

/** Fewer bytes are read one at a time. */
const SWEEP_MIN: u32 = 128
/** What a comparison in vain counts, in bytes swept; where they count for more, reading byte by byte is cheaper. */
const STRIKE: u32 = 16
const STRIKES: u32 = 256

/** Where the automaton is. */
let node: u32 = 0
/** The last call of a search has found a delimiter that stands, at matchAt. */
let found: bool = false
let matchAt: usize = 0
let matchLength: u32 = 0

/** The frame that is under way: its first byte that is there, its bytes that are not any more, and its fate. */
let first: usize = 0
let discarded: u64 = 0
let discarding: bool = false

// @ts-ignore: decorator
@inline
function nodeAt(work: usize): usize {
  return tables.stateAt(work, node)
}

// @ts-ignore: decorator
@inline
function failsFast(codec: usize): bool {
  return (load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_FAIL_FAST) != 0
}

/** Bytes before `at` that may be the beginning of a delimiter. */
// @ts-ignore: decorator
@inline
function begun(work: usize): u32 {
  return load<u8>(nodeAt(work), tables.DEPTH)
}

/** Whether the automaton, behind the byte before `at`, holds a match: then matchAt and matchLength tell which. */
function holds(work: usize, at: usize): bool {
  const q = nodeAt(work)
  matchLength = load<u8>(q, tables.MATCH)
  matchAt = at - load<u8>(q, tables.DEPTH) + load<u8>(q, tables.AHEAD)
  return matchLength != 0
}

/** Reads `[p, end)` until a delimiter stands; returns how far. */
function walk(work: usize, p: usize, end: usize): usize {
  const firsts = load<u32>(work, tables.FIRSTS)
  let n = node
  found = load<u8>(nodeAt(work), tables.DECIDED) != 0
  while (p < end && !found) {
    if (!n) {
      while (<u32>load<u8>(work + load<u8>(p), tables.CLASS) >= firsts) {
        if (++p == end) {
          node = 0
          return p
        }
      }
    }
    const way = tables.stateAt(work, n) + (<usize>load<u8>(work + load<u8>(p), tables.CLASS) << 1)
    const next = <u32>load<u16>(way, tables.NEXT)
    if (next >= tables.STANDS) {
      found = true
      if (next == tables.STOP) break
    }
    p++
    n = next & ~tables.STANDS
  }
  node = n
  if (found) holds(work, p)
  return p
}

/**
 * The same at sixteen places at a time, for delimiters that stand where they end; the byte before `p` may be read.
 * Delivers frames from `first` on while the records have room, if `frames`; otherwise looks for one delimiter behind
 * `from`.
 */
function sweep(codec: usize, work: usize, from: usize, p: usize, end: usize, frames: bool): usize {
  if (ASC_FEATURE_SIMD) {
    const lastLow = v128.load(work, tables.LAST_LOW)
    const lastHigh = v128.load(work, tables.LAST_HIGH)
    const previousLow = v128.load(work, tables.PREVIOUS_LOW)
    const previousHigh = v128.load(work, tables.PREVIOUS_HIGH)
    const low = i8x16.splat(15)
    const most = load<u64>(codec, abi.CODEC_MAX_FRAME)
    const kept: u32 = load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_STRIP ? 0 : -1
    let start = p
    let strikes: u32 = 0
    for (; p + 16 <= end; p += 16) {
      const x = v128.load(p)
      const y = v128.load(p - 1)
      const last = v128.and(
        i8x16.swizzle(lastLow, v128.and(x, low)),
        i8x16.swizzle(lastHigh, v128.and(i16x8.shr_u(x, 4), low)),
      )
      const previous = v128.and(
        i8x16.swizzle(previousLow, v128.and(y, low)),
        i8x16.swizzle(previousHigh, v128.and(i16x8.shr_u(y, 4), low)),
      )
      let hits = <u32>i8x16.bitmask(i8x16.eq(v128.and(last, previous), i8x16.splat(0))) ^ 0xffff
      for (; hits; hits &= hits - 1) {
        const behind = p + <usize>ctz(hits) + 1
        const length = longest(codec, work, from, behind)
        if (!length) {
          strikes += STRIKE
          if (strikes <= STRIKES + <u32>(behind - start)) continue
          return settle(work, from, behind)
        }
        matchAt = behind - length
        matchLength = length
        if (!frames || !recordsRoom(1)) {
          found = true
          return behind
        }
        if (!discarding && <u64>(matchAt - from) <= most) {
          recordFrame(from, <u32>(matchAt - from) + (length & kept))
          first = behind
        } else {
          deliver(codec)
        }
        from = behind
        start = behind
        strikes = 0
      }
    }
  }
  return settle(work, from, p)
}

/** Puts the automaton behind the byte before `p`; no delimiter in `[from, p)` is whole. */
function settle(work: usize, from: usize, p: usize): usize {
  const length = min(<u32>(p - from), load<u32>(work, tables.LONGEST) - 1)
  node = 0
  walk(work, p - length, p)
  assert(!found)
  return p
}

/** Bytes of the longest delimiter that lies in `[from, behind)`, at its end; 0: there is none. */
// @ts-ignore: decorator
@inline
function longest(codec: usize, work: usize, from: usize, behind: usize): u32 {
  const sets = tables.setsAt(work, behind - 1)
  const count = load<u32>(codec, abi.CODEC_DELIMITERS)
  let entry = codec + abi.CODEC_DELIMITER_TABLE
  for (let i: u32 = 0; i < count; i++, entry = behindDelimiter(entry)) {
    if (!(sets & (1 << (i & 7)))) continue
    const length = load<u32>(entry)
    if (<u32>(behind - from) >= length && same(entry + 4, behind - length, length)) return length
  }
  return 0
}

function same(a: usize, b: usize, length: u32): bool {
  if (length >= 8) {
    const last = length - 8
    for (let i: u32 = 0; i < last; i += 8) if (load<u64>(a + i) != load<u64>(b + i)) return false
    return load<u64>(a + last) == load<u64>(b + last)
  }
  if (length >= 4) {
    const last = length - 4
    return load<u32>(a) == load<u32>(b) && load<u32>(a + last) == load<u32>(b + last)
  }
  if (length == 1) return load<u8>(a) == load<u8>(b)
  return load<u16>(a) == load<u16>(b) && load<u8>(a + length - 1) == load<u8>(b + length - 1)
}

/**
 * Reads `[p, end)` until a delimiter stands; returns how far. The frame begins at `from`; where one may have begun that
 * cannot be read any more, outside of `[low, end)`, the automaton knows. With `frames` it delivers them on its way.
 */
function search(codec: usize, work: usize, low: usize, from: usize, p: usize, end: usize, frames: bool): usize {
  if (ASC_FEATURE_SIMD) {
    if (<u32>(end - p) >= SWEEP_MIN && load<u32>(work, tables.SIMPLE)) {
      while (p == low || begun(work) > <u32>(p - low)) {
        p = walk(work, p, p + 1)
        if (found) return p
      }
      p = sweep(codec, work, from, p, end, frames)
      if (found) return p
    }
  }
  return walk(work, p, end)
}

/** See codec.ts. */
export function delimiterDecode(codec: usize, state: usize, at: usize, end: usize): usize {
  const work = delimiterTables(codec)
  enter(state, at)
  let p = at + load<u32>(state, SCANNED)
  while (true) {
    p = search(codec, work, at, first, p, end, true)
    if (!found) return rest(codec, work, state, end)
    if (!recordsRoom(1)) {
      again(state, first, p, 0)
      store<u64>(state, discarded, DISCARDED)
      store<u32>(state, discarding, DISCARDING)
      return first
    }
    deliver(codec)
    p = first
  }
}

function enter(state: usize, at: usize): void {
  node = load<u32>(state, NODE)
  first = at
  discarded = load<u64>(state, DISCARDED)
  discarding = load<u32>(state, DISCARDING) != 0
}

/** Reports the frame that the match has ended; the next one begins behind it. */
function deliver(codec: usize): void {
  const length = <u64>(<i64>discarded + <i64>(<i32>(matchAt - first)))
  const most = load<u64>(codec, abi.CODEC_MAX_FRAME)
  if (!discarding && length <= most) {
    const stripped = (load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_STRIP) != 0
    recordFrame(first, <u32>length + (stripped ? 0 : matchLength))
  } else if (!failsFast(codec)) {
    recordError(abi.ERROR_FRAME_TOO_LONG, length)
  } else if (!discarding) {
    recordError(abi.ERROR_FRAME_TOO_LONG, most + 1)
  }
  first = matchAt + matchLength
  node = 0
  discarded = 0
  discarding = false
}

/** Lets the next call find the match again; `have` bytes of the frame are before `at`. */
function again(state: usize, at: usize, p: usize, have: u32): void {
  // from where it begins, or as it was read where that is out of sight
  const fresh = <i32>(matchAt - at) >= 0
  store<u32>(state, have + <u32>((fresh ? matchAt : p) - at), SCANNED)
  store<u32>(state, fresh ? 0 : node, NODE)
}

/** A frame that is not whole: it waits, unless no delimiter can end it in time any more. */
function rest(codec: usize, work: usize, state: usize, end: usize): usize {
  const left = <u32>(end - first)
  store<u32>(state, left, SCANNED)
  store<u32>(state, node, NODE)
  store<u64>(state, 0, DISCARDED)
  store<u32>(state, 0, DISCARDING)
  if (recordsSated()) return first
  if (!discarding) {
    const most = load<u64>(codec, abi.CODEC_MAX_FRAME)
    if (<u64>(left - begun(work)) <= most) return first
    if (failsFast(codec)) {
      if (!recordsRoom(1)) return first
      recordError(abi.ERROR_FRAME_TOO_LONG, most + 1)
    }
  }
  // what is behind a match that may yet become longer, or not stand, must be read again
  const stop = holds(work, end) ? matchAt + matchLength : end
  store<u32>(state, <u32>(end - stop), SCANNED)
  store<u64>(state, discarded + <u64>(stop - first), DISCARDED)
  store<u32>(state, 1, DISCARDING)
  return stop
}

/** See codec.ts: through the delimiter, and never much more than makes the frame too long. */
export function delimiterTake(codec: usize, state: usize, have: u32, at: usize, end: usize): u32 {
  if (load<u32>(state, SCANNED) != have) return 1
  const work = delimiterTables(codec)
  const most = load<u64>(codec, abi.CODEC_MAX_FRAME) + load<u32>(work, tables.LONGEST)
  const stop = at + <usize>min<u64>(end - at, <u64>have < most ? most - <u64>have : 1)
  node = load<u32>(state, NODE)
  const p = search(codec, work, at, at, at, stop, false)
  if (found) {
    again(state, at, p, have)
    const behind = <i32>(matchAt - at) >= 0 ? matchAt + matchLength : p
    return max<u32>(1, <u32>(behind - at))
  }
  store<u32>(state, have + <u32>(p - at), SCANNED)
  store<u32>(state, node, NODE)
  return <u32>(p - at)
}

/** See codec.ts: a delimiter that might have become longer stands now, and so may those behind it. */
export function delimiterEnd(codec: usize, state: usize, base: usize, left: u32): void {
  const work = delimiterTables(codec)
  const end = base + left
  enter(state, base)
  let p = base + load<u32>(state, SCANNED)
  while (true) {
    p = walk(work, p, end)
    if (!found && !holds(work, p)) break
    deliver(codec)
    p = first
  }
  const length = discarded + <u64>(end - first)
  if (length && !(discarding && failsFast(codec))) recordError(abi.ERROR_FRAME_INCOMPLETE, length)
}

/** Writes the delimiter that was named first at `to`; returns its length. */
export function delimiterEncode(codec: usize, to: usize): u32 {
  const entry = codec + load<u32>(codec, abi.CODEC_DELIMITER_FIRST)
  memory.copy(to, entry + 4, load<u32>(entry))
  return load<u32>(entry)
}
