// The commands that read and replace whole values: GET SET and their relatives, MGET MSET.

import { nowMs } from '../../clock'
import { parsedInteger } from '../../codec/integer'
import {
  replyArray,
  replyBulkBlock,
  replyBulkRoom,
  replyError,
  replyInteger,
  replyNull,
  replyOk,
} from '../../codec/reply'
import { respArg, respArgc, respArgLength } from '../../codec/resp'
import { blockData } from '../../memory/block'
import { copyBytes } from './bytes'
import { command, KV_DONE } from './command'
import {
  E_NEXT,
  entryBlock,
  entryFree,
  entryKey,
  entryKeyLength,
  entryLength,
  entryValue,
} from './entry'
import { hashKey } from './hash'
import {
  argInteger,
  expireTime,
  OPTION_ABSOLUTE,
  OPTION_EX,
  OPTION_GET,
  OPTION_KEEPTTL,
  OPTION_NX,
  OPTION_PERSIST,
  OPTION_PX,
  OPTION_XX,
  optionFlags,
  optionTime,
  parseOptions,
  replyBadExpire,
} from './options'
import { sessionResp3 } from './session'
import { SPACE_HITS, SPACE_MISSES } from './space'
import {
  foundLink,
  S_SPACE,
  storeBudget,
  storeEntry,
  storeFind,
  storeInsert,
  storePersist,
  storeRemove,
  storeReplace,
  storeSet,
} from './store'
import { expiryAdd, expiryOpen } from './expiry'

export function stringCommands(): void {
  command('get', 2, 0, get.index)
  command('set', -3, 0, set.index)
  command('setnx', 3, 0, setnx.index)
  command('setex', 4, 0, setex.index)
  command('psetex', 4, 0, psetex.index)
  command('getset', 3, 0, getset.index)
  command('getdel', 2, 0, getdel.index)
  command('getex', -2, 0, getex.index)
  command('mget', -2, 0, mget.index)
  command('mset', -3, 0, mset.index)
  command('msetnx', -3, 0, msetnx.index)
}

export function replyOom(out: usize): i32 {
  replyError(out, "OOM command not allowed when used memory > 'maxmemory'.")
  return KV_DONE
}

/** storeFind for a command that reads: it counts as a hit or a miss. */
// @ts-ignore: decorator
@inline
export function readFind(db: usize, i: u32): usize {
  const entry = storeFind(db, respArg(i), respArgLength(i))
  const counter = <usize>load<u32>(db, S_SPACE) + (entry ? SPACE_HITS : SPACE_MISSES)
  store<u64>(counter, load<u64>(counter) + 1)
  return entry
}

/** A value as a bulk string. */
// @ts-ignore: decorator
@inline
function replyValue(out: usize, entry: usize): void {
  const length = entryLength(entry)
  const block = entryBlock(entry)
  if (block) {
    replyBulkBlock(out, block, blockData(block), length)
  } else {
    const to = replyBulkRoom(out, length)
    if (to) copyBytes(to, entryValue(entry), length)
  }
}

function get(db: usize, session: usize, out: usize): i32 {
  const entry = readFind(db, 1)
  if (entry) replyValue(out, entry)
  else replyNull(out, sessionResp3(session))
  return KV_DONE
}

// @ts-ignore: decorator
@inline
function setArg(db: usize, entry: usize, value: u32, keepTtl: bool): usize {
  return storeSet(db, entry, respArg(1), respArgLength(1), respArg(value), respArgLength(value), keepTtl)
}

function set(db: usize, session: usize, out: usize): i32 {
  if (respArgc > 3) return setWithOptions(db, session, out)
  const entry = storeFind(db, respArg(1), respArgLength(1))
  if (!setArg(db, entry, 2, false)) return replyOom(out)
  replyOk(out)
  return KV_DONE
}

function setWithOptions(db: usize, session: usize, out: usize): i32 {
  if (!parseOptions(3, true, out)) return KV_DONE
  const flags = optionFlags
  let expire: u64 = 0
  if (optionTime) {
    if (!argInteger(optionTime, out)) return KV_DONE
    expire = expireTime(parsedInteger, flags)
    if (!expire) return replyBadExpire(out)
    if (!expiryOpen(db)) return replyOom(out)
  }
  const resp3 = sessionResp3(session)
  let entry = flags & OPTION_GET ? readFind(db, 1) : storeFind(db, respArg(1), respArgLength(1))
  if (entry ? flags & OPTION_NX : flags & OPTION_XX) {
    if (entry && flags & OPTION_GET) replyValue(out, entry)
    else replyNull(out, resp3)
    return KV_DONE
  }
  return setAndReply(db, entry, 2, expire, flags, resp3, out)
}

/** Sets the key to the argument `value`; the reply is OK or, with OPTION_GET, what was there before. */
function setAndReply(db: usize, entry: usize, value: u32, expire: u64, flags: u32, resp3: bool, out: usize): i32 {
  if (flags & OPTION_GET) {
    // what was there goes out first, and for that room for what comes must be certain
    const fresh = entryFor(db, 1, value)
    if (!fresh) return replyOom(out)
    entry = storeFind(db, respArg(1), respArgLength(1))
    if (entry) {
      replyValue(out, entry)
      storeReplace(db, entry, fresh, (flags & OPTION_KEEPTTL) != 0)
    } else {
      replyNull(out, resp3)
      storeInsert(db, fresh)
    }
    entry = fresh
  } else {
    entry = setArg(db, entry, value, (flags & OPTION_KEEPTTL) != 0)
    if (!entry) return replyOom(out)
    replyOk(out)
  }
  if (expire) expiryAdd(db, entry, expire)
  return KV_DONE
}

/** An entry, not in the table yet, of two arguments; 0 where there is no room for it and for the table. */
function entryFor(db: usize, key: u32, value: u32): usize {
  const length = respArgLength(value)
  const hash = hashKey(respArg(key), respArgLength(key))
  const entry = storeEntry(db, respArg(key), respArgLength(key), hash, length)
  if (entry) memory.copy(entryValue(entry), respArg(value), length)
  return entry
}

function setnx(db: usize, session: usize, out: usize): i32 {
  if (storeFind(db, respArg(1), respArgLength(1))) {
    replyInteger(out, 0)
    return KV_DONE
  }
  if (!setArg(db, 0, 2, false)) return replyOom(out)
  replyInteger(out, 1)
  return KV_DONE
}

function setex(db: usize, session: usize, out: usize): i32 {
  return setFor(db, OPTION_EX, out)
}

function psetex(db: usize, session: usize, out: usize): i32 {
  return setFor(db, OPTION_PX, out)
}

function setFor(db: usize, unit: u32, out: usize): i32 {
  if (!argInteger(2, out)) return KV_DONE
  const expire = expireTime(parsedInteger, unit)
  if (!expire) return replyBadExpire(out)
  if (!expiryOpen(db)) return replyOom(out)
  return setAndReply(db, storeFind(db, respArg(1), respArgLength(1)), 3, expire, 0, false, out)
}

function getset(db: usize, session: usize, out: usize): i32 {
  return setAndReply(db, readFind(db, 1), 2, 0, OPTION_GET, sessionResp3(session), out)
}

function getdel(db: usize, session: usize, out: usize): i32 {
  const entry = readFind(db, 1)
  if (!entry) {
    replyNull(out, sessionResp3(session))
    return KV_DONE
  }
  replyValue(out, entry)
  storeRemove(db, foundLink, entry)
  return KV_DONE
}

function getex(db: usize, session: usize, out: usize): i32 {
  if (!parseOptions(2, false, out)) return KV_DONE
  const flags = optionFlags
  let entry = readFind(db, 1)
  if (!entry) {
    replyNull(out, sessionResp3(session))
    return KV_DONE
  }
  let expire: u64 = 0
  if (optionTime) {
    if (!argInteger(optionTime, out)) return KV_DONE
    expire = expireTime(parsedInteger, flags)
    if (!expire) return replyBadExpire(out)
    if (!expiryOpen(db)) return replyOom(out)
    entry = storeFind(db, respArg(1), respArgLength(1)) // room for the wheel may have been made of anything
    if (!entry) {
      replyNull(out, sessionResp3(session))
      return KV_DONE
    }
  }
  replyValue(out, entry)
  if (expire && flags & OPTION_ABSOLUTE && expire <= nowMs) {
    storeRemove(db, foundLink, entry)
  } else if (expire || flags & OPTION_PERSIST) {
    storePersist(db, entry)
    if (expire) expiryAdd(db, entry, expire)
  }
  return KV_DONE
}

function mget(db: usize, session: usize, out: usize): i32 {
  const resp3 = sessionResp3(session)
  replyArray(out, respArgc - 1)
  for (let i: u32 = 1; i < respArgc; i++) {
    const entry = readFind(db, i)
    if (entry) replyValue(out, entry)
    else replyNull(out, resp3)
  }
  return KV_DONE
}

/** All entries of an MSET, chained by E_NEXT, so that it is done whole or not at all; 0 where there is no room. */
function stage(db: usize): usize {
  let head: usize = 0
  let tail: usize = 0
  for (let i: u32 = 1; i < respArgc; i += 2) {
    const entry = entryFor(db, i, i + 1)
    if (!entry) {
      while (head) {
        const next = <usize>load<u32>(head, E_NEXT)
        entryFree(storeBudget(db), head)
        head = next
      }
      return 0
    }
    store<u32>(entry, 0, E_NEXT)
    if (tail) store<u32>(tail, <u32>entry, E_NEXT)
    else head = entry
    tail = entry
  }
  return head
}

function apply(db: usize, staged: usize): void {
  while (staged) {
    const next = <usize>load<u32>(staged, E_NEXT)
    const entry = storeFind(db, entryKey(staged), entryKeyLength(staged))
    if (entry) storeReplace(db, entry, staged, false)
    else storeInsert(db, staged)
    staged = next
  }
}

function mset(db: usize, session: usize, out: usize): i32 {
  if (!(respArgc & 1)) {
    replyError(out, "ERR wrong number of arguments for 'mset' command")
    return KV_DONE
  }
  const staged = stage(db)
  if (!staged) return replyOom(out)
  apply(db, staged)
  replyOk(out)
  return KV_DONE
}

function msetnx(db: usize, session: usize, out: usize): i32 {
  if (!(respArgc & 1)) {
    replyError(out, "ERR wrong number of arguments for 'msetnx' command")
    return KV_DONE
  }
  for (let i: u32 = 1; i < respArgc; i += 2) {
    if (storeFind(db, respArg(i), respArgLength(i))) {
      replyInteger(out, 0)
      return KV_DONE
    }
  }
  const staged = stage(db)
  if (!staged) return replyOom(out)
  apply(db, staged)
  replyInteger(out, 1)
  return KV_DONE
}
