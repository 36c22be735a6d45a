// The commands that read or change a part of a value: INCR and its relatives, APPEND, STRLEN, GETRANGE, SETRANGE.

import { parseInteger, parsedInteger, writeInteger } from '../../codec/integer'
import { replyBulk, replyBulkBlock, replyError, replyInteger } from '../../codec/reply'
import { respArg, respArgLength } from '../../codec/resp'
import { command, KV_DONE } from './command'
import { entryBlock, entryLength, entryValue } from './entry'
import { argInteger } from './options'
import { scratch } from './scratch'
import { storeFind, storeNew, storeResize, storeSet } from './store'
import { readFind, replyOom } from './strings'

const APPEND_AHEAD_MAX: u32 = 1048576 // room made beyond what an APPEND needs: as much again, at most this
const LENGTH_MAX: u64 = 536870912 // proto-max-bulk-len

export function editCommands(): void {
  command('incr', 2, 0, incr.index)
  command('decr', 2, 0, decr.index)
  command('incrby', 3, 0, incrby.index)
  command('decrby', 3, 0, decrby.index)
  command('append', 3, 0, append.index)
  command('strlen', 2, 0, strlen.index)
  command('getrange', 4, 0, getrange.index)
  command('substr', 4, 0, getrange.index)
  command('setrange', 4, 0, setrange.index)
}

function incr(db: usize, session: usize, out: usize): i32 {
  return add(db, 1, out)
}

function decr(db: usize, session: usize, out: usize): i32 {
  return add(db, -1, out)
}

function incrby(db: usize, session: usize, out: usize): i32 {
  return argInteger(2, out) ? add(db, parsedInteger, out) : KV_DONE
}

function decrby(db: usize, session: usize, out: usize): i32 {
  if (!argInteger(2, out)) return KV_DONE
  if (parsedInteger == i64.MIN_VALUE) {
    replyError(out, 'ERR decrement would overflow')
    return KV_DONE
  }
  return add(db, -parsedInteger, out)
}

function add(db: usize, by: i64, out: usize): i32 {
  const entry = storeFind(db, respArg(1), respArgLength(1))
  let value: i64 = 0
  if (entry) {
    if (!parseInteger(entryValue(entry), entryLength(entry))) {
      replyError(out, 'ERR value is not an integer or out of range')
      return KV_DONE
    }
    value = parsedInteger
  }
  if (by < 0 ? value < i64.MIN_VALUE - by : value > i64.MAX_VALUE - by) {
    replyError(out, 'ERR increment or decrement would overflow')
    return KV_DONE
  }
  value += by
  const length = writeInteger(scratch, value)
  if (!storeSet(db, entry, respArg(1), respArgLength(1), scratch, length, true)) return replyOom(out)
  replyInteger(out, value)
  return KV_DONE
}

/** Whether a value may be so long; false after the error was sent. */
function lengthAllowed(length: u64, out: usize): bool {
  if (length <= LENGTH_MAX) return true
  replyError(out, 'ERR string exceeds maximum allowed size (proto-max-bulk-len)')
  return false
}

function append(db: usize, session: usize, out: usize): i32 {
  const more = respArgLength(2)
  const entry = storeFind(db, respArg(1), respArgLength(1))
  if (!entry) {
    if (!storeSet(db, 0, respArg(1), respArgLength(1), respArg(2), more, false)) return replyOom(out)
    replyInteger(out, more)
    return KV_DONE
  }
  const had = entryLength(entry)
  if (!lengthAllowed(<u64>had + <u64>more, out)) return KV_DONE
  const length = had + more
  const grown = storeResize(db, entry, length, length + min(length, APPEND_AHEAD_MAX))
  if (!grown) return replyOom(out)
  memory.copy(entryValue(grown) + had, respArg(2), more)
  replyInteger(out, length)
  return KV_DONE
}

function strlen(db: usize, session: usize, out: usize): i32 {
  const entry = readFind(db, 1)
  replyInteger(out, entry ? entryLength(entry) : 0)
  return KV_DONE
}

function getrange(db: usize, session: usize, out: usize): i32 {
  if (!argInteger(2, out)) return KV_DONE
  let start = parsedInteger
  if (!argInteger(3, out)) return KV_DONE
  let end = parsedInteger
  const entry = readFind(db, 1)
  const length: i64 = entry ? entryLength(entry) : 0
  const backwards = start < 0 && end < 0 && start > end
  if (start < 0) start = max<i64>(start + length, 0)
  if (end < 0) end = max<i64>(end + length, 0)
  if (end >= length) end = length - 1
  if (backwards || start > end || !length) {
    replyBulk(out, 0, 0)
    return KV_DONE
  }
  const bytes = <u32>(end - start + 1)
  const at = entryValue(entry) + <usize>start
  const block = entryBlock(entry)
  if (block) replyBulkBlock(out, block, at, bytes)
  else replyBulk(out, at, bytes)
  return KV_DONE
}

function setrange(db: usize, session: usize, out: usize): i32 {
  if (!argInteger(2, out)) return KV_DONE
  const offset = parsedInteger
  if (offset < 0) {
    replyError(out, 'ERR offset is out of range')
    return KV_DONE
  }
  const bytes = respArgLength(3)
  let entry = storeFind(db, respArg(1), respArgLength(1))
  const had: u32 = entry ? entryLength(entry) : 0
  if (!bytes) {
    replyInteger(out, had)
    return KV_DONE
  }
  if (!lengthAllowed(<u64>offset + bytes, out)) return KV_DONE
  const length = max(had, <u32>offset + bytes)
  if (entry) entry = storeResize(db, entry, length, length)
  else entry = storeNew(db, respArg(1), respArgLength(1), length)
  if (!entry) return replyOom(out)
  const value = entryValue(entry)
  if (<u32>offset > had) memory.fill(value + had, 0, <u32>offset - had)
  memory.copy(value + <usize>offset, respArg(3), bytes)
  replyInteger(out, length)
  return KV_DONE
}
