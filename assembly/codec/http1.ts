// The HTTP/1.1 decoder: heads, bodies by length, by chunks or up to the end, and trailers, as RFC 9112 has them and no
// more leniently: whatever two programs might read differently is refused. A head is one record with its fields as
// parts, a body is left where it lies. What is wrong ends the stream.

import * as abi from './abi'
import { CHUNK_DATA_CR, CHUNK_FIRST, chunkError, chunkStep } from './http1-chunk'
import { chunked, contentLength, lengthAt } from './http1-facts'
import {
  PARSE_NO,
  PARSE_SHORT,
  headCode,
  headError,
  headFlags,
  headParse,
  headRecords,
  trailersParse,
  versionRecord,
} from './http1-head'
import { LINE_DONE, LINE_EMPTY_LF, LINE_FIRST, lineError, lineStep } from './http1-line'
import {
  EXPECTED_CONNECT,
  EXPECTED_HEAD,
  PHASE_CHUNK,
  PHASE_CHUNK_DATA,
  PHASE_FIXED,
  PHASE_HEAD,
  PHASE_OTHER,
  PHASE_TRAILERS,
  PHASE_UNTIL_END,
  chunkLine,
  emptyLines,
  enter,
  expectPop,
  expectPush,
  left,
  phase,
  restart,
  scanned,
  setBudget,
  setEmptyLines,
  setScanned,
  setStep,
  step,
} from './http1-state'
import {
  record,
  recordAt,
  recordError,
  recordFatal,
  recordsFatal,
  recordsRoom,
  recordsSated,
  recordsShort,
  recordsUntil,
} from './records'

/** Most empty lines before a request (RFC 9112, 2.2, asks for at least one). */
const EMPTY_LINES_MAX: u32 = 4
const CR: u32 = 13
const LF: u32 = 10
const CRLF: u32 = 0x0a0d

/** See codec.ts. */
export function http1Decode(codec: usize, state: usize, at: usize, end: usize): usize {
  while (at < end) {
    const before = at
    switch (phase(state)) {
      case PHASE_HEAD:
        at = head(codec, state, at, end)
        break
      case PHASE_CHUNK:
        at = chunkStep(codec, state, at, end)
        if (chunkError()) {
          if (recordsRoom(1)) recordFatal(chunkError(), chunkLine(state) + 1)
          return at
        }
        break
      case PHASE_TRAILERS:
        at = trailers(codec, state, at, end)
        break
      case PHASE_FIXED:
      case PHASE_CHUNK_DATA:
        at = counted(state, at, end)
        break
      default:
        if (!recordsRoom(1)) return at
        record(at, <u32>(end - at), abi.RECORD_DATA, 0)
        return end
    }
    if (at == before || recordsShort || recordsFatal || recordsSated()) return at
  }
  return at
}

/** See codec.ts: how many of the new bytes belong to the head or the trailers. */
export function http1Take(codec: usize, state: usize, at: usize, end: usize): u32 {
  const now = phase(state)
  if (now != PHASE_HEAD && now != PHASE_TRAILERS) return <u32>(end - at)
  if (step(state) == LINE_EMPTY_LF || step(state) == LINE_DONE) return 1
  const stop = lineStep(codec, state, at, end)
  return <u32>(stop - at) + (lineError() ? 1 : 0)
}

/** See codec.ts. */
export function http1End(state: usize, gathered: u32): void {
  switch (phase(state)) {
    case PHASE_HEAD:
      if (gathered) recordError(abi.ERROR_FRAME_INCOMPLETE, gathered)
      break
    case PHASE_UNTIL_END:
      record(0, 0, abi.RECORD_END, 0)
      break
    case PHASE_OTHER:
      break
    case PHASE_CHUNK:
      recordError(abi.ERROR_FRAME_INCOMPLETE, chunkLine(state))
      break
    default:
      recordError(abi.ERROR_FRAME_INCOMPLETE, gathered)
  }
}

/** HTTP1_TELL_*; false where it cannot be said now. */
export function http1Tell(codec: usize, state: usize, what: u32): bool {
  const replies = (load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_REPLIES) != 0
  if (what == abi.HTTP1_TELL_UPGRADED) {
    if (replies || phase(state) != PHASE_HEAD) return false
    restart(state)
    enter(state, PHASE_OTHER, 0)
    return true
  }
  if (!replies || what - 1 >= <u32>abi.HTTP1_TELL_CONNECT) return false
  return expectPush(state, what == abi.HTTP1_TELL_HEAD, what == abi.HTTP1_TELL_CONNECT)
}

function head(codec: usize, state: usize, at: usize, end: usize): usize {
  const replies = (load<u32>(codec, abi.CODEC_FLAGS) & abi.CODEC_FLAG_REPLIES) != 0
  if (step(state) == LINE_EMPTY_LF) {
    setStep(state, LINE_FIRST)
    setScanned(state, 0)
  }
  if (!replies && !scanned(state) && load<u8>(at) == CR) return emptyLine(state, at, end)
  let next = PARSE_NO
  if (!scanned(state)) {
    next = headParse(codec, at, end)
    if (next == PARSE_SHORT) return at
  }
  if (next == PARSE_NO) {
    if (!walk(codec, state, at, end)) return at
    next = headParse(codec, at, at + scanned(state))
    if (next == PARSE_SHORT) return at
    if (next == PARSE_NO) return malformed(state, at)
  }
  if (headError) {
    recordFatal(headError, next - at) // there is room: the head's own records were not kept
    return next
  }
  found(codec, state, replies)
  return next
}

/** Reads on in the lines of a frame at `at`; true: they are whole, and nothing is wrong. */
function walk(codec: usize, state: usize, at: usize, end: usize): bool {
  lineStep(codec, state, at + scanned(state), end)
  if (!lineError()) return step(state) == LINE_DONE
  if (recordsRoom(1)) recordFatal(lineError(), scanned(state) + 1)
  return false
}

/** The two readings of a head contradict each other. */
function malformed(state: usize, at: usize): usize {
  if (recordsRoom(1)) recordFatal(abi.HTTP1_ERROR_MALFORMED, scanned(state))
  return at
}

/** An empty line before a request. */
function emptyLine(state: usize, at: usize, end: usize): usize {
  if (end - at < 2) {
    setStep(state, LINE_EMPTY_LF)
    setScanned(state, 1)
    return at
  }
  const count = emptyLines(state) + 1
  const bare = load<u8>(at, 1) != LF
  if (!bare && count <= EMPTY_LINES_MAX) {
    setEmptyLines(state, count)
    return at + 2
  }
  if (recordsRoom(1)) recordFatal(bare ? abi.HTTP1_ERROR_BARE_CR : abi.HTTP1_ERROR_EMPTY_LINES, 2)
  return at
}

/** A head is whole and good: its records are kept, and its body begins. */
function found(codec: usize, state: usize, replies: bool): void {
  let length = contentLength
  let next = chunked ? PHASE_CHUNK : PHASE_FIXED
  if (!replies) {
    if (headCode == abi.HTTP1_METHOD_CONNECT) next = PHASE_UNTIL_END
  } else if (headCode < 200) {
    if (headCode == 101) next = PHASE_UNTIL_END
    else next = PHASE_HEAD
  } else {
    const expected = expectPop(state)
    if (expected == EXPECTED_CONNECT && headCode < 300) next = PHASE_UNTIL_END
    else if (expected == EXPECTED_HEAD || headCode == 204 || headCode == 304) next = PHASE_HEAD
    else if (!chunked && !lengthAt) {
      next = PHASE_UNTIL_END
      headFlags = (headFlags & ~abi.HTTP1_FLAG_KEEP_ALIVE) | abi.HTTP1_FLAG_UNTIL_CLOSE
    }
  }
  store<u32>(versionRecord(recordAt, replies), headFlags, abi.RECORD_EXTRA)
  recordsUntil(headRecords)
  restart(state)
  if (next == PHASE_HEAD || (next == PHASE_FIXED && !length)) return record(0, 0, abi.RECORD_END, 0)
  enter(state, next, next == PHASE_FIXED ? length : 0)
  if (next != PHASE_CHUNK) return
  setBudget(state, load<u64>(codec, abi.CODEC_MAX_BODY))
  setStep(state, CHUNK_FIRST)
}

/** Bytes of a body or chunk whose length is known. */
function counted(state: usize, at: usize, end: usize): usize {
  if (!recordsRoom(2)) return at
  const missing = left(state)
  const bytes = <u32>min<u64>(missing, end - at)
  record(at, bytes, abi.RECORD_DATA, 0)
  const now = phase(state)
  if (<u64>bytes < missing) {
    enter(state, now, missing - bytes)
  } else if (now == PHASE_FIXED) {
    restart(state)
    record(0, 0, abi.RECORD_END, 0)
  } else {
    enter(state, PHASE_CHUNK, 0)
    setStep(state, CHUNK_DATA_CR)
  }
  return at + bytes
}

/** Behind the last chunk. */
function trailers(codec: usize, state: usize, at: usize, end: usize): usize {
  let next = PARSE_NO
  if (!scanned(state)) {
    if (end - at > 1 && load<u16>(at) == CRLF) return over(state, at + 2)
    next = trailersParse(codec, at, end)
    if (next == PARSE_SHORT) return at
  }
  if (next == PARSE_NO) {
    if (!walk(codec, state, at, end)) return at
    if (scanned(state) == 2) return over(state, at + 2)
    next = trailersParse(codec, at, at + scanned(state))
    if (next == PARSE_SHORT) return at
    if (next == PARSE_NO) return malformed(state, at)
  }
  recordsUntil(headRecords)
  record(0, 0, abi.RECORD_END, 0)
  restart(state)
  return next
}

/** A chunked body ends without trailers. */
function over(state: usize, next: usize): usize {
  if (!recordsRoom(1)) return next - 2
  record(0, 0, abi.RECORD_END, 0)
  restart(state)
  return next
}
