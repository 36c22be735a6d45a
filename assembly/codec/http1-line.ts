// The lines of a head or of trailers byte by byte: what is wrong is told with the first byte that cannot be, however
// the bytes were cut. Nothing is kept but where the reading stands, so that a head that arrives slowly is looked at
// once; the parts are found by http1-head.ts when it is whole.

import * as abi from './abi'
import { CLASS_METHOD, CLASS_TARGET, CLASS_TOKEN, CLASS_VALUE, isOf } from './http1-scan'
import { fields, lineStart, scanned, setFields, setLineStart, setScanned, setStep, step } from './http1-state'

export const LINE_FIRST: u32 = 0
export const LINE_EMPTY_LF: u32 = 1 // the CR of an empty line before a request has come
const LINE_METHOD: u32 = 2
const LINE_TARGET: u32 = 3
const LINE_VERSION: u32 = 4 // … and the seven after it
const LINE_VERSION_LAST: u32 = 11
const LINE_VERSION_END: u32 = 12
const LINE_LF: u32 = 13
export const LINE_FIELD: u32 = 14
const LINE_NAME: u32 = 15
const LINE_VALUE: u32 = 16
const LINE_END_LF: u32 = 17
export const LINE_DONE: u32 = 18
const LINE_VERSION_BLANK: u32 = 19 // behind a response's version
const LINE_STATUS: u32 = 20 // … three digits
const LINE_STATUS_END: u32 = 23
const LINE_REASON: u32 = 24

const HT: u32 = 9
const LF: u32 = 10
const CR: u32 = 13
const SP: u32 = 32
const COLON: u32 = 58
/** `HTTP/` */
const PROTOCOL: u64 = 0x2f50545448

/** The error of the byte at which lineStep stopped. */
let wrong: u32 = 0

// @ts-ignore: decorator
@inline
export function lineError(): u32 {
  return wrong
}

// @ts-ignore: decorator
@inline
function isDigit(c: u32): bool {
  return c - 48 < 10
}

/**
 * Reads on at `p`. Returns where it stopped: behind the last line, with step LINE_DONE; at a byte that cannot be, with
 * lineError; or at `end`.
 */
export function lineStep(codec: usize, state: usize, p: usize, end: usize): usize {
  const replies = (load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_REPLIES) != 0
  const most = <u32>load<u64>(codec, abi.CODEC_MAX_FRAME)
  const targetMost = load<u32>(codec, abi.CODEC_MAX_TARGET)
  const fieldMost = load<u32>(codec, abi.CODEC_MAX_LINE)
  let at = scanned(state) // of the byte at p
  let line = lineStart(state)
  let now = step(state)
  let error: u32 = 0
  while (p < end && now != LINE_DONE) {
    const c = <u32>load<u8>(p)
    if (at == most) {
      error = now == LINE_TARGET ? abi.HTTP1_ERROR_TARGET_TOO_LONG : abi.HTTP1_ERROR_HEAD_TOO_LONG
      break
    }
    switch (now) {
      case LINE_FIRST:
        if (replies) {
          if (c == 72) now = LINE_VERSION + 1
          else error = abi.HTTP1_ERROR_BAD_STATUS_LINE
        } else if (isOf(c, CLASS_METHOD)) now = LINE_METHOD
        else error = c == LF ? abi.HTTP1_ERROR_BARE_LF : abi.HTTP1_ERROR_BAD_METHOD
        break
      case LINE_METHOD:
        if (c == SP) {
          now = LINE_TARGET
          line = at + 1
        } else if (!isOf(c, CLASS_METHOD)) {
          error = c == CR || c == LF ? abi.HTTP1_ERROR_BAD_REQUEST_LINE : abi.HTTP1_ERROR_BAD_METHOD
        }
        break
      case LINE_TARGET:
        if (c == SP && at > line) now = LINE_VERSION
        else if (c == SP || c == CR || c == LF) error = abi.HTTP1_ERROR_BAD_REQUEST_LINE
        else if (at - line >= targetMost) error = abi.HTTP1_ERROR_TARGET_TOO_LONG
        else if (!isOf(c, CLASS_TARGET)) error = abi.HTTP1_ERROR_BAD_TARGET
        break
      case LINE_VERSION_END:
        if (c == CR) now = LINE_LF
        else if (c == LF) error = abi.HTTP1_ERROR_BARE_LF
        else error = c == SP ? abi.HTTP1_ERROR_BAD_REQUEST_LINE : abi.HTTP1_ERROR_BAD_VERSION
        break
      case LINE_LF:
        if (c == LF) {
          now = LINE_FIELD
          line = at + 1
        } else error = abi.HTTP1_ERROR_BARE_CR
        break
      case LINE_FIELD:
        if (isOf(c, CLASS_TOKEN)) {
          const count = fields(state)
          if (count == load<u32>(codec, abi.CODEC_MAX_ELEMENTS)) {
            error = abi.HTTP1_ERROR_TOO_MANY_FIELDS
          } else {
            now = LINE_NAME
            setFields(state, count + 1)
          }
        } else if (c == CR) now = LINE_END_LF
        else if (c == SP || c == HT) error = abi.HTTP1_ERROR_FOLDED
        else if (c == LF) error = abi.HTTP1_ERROR_BARE_LF
        else error = c == COLON ? abi.HTTP1_ERROR_EMPTY_NAME : abi.HTTP1_ERROR_BAD_NAME
        break
      case LINE_NAME:
        if (at - line >= fieldMost && c != CR) error = abi.HTTP1_ERROR_FIELD_TOO_LONG
        else if (c == COLON) now = LINE_VALUE
        else if (!isOf(c, CLASS_TOKEN)) {
          if (c == SP || c == HT) error = abi.HTTP1_ERROR_SPACE_IN_NAME
          else error = c == CR || c == LF ? abi.HTTP1_ERROR_NO_COLON : abi.HTTP1_ERROR_BAD_NAME
        }
        break
      case LINE_VALUE:
        if (c == CR) now = LINE_LF
        else if (at - line >= fieldMost) error = abi.HTTP1_ERROR_FIELD_TOO_LONG
        else if (!isOf(c, CLASS_VALUE)) error = c == LF ? abi.HTTP1_ERROR_BARE_LF : abi.HTTP1_ERROR_BAD_VALUE
        break
      case LINE_END_LF:
        if (c == LF) now = LINE_DONE
        else error = abi.HTTP1_ERROR_BARE_CR
        break
      case LINE_STATUS_END:
        if (c == SP) now = LINE_REASON
        else if (c == CR) now = LINE_LF
        else error = abi.HTTP1_ERROR_BAD_STATUS_LINE
        break
      case LINE_REASON:
        if (c == CR) now = LINE_LF
        else if (!isOf(c, CLASS_VALUE)) error = c == LF ? abi.HTTP1_ERROR_BARE_LF : abi.HTTP1_ERROR_BAD_REASON
        break
      default:
        if (now >= LINE_STATUS) {
          if (isDigit(c) && (now > LINE_STATUS || c != 48)) now++
          else error = abi.HTTP1_ERROR_BAD_STATUS_LINE
        } else if (now == LINE_VERSION_BLANK) {
          if (c == SP) now = LINE_STATUS
          else error = abi.HTTP1_ERROR_BAD_STATUS_LINE
        } else if (inVersion(now - LINE_VERSION, c)) {
          if (now < LINE_VERSION_LAST) now++
          else now = replies ? LINE_VERSION_BLANK : LINE_VERSION_END
        } else {
          error = replies
            ? abi.HTTP1_ERROR_BAD_STATUS_LINE
            : c == SP && now == LINE_VERSION
              ? abi.HTTP1_ERROR_BAD_REQUEST_LINE
              : abi.HTTP1_ERROR_BAD_VERSION
        }
    }
    if (error) break
    at++
    p++
  }
  setScanned(state, at)
  setLineStart(state, line)
  setStep(state, now) // before an error, which is met again by whoever reads on
  wrong = error
  return p
}

/** Whether byte `i` of a version may be `c`. */
function inVersion(i: u32, c: u32): bool {
  if (i < 5) return <u64>c == ((PROTOCOL >> (<u64>i << 3)) & 0xff)
  return i == 6 ? c == 46 : isDigit(c)
}
