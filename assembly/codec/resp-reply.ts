// The RESP reply decoder: finds where a reply ends, without building anything. For connections to servers, where nobody
// subscribes or tracks: a push, which could stand between two replies, is malformed, and so are attributes. The types
// of RESP3 are known only after replyProtocol.
//
//   state | at u32 | searched u32 | bulk i32 | depth u32 | left u64 | resp3 u32 | − | left per depth, u32 × 128 |

import { parseInteger, parsedInteger } from './integer'

export const REPLY_DEPTH_MAX: u32 = 128
const AT: usize = 0 // relative to the reply's first byte: where the next element or the bulk's bytes begin
const SEARCHED: usize = 4 // up to where a line's end was looked for
const BULK: usize = 8 // length of the bulk at AT; −1: a line
const DEPTH: usize = 12
const LEFT: usize = 16 // elements still to come, over all depths
const RESP3: usize = 24
const STACK: usize = 32
export const REPLY_STATE_BYTES: usize = STACK + 4 * REPLY_DEPTH_MAX

const PLUS: u32 = 43
const MINUS: u32 = 45
const COLON: u32 = 58
const DOLLAR: u32 = 36
const STAR: u32 = 42
const UNDERSCORE: u32 = 95 // null
const HASH: u32 = 35 // boolean
const COMMA: u32 = 44 // double
const PARENTHESIS: u32 = 40 // big number
const EQUALS: u32 = 61 // verbatim
const BANG: u32 = 33 // bulk error
const TILDE: u32 = 126 // set
const PERCENT: u32 = 37 // map: pairs

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

/** Chooses the protocol of a connection: whether RESP3's types are known. */
export function replyProtocol(state: usize, resp3: bool): void {
  store<u32>(state, resp3 ? 1 : 0, RESP3)
}

/** Bytes that the reply needs at least beyond the `have` that are there. */
export function replyNeed(state: usize, have: u32): u32 {
  const bulk = load<i32>(state, BULK)
  // what has begun counts as one still to come; every other element takes three bytes at least, as `+\r\n` does
  const depth = load<u32>(state, DEPTH)
  const begun: u64 = depth ? depth - 1 + (bulk >= 0 ? 1 : 0) : 0
  const rest = (load<u64>(state, LEFT) - begun) * 3
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
      if (<u32>(p - at) > LINE_MAX || !known(type, load<u32>(state, RESP3) != 0)) return REPLY_MALFORMED
      if (p + 1 >= end) {
        store<u32>(state, <u32>(p - base), SEARCHED)
        return 0
      }
      if (load<u8>(p, 1) != 10) return REPLY_MALFORMED
      const next = p + 2
      const bulkType = type == DOLLAR || type == EQUALS || type == BANG
      const many = type == STAR || type == TILDE || type == PERCENT
      if (bulkType || many || type == COLON) {
        if (!parseInteger(at + 1, <u32>(p - at) - 1)) return REPLY_MALFORMED
        if (type != COLON && parsedInteger < -1) return REPLY_MALFORMED
        if (bulkType && parsedInteger >= 0) {
          if (parsedInteger > BULK_MAX) return REPLY_MALFORMED
          store<i32>(state, <i32>parsedInteger, BULK)
          at = next
          store<u32>(state, <u32>(at - base), AT)
          continue
        }
        if (many && parsedInteger > 0) {
          const depth = load<u32>(state, DEPTH)
          if (depth == REPLY_DEPTH_MAX || parsedInteger > ELEMENTS_MAX) return REPLY_MALFORMED
          const count = type == PERCENT ? parsedInteger << 1 : parsedInteger
          store<u32>(state + STACK + (<usize>depth << 2), <u32>count)
          store<u32>(state, depth + 1, DEPTH)
          store<u64>(state, load<u64>(state, LEFT) + count, LEFT)
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
function known(type: u32, resp3: bool): bool {
  if (type == DOLLAR || type == STAR || type == PLUS || type == MINUS || type == COLON) return true
  if (!resp3) return false
  const line = type == UNDERSCORE || type == HASH || type == COMMA || type == PARENTHESIS
  return line || type == EQUALS || type == BANG || type == TILDE || type == PERCENT
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
