// Walking through a database: SCAN, KEYS and RANDOMKEY.
//
// A SCAN cursor is a bucket number counted from its highest bit down (Redis's reversed binary increment, by Pieter
// Noordhuis), so that a bucket stands beside those it is split into or merged from: what is there from the first call
// to the last is returned at least once, however the table grows and shrinks in between.

import { nowMs } from '../../clock'
import { parsedInteger } from '../../codec/integer'
import { replyArray, replyBulk, replyBulkInteger, replyError, replyNull } from '../../codec/reply'
import { respArg, respArgc, respArgLength } from '../../codec/resp'
import { queueMove } from '../../memory/queue'
import { command, KV_DONE } from './command'
import { E_EXPIRE, E_NEXT, entryKey, entryKeyLength } from './entry'
import { globMatch } from './glob'
import { randomBelow } from './hash'
import { argInteger, argWord, syntaxError } from './options'
import { scratchQueue } from './scratch'
import { sessionResp3 } from './session'
import { S_KEYS, S_TABLE, storeExpire } from './store'
import { tableBucket, tableBuckets, tableLinkOf, tableLow } from './table'

const COUNT_DEFAULT: i64 = 10
const EMPTY_VISITS: i64 = 10 // buckets looked at for each key asked for, at most

const WORD_MATCH: u64 = 0x686374616d
const WORD_COUNT: u64 = 0x746e756f63
const WORD_TYPE: u64 = 0x65707974
const WORD_STRING: u64 = 0x676e69727473

export function scanCommands(): void {
  command('scan', -2, 0, scan.index)
  command('keys', 2, 0, keys.index)
  command('randomkey', 1, 0, randomkey.index)
}

// The pattern of the command at work; 0: everything.
let pattern: usize = 0
let patternEnd: usize = 0

function setPattern(at: usize, length: u32): void {
  const all = length == 1 && load<u8>(at) == 42
  pattern = all ? 0 : at
  patternEnd = at + length
}

// @ts-ignore: decorator
@inline
function expired(entry: usize): bool {
  const expire = load<u64>(entry, E_EXPIRE)
  return expire != 0 && expire < nowMs
}

/** Appends the keys of a bucket that match. Upper half of the result: how many were looked at; lower: matched. */
function emitBucket(table: usize, bucket: u32, emit: bool, out: usize): u64 {
  let looked: u32 = 0
  let matched: u32 = 0
  let entry = <usize>load<u32>(tableBucket(table, bucket))
  while (entry) {
    const key = entryKey(entry)
    const length = entryKeyLength(entry)
    looked++
    if (emit && !expired(entry) && (!pattern || globMatch(pattern, patternEnd, key, key + length))) {
      matched++
      replyBulk(out, key, length)
    }
    entry = load<u32>(entry, E_NEXT)
  }
  return (<u64>looked << 32) | matched
}

function reverse(v: u32): u32 {
  v = bswap<u32>(v)
  v = ((v >> 4) & 0x0f0f0f0f) | ((v & 0x0f0f0f0f) << 4)
  v = ((v >> 2) & 0x33333333) | ((v & 0x33333333) << 2)
  return ((v >> 1) & 0x55555555) | ((v & 0x55555555) << 1)
}

/** A cursor as strtoul reads it; −1 where it is none. Bits above the table's are of no account. */
function parseCursor(at: usize, length: u32): i64 {
  let i: u32 = 0
  let value: u64 = 0
  const minus = length > 0 && load<u8>(at) == 45
  if (length && (minus || load<u8>(at) == 43)) i = 1
  if (i && i == length) return -1
  for (; i < length; i++) {
    const digit = <u32>load<u8>(at + i) - 48
    if (digit == <u32>-48) break // a NUL ends it, as any C string
    if (digit > 9 || value > 1844674407370955161 || (value == 1844674407370955161 && digit > 5)) return -1
    value = value * 10 + digit
  }
  return <i64>(<u32>(minus ? 0 - value : value))
}

function scan(db: usize, session: usize, out: usize): i32 {
  const from = parseCursor(respArg(1), respArgLength(1))
  if (from < 0) {
    replyError(out, 'ERR invalid cursor')
    return KV_DONE
  }
  let count = COUNT_DEFAULT
  let emit = true
  pattern = 0
  for (let i: u32 = 2; i < respArgc; i += 2) {
    const word = argWord(i)
    if (i + 1 == respArgc) return replySyntax(out)
    if (word == WORD_COUNT) {
      if (!argInteger(i + 1, out)) return KV_DONE
      count = parsedInteger
      if (count < 1) return replySyntax(out)
    } else if (word == WORD_MATCH) {
      setPattern(respArg(i + 1), respArgLength(i + 1))
    } else if (word == WORD_TYPE) {
      emit = argWord(i + 1) == WORD_STRING
    } else {
      return replySyntax(out)
    }
  }
  const body = scratchQueue()
  let cursor = <u32>from
  let matched: u32 = 0
  const table = <usize>load<u32>(db, S_TABLE)
  if (table) {
    const low = tableLow(table)
    const mask = low - 1
    let visits = min(count, i64.MAX_VALUE / EMPTY_VISITS) * EMPTY_VISITS
    do {
      const bucket = cursor & mask
      let seen = emitBucket(table, bucket, emit, body)
      if (bucket + low < tableBuckets(table)) seen += emitBucket(table, bucket + low, emit, body)
      matched += <u32>seen
      count -= seen >> 32
      cursor = reverse(reverse(cursor | ~mask) + 1)
    } while (cursor && count > 0 && --visits)
  } else {
    cursor = 0
  }
  replyArray(out, 2)
  replyBulkInteger(out, cursor)
  replyArray(out, matched)
  queueMove(out, body)
  return KV_DONE
}

function replySyntax(out: usize): i32 {
  syntaxError(out)
  return KV_DONE
}

function keys(db: usize, session: usize, out: usize): i32 {
  setPattern(respArg(1), respArgLength(1))
  const body = scratchQueue()
  let matched: u32 = 0
  const table = <usize>load<u32>(db, S_TABLE)
  const buckets = table ? tableBuckets(table) : 0
  for (let bucket: u32 = 0; bucket < buckets; bucket++) matched += <u32>emitBucket(table, bucket, true, body)
  replyArray(out, matched)
  queueMove(out, body)
  return KV_DONE
}

function randomkey(db: usize, session: usize, out: usize): i32 {
  while (load<u32>(db, S_KEYS)) {
    const entry = randomEntry(load<u32>(db, S_TABLE))
    if (!expired(entry)) {
      replyBulk(out, entryKey(entry), entryKeyLength(entry))
      return KV_DONE
    }
    storeExpire(db, tableLinkOf(load<u32>(db, S_TABLE), entry), entry)
  }
  replyNull(out, sessionResp3(session))
  return KV_DONE
}

/** An entry of a table that is not empty: of a random bucket, any one. */
function randomEntry(table: usize): usize {
  let entry: usize = 0
  do {
    entry = load<u32>(tableBucket(table, randomBelow(tableBuckets(table))))
  } while (!entry)
  let length: u32 = 0
  for (let e = entry; e; e = load<u32>(e, E_NEXT)) length++
  for (let skip = randomBelow(length); skip; skip--) entry = load<u32>(entry, E_NEXT)
  return entry
}
