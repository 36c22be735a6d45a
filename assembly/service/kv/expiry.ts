// Expiry without being touched: a timing wheel of milliseconds per database, whose nodes lie in the entries. Its clock
// is the wall's, which can be set back: timer/wheel.ts says what happens then.

import { nowMs } from '../../clock'
import {
  WHEEL_BYTES,
  wheelAdd,
  wheelBudget,
  wheelCancel,
  wheelCreate,
  wheelDue,
  wheelNext,
  wheelSteps,
} from '../../timer/wheel'
import { budgetAlloc } from './budget'
import { E_EXPIRE } from './entry'
import { S_BUDGET, S_EXPIRES, S_TABLE, S_WHEEL, storeExpire } from './store'
import { tableLinkOf } from './table'
import { kvWake } from './wake'

/** Makes sure that the database has a wheel, so that expiryAdd cannot fail; false where the budget has no room. */
export function expiryOpen(db: usize): bool {
  if (load<u32>(db, S_WHEEL)) return true
  const wheel = budgetAlloc(load<u32>(db, S_BUDGET), <u32>WHEEL_BYTES)
  if (!wheel) return false
  wheelCreate(wheel, max<u64>(nowMs, 1) - 1)
  store<u32>(db, <u32>wheel, S_WHEEL)
  return true
}

/** Gives an entry that has none a time to live: until `expire`, the last millisecond included. */
export function expiryAdd(db: usize, entry: usize, expire: u64): void {
  wheelAdd(load<u32>(db, S_WHEEL), entry + E_EXPIRE, expire)
  store<u32>(db, load<u32>(db, S_EXPIRES) + 1, S_EXPIRES)
  kvWake(expire + 1)
}

/** Ends an entry's time to live: it stays for ever. */
export function expiryRemove(db: usize, entry: usize): void {
  wheelCancel(load<u32>(db, S_WHEEL), entry + E_EXPIRE)
  store<u64>(entry, 0, E_EXPIRE)
  store<u32>(db, load<u32>(db, S_EXPIRES) - 1, S_EXPIRES)
}

/** Removes what has expired, in up to `steps` steps of the wheel; returns the steps left: 0 when there is more. */
export function expiryTurn(db: usize, steps: u32): u32 {
  const wheel = <usize>load<u32>(db, S_WHEEL)
  if (!wheel) return steps
  wheelBudget(steps)
  while (true) {
    const node = wheelDue(wheel, nowMs - 1)
    if (!node) return wheelSteps
    const entry = node - E_EXPIRE
    storeExpire(db, tableLinkOf(load<u32>(db, S_TABLE), entry), entry)
  }
}

/** When the next entry will have expired, in milliseconds of the epoch; never later than it does. */
export function expiryNext(db: usize): u64 {
  const wheel = <usize>load<u32>(db, S_WHEEL)
  return wheel && load<u32>(db, S_EXPIRES) ? wheelNext(wheel) + 1 : u64.MAX_VALUE
}
