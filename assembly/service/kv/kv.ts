// The kv service: a keyspace that speaks Redis, one command at a time. What channels and hosts call.

import { replyError } from '../../codec/reply'
import { respArg, respArgc, respArgLength } from '../../codec/resp'
import { alloc, free } from '../../memory/heap'
import {
  BUDGET_GRAVES,
  budgetBytes,
  budgetCreate,
  budgetDestroy,
  budgetExceeded,
  budgetPeak,
  budgetPolicy,
  budgetSetBytes,
  budgetSetPolicy,
  budgetTrim,
  budgetUsed,
} from './budget'
import {
  COMMAND_NO_AUTH,
  command,
  commandCreate,
  commandFind,
  commandFlags,
  commandReset,
  commandRun,
  commandTakes,
  KV_DONE,
  KV_UPCALL,
  replyArity,
  replyUnknown,
} from './command'
import { editCommands } from './edit'
import { expiryNext, expiryTurn } from './expiry'
import { hashSeed } from './hash'
import { keyCommands } from './keys'
import { scanCommands } from './scan'
import { scratchCreate, scratchReset } from './scratch'
import {
  SESSION_AUTH_REQUIRED,
  SESSION_AUTHENTICATED,
  SESSION_DB,
  SESSION_FLAGS,
  sessionCommands,
} from './session'
import {
  SPACE_BUDGET,
  SPACE_COMMANDS,
  SPACE_DATABASES,
  SPACE_EVICTED,
  SPACE_EXPIRED,
  SPACE_HITS,
  SPACE_MISSES,
  SPACE_PASSWORD,
  SPACE_PASSWORD_LENGTH,
  spaceCreate,
  spaceDestroy,
  spaceStore,
} from './space'
import { S_EXPIRES, S_KEYS } from './store'
import { stringCommands } from './strings'
import { tableReap } from './table'
import { ttlCommands } from './ttl'
import { kvWake } from './wake'

export { KV_CLOSE, KV_CLOSE_SILENT, KV_DONE, KV_UPCALL } from './command'
export * from './session'

const TICK_STEPS: u32 = 256 // entries looked at or freed by one kvTick

// What kvStat tells.
export const KV_STAT_COMMANDS: u32 = 0
export const KV_STAT_HITS: u32 = 1
export const KV_STAT_MISSES: u32 = 2
export const KV_STAT_EXPIRED: u32 = 3
export const KV_STAT_EVICTED: u32 = 4
export const KV_STAT_USED: u32 = 5 // bytes, of the budget
export const KV_STAT_PEAK: u32 = 6
export const KV_STAT_MAXMEMORY: u32 = 7
export const KV_STAT_POLICY: u32 = 8
export const KV_STAT_DATABASES: u32 = 9

/** Prepares this instance: after heapCreate, and before any other call. The seed is 64 random bits. */
export function kvSetup(seed: u64): bool {
  commandReset()
  scratchReset()
  hashSeed(seed)
  if (!commandCreate() || !scratchCreate()) return false
  stringCommands()
  editCommands()
  ttlCommands()
  keyCommands()
  scanCommands()
  sessionCommands()
  command('command', -1, 0, upcall.index)
  command('info', -1, 0, upcall.index)
  command('config', -2, 0, upcall.index)
  return true
}

/**
 * A keyspace of `databases` empty databases over a budget of `bytes` (maxmemory), which is taken from the heap at once
 * and touched as it fills. Policy 0: noeviction, 1: allkeys-lru. 0 where that is impossible.
 */
export function kvCreate(bytes: u32, policy: u32, databases: u32): usize {
  const budget = budgetCreate(bytes, policy)
  if (!budget) return 0
  const kv = spaceCreate(budget, databases)
  if (!kv) budgetDestroy(budget)
  return kv
}

/** Another keyspace over the budget of `kv`, with as many databases; 0 when memory is exhausted. */
export function kvShare(kv: usize): usize {
  return spaceCreate(load<u32>(kv, SPACE_BUDGET), load<u32>(kv, SPACE_DATABASES))
}

/** Frees a keyspace and, with its last keyspace, the budget. Replies that share its values must be gone by then. */
export function kvDestroy(kv: usize): void {
  spaceDestroy(kv)
}

/** Sets the password of AUTH; length 0: none. False when memory is exhausted. */
export function kvSetPassword(kv: usize, at: usize, length: u32): bool {
  const password = length ? alloc(length) : 0
  if (length && !password) return false
  if (length) memory.copy(password, at, length)
  if (load<u32>(kv, SPACE_PASSWORD)) free(load<u32>(kv, SPACE_PASSWORD))
  store<u32>(kv, <u32>password, SPACE_PASSWORD)
  store<u32>(kv, length, SPACE_PASSWORD_LENGTH)
  return true
}

/**
 * Executes the command in the argument table, which has at least one argument, and appends the reply to `out`. Returns
 * KV_DONE, KV_CLOSE, KV_CLOSE_SILENT or KV_UPCALL.
 */
export function kvExecute(kv: usize, session: usize, out: usize): i32 {
  const found = commandFind(respArg(0), respArgLength(0))
  store<u64>(kv, load<u64>(kv, SPACE_COMMANDS) + 1, SPACE_COMMANDS)
  if (!found) {
    replyUnknown(out)
    return KV_DONE
  }
  if (!commandTakes(found, respArgc)) {
    replyArity(out, found)
    return KV_DONE
  }
  const locked =
    (load<u32>(session, SESSION_FLAGS) & (SESSION_AUTHENTICATED | SESSION_AUTH_REQUIRED)) == SESSION_AUTH_REQUIRED
  if (locked && load<u32>(kv, SPACE_PASSWORD) && !(commandFlags(found) & COMMAND_NO_AUTH)) {
    replyError(out, 'NOAUTH Authentication required.')
    return KV_DONE
  }
  return commandRun(found, spaceStore(kv, load<u32>(session, SESSION_DB)), session, out)
}

function upcall(db: usize, session: usize, out: usize): i32 {
  return KV_UPCALL
}

/** Removes what has expired, was flushed or is too much, a limited number of keys; true if there is more to do now. */
export function kvTick(kv: usize): bool {
  const budget = <usize>load<u32>(kv, SPACE_BUDGET)
  let steps = budgetTrim(budget, tableReap(budget, TICK_STEPS))
  const databases = load<u32>(kv, SPACE_DATABASES)
  for (let i: u32 = 0; i < databases && steps; i++) {
    if (load<u32>(spaceStore(kv, i), S_EXPIRES)) steps = expiryTurn(spaceStore(kv, i), steps)
  }
  return !steps
}

/** When kvTick has something to do, in milliseconds of the epoch; 0: now, u64.MAX_VALUE: never. */
export function kvNext(kv: usize): u64 {
  const budget = <usize>load<u32>(kv, SPACE_BUDGET)
  if (load<u32>(budget, BUDGET_GRAVES) || budgetExceeded(budget)) return 0
  let next = u64.MAX_VALUE
  const databases = load<u32>(kv, SPACE_DATABASES)
  for (let i: u32 = 0; i < databases; i++) next = min(next, expiryNext(spaceStore(kv, i)))
  return next
}

/** A number about the keyspace, KV_STAT_*. */
export function kvStat(kv: usize, stat: u32): f64 {
  const budget = <usize>load<u32>(kv, SPACE_BUDGET)
  switch (stat) {
    case KV_STAT_COMMANDS:
      return <f64>load<u64>(kv, SPACE_COMMANDS)
    case KV_STAT_HITS:
      return <f64>load<u64>(kv, SPACE_HITS)
    case KV_STAT_MISSES:
      return <f64>load<u64>(kv, SPACE_MISSES)
    case KV_STAT_EXPIRED:
      return <f64>load<u64>(kv, SPACE_EXPIRED)
    case KV_STAT_EVICTED:
      return <f64>load<u64>(kv, SPACE_EVICTED)
    case KV_STAT_USED:
      return budgetUsed(budget)
    case KV_STAT_PEAK:
      return budgetPeak(budget)
    case KV_STAT_MAXMEMORY:
      return budgetBytes(budget)
    case KV_STAT_POLICY:
      return budgetPolicy(budget)
    case KV_STAT_DATABASES:
      return load<u32>(kv, SPACE_DATABASES)
  }
  return -1
}

/** Sets the counters to zero (CONFIG RESETSTAT). */
export function kvResetStats(kv: usize): void {
  memory.fill(kv + SPACE_COMMANDS, 0, SPACE_EVICTED + 8 - SPACE_COMMANDS)
}

/** Keys of a database. */
export function kvKeys(kv: usize, database: u32): u32 {
  return load<u32>(spaceStore(kv, database), S_KEYS)
}

/** Keys of a database with a time to live. */
export function kvExpires(kv: usize, database: u32): u32 {
  return load<u32>(spaceStore(kv, database), S_EXPIRES)
}

/** Sets maxmemory, of all keyspaces of the budget; false where it is more than the budget was created with. */
export function kvSetMaxmemory(kv: usize, bytes: u32): bool {
  kvWake(0)
  return budgetSetBytes(load<u32>(kv, SPACE_BUDGET), bytes)
}

/** Sets what happens when the budget is used up: 0 noeviction, 1 allkeys-lru. */
export function kvSetPolicy(kv: usize, policy: u32): void {
  kvWake(0)
  budgetSetPolicy(load<u32>(kv, SPACE_BUDGET), policy)
}
