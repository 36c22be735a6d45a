// Expiry without being touched: a hashed timing wheel (Varghese, Lauck 1987) per database, threaded through its
// entries. A slot is 256 ms wide and the wheel 4096 slots round; an entry due in a later round is passed over.

import { nowMs } from '../../clock'
import { budgetAlloc } from './budget'
import { E_EXPIRE, E_WHEEL_LINK, E_WHEEL_NEXT } from './entry'
import { S_BUDGET, S_CURSOR, S_EXPIRES, S_TABLE, S_TICK, S_WHEEL, storeExpire } from './store'
import { tableLinkOf } from './table'

const SLOT_MS_BITS: u64 = 8
const SLOTS: u32 = 4096
const WHEEL_BYTES: u32 = SLOTS << 2

/** Makes sure that the database has a wheel, so that wheelAdd cannot fail; false where the budget has no room. */
export function wheelOpen(db: usize): bool {
  if (load<u32>(db, S_WHEEL)) return true
  const wheel = budgetAlloc(load<u32>(db, S_BUDGET), WHEEL_BYTES)
  if (!wheel) return false
  memory.fill(wheel, 0, WHEEL_BYTES)
  store<u32>(db, <u32>wheel, S_WHEEL)
  store<u64>(db, nowMs >> SLOT_MS_BITS, S_TICK)
  store<u32>(db, 0, S_CURSOR)
  return true
}

// @ts-ignore: decorator
@inline
function slotOf(db: usize, tick: u64): usize {
  return <usize>load<u32>(db, S_WHEEL) + ((<u32>tick & (SLOTS - 1)) << 2)
}

/** Gives an entry that has none a time to live: until `expire`. */
export function wheelAdd(db: usize, entry: usize, expire: u64): void {
  // one whose slot the wheel has passed goes where it looks next
  const soonest = load<u64>(db, S_TICK) + (load<u32>(db, S_CURSOR) ? 1 : 0)
  const tick = max(expire >> SLOT_MS_BITS, soonest)
  const slot = slotOf(db, tick)
  const next = <usize>load<u32>(slot)
  store<u64>(entry, expire, E_EXPIRE)
  store<u32>(entry, <u32>next, E_WHEEL_NEXT)
  store<u32>(entry, <u32>slot, E_WHEEL_LINK)
  store<u32>(slot, <u32>entry)
  if (next) store<u32>(next, <u32>(entry + E_WHEEL_NEXT), E_WHEEL_LINK)
  store<u32>(db, load<u32>(db, S_EXPIRES) + 1, S_EXPIRES)
}

/** Ends an entry's time to live: it stays for ever. */
export function wheelRemove(db: usize, entry: usize): void {
  const next = <usize>load<u32>(entry, E_WHEEL_NEXT)
  const link = <usize>load<u32>(entry, E_WHEEL_LINK)
  store<u32>(link, <u32>next)
  if (next) store<u32>(next, <u32>link, E_WHEEL_LINK)
  store<u64>(entry, 0, E_EXPIRE)
  store<u32>(db, load<u32>(db, S_EXPIRES) - 1, S_EXPIRES)
  if (<usize>load<u32>(db, S_CURSOR) == entry) {
    store<u32>(db, <u32>next, S_CURSOR)
    if (!next) store<u64>(db, load<u64>(db, S_TICK) + 1, S_TICK)
  }
}

/** Removes what has expired, looking at up to about `steps` entries; returns the steps left: 0 when there is more. */
export function wheelTurn(db: usize, steps: u32): u32 {
  if (!load<u32>(db, S_WHEEL)) return steps
  const now = nowMs >> SLOT_MS_BITS
  let tick = load<u64>(db, S_TICK)
  if (tick > now || now - tick > SLOTS) {
    // the clock was set back, or nobody looked for more than a round
    tick = tick > now ? now : now - SLOTS
    store<u32>(db, 0, S_CURSOR)
  }
  while (tick < now && steps) {
    let entry = <usize>load<u32>(db, S_CURSOR)
    if (!entry) entry = load<u32>(slotOf(db, tick))
    store<u64>(db, tick, S_TICK)
    store<u32>(db, 0, S_CURSOR)
    while (entry && steps) {
      const next = <usize>load<u32>(entry, E_WHEEL_NEXT)
      if (load<u64>(entry, E_EXPIRE) < nowMs) storeExpire(db, tableLinkOf(load<u32>(db, S_TABLE), entry), entry)
      entry = next
      steps--
    }
    if (entry) store<u32>(db, <u32>entry, S_CURSOR)
    else tick++
  }
  store<u64>(db, tick, S_TICK)
  return steps
}
