// A head, or trailers, that lie whole in a block: one pass that checks every byte and leaves the records. It says no
// more than yes or no; what is wrong with a bad one, http1-line.ts finds out.

import * as abi from './abi'
import {
  contentLength,
  fact,
  factFlags,
  factsBegin,
  framingError,
  isFact,
  lengthAt,
  lengthBytes,
  requestError,
} from './http1-facts'
import { CLASS_METHOD, CLASS_TOKEN, CLASS_VALUE, isOf, runEnd, targetEnd, tokenEnd, valueEnd } from './http1-scan'
import { fieldOf, formOf, methodOf, versionError, versionGood, versionMinor } from './http1-words'
import { recordAt, recordsEnd, recordsRoom } from './records'

/** Answers of headParse and trailersParse where they do not return an address. */
export const PARSE_NO: usize = 0 // not whole, or not good
export const PARSE_SHORT: usize = 1 // the records have no room
const PARSE_AGAIN: usize = 2 // the records have moved, to where there is room

/** Of the head parsed last: what its fields say against each other, HTTP1_ERROR_*; 0: nothing. */
export let headError: u32 = 0
/** HTTP1_FLAG_* */
export let headFlags: u32 = 0
/** HTTP1_METHOD_* of a request, the status of a response. */
export let headCode: u32 = 0
/** Where its records end; they begin at recordAt, and are not kept yet. */
export let headRecords: usize = 0

/** Shorter than any head. */
const HEAD_BYTES_MIN: usize = 16
const CRLF: u32 = 0x0a0d

const HT: u32 = 9
const SP: u32 = 32
const COLON: u32 = 58

// @ts-ignore: decorator
@inline
function put(to: usize, at: usize, length: u32, kind: u32, extra: u32): void {
  store<u64>(to, (<u64>length << 32) | <u64>at)
  store<u64>(to, (<u64>extra << 32) | <u64>kind, abi.RECORD_KIND)
}

/** Parses the head at `at` if it ends before `end`: returns where, with the records; PARSE_NO or PARSE_SHORT. */
export function headParse(codec: usize, at: usize, end: usize): usize {
  if (end - at < HEAD_BYTES_MIN) return PARSE_NO
  const stop = at + <usize>min<u64>(end - at, load<u64>(codec, abi.CODEC_MAX_FRAME))
  const first = recordAt
  const to = first + <usize>(1 + abi.HTTP1_HEAD_PARTS) * abi.RECORD_BYTES
  if (to + abi.RECORD_BYTES > recordsEnd()) {
    return widen(at, end, at, first) == PARSE_AGAIN ? headParse(codec, at, end) : PARSE_SHORT
  }
  headError = 0
  factsBegin()
  const replies = (load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_REPLIES) != 0
  const p = replies ? statusLine(at, stop, first) : requestLine(codec, at, stop, first)
  if (!p) return PARSE_NO
  const minor = headFlags
  const next = fieldLines(codec, at, p, stop, to, true)
  if (next == PARSE_AGAIN) return headParse(codec, at, end)
  if (next <= PARSE_SHORT) return next
  if (!headError) headError = replies ? framingError(minor) : requestError(headCode, minor)
  if (!headError && contentLength > load<u64>(codec, abi.CODEC_MAX_BODY)) headError = abi.HTTP1_ERROR_BODY_TOO_LONG
  headFlags = factFlags(minor)
  if (!replies && headCode == abi.HTTP1_METHOD_CONNECT) headFlags |= abi.HTTP1_FLAG_UPGRADE
  put(first + abi.HTTP1_HEAD_PARTS * abi.RECORD_BYTES, lengthAt, lengthBytes, abi.HTTP1_PART_LENGTH, 0)
  const parts = <u32>(headRecords - first) / abi.RECORD_BYTES - 1
  put(first, at, <u32>(next - at), abi.RECORD_HEAD, parts)
  return next
}

/** The place of the version's record in a head that headParse has parsed. */
// @ts-ignore: decorator
@inline
export function versionRecord(first: usize, replies: bool): usize {
  return first + <usize>(replies ? 1 : 3) * abi.RECORD_BYTES
}

/** As headParse, for trailers with at least one field. */
export function trailersParse(codec: usize, at: usize, end: usize): usize {
  const stop = at + <usize>min<u64>(end - at, load<u64>(codec, abi.CODEC_MAX_FRAME))
  const first = recordAt
  const to = first + abi.RECORD_BYTES
  if (to + abi.RECORD_BYTES > recordsEnd()) {
    return widen(at, end, at, first) == PARSE_AGAIN ? trailersParse(codec, at, end) : PARSE_SHORT
  }
  const next = fieldLines(codec, at, at, stop, to, false)
  if (next == PARSE_AGAIN) return trailersParse(codec, at, end)
  if (next <= PARSE_SHORT) return next
  put(first, at, <u32>(next - at), abi.RECORD_TRAILERS, <u32>(headRecords - first) / abi.RECORD_BYTES - 1)
  return next
}

/** The records have no room: asks for as many as the lines from `p` on need beside those up to `to`. */
function widen(at: usize, end: usize, p: usize, to: usize): usize {
  let count = <u32>(to - recordAt) / abi.RECORD_BYTES + 2 + abi.HTTP1_HEAD_PARTS
  let line = p
  for (; p < end; p++) {
    if (load<u8>(p) != 10) continue
    if (p - line < 2 && p > at + 1) break
    count += 2
    line = p + 1
  }
  return recordsRoom(count) ? PARSE_AGAIN : PARSE_SHORT
}

/** A request's first line; 0: not whole, or not good. */
function requestLine(codec: usize, at: usize, stop: usize, first: usize): usize {
  let p = at
  let word: u64 = 0
  while (p < stop && isOf(load<u8>(p), CLASS_METHOD)) {
    if (p - at < 8) word |= <u64>load<u8>(p) << (<u64>(p - at) << 3)
    p++
  }
  // behind the method: blank, target, blank, version, line end, empty line
  if (p == at || stop - p < 15 || load<u8>(p) != SP) return 0
  const method = p - at > 7 ? 0 : methodOf(word)
  put(first + abi.RECORD_BYTES, at, <u32>(p - at), abi.HTTP1_PART_METHOD, method)
  const target = p + 1
  p = targetEnd(target, stop)
  const length = <u32>(p - target)
  if (stop - p < 13 || load<u8>(p) != SP || !length || length > load<u32>(codec, abi.CODEC_MAX_TARGET)) return 0
  const version = p + 1
  if (load<u16>(p, 9) != CRLF || !versionGood(version)) return 0
  const form = formOf(method, target, length)
  put(first + 2 * abi.RECORD_BYTES, target, length, abi.HTTP1_PART_TARGET, form)
  put(first + 3 * abi.RECORD_BYTES, version + 5, 3, abi.HTTP1_PART_VERSION, 0)
  headCode = method
  if (!form) headError = abi.HTTP1_ERROR_BAD_TARGET_FORM
  else headError = versionError(version)
  headFlags = versionMinor(version)
  return p + 11
}

/** A response's first line; 0: not whole, or not good. */
function statusLine(at: usize, stop: usize, first: usize): usize {
  if (!versionGood(at) || load<u8>(at, 8) != SP) return 0
  const hundreds = <u32>load<u8>(at, 9) - 48
  const tens = <u32>load<u8>(at, 10) - 48
  const ones = <u32>load<u8>(at, 11) - 48
  if (hundreds - 1 > 8 || tens > 9 || ones > 9) return 0
  let p = at + 12
  let reason = p
  if (load<u8>(p) == SP) {
    reason = p + 1
    p = valueEnd(reason, stop)
  }
  if (stop - p < 4 || load<u16>(p) != CRLF) return 0
  headCode = hundreds * 100 + tens * 10 + ones
  put(first + abi.RECORD_BYTES, at + 5, 3, abi.HTTP1_PART_VERSION, 0)
  put(first + 2 * abi.RECORD_BYTES, at + 9, 3, abi.HTTP1_PART_STATUS, headCode)
  put(first + 3 * abi.RECORD_BYTES, reason, <u32>(p - reason), abi.HTTP1_PART_REASON, 0)
  headError = versionError(at)
  headFlags = versionMinor(at)
  return p + 2
}

/** The field lines from `p` on, up to and with the empty line. */
function fieldLines(codec: usize, at: usize, p: usize, stop: usize, to: usize, head: bool): usize {
  const room = recordsEnd() - 3 * abi.RECORD_BYTES // two for a field, and one for what follows the head
  const longest = <usize>load<u32>(codec, abi.CODEC_MAX_LINE)
  let left = load<u32>(codec, abi.CODEC_MAX_ELEMENTS)
  const short = stop - at < 16 // trailers only
  while (stop - p > 1) {
    if (load<u16>(p) == CRLF) {
      headRecords = to
      return p + 2
    }
    const name = p
    const colon = short ? runEnd(p, stop, CLASS_TOKEN) : tokenEnd(p, stop)
    if (stop - colon < 5 || load<u8>(colon) != COLON || colon == name || !left--) return PARSE_NO
    p = colon + 1
    while (p < stop && (load<u8>(p) == SP || load<u8>(p) == HT)) p++
    const value = p
    p = short ? runEnd(p, stop, CLASS_VALUE) : valueEnd(p, stop)
    if (stop - p < 4 || load<u16>(p) != CRLF || p - name > longest) return PARSE_NO
    let valueStop = p
    while (valueStop > value && (load<u8>(valueStop - 1) == SP || load<u8>(valueStop - 1) == HT)) valueStop--
    if (to > room) return widen(at, stop, name, to)
    const field = fieldOf(name, colon, at)
    put(to, name, <u32>(colon - name), abi.HTTP1_PART_NAME, field)
    put(to + abi.RECORD_BYTES, value, <u32>(valueStop - value), abi.HTTP1_PART_VALUE, 0)
    to += 2 * abi.RECORD_BYTES
    if (head && isFact(field)) fact(field, value, <u32>(valueStop - value))
    p += 2
  }
  return PARSE_NO
}
