// The memcached codec: commands of the text protocol, classic and meta, as records: the words of the line, and the data
// block that belongs to it. A refused command's data is swallowed where its length can be read, and never kept.
//
//   state | bytes to swallow u64 | bytes looked at for the line's end u32 | bytes of the line u32 | of its data u32 |

import * as abi from './abi'
import { LINE_WORDS, lineData, lineJudge, lineQuiet } from './memcached-line'
import { record, recordAt, recordError, recordFatal, recordsEnd, recordsRoom, recordsUntil } from './records'

const SWALLOW: usize = 0
const SEARCHED: usize = 8
const LINE: usize = 12 // 0: it is not whole
const DATA: usize = 16

const CR: u32 = 13
const LF: u32 = 10
const SPACE: u32 = 32
const CRLF: u32 = 0x0a0d
const BINARY: u32 = 0x80
/** In the upper half of an error's length: nobody wants an answer. */
const QUIET: u64 = 1 << 32

/** See codec.ts. */
export function memcachedDecode(codec: usize, state: usize, at: usize, end: usize): usize {
  at = swallow(state, load<u64>(state, SWALLOW), at, end)
  const most = load<u32>(codec, abi.CODEC_MAX_LINE)
  const keyMax = load<u32>(codec, abi.CODEC_MAX_KEY)
  if (!isReady(state, most, at, end)) return at
  while (at < end) {
    if (!recordsRoom(LINE_WORDS + 2)) return at
    if (load<u8>(at) == BINARY) return fatal(state, abi.ERROR_MEMCACHED_BINARY, 1, end)
    const first = recordAt + abi.RECORD_BYTES
    const room = recordsEnd()
    const limit = min(end, at + most + 2)
    let p = at
    let to = first
    let longest: u32 = 0
    let lastAt: usize = 0
    let last: u32 = 0
    let nul = false
    while (p < limit) {
      let c: u32 = load<u8>(p)
      if (c == SPACE) {
        p++
        continue
      }
      if (c == LF) break
      const word = p
      while (true) {
        if (!c) nul = true
        do p++
        while (p < limit && (c = load<u8>(p)) > SPACE)
        if (p >= limit || c == SPACE || c == LF) break
      }
      const size = <u32>(p - word) - (c == LF && load<u8>(p - 1) == CR ? 1 : 0)
      if (!size) break
      if (to + abi.RECORD_BYTES <= room) {
        store<u64>(to, (<u64>size << 32) | <u64>word)
        store<u64>(to, abi.MEMCACHED_WORD, abi.RECORD_KIND)
      }
      to += abi.RECORD_BYTES
      if (to > first + 2 * abi.RECORD_BYTES && size > longest) longest = size
      lastAt = word
      last = size
    }
    if (isLong(at, p, most)) return fatal(state, abi.ERROR_MEMCACHED_LINE, most + 1, end)
    if (p >= end) {
      store<u32>(state, <u32>(p - at), SEARCHED)
      return at
    }
    const count = <u32>(to - first) / abi.RECORD_BYTES
    const line = <u32>(p + 1 - at)
    const refusal = lineJudge(first, count, longest, lastAt, last, nul, keyMax)
    const data = lineData
    const whole = <u64>line + (data >= 0 ? <u64>data + 2 : 0)
    const quiet: u64 = lineQuiet ? QUIET : 0
    if (refusal >= <u32>abi.ERROR_MEMCACHED_LENGTH) return fatal(state, refusal, line, end)
    if (refusal) {
      recordError(refusal, quiet | whole)
      at = swallow(state, whole, at, end)
      continue
    }
    if (data >= 0) {
      if (<u64>data > load<u64>(codec, abi.CODEC_MAX_FRAME)) {
        recordError(abi.ERROR_MEMCACHED_TOO_LARGE, quiet | whole)
        at = swallow(state, whole, at, end)
        continue
      }
      if (<u64>(end - at) < whole) {
        store<u32>(state, line, LINE)
        store<u32>(state, <u32>data, DATA)
        return at
      }
      if (load<u16>(at + <usize>whole - 2) != CRLF) {
        recordError(abi.ERROR_MEMCACHED_DATA, quiet | whole)
        at += <usize>whole
        continue
      }
    }
    const parts = count + (data >= 0 ? 1 : 0)
    if (first + <usize>parts * abi.RECORD_BYTES > room) {
      if (!recordsRoom(parts + 1)) return at
      continue // once more, with room for all words
    }
    record(at, <u32>whole, abi.RECORD_FRAME, parts)
    recordsUntil(to)
    if (data >= 0) record(at + line, <u32>data, abi.MEMCACHED_DATA, 0)
    at += <usize>whole
  }
  return at
}

/** Whether the command begun at `at` has come as far as it was waited for: its line's end, or its data's. */
function isReady(state: usize, most: u32, at: usize, end: usize): bool {
  const line = load<u32>(state, LINE)
  if (line) {
    if (<u64>(end - at) < <u64>line + <u64>load<u32>(state, DATA) + 2) return false
    store<u32>(state, 0, LINE)
  } else {
    const searched = load<u32>(state, SEARCHED)
    if (!searched) return true
    const limit = min(end, at + most + 2)
    let p = at + searched
    while (p < limit && load<u8>(p) != LF) p++
    store<u32>(state, <u32>(p - at), SEARCHED)
    if (p >= end && !isLong(at, p, most)) return false
  }
  store<u32>(state, 0, SEARCHED)
  return true
}

/** Whether the line at `at`, without an end up to `p`, is too long; a carriage return may belong to its end. */
// @ts-ignore: decorator
@inline
function isLong(at: usize, p: usize, most: u32): bool {
  const size = <u32>(p - at)
  return size > most && (size > most + 1 || load<u8>(p - 1) != CR)
}

/** Drops up to `bytes` bytes; the state remembers the rest. */
function swallow(state: usize, bytes: u64, at: usize, end: usize): usize {
  const dropped = min(bytes, <u64>(end - at))
  store<u64>(state, bytes - dropped, SWALLOW)
  return at + <usize>dropped
}

function fatal(state: usize, error: u32, length: u64, end: usize): usize {
  recordFatal(error, length)
  return end
}

/** See codec.ts. */
export function memcachedTake(codec: usize, state: usize, have: u32, at: usize, end: usize): u32 {
  const more = <u32>(end - at)
  if (load<u32>(state, LINE)) return min(more, memcachedNeed(state, have))
  const longest = load<u32>(codec, abi.CODEC_MAX_LINE) + 2
  const most = min(more, longest > have ? longest - have : 1)
  let n: u32 = 0
  while (n < most && load<u8>(at + n) != LF) n++
  store<u32>(state, have + n, SEARCHED)
  return n < most ? n + 1 : n
}

/** See codec.ts. */
export function memcachedNeed(state: usize, have: u32): u32 {
  const line = load<u32>(state, LINE)
  return line ? <u32>(<u64>line + <u64>load<u32>(state, DATA) + 2 - have) : 1
}
