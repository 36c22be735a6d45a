// The timers of a loop: one wheel whose ticks are milliseconds, for all timeouts, and one of nanoseconds, for the few
// that must not wait for the next millisecond. `enter` waits until the earlier of the two has something (timersNext).
//
//   timer | a wheel's node: due u64 · next · link | kind | owner |      24 bytes, in its owner's record or beside it
//
// Deadlines are nanoseconds of CLOCK_MONOTONIC, as nowNs is. A timer of the first wheel is due at the first whole
// millisecond that is not before its deadline; one of the second at its deadline. Neither is ever early.
//
// A timer that is put off for every packet costs a store a packet, and one step of the wheel a period: timerArm with a
// later deadline touches no list. An owner that would rather not touch the timer's memory per packet keeps a stamp of
// its own, compares when the timer comes, and arms it for the rest.

import { nowNs } from '../clock'
import { alloc } from '../memory/heap'
import {
  NEVER,
  NODE_BYTES,
  NODE_DUE,
  NODE_LINK,
  NODE_NEXT,
  WHEEL_BYTES,
  wheelBudget,
  wheelCancel,
  wheelCreate,
  wheelDue,
  wheelHas,
  wheelNext,
  wheelPlaced,
  wheelRearm,
  wheelSteps,
} from './wheel'

const T_KIND: usize = NODE_BYTES // u16, TIMER_*
const T_PLACE: usize = NODE_BYTES + 2 // u16, where it is pending, or was last
const T_OWNER: usize = NODE_BYTES + 4 // u32
export const TIMER_BYTES: usize = NODE_BYTES + 8

export const TIMER_STORES: u32 = 1 // keyspaces: active expiry
export const TIMER_SERVER: u32 = 2 // a proxy's server: connect again, give up connecting, give up waiting
export const TIMER_ENDPOINT: u32 = 3 // an endpoint has drained long enough
export const TIMER_IDLE: u32 = 4 // a channel's idle, read and write timeouts
export const TIMER_FILE: u32 = 5 // a train: a file that was cold is looked at again

const PLACE_COARSE: u16 = 0
const PLACE_FINE: u16 = 1
const PLACE_FRESH: u16 = 2

/** Steps of the wheels in one turn; then others have their say (law 9). */
const BUDGET: u32 = 1024
const NS_PER_MS: u64 = 1_000_000

let coarse: usize = 0
let fine: usize = 0
// Timers that the host has started between two turns, when nobody knows how late it is: they wait for the next one.
let fresh: usize = 0
let nowTick: u64 = 0

/** Prepares this instance; false when memory is exhausted. */
export function timersCreate(): bool {
  coarse = alloc(WHEEL_BYTES)
  fine = alloc(WHEEL_BYTES)
  fresh = alloc(4)
  if (!coarse || !fine || !fresh) return false
  wheelCreate(coarse, 0)
  wheelCreate(fine, 0)
  store<u32>(fresh, 0)
  return true
}

/** Makes the TIMER_BYTES at `timer` a timer, not pending. */
export function timerInit(timer: usize, kind: u32, owner: usize): void {
  store<u32>(timer, 0, NODE_LINK)
  store<u16>(timer, <u16>kind, T_KIND)
  store<u16>(timer, PLACE_COARSE, T_PLACE)
  store<u32>(timer, <u32>owner, T_OWNER)
}

// @ts-ignore: decorator
@inline
export function timerKind(timer: usize): u32 {
  return load<u16>(timer, T_KIND)
}

// @ts-ignore: decorator
@inline
export function timerOwner(timer: usize): usize {
  return load<u32>(timer, T_OWNER)
}

/** Whether the timer is pending. */
// @ts-ignore: decorator
@inline
export function timerHas(timer: usize): bool {
  return wheelHas(timer)
}

/** Sets when a timer comes, pending or not, to the millisecond. A later deadline than before costs one store. */
export function timerArm(timer: usize, deadlineNs: u64): void {
  move(timer, PLACE_COARSE)
  wheelRearm(coarse, timer, tickOf(deadlineNs))
}

/** Sets when a timer comes, pending or not, to the nanosecond. */
export function timerArmFine(timer: usize, deadlineNs: u64): void {
  move(timer, PLACE_FINE)
  wheelRearm(fine, timer, deadlineNs)
}

/** Sets when a timer comes, counted from the next turn: for the host, who comes when the turn's clock is old. */
export function timerStart(timer: usize, delayNs: u64): void {
  timerCancel(timer)
  store<u16>(timer, PLACE_FRESH, T_PLACE)
  const next = <usize>load<u32>(fresh)
  store<u64>(timer, delayNs, NODE_DUE)
  store<u32>(timer, <u32>next, NODE_NEXT)
  store<u32>(timer, <u32>fresh, NODE_LINK)
  store<u32>(fresh, <u32>timer)
  if (next) store<u32>(next, <u32>(timer + NODE_NEXT), NODE_LINK)
}

/** Takes a timer back; false where it was not pending. */
export function timerCancel(timer: usize): bool {
  if (!wheelHas(timer)) return false
  const place = load<u16>(timer, T_PLACE)
  if (place != PLACE_FRESH) return wheelCancel(place == PLACE_FINE ? fine : coarse, timer)
  const next = <usize>load<u32>(timer, NODE_NEXT)
  const link = <usize>load<u32>(timer, NODE_LINK)
  store<u32>(link, <u32>next)
  if (next) store<u32>(next, <u32>link, NODE_LINK)
  store<u32>(timer, 0, NODE_LINK)
  return true
}

function move(timer: usize, place: u16): void {
  if (load<u16>(timer, T_PLACE) == place) return
  timerCancel(timer)
  store<u16>(timer, place, T_PLACE)
}

/** As timerArm, for a bare node, which has no kind and no owner: where it lies says what it is. */
export function nodeArm(node: usize, deadlineNs: u64): void {
  wheelRearm(coarse, node, tickOf(deadlineNs))
}

/** As timerCancel, for a bare node. */
export function nodeCancel(node: usize): bool {
  return wheelCancel(coarse, node)
}

/** The turn's clock is read, and its timers may come: timersTake tells which. */
export function timersBegin(): void {
  for (let timer = <usize>load<u32>(fresh); timer; timer = load<u32>(fresh)) {
    timerArm(timer, nowNs + load<u64>(timer, NODE_DUE))
  }
  nowTick = nowNs / NS_PER_MS
  wheelBudget(BUDGET)
}

/** The next timer or bare node that is due, not pending any more; 0 where there is none, or too many for one turn. */
// @ts-ignore: decorator
@inline
export function timersTake(): usize {
  const node = wheelDue(coarse, nowTick)
  return node ? node : wheelDue(fine, nowNs)
}

/** Whether timersTake has stopped for the budget's sake. */
// @ts-ignore: decorator
@inline
export function timersSpent(): bool {
  return !wheelSteps
}

/** The next deadline; NEVER where nothing is pending. As exact as wheelNext. */
export function timersNext(): u64 {
  const next = wheelNext(coarse)
  return min(next > NEVER / NS_PER_MS ? NEVER : next * NS_PER_MS, wheelNext(fine))
}

/** How often timers were put into slots of the wheels. */
export function timersPlaced(): u32 {
  return wheelPlaced(coarse) + wheelPlaced(fine)
}

/** The first tick that is not before a deadline. */
// @ts-ignore: decorator
@inline
function tickOf(deadlineNs: u64): u64 {
  return deadlineNs / NS_PER_MS + (deadlineNs % NS_PER_MS ? 1 : 0)
}
