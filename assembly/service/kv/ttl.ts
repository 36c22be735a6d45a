// The commands about the time to live of a key: EXPIRE and its relatives, TTL and its relatives, PERSIST.

import { nowMs } from '../../clock'
import { parsedInteger } from '../../codec/integer'
import { replyError, replyErrorWith, replyInteger, replyTrimmed } from '../../codec/reply'
import { respArg, respArgc, respArgLength } from '../../codec/resp'
import { command, KV_DONE } from './command'
import { E_EXPIRE } from './entry'
import { expiryAdd, expiryOpen } from './expiry'
import { argInteger, argWord, replyBadExpire } from './options'
import { foundLink, storeFind, storePersist, storeRemove } from './store'
import { readFind, replyOom } from './strings'

const IF_NONE: u32 = 1 // NX
const IF_SOME: u32 = 2 // XX
const IF_LATER: u32 = 4 // GT
const IF_SOONER: u32 = 8 // LT

const WORD_NX: u64 = 0x786e
const WORD_XX: u64 = 0x7878
const WORD_GT: u64 = 0x7467
const WORD_LT: u64 = 0x746c

export function ttlCommands(): void {
  command('expire', -3, 0, expire.index)
  command('pexpire', -3, 0, pexpire.index)
  command('expireat', -3, 0, expireat.index)
  command('pexpireat', -3, 0, pexpireat.index)
  command('ttl', 2, 0, ttl.index)
  command('pttl', 2, 0, pttl.index)
  command('expiretime', 2, 0, expiretime.index)
  command('pexpiretime', 2, 0, pexpiretime.index)
  command('persist', 2, 0, persist.index)
}

function expire(db: usize, session: usize, out: usize): i32 {
  return expireAt(db, nowMs, true, out)
}

function pexpire(db: usize, session: usize, out: usize): i32 {
  return expireAt(db, nowMs, false, out)
}

function expireat(db: usize, session: usize, out: usize): i32 {
  return expireAt(db, 0, true, out)
}

function pexpireat(db: usize, session: usize, out: usize): i32 {
  return expireAt(db, 0, false, out)
}

let conditions: u32 = 0

/** Reads NX, XX, GT and LT into `conditions`; false after the error was sent. */
function parseConditions(out: usize): bool {
  conditions = 0
  for (let i: u32 = 3; i < respArgc; i++) {
    const word = argWord(i)
    if (word == WORD_NX) conditions |= IF_NONE
    else if (word == WORD_XX) conditions |= IF_SOME
    else if (word == WORD_GT) conditions |= IF_LATER
    else if (word == WORD_LT) conditions |= IF_SOONER
    else {
      replyErrorWith(out, 'ERR Unsupported option ', respArg(i), replyTrimmed(respArg(i), respArgLength(i)), '')
      return false
    }
  }
  if (conditions & IF_NONE && conditions & ~IF_NONE) {
    replyError(out, 'ERR NX and XX, GT or LT options at the same time are not compatible')
    return false
  }
  if (conditions & IF_LATER && conditions & IF_SOONER) {
    replyError(out, 'ERR GT and LT options at the same time are not compatible')
    return false
  }
  return true
}

function expireAt(db: usize, base: i64, seconds: bool, out: usize): i32 {
  if (!parseConditions(out) || !argInteger(2, out)) return KV_DONE
  let when = parsedInteger
  if (seconds) {
    if (when > i64.MAX_VALUE / 1000 || when < i64.MIN_VALUE / 1000) return replyBadExpire(out)
    when *= 1000
  }
  if (when > i64.MAX_VALUE - base) return replyBadExpire(out)
  when += base
  let entry = storeFind(db, respArg(1), respArgLength(1))
  if (!entry || !conditionsHold(<i64>load<u64>(entry, E_EXPIRE), when)) {
    replyInteger(out, 0)
    return KV_DONE
  }
  if (when <= <i64>nowMs) {
    storeRemove(db, foundLink, entry)
  } else {
    if (!expiryOpen(db)) return replyOom(out)
    entry = storeFind(db, respArg(1), respArgLength(1)) // unless it had to make room for the wheel
    if (entry) {
      storePersist(db, entry)
      expiryAdd(db, entry, when)
    }
  }
  replyInteger(out, 1)
  return KV_DONE
}

/** Whether the expiry `current` (0: none, later than any) may become `when`. */
function conditionsHold(current: i64, when: i64): bool {
  if (!conditions) return true
  if (conditions & IF_NONE && current) return false
  if (conditions & IF_SOME && !current) return false
  if (conditions & IF_LATER && (!current || when <= current)) return false
  return !(conditions & IF_SOONER && current && when >= current)
}

function ttl(db: usize, session: usize, out: usize): i32 {
  return replyExpire(db, true, nowMs, out)
}

function pttl(db: usize, session: usize, out: usize): i32 {
  return replyExpire(db, false, nowMs, out)
}

function expiretime(db: usize, session: usize, out: usize): i32 {
  return replyExpire(db, true, 0, out)
}

function pexpiretime(db: usize, session: usize, out: usize): i32 {
  return replyExpire(db, false, 0, out)
}

function replyExpire(db: usize, seconds: bool, base: i64, out: usize): i32 {
  const used = readFind(db, 1)
  let left: i64 = used ? -1 : -2
  if (used && load<u64>(used, E_EXPIRE)) {
    left = max<i64>(load<u64>(used, E_EXPIRE) - base, 0)
    if (seconds) left = <i64>((<u64>left + 500) / 1000)
  }
  replyInteger(out, left)
  return KV_DONE
}

function persist(db: usize, session: usize, out: usize): i32 {
  const entry = storeFind(db, respArg(1), respArgLength(1))
  const had = entry != 0 && load<u64>(entry, E_EXPIRE) != 0
  if (had) storePersist(db, entry)
  replyInteger(out, had ? 1 : 0)
  return KV_DONE
}
