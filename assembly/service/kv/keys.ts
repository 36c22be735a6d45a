// The commands about keys as such: DEL UNLINK EXISTS TOUCH TYPE DBSIZE FLUSHDB FLUSHALL.

import { replyInteger, replyOk, replyStatus } from '../../codec/reply'
import { respArg, respArgc, respArgLength } from '../../codec/resp'
import { command, KV_DONE } from './command'
import { argWord, syntaxError } from './options'
import { SPACE_DATABASES, spaceStore } from './space'
import { foundLink, S_KEYS, S_SPACE, storeBudget, storeFind, storeFlush, storeRemove } from './store'
import { readFind } from './strings'
import { tableReap } from './table'

const WORD_ASYNC: u64 = 0x636e797361
const WORD_SYNC: u64 = 0x636e7973
const FLUSH_STEPS: u32 = 4096 // freed at once; the rest goes in steps

export function keyCommands(): void {
  command('del', -2, 0, del.index)
  command('unlink', -2, 0, del.index)
  command('exists', -2, 0, exists.index)
  command('touch', -2, 0, exists.index)
  command('type', 2, 0, type.index)
  command('dbsize', 1, 0, dbsize.index)
  command('flushdb', -1, 0, flushdb.index)
  command('flushall', -1, 0, flushall.index)
}

function del(db: usize, session: usize, out: usize): i32 {
  let count: u32 = 0
  for (let i: u32 = 1; i < respArgc; i++) {
    const entry = storeFind(db, respArg(i), respArgLength(i))
    if (!entry) continue
    storeRemove(db, foundLink, entry)
    count++
  }
  replyInteger(out, count)
  return KV_DONE
}

function exists(db: usize, session: usize, out: usize): i32 {
  let count: u32 = 0
  for (let i: u32 = 1; i < respArgc; i++) if (readFind(db, i)) count++
  replyInteger(out, count)
  return KV_DONE
}

function type(db: usize, session: usize, out: usize): i32 {
  replyStatus(out, readFind(db, 1) ? 'string' : 'none')
  return KV_DONE
}

function dbsize(db: usize, session: usize, out: usize): i32 {
  replyInteger(out, load<u32>(db, S_KEYS))
  return KV_DONE
}

/** Whether the arguments of FLUSHDB and FLUSHALL are right; false after the error was sent. */
function flushAllowed(out: usize): bool {
  if (respArgc == 1) return true
  const word = argWord(1)
  return (respArgc == 2 && (word == WORD_ASYNC || word == WORD_SYNC)) || syntaxError(out)
}

function flushdb(db: usize, session: usize, out: usize): i32 {
  if (!flushAllowed(out)) return KV_DONE
  storeFlush(db)
  tableReap(storeBudget(db), FLUSH_STEPS)
  replyOk(out)
  return KV_DONE
}

function flushall(db: usize, session: usize, out: usize): i32 {
  if (!flushAllowed(out)) return KV_DONE
  const space = <usize>load<u32>(db, S_SPACE)
  const databases = load<u32>(space, SPACE_DATABASES)
  for (let i: u32 = 0; i < databases; i++) storeFlush(spaceStore(space, i))
  tableReap(storeBudget(db), FLUSH_STEPS)
  replyOk(out)
  return KV_DONE
}
