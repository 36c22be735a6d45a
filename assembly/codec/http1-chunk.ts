// Chunks of a body: the line with a chunk's size, and the line end behind its bytes, byte by byte. Nothing of them is
// kept but the size.

import * as abi from './abi'
import { CLASS_HEX, CLASS_TOKEN, CLASS_VALUE, isOf } from './http1-scan'
import {
  PHASE_CHUNK,
  PHASE_CHUNK_DATA,
  PHASE_TRAILERS,
  budget,
  chunkLine,
  enter,
  left,
  setBudget,
  setChunkLine,
  setStep,
  step,
} from './http1-state'
import { LINE_FIELD } from './http1-line'

// Steps.
export const CHUNK_FIRST: u32 = 0
const CHUNK_SIZE: u32 = 1
const CHUNK_BLANK: u32 = 2 // blanks before a semicolon
const CHUNK_EXTENSION: u32 = 3 // behind a semicolon
const CHUNK_NAME: u32 = 4
const CHUNK_NAME_BLANK: u32 = 5 // blanks behind a name
const CHUNK_VALUE: u32 = 6 // behind an equals sign
const CHUNK_TOKEN: u32 = 7
const CHUNK_QUOTED: u32 = 8
const CHUNK_ESCAPED: u32 = 9
const CHUNK_UNQUOTED: u32 = 10 // behind a quoted value
const CHUNK_VALUE_BLANK: u32 = 11 // blanks behind a value
const CHUNK_LF: u32 = 12
export const CHUNK_DATA_CR: u32 = 13
const CHUNK_DATA_LF: u32 = 14

/** Most digits of a size, and the largest. */
const DIGITS_MAX: u32 = 16
const SIZE_MAX: u64 = 9007199254740991

const HT: u32 = 9
const LF: u32 = 10
const CR: u32 = 13
const SP: u32 = 32
const QUOTE: u32 = 34
const SEMICOLON: u32 = 59
const EQUALS: u32 = 61
const BACKSLASH: u32 = 92

let wrong: u32 = 0

/** The error of the byte at which chunkStep stopped; 0: none. */
// @ts-ignore: decorator
@inline
export function chunkError(): u32 {
  return wrong
}

/**
 * Reads on at `p`, in PHASE_CHUNK. Returns where it stopped: behind the line, in the phase that follows; at a byte that
 * cannot be, with chunkError; or at `end`.
 */
export function chunkStep(codec: usize, state: usize, p: usize, end: usize): usize {
  const most = load<u32>(codec, abi.CODEC_MAX_CHUNK_LINE)
  let now = step(state)
  let size = left(state)
  let length = chunkLine(state)
  let error: u32 = 0
  while (p < end) {
    const c = <u32>load<u8>(p)
    if (now >= CHUNK_LF) {
      if (c != (now == CHUNK_DATA_CR ? CR : LF)) {
        error = now == CHUNK_LF ? abi.HTTP1_ERROR_BARE_CR : abi.HTTP1_ERROR_BAD_CHUNK_END
        break
      }
      if (now == CHUNK_LF) {
        if (size > budget(state)) {
          error = abi.HTTP1_ERROR_BODY_TOO_LONG
          break
        }
        return chunk(state, size, p + 1)
      }
      now = now == CHUNK_DATA_CR ? CHUNK_DATA_LF : CHUNK_FIRST
      p++
      continue
    }
    if (c == CR && ends(now)) now = CHUNK_LF
    else if (length == most) {
      error = abi.HTTP1_ERROR_CHUNK_LINE_TOO_LONG
      break
    } else if (now <= CHUNK_SIZE && isOf(c, CLASS_HEX)) {
      size = (size << 4) | <u64>(c < 58 ? c - 48 : (c | 32) - 87)
      if (length == DIGITS_MAX || size > SIZE_MAX) {
        size >>= 4
        error = abi.HTTP1_ERROR_BAD_CHUNK_SIZE
        break
      }
      now = CHUNK_SIZE
      length++
    } else {
      const then = extension(now, c)
      if (!then) {
        if (now <= CHUNK_BLANK) error = abi.HTTP1_ERROR_BAD_CHUNK_SIZE
        else error = c == LF ? abi.HTTP1_ERROR_BARE_LF : abi.HTTP1_ERROR_BAD_CHUNK_EXTENSION
        if (c == LF && now == CHUNK_SIZE) error = abi.HTTP1_ERROR_BARE_LF
        break
      }
      now = then
      length++
    }
    p++
  }
  enter(state, PHASE_CHUNK, size)
  setStep(state, now)
  setChunkLine(state, length)
  wrong = error
  return p
}

/** A size line is whole: its chunk follows, or the trailers. */
function chunk(state: usize, size: u64, p: usize): usize {
  wrong = 0
  setChunkLine(state, 0)
  if (size) {
    setBudget(state, budget(state) - size)
    enter(state, PHASE_CHUNK_DATA, size)
  } else {
    setBudget(state, 0)
    enter(state, PHASE_TRAILERS, 0)
    setStep(state, LINE_FIELD)
  }
  return p
}

/** Whether a line may end after step `now`. */
function ends(now: u32): bool {
  return now == CHUNK_SIZE || now == CHUNK_NAME || now == CHUNK_TOKEN || now == CHUNK_UNQUOTED
}

/** The step after byte `c` of what stands behind the digits; 0 where it cannot be. */
function extension(now: u32, c: u32): u32 {
  const blank = c == SP || c == HT
  switch (now) {
    case CHUNK_FIRST:
      return 0
    case CHUNK_SIZE:
    case CHUNK_BLANK:
      return c == SEMICOLON ? CHUNK_EXTENSION : blank ? CHUNK_BLANK : 0
    case CHUNK_UNQUOTED:
    case CHUNK_VALUE_BLANK:
      return c == SEMICOLON ? CHUNK_EXTENSION : blank ? CHUNK_VALUE_BLANK : 0
    case CHUNK_EXTENSION:
      return isOf(c, CLASS_TOKEN) ? CHUNK_NAME : blank ? CHUNK_EXTENSION : 0
    case CHUNK_NAME:
      if (isOf(c, CLASS_TOKEN)) return CHUNK_NAME
      return c == EQUALS ? CHUNK_VALUE : c == SEMICOLON ? CHUNK_EXTENSION : blank ? CHUNK_NAME_BLANK : 0
    case CHUNK_NAME_BLANK:
      return c == EQUALS ? CHUNK_VALUE : c == SEMICOLON ? CHUNK_EXTENSION : blank ? CHUNK_NAME_BLANK : 0
    case CHUNK_VALUE:
      return c == QUOTE ? CHUNK_QUOTED : isOf(c, CLASS_TOKEN) ? CHUNK_TOKEN : blank ? CHUNK_VALUE : 0
    case CHUNK_TOKEN:
      if (isOf(c, CLASS_TOKEN)) return CHUNK_TOKEN
      return c == SEMICOLON ? CHUNK_EXTENSION : blank ? CHUNK_VALUE_BLANK : 0
    case CHUNK_QUOTED:
      if (c == QUOTE) return CHUNK_UNQUOTED
      return c == BACKSLASH ? CHUNK_ESCAPED : isOf(c, CLASS_VALUE) ? CHUNK_QUOTED : 0
    default:
      return isOf(c, CLASS_VALUE) ? CHUNK_QUOTED : 0 // escaped
  }
}
