// The RESP reply decoder: walks a reply to its end without building anything, and leaves a record for each of its parts
// where there is room. A proxy's connections to servers want the end alone; nobody subscribes or tracks there, so that
// a push, which could stand between two replies, is malformed, and so are attributes.
//
//   state | at u32 | searched u32 | bulk + 1 u32, bit 31: verbatim | depth u32 | stack u32 |
//   a proxy's goes on: | flags u32 | protocol u32 | − | stack |
//   stack | left u64, elements still to come, over all depths | room u32, in levels | − | {left u32, attribute u32} … |

import * as abi from './abi'
import { alloc, free } from '../memory/heap'
import { parseInteger, parsedInteger } from './integer'
import {
  RESP_BAD_BULK,
  RESP_BAD_MULTIBULK,
  RESP_BULK_MAX,
  RESP_LINE_MAX,
  RESP_NO_CRLF,
  RESP_NO_MEMORY,
  RESP_REPLY_DEPTH,
  RESP_REPLY_LINE,
  RESP_REPLY_LINE_END,
  RESP_REPLY_PUSH,
  RESP_REPLY_TYPE,
  RESP_REPLY_VALUE,
  respUnexpected,
  respWrong,
} from './resp-limits'
import { isBigNumber, isDouble, isSignedInteger } from './resp-number'

export const REPLY_DEPTH_MAX: u32 = 128
/** Most elements of an aggregate for a proxy, which keeps nothing of them. */
const ELEMENTS_MAX: i64 = 0x7fffffff

// relative to the reply's first byte: where the next element or the bulk's bytes begin, and up to where its end was
// looked for
const AT: usize = 0
const SEARCHED: usize = 4
const BULK: usize = 8
export const REPLY_DEPTH: usize = 12
export const REPLY_STACK: usize = 16
const PROTOCOL: usize = 24
const OWN_STACK: usize = 32

const STACK_ROOM: usize = 8
const STACK_LEVELS: usize = 16
const STACK_FIRST: u32 = 16
export const REPLY_STATE_BYTES: usize = OWN_STACK + STACK_LEVELS + 8 * <usize>REPLY_DEPTH_MAX

const VERBATIM: u32 = 0x80000000
const CR: u32 = 13
const CRLF: u32 = 0x0a0d
const LF: u32 = 10
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
const GREATER: u32 = 62 // push
const PIPE: u32 = 124 // attribute: pairs

// @ts-ignore: decorator
@inline
const KNOWN_RESP2: u64 =
  (<u64>1 << PLUS) | (<u64>1 << MINUS) | (<u64>1 << COLON) | (<u64>1 << DOLLAR) | (<u64>1 << STAR)
// @ts-ignore: decorator
@inline
const KNOWN_RESP3: u64 =
  KNOWN_RESP2 |
  (<u64>1 << HASH) |
  (<u64>1 << COMMA) |
  (<u64>1 << PARENTHESIS) |
  (<u64>1 << EQUALS) |
  (<u64>1 << BANG) |
  (<u64>1 << PERCENT)
// @ts-ignore: decorator
@inline
const KNOWN_RESP3_HIGH: u64 = (<u64>1 << (UNDERSCORE - 64)) | (<u64>1 << (TILDE - 64))

// What a walk is held to: a proxy's limits, but for the length of a call of a codec that has its own.
let lineMax: u32 = RESP_LINE_MAX
let bulkMax: i64 = RESP_BULK_MAX
let elementsMax: i64 = ELEMENTS_MAX
let depthMax: u32 = REPLY_DEPTH_MAX
// a bit for each type that is known, below and above 64
let knownLow: u64 = KNOWN_RESP2
let knownHigh: u64 = 0

/** The stack a walk begins with, and the one it leaves: it moves when it grows. */
export let replyStack: usize = 0
/** Parts of the last reply that was whole. */
export let replyParts: u32 = 0

/** The limits of a codec are in effect until replyUsual. */
export function replyLimits(codec: usize): void {
  lineMax = load<u32>(codec, abi.CODEC_MAX_LINE)
  bulkMax = load<i64>(codec, abi.CODEC_MAX_FRAME)
  elementsMax = load<u32>(codec, abi.CODEC_MAX_ELEMENTS)
  depthMax = load<u32>(codec, abi.CODEC_MAX_DEPTH)
  const resp3 = (load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_RESP3) != 0
  knownLow = resp3 ? KNOWN_RESP3 | (<u64>1 << GREATER) : KNOWN_RESP2
  knownHigh = resp3 ? KNOWN_RESP3_HIGH | (<u64>1 << (PIPE - 64)) : 0
}

/** A proxy's limits are in effect again. */
export function replyUsual(): void {
  lineMax = RESP_LINE_MAX
  bulkMax = RESP_BULK_MAX
  elementsMax = ELEMENTS_MAX
  depthMax = REPLY_DEPTH_MAX
}

/** Makes another stack the one that a walk begins with; 0: none yet. */
export function replyUse(stack: usize): void {
  replyStack = stack
}

/** For a proxy: a walk at the beginning of a reply. */
export function replyBegin(state: usize): void {
  store<u64>(state, 0, AT)
  store<u64>(state, 0, BULK)
  store<u32>(state, <u32>(state + OWN_STACK), REPLY_STACK)
  store<u32>(state + OWN_STACK, REPLY_DEPTH_MAX, STACK_ROOM)
}

/** For a proxy: chooses the protocol of a connection, and whether RESP3's types are known. */
export function replyProtocol(state: usize, resp3: bool): void {
  store<u32>(state, resp3 ? 1 : 0, PROTOCOL)
}

/** For a proxy: walks on in the reply at `base`. Its length; 0: not whole; or an error below 0. */
export function replyScan(state: usize, base: usize, end: usize): i32 {
  const resp3 = load<u32>(state, PROTOCOL) != 0
  knownLow = resp3 ? KNOWN_RESP3 : KNOWN_RESP2
  knownHigh = resp3 ? KNOWN_RESP3_HIGH : 0
  replyStack = load<u32>(state, REPLY_STACK)
  return replyWalk(state, base, end, 0, 0)
}

/** Bytes that the reply needs at least beyond the `have` that are there. */
export function replyNeed(state: usize, have: u32): u32 {
  const bulk = load<u32>(state, BULK) & ~VERBATIM
  const depth = load<u32>(state, REPLY_DEPTH)
  let rest: u64 = 0
  if (depth) {
    // what has begun counts as one still to come; every other element takes three bytes at least, as `+\r\n` does
    const begun: u64 = depth - 1 + (bulk ? 1 : 0)
    rest = (load<u64>(<usize>load<u32>(state, REPLY_STACK)) - begun) * 3
  }
  const whole = <u64>load<u32>(state, AT) + (bulk ? <u64>bulk + 1 : 0) + rest
  return whole > <u64>have ? <u32>min<u64>(whole - have, 0x7fffffff) : 1
}

/** Where the line that the walk waits for begins; −1 where it waits for the bytes of a bulk. */
export function replyLine(state: usize): i32 {
  return load<u32>(state, BULK) ? -1 : load<i32>(state, AT)
}

/**
 * Walks on in the reply at `base`, of which `[base, end)` is there, on the stack at replyStack. Its length, with the
 * state as it was at the beginning of the call; 0: not whole, and the state knows where to go on; or an error below 0.
 * From the reply's beginning the parts are written to `[to, room)`, those for which there is room.
 */
export function replyWalk(state: usize, base: usize, end: usize, to: usize, room: usize): i32 {
  let at = base + load<u32>(state, AT)
  let searched = base + load<u32>(state, SEARCHED)
  let bulk = load<u32>(state, BULK)
  let depth = load<u32>(state, REPLY_DEPTH)
  let left: u64 = depth ? load<u64>(replyStack) : 0
  const first = to
  const endShort = bulkMax >= 99 ? end : 0
  while (true) {
    if (bulk) {
      const size = <usize>(bulk & ~VERBATIM) - 1
      if (size + 2 > end - at) break
      if (load<u16>(at + size) != CRLF) return respWrong(RESP_NO_CRLF, at + size + 2)
      if (bulk & VERBATIM && load<u8>(at, 3) != COLON) return respWrong(RESP_REPLY_VALUE, at + size + 2)
      at += size + 2
      bulk = 0
    } else {
      if (at >= end) break
      const type: u32 = load<u8>(at)
      if (type == DOLLAR && at + 5 <= endShort) {
        // one or two digits: nearly every bulk there is
        const one = <u32>load<u8>(at, 1) - 48
        const two = <u32>load<u8>(at, 2) - 48
        let digits: u32 = 0
        if (one < 10) digits = load<u16>(at, 2) == CRLF ? 1 : one && two < 10 && load<u16>(at, 3) == CRLF ? 2 : 0
        if (digits) {
          const length = digits == 1 ? one : one * 10 + two
          at += digits + 3
          if (to + abi.RECORD_BYTES <= room) {
            store<u64>(to, (<u64>length << 32) | <u64>at)
            store<u64>(to, DOLLAR, abi.RECORD_KIND)
          }
          to += abi.RECORD_BYTES
          bulk = length + 1
          continue
        }
      }
      if (!known(type)) return respUnexpected(RESP_REPLY_TYPE, at)
      if (type == GREATER && depth) return respWrong(RESP_REPLY_PUSH, at + 1)
      const most = min(end, at + lineMax + 2)
      let p = max(at + 1, searched)
      while (p < most && !isLineEnd(load<u8>(p))) p++
      const size = <u32>(p - at) - 1
      if (size > lineMax) return respWrong(RESP_REPLY_LINE, at + lineMax + 2)
      if (p < most && load<u8>(p) == LF) return respWrong(RESP_REPLY_LINE_END, p + 1)
      if (p + 1 >= end) {
        searched = p
        break
      }
      const next = p + 2
      if (load<u8>(p, 1) != LF) return respWrong(RESP_REPLY_LINE_END, next)
      let payload = at + 1
      let length = size
      let children: u32 = 0
      if (type == PLUS || type == MINUS) {
      } else if (isBulk(type)) {
        const least: i64 = type == DOLLAR ? -1 : 0 // the nulls of RESP2; RESP3 has its own
        if (!parseInteger(payload, size) || parsedInteger < least || parsedInteger > bulkMax) {
          return respWrong(RESP_BAD_BULK, next)
        }
        payload = length = 0
        if (parsedInteger >= 0) {
          if (type == EQUALS && parsedInteger < 4) return respWrong(RESP_REPLY_VALUE, next)
          length = <u32>parsedInteger
          payload = next
          bulk = (length + 1) | (type == EQUALS ? VERBATIM : 0)
        }
      } else if (isAggregate(type)) {
        const least: i64 = type == STAR ? -1 : 0
        if (!parseInteger(payload, size) || parsedInteger < least || parsedInteger > elementsMax) {
          return respWrong(RESP_BAD_MULTIBULK, next)
        }
        payload = parsedInteger < 0 ? 0 : next
        length = 0
        if (parsedInteger > 0) children = <u32>parsedInteger << (type == PERCENT || type == PIPE ? 1 : 0)
      } else {
        if (!isValue(type, payload, size)) return respWrong(RESP_REPLY_VALUE, next)
        if (type == UNDERSCORE) payload = 0
      }
      if (to + abi.RECORD_BYTES <= room) {
        store<u64>(to, (<u64>length << 32) | <u64>payload)
        store<u64>(to, (<u64>children << 32) | <u64>type, abi.RECORD_KIND)
      }
      to += abi.RECORD_BYTES
      at = next
      if (bulk) continue
      if (children) {
        if (depth == depthMax) return respWrong(RESP_REPLY_DEPTH, next)
        if (!replyStack || load<u32>(replyStack, STACK_ROOM) == depth) {
          if (!deepen()) return respWrong(RESP_NO_MEMORY, next)
        }
        const top = replyStack + STACK_LEVELS + (<usize>depth << 3)
        store<u64>(top, (<u64>(type == PIPE) << 32) | <u64>children)
        depth++
        left += children
        continue
      }
      if (type == PIPE) continue // an empty one; what it stands before follows
    }
    // an element is whole, and perhaps what it ends
    let open = false
    while (depth) {
      const top = replyStack + STACK_LEVELS + (<usize>(depth - 1) << 3)
      const rest = load<u32>(top) - 1
      store<u32>(top, rest)
      left--
      open = rest != 0
      if (open) break
      depth--
      open = load<u32>(top, 4) != 0 // an attribute is no element: what it stands before follows
      if (open) break
    }
    if (open) continue
    replyParts = <u32>(to - first) / abi.RECORD_BYTES
    return <i32>(at - base)
  }
  store<u32>(state, <u32>(at - base), AT)
  store<u32>(state, <u32>(searched - base), SEARCHED)
  store<u32>(state, bulk, BULK)
  store<u32>(state, depth, REPLY_DEPTH)
  if (depth) store<u64>(replyStack, left)
  return 0
}

/** Makes the stack deeper; false when memory is exhausted. */
function deepen(): bool {
  const room = replyStack ? load<u32>(replyStack, STACK_ROOM) : 0
  const wider = max(room << 1, STACK_FIRST)
  const stack = alloc(STACK_LEVELS + (<usize>wider << 3))
  if (!stack) return false
  if (room) {
    memory.copy(stack, replyStack, STACK_LEVELS + (<usize>room << 3))
    free(replyStack)
  }
  store<u32>(stack, wider, STACK_ROOM)
  replyStack = stack
  return true
}

/** A line has neither of the two in it. */
// @ts-ignore: decorator
@inline
function isLineEnd(c: u32): bool {
  return c <= CR && (c == CR || c == LF)
}

// @ts-ignore: decorator
@inline
function isBulk(type: u32): bool {
  return type == DOLLAR || type == EQUALS || type == BANG
}

// @ts-ignore: decorator
@inline
function isAggregate(type: u32): bool {
  return type == STAR || type == PERCENT || type == TILDE || type == GREATER || type == PIPE
}

// @ts-ignore: decorator
@inline
function known(type: u32): bool {
  return <bool>((type < 64 ? knownLow >> type : type < 128 ? knownHigh >> (type - 64) : 0) & 1)
}

/** Whether `[at, at + size)` is a value of a type that fits a line. */
function isValue(type: u32, at: usize, size: u32): bool {
  switch (type) {
    case COLON:
      return isSignedInteger(at, size)
    case UNDERSCORE:
      return size == 0
    case HASH:
      return size == 1 && (load<u8>(at) == 116 || load<u8>(at) == 102) // t, f
    case COMMA:
      return isDouble(at, size)
    default:
      return isBigNumber(at, size)
  }
}
