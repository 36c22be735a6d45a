// What a memcached command line asks for, and why memcached would refuse it (proto_text.c of 1.6).

import * as abi from './abi'

const LENGTH_MAX: u64 = 0x7fffffff - 2

// The names of commands, first byte lowest.
const GET: u64 = 0x746567
const GETS: u64 = 0x73746567
const GAT: u64 = 0x746167
const GATS: u64 = 0x73746167
const BGET: u64 = 0x74656762
const SET: u64 = 0x746573
const ADD: u64 = 0x646461
const REPLACE: u64 = 0x6563616c706572
const APPEND: u64 = 0x646e65707061
const PREPEND: u64 = 0x646e6570657270
const CAS: u64 = 0x736163
const DELETE: u64 = 0x6574656c6564
const INCR: u64 = 0x72636e69
const DECR: u64 = 0x72636564
const TOUCH: u64 = 0x6863756f74
const STATS: u64 = 0x7374617473
const VERSION: u64 = 0x6e6f6973726576
const QUIT: u64 = 0x74697571
const SLABS: u64 = 0x7362616c73
const WATCH: u64 = 0x6863746177
const LRU: u64 = 0x75726c
const SHUTDOWN: u64 = 0x6e776f6474756873
const MG: u64 = 0x676d
const MS: u64 = 0x736d
const MD: u64 = 0x646d
const MA: u64 = 0x616d
const MN: u64 = 0x6e6d
const ME: u64 = 0x656d
const HTTP: u64 = 0x2f50545448 // HTTP/
const NOREPLY: u64 = 0x796c7065726f6e
const FLUSH_AL: u64 = 0x6c615f6873756c66 // flush_all, verbosity, lru_crawler, cache_memlimit: the first eight bytes
const VERBOSIT: u64 = 0x7469736f62726576
const LRU_CRAW: u64 = 0x776172635f75726c
const CACHE_ME: u64 = 0x656d5f6568636163
const L: u64 = 0x6c
const Y: u64 = 0x79
const LER: u64 = 0x72656c
const MLIMIT: u64 = 0x74696d696c6d

// The line that is being judged: its words are records.
let words: usize = 0
let count: u32 = 0
/** The longest of the words from the third on. */
let longest: u32 = 0
let keyMax: u32 = 0

/** Length of the data block that follows the line; −1: none does, or nobody can tell. */
export let lineData: i64 = -1
/** The client wants no answer. */
export let lineQuiet: bool = false

/**
 * Judges a line of `n` words, the first of which are records at `at` (all, or LINE_WORDS of them at least), the last
 * one at `lastAt`. Returns why it is refused, ERROR_*, or 0; lineData and lineQuiet say the rest.
 */
export function lineJudge(at: usize, n: u32, third: u32, lastAt: usize, last: u32, nul: bool, keyBytes: u32): u32 {
  words = at
  count = n
  longest = third
  keyMax = keyBytes
  lineData = -1
  lineQuiet = false
  const quiet = n > 1 && last == 7 && name(lastAt, 7) == NOREPLY
  const refusal = judge(lastAt, last, nul)
  // memcached looks for `noreply` once the number of words is right
  lineQuiet = quiet && refusal != abi.ERROR_MEMCACHED_COMMAND
  return refusal
}

/** Words that lineJudge may want to read. */
export const LINE_WORDS: u32 = 6

function judge(lastAt: usize, last: u32, nul: bool): u32 {
  const length = count ? wordLength(0) : 0
  // a name that ends in a NUL packs like the one without
  if (length < 2 || !load<u8>(wordAt(0) + length - 1)) return abi.ERROR_MEMCACHED_COMMAND
  const command = name(wordAt(0), min(length, 8))
  // to memcached a line ends at a NUL, to whoever it passed on the way it does not
  if (length <= 8) {
    switch (command) {
      case GET:
      case GETS:
      case BGET:
        if (count < 2) return abi.ERROR_MEMCACHED_COMMAND
        return nul || wordLength(1) > keyMax || longest > keyMax ? abi.ERROR_MEMCACHED_FORMAT : 0
      case SET:
      case ADD:
      case REPLACE:
      case APPEND:
      case PREPEND:
        return storage(5, nul)
      case CAS:
        return storage(6, nul)
      case MG:
      case MD:
      case MA:
        return count < 2 ? abi.ERROR_MEMCACHED_COMMAND : keyed(nul)
      case MS:
        return metaSet(nul)
      case ME:
        return count < 2 ? abi.ERROR_MEMCACHED_FORMAT : keyed(nul)
      case GAT:
      case GATS:
        if (count < 2) return abi.ERROR_MEMCACHED_COMMAND
        if (!signed(1)) return abi.ERROR_MEMCACHED_EXPTIME
        return nul || longest > keyMax ? abi.ERROR_MEMCACHED_FORMAT : 0
      case DELETE:
        return remove(nul)
      case INCR:
      case DECR:
        if (count != 3 && count != 4) return abi.ERROR_MEMCACHED_COMMAND
        if (keyed(nul)) return abi.ERROR_MEMCACHED_FORMAT
        return unsigned(2) ? 0 : abi.ERROR_MEMCACHED_DELTA
      case TOUCH:
        if (count != 3 && count != 4) return abi.ERROR_MEMCACHED_COMMAND
        if (keyed(nul)) return abi.ERROR_MEMCACHED_FORMAT
        return signed(2) ? 0 : abi.ERROR_MEMCACHED_EXPTIME
      case LRU:
        if (count < 2) return abi.ERROR_MEMCACHED_COMMAND
        return nul ? abi.ERROR_MEMCACHED_FORMAT : 0
      case MN:
      case STATS:
      case VERSION:
      case QUIT:
      case SLABS:
      case WATCH:
      case SHUTDOWN:
        return nul ? abi.ERROR_MEMCACHED_FORMAT : 0
    }
  } else if (length <= 16) {
    const rest = name(wordAt(0) + 8, length - 8)
    if (command == FLUSH_AL && rest == L) return flush(nul, lastAt, last)
    if (command == VERBOSIT && rest == Y) {
      if (count != 2 && count != 3) return abi.ERROR_MEMCACHED_COMMAND
      return nul || !unsigned(1) ? abi.ERROR_MEMCACHED_FORMAT : 0
    }
    const known = (command == LRU_CRAW && rest == LER) || (command == CACHE_ME && rest == MLIMIT && count - 2 < 2)
    if (known) return nul ? abi.ERROR_MEMCACHED_FORMAT : 0
  }
  // a browser was led here: memcached ends such a connection
  const http = last >= 5 && name(lastAt, 5) == HTTP
  return http ? abi.ERROR_MEMCACHED_HTTP : abi.ERROR_MEMCACHED_COMMAND
}

/** A key of the right length. */
// @ts-ignore: decorator
@inline
function keyed(nul: bool): u32 {
  return nul || wordLength(1) > keyMax ? abi.ERROR_MEMCACHED_FORMAT : 0
}

/** `set key flags exptime bytes [noreply]`, and one word more for cas. */
function storage(least: u32, nul: bool): u32 {
  if (count < 5) return abi.ERROR_MEMCACHED_COMMAND
  if (!dataLength(wordAt(4), wordLength(4))) return abi.ERROR_MEMCACHED_LENGTH
  if (count != least && count != least + 1) return abi.ERROR_MEMCACHED_COMMAND
  const good = !keyed(nul) && unsigned(2) && signed(3) && (least == 5 || unsigned(5))
  return good ? 0 : abi.ERROR_MEMCACHED_FORMAT
}

/** `ms key bytes flag*` */
function metaSet(nul: bool): u32 {
  if (count < 2) return abi.ERROR_MEMCACHED_COMMAND
  if (count == 2) return abi.ERROR_MEMCACHED_FORMAT
  return dataLength(wordAt(2), wordLength(2)) ? keyed(nul) : abi.ERROR_MEMCACHED_LENGTH
}

/** `delete key [0] [noreply]` */
function remove(nul: bool): u32 {
  if (count < 2 || count > 4) return abi.ERROR_MEMCACHED_COMMAND
  if (count > 2) {
    const zero = wordLength(2) == 1 && load<u8>(wordAt(2)) == 48
    const quiet = wordLength(count - 1) == 7 && name(wordAt(count - 1), 7) == NOREPLY
    if (count == 3 ? !zero && !quiet : !zero || !quiet) return abi.ERROR_MEMCACHED_DELETE
  }
  return keyed(nul)
}

/** `flush_all [exptime] [noreply]` */
function flush(nul: bool, lastAt: usize, last: u32): u32 {
  if (count > 3) return abi.ERROR_MEMCACHED_COMMAND
  if (nul) return abi.ERROR_MEMCACHED_FORMAT
  const quiet = count > 1 && last == 7 && name(lastAt, 7) == NOREPLY
  return count == (quiet ? 2 : 1) || signed(1) ? 0 : abi.ERROR_MEMCACHED_EXPTIME
}

/** Reads the length of a data block into lineData. */
function dataLength(at: usize, size: u32): bool {
  if (!digits(at, size) || magnitude > LENGTH_MAX || (negative && magnitude)) return false
  lineData = <i64>magnitude
  return true
}

// @ts-ignore: decorator
@inline
function wordAt(i: u32): usize {
  return <usize>load<u32>(words + (<usize>i << 4))
}

// @ts-ignore: decorator
@inline
function wordLength(i: u32): u32 {
  return load<u32>(words + (<usize>i << 4), abi.RECORD_LENGTH)
}

/** Up to eight bytes, the first lowest. */
function name(at: usize, size: u32): u64 {
  let word: u64 = 0
  for (let i: u32 = 0; i < size; i++) word |= <u64>load<u8>(at + i) << (i << 3)
  return word
}

// What digits has read.
let magnitude: u64 = 0
let negative: bool = false

function unsigned(i: u32): bool {
  return digits(wordAt(i), wordLength(i)) && (!negative || !magnitude)
}

function signed(i: u32): bool {
  return digits(wordAt(i), wordLength(i)) && magnitude <= 0x7fffffffffffffff + <u64>(negative ? 1 : 0)
}

/** A number as strtoll takes it: digits, leading zeros and a sign among them, in 64 bits. */
function digits(at: usize, size: u32): bool {
  const end = at + size
  const sign: u32 = size ? load<u8>(at) : 0
  negative = sign == 45
  if (negative || sign == 43) at++
  magnitude = 0
  const first = at
  for (; at < end; at++) {
    const digit = <u32>load<u8>(at) - 48
    if (digit > 9) return false
    if (magnitude > 1844674407370955161 || (magnitude == 1844674407370955161 && digit > 5)) return false
    magnitude = magnitude * 10 + digit
  }
  return at > first
}
