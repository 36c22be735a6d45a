// The RESP2 reply decoder: finds where a reply ends, without building anything. Used on connections to servers, which a
// proxy keeps on RESP2, so that a push can never stand between two replies; RESP3 types are malformed here.
//
//   state | at u32 | searched u32 | bulk i32 | depth u32 | left u64 | elements left per depth, u32 × 128 |

import { parseInteger, parsedInteger } from './integer'

export const REPLY_DEPTH_MAX: u32 = 128
const AT: usize = 0 // relative to the reply's first byte: where the next element or the bulk's bytes begin
const SEARCHED: usize = 4 // up to where a line's end was looked for
const BULK: usize = 8 // length of the bulk at AT; −1: a line
const DEPTH: usize = 12
const LEFT: usize = 16 // elements still to come, over all depths
const STACK: usize = 24
export const REPLY_STATE_BYTES: usize = STACK + 4 * REPLY_DEPTH_MAX

const LINE_MAX: u32 = 65536
const BULK_MAX: i64 = 536870912
const ELEMENTS_MAX: i64 = 0x7fffffff

export const REPLY_MALFORMED: i32 = -1

/** A scan at the beginning of a reply. */
export function replyBegin(state: usize): void {
  store<u32>(state, 0, AT)
  store<u32>(state, 0, SEARCHED)
  store<i32>(state, -1, BULK)
  store<u32>(state, 0, DEPTH)
  store<u64>(state, 0, LEFT)
}

/** Bytes that the reply needs at least beyond the `have` that are there. */
export function replyNeed(state: usize, have: u32): u32 {
  const bulk = load<i32>(state, BULK)
  // an element takes four bytes at least, as in `:1\r\n`
  const rest = load<u64>(state, LEFT) * 4
  const whole = <u64>load<u32>(state, AT) + (bulk >= 0 ? <u64>bulk + 2 : 0) + rest
  return whole > <u64>have ? <u32>min<u64>(whole - have, 0x7fffffff) : 1
}

/** Walks on in the reply at `base`, of which `[base, end)` is there. Its length; 0: not whole; or REPLY_MALFORMED. */
export function replyScan(state: usize, base: usize, end: usize): i32 {
  let at = base + load<u32>(state, AT)
  while (true) {
    const bulk = load<i32>(state, BULK)
    if (bulk >= 0) {
      if (at > end || <usize>bulk + 2 > end - at) return 0
      if (load<u16>(at + bulk) != 0x0a0d) return REPLY_MALFORMED
      at += bulk + 2
      store<i32>(state, -1, BULK)
    } else {
      if (at >= end) return 0
      const type: u32 = load<u8>(at)
      let p = max(at + 1, base + load<u32>(state, SEARCHED))
      while (p < end && load<u8>(p) != 13) p++
      if (<u32>(p - at) > LINE_MAX || !known(type)) return REPLY_MALFORMED
      if (p + 1 >= end) {
        store<u32>(state, <u32>(p - base), SEARCHED)
        return 0
      }
      if (load<u8>(p, 1) != 10) return REPLY_MALFORMED
      const next = p + 2
      if (type == 36 || type == 42 || type == 58) {
        if (!parseInteger(at + 1, <u32>(p - at) - 1)) return REPLY_MALFORMED
        if (type != 58 && parsedInteger < -1) return REPLY_MALFORMED
        if (type == 36 && parsedInteger >= 0) {
          if (parsedInteger > BULK_MAX) return REPLY_MALFORMED
          store<i32>(state, <i32>parsedInteger, BULK)
          at = next
          store<u32>(state, <u32>(at - base), AT)
          continue
        }
        if (type == 42 && parsedInteger > 0) {
          const depth = load<u32>(state, DEPTH)
          if (depth == REPLY_DEPTH_MAX || parsedInteger > ELEMENTS_MAX) return REPLY_MALFORMED
          store<u32>(state + STACK + (<usize>depth << 2), <u32>parsedInteger)
          store<u32>(state, depth + 1, DEPTH)
          store<u64>(state, load<u64>(state, LEFT) + parsedInteger, LEFT)
          at = next
          store<u32>(state, <u32>(at - base), AT)
          continue
        }
      }
      at = next
    }
    store<u32>(state, <u32>(at - base), AT)
    if (elementDone(state)) return <i32>(at - base)
  }
}

// @ts-ignore: decorator
@inline
function known(type: u32): bool {
  return type == 36 || type == 42 || type == 43 || type == 45 || type == 58
}

/** Counts an element that is whole; true when the reply is. */
function elementDone(state: usize): bool {
  let depth = load<u32>(state, DEPTH)
  while (depth) {
    const top = state + STACK + (<usize>(depth - 1) << 2)
    const left = load<u32>(top) - 1
    store<u32>(top, left)
    store<u64>(state, load<u64>(state, LEFT) - 1, LEFT)
    if (left) {
      store<u32>(state, depth, DEPTH)
      return false
    }
    depth--
  }
  store<u32>(state, 0, DEPTH)
  return true
}
