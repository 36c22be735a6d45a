// The RESP request codec: what respDecode finds, as records: a frame for each command, with its arguments as parts.
//
//   state | scanAt u32 | scanLine u32 | scanLeft u32 | scanBulk + 1 u32 |

import * as abi from './abi'
import {
  recordAt,
  recordFatal,
  recordText,
  recordTextRoom,
  recordsAreSingle,
  recordsEnd,
  recordsRoom,
  recordsUntil,
} from './records'
import {
  respArgc,
  respArgv,
  respDecode,
  respIsInline,
  respLine,
  respNeed,
  respScan,
  respSplit,
  scanAt,
  scanBulk,
  scanFrom,
  scanLeft,
  scanLine,
} from './resp'
import {
  RESP_CROSS_PROTOCOL,
  RESP_EXPECTED_BULK,
  RESP_NO_MEMORY,
  RESP_REPLY_TYPE,
  RESP_UNBALANCED,
  lineMax,
  respGot,
  respLimits,
  respUsual,
  respWrong,
  respWrongAt,
} from './resp-limits'

const LF: u32 = 10
const STAR: u32 = 42
const DOLLAR: u32 = 36
const POST: u32 = 0x74736f70
const HOST: u32 = 0x74736f68
const LOWER: u32 = 0x20202020
const COLON: u32 = 58

/** Bytes that may be gathered beyond a line that is too long, before it is called so. */
const SLACK: u32 = 8

/** See codec.ts. */
export function requestsDecode(codec: usize, state: usize, at: usize, end: usize): usize {
  respLimits(codec)
  const stop = decode(state, at, end)
  respUsual()
  return stop
}

function decode(state: usize, at: usize, end: usize): usize {
  if (load<u64>(state) | load<u64>(state, 8)) {
    // gathered so far: walk on, and decode once it is whole
    loadScan(state)
    const found = respScan(at, end)
    if (!found) return keepScan(state, at)
    store<u64>(state, 0)
    store<u64>(state, 0, 8)
    if (found < 0) return respRefuse(found, at, end)
  }
  let to = recordAt
  let room = recordsEnd()
  while (at < end) {
    const inlined = load<u8>(at) != STAR
    let text: usize = 0
    let taken: i32 = 0
    if (!inlined) {
      taken = respDecode(at, end)
    } else {
      taken = respLine(at, end)
      if (taken > 0) {
        text = recordTextRoom(taken)
        if (!text) break
        if (!respSplit(at, taken, text)) taken = RESP_UNBALANCED
      }
    }
    if (taken <= 0) {
      recordsUntil(to)
      return taken ? respRefuse(taken, at, end) : keepScan(state, at)
    }
    const count = respArgc
    if (count) {
      const length = load<u32>(respArgv, 4)
      if ((length & ~1) == 4 && isForeign(load<u32>(respArgv), length)) {
        recordsUntil(to)
        return respRefuse(respWrong(RESP_CROSS_PROTOCOL, at + taken), at, end)
      }
      if (to + (<usize>(count + 1) << 4) > room) {
        recordsUntil(to)
        if (!recordsRoom(count + 1)) return at
        to = recordAt
        room = recordsEnd()
      }
      store<u64>(to, (<u64>taken << 32) | <u64>at)
      store<u64>(to, (<u64>count << 32) | abi.RECORD_FRAME, abi.RECORD_KIND)
      to += abi.RECORD_BYTES
      let from = respArgv
      const last = from + (<usize>count << 3)
      while (from < last) {
        store<u64>(to, load<u64>(from)) // address and length, as the argument table has them
        store<u64>(to, DOLLAR, abi.RECORD_KIND)
        from += 8
        to += abi.RECORD_BYTES
      }
      if (inlined) recordText(load<u32>(last - 8) + load<u32>(last - 4) - <u32>text)
    }
    at += taken
    if (count && recordsAreSingle()) break // an empty line behind it is not this decoder's to take
  }
  recordsUntil(to)
  return at
}

/** A fatal error in the place of the command or reply at `at`. */
export function respRefuse(error: i32, at: usize, end: usize): usize {
  if (!recordsRoom(1)) return at
  const number = error == RESP_NO_MEMORY ? abi.ERROR_NO_MEMORY : abi.ERROR_RESP - 1 - error
  const got = error == RESP_EXPECTED_BULK || error == RESP_REPLY_TYPE ? <u64>respGot << 32 : 0
  recordFatal(number, got | <u64>(respWrongAt - at))
  return end
}

/** See codec.ts. */
export function requestsTake(codec: usize, state: usize, base: usize, have: u32, at: usize, end: usize): u32 {
  const more = <u32>(end - at)
  loadScan(state)
  const line = load<u32>(codec, abi.CODEC_MAX_LINE) + SLACK
  if (respIsInline(base)) {
    const most = min(more, line > have ? line - have : 1)
    let n: u32 = 0
    while (n < most && load<u8>(at + n) != LF) n++
    store<u32>(state, have + n)
    return n < most ? n + 1 : n
  }
  const need = min(more, respNeed(have))
  if (scanBulk >= 0) return need
  const most = scanLine + line
  return respThroughLine(at, need, min(more, most > have ? most - have : 1))
}

/** `taken` bytes at `at`, and on to the end of the line, but no more than `most`. A frame ends where a line does. */
export function respThroughLine(at: usize, taken: u32, most: u32): u32 {
  while (taken < most && load<u8>(at + taken - 1) != LF) taken++
  return taken
}

/** See codec.ts. */
export function requestsNeed(state: usize, have: u32): u32 {
  loadScan(state)
  return respNeed(have)
}

function loadScan(state: usize): void {
  scanFrom(load<u32>(state), load<u32>(state, 4), load<i32>(state, 8), load<i32>(state, 12) - 1)
}

function keepScan(state: usize, at: usize): usize {
  store<u32>(state, scanAt)
  store<u32>(state, scanLine, 4)
  store<i32>(state, scanLeft, 8)
  store<i32>(state, scanBulk + 1, 12)
  return at
}

/** Whether a command's name is a browser's: `POST`, `Host:`. Redis ends such a connection without a word. */
function isForeign(at: usize, length: u32): bool {
  const four = load<u32>(at) | LOWER
  return length == 4 ? four == POST : four == HOST && load<u8>(at, 4) == COLON
}
