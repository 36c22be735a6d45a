// Arguments that several commands share: integers, expiry times, and the options of SET and GETEX.

import { nowMs } from '../../clock'
import { parseInteger, parsedInteger } from '../../codec/integer'
import { replyError, replyLower, replyRaw } from '../../codec/reply'
import { respArg, respArgc, respArgLength } from '../../codec/resp'
import { foldWord } from './bytes'
import { KV_DONE } from './command'

export const OPTION_NX: u32 = 1
export const OPTION_XX: u32 = 2
export const OPTION_GET: u32 = 4
export const OPTION_KEEPTTL: u32 = 8
export const OPTION_PERSIST: u32 = 16
export const OPTION_EX: u32 = 32
export const OPTION_PX: u32 = 64
export const OPTION_EXAT: u32 = 128
export const OPTION_PXAT: u32 = 256
const OPTION_TIMES: u32 = OPTION_EX | OPTION_PX | OPTION_EXAT | OPTION_PXAT
export const OPTION_ABSOLUTE: u32 = OPTION_EXAT | OPTION_PXAT

// lower-cased words, first letter in the lowest byte
const WORD_NX: u64 = 0x786e
const WORD_XX: u64 = 0x7878
const WORD_EX: u64 = 0x7865
const WORD_PX: u64 = 0x7870
const WORD_GET: u64 = 0x746567
const WORD_EXAT: u64 = 0x74617865
const WORD_PXAT: u64 = 0x74617870
const WORD_KEEPTTL: u64 = 0x6c74747065656b
const WORD_PERSIST: u64 = 0x74736973726570

/** The options that the last parseOptions found, and which argument is the expiry time (0: none). */
export let optionFlags: u32 = 0
export let optionTime: u32 = 0

/** An argument of up to 8 bytes in lower case; 0: none of the words there are. */
// @ts-ignore: decorator
@inline
export function argWord(i: u32): u64 {
  const length = respArgLength(i)
  return length <= 8 ? foldWord(respArg(i), length) : 0
}

/** An integer argument in parsedInteger; false after the error was sent. */
export function argInteger(i: u32, out: usize): bool {
  if (parseInteger(respArg(i), respArgLength(i))) return true
  replyError(out, 'ERR value is not an integer or out of range')
  return false
}

/** Reads the options of SET, or of GETEX, from argument `from` on; false after the error was sent. */
export function parseOptions(from: u32, isSet: bool, out: usize): bool {
  let flags: u32 = 0
  optionTime = 0
  for (let i = from; i < respArgc; i++) {
    const word = argWord(i)
    let time: u32 = 0
    if (isSet && word == WORD_NX && !(flags & OPTION_XX)) flags |= OPTION_NX
    else if (isSet && word == WORD_XX && !(flags & OPTION_NX)) flags |= OPTION_XX
    else if (isSet && word == WORD_GET) flags |= OPTION_GET
    else if (isSet && word == WORD_KEEPTTL && !(flags & OPTION_TIMES)) flags |= OPTION_KEEPTTL
    else if (!isSet && word == WORD_PERSIST && !(flags & OPTION_TIMES)) flags |= OPTION_PERSIST
    else if (word == WORD_EX) time = OPTION_EX
    else if (word == WORD_PX) time = OPTION_PX
    else if (word == WORD_EXAT) time = OPTION_EXAT
    else if (word == WORD_PXAT) time = OPTION_PXAT
    else return syntaxError(out)
    if (time) {
      const others = (OPTION_TIMES & ~time) | OPTION_KEEPTTL | OPTION_PERSIST
      if (flags & others || i + 1 == respArgc) return syntaxError(out)
      flags |= time
      optionTime = ++i
    }
  }
  optionFlags = flags
  return true
}

export function syntaxError(out: usize): bool {
  replyError(out, 'ERR syntax error')
  return false
}

/** The error for a time that expireTime refuses. */
export function replyBadExpire(out: usize): i32 {
  replyRaw(out, "-ERR invalid expire time in '")
  replyLower(out, respArg(0), respArgLength(0))
  replyRaw(out, "' command\r\n")
  return KV_DONE
}

/** When a time given as `flags` say ends, in milliseconds of the epoch; 0 where Redis calls it invalid. */
export function expireTime(value: i64, flags: u32): u64 {
  if (value <= 0) return 0
  if (flags & (OPTION_EX | OPTION_EXAT)) {
    if (value > i64.MAX_VALUE / 1000) return 0
    value *= 1000
  }
  if (!(flags & OPTION_ABSOLUTE)) {
    if (value > i64.MAX_VALUE - <i64>nowMs) return 0
    value += <i64>nowMs
  }
  return value
}
