// A channel's own timeouts: nothing came, nothing was sent, or the socket is full and takes nothing. A channel without
// them pays for nothing; one that has them stores a stamp per packet, and its timer is looked at once a period.
//
//   record | timer | periods: read, write, all | when each was last told | when it last heard, and sent |

import * as abi from '../abi'
import {
  FLAG_SENDING,
  FLAG_STALLED,
  FLAG_TIMED,
  FLAG_TIMES_SET,
  channelFind,
  clearFlags,
  dirty,
  flags,
  setFlags,
  slotOf,
  state,
} from '../channel/table'
import { nowNs } from '../clock'
import { channelCount } from '../memory/arena'
import { alloc } from '../memory/heap'
import { slabAlloc, slabFree } from '../memory/slab'
import { upcall } from '../service/upcall'
import { TIMER_BYTES, TIMER_IDLE, timerArm, timerCancel, timerInit } from '../timer/timers'
import { NEVER } from '../timer/wheel'

const I_PERIODS: usize = TIMER_BYTES // u64 per timeout, in nanoseconds, in the order of IDLE_*; 0: none
const I_SINCE: usize = I_PERIODS + 24 // u64 per timeout: when it was last told
const I_HEARD: usize = I_SINCE + 24 // u64
const I_SENT: usize = I_HEARD + 8 // u64, when something was last sent, or the socket became full
const SLAB_CLASS: u32 = 1 // 128 bytes
const KINDS: u32 = abi.IDLE_ALL

const NS_PER_MS: u64 = 1_000_000
const PERIOD_MAX_MS: f64 = 1e12 // thirty years

// The record of each slot whose channel is FLAG_TIMED; the table is made when it is first needed.
let records: usize = 0

export function idleCreate(): void {
  records = 0
}

/**
 * Sets a channel's timeouts in milliseconds, 0: none, counted from the next flush. Each that is reached is told to the
 * host as UP_IDLE, and counted anew. False where the channel is gone or memory exhausted.
 */
export function timeouts(slot: u32, generation: u32, readMs: f64, writeMs: f64, allMs: f64): bool {
  const ch = channelFind(slot, generation)
  if (!ch || state(ch) != abi.STATE_OPEN) return false
  if (!(flags(ch) & FLAG_TIMED)) {
    if (readMs + writeMs + allMs == 0) return true
    if (!open(ch)) return false
  }
  const record = recordOf(ch)
  store<u64>(record, periodOf(readMs), I_PERIODS)
  store<u64>(record, periodOf(writeMs), I_PERIODS + 8)
  store<u64>(record, periodOf(allMs), I_PERIODS + 16)
  setFlags(ch, FLAG_TIMES_SET)
  dirty(ch)
  return true
}

/** The flush comes by a channel whose timeouts were set: now it is known how late it is. */
export function idleBegin(ch: usize): void {
  clearFlags(ch, FLAG_TIMES_SET)
  const record = recordOf(ch)
  for (let kind: u32 = 0; kind < KINDS; kind++) store<u64>(record + (<usize>kind << 3), nowNs, I_SINCE)
  timerCancel(record)
  arm(record, nextOf(record))
}

/** Something has come on a channel that has timeouts. */
// @ts-ignore: decorator
@inline
export function idleHeard(ch: usize): void {
  store<u64>(recordOf(ch), nowNs, I_HEARD)
}

/** A send of such a channel has moved `sent` bytes; 0: its socket is full. */
export function idleSent(ch: usize, sent: u32): void {
  if (sent || !(flags(ch) & FLAG_STALLED)) store<u64>(recordOf(ch), nowNs, I_SENT)
}

/** A send of such a channel is with the kernel: if that is new, it waits from now on. */
export function idleSending(ch: usize): void {
  if ((flags(ch) & (FLAG_SENDING | FLAG_STALLED)) == FLAG_SENDING) store<u64>(recordOf(ch), nowNs, I_SENT)
}

/** The channel closes. */
export function idleEnd(ch: usize): void {
  if (!(flags(ch) & FLAG_TIMED)) return
  clearFlags(ch, FLAG_TIMED | FLAG_TIMES_SET)
  const record = recordOf(ch)
  timerCancel(record)
  slabFree(record)
}

/** The timer of a channel has come: tells what was reached, and sleeps for the rest. */
export function idleDue(ch: usize): void {
  const record = recordOf(ch)
  for (let kind: u32 = 1; kind <= KINDS; kind++) {
    if (deadlineOf(record, kind) > nowNs) continue
    store<u64>(record + (<usize>(kind - 1) << 3), nowNs, I_SINCE)
    // a write waits only where the socket is full; what it waits for is counted from then on
    if (state(ch) != abi.STATE_OPEN || (kind == abi.IDLE_WRITE && !(flags(ch) & FLAG_SENDING))) continue
    upcall(abi.UP_IDLE, ch, 0, kind, 0)
  }
  arm(record, nextOf(record))
}

// @ts-ignore: decorator
@inline
function recordOf(ch: usize): usize {
  return load<u32>(records + (<usize>slotOf(ch) << 2))
}

function periodOf(ms: f64): u64 {
  return <u64>(min(ms, PERIOD_MAX_MS) * <f64>NS_PER_MS)
}

function open(ch: usize): bool {
  if (!records) records = alloc(<usize>channelCount << 2)
  const record = records ? slabAlloc(SLAB_CLASS) : 0
  if (!record) return false
  store<u64>(record, 0, I_HEARD)
  store<u64>(record, 0, I_SENT)
  timerInit(record, TIMER_IDLE, ch)
  store<u32>(records + (<usize>slotOf(ch) << 2), <u32>record)
  setFlags(ch, FLAG_TIMED)
  return true
}

/** When a timeout is reached if nothing happens until then; NEVER where the channel has none of that kind. */
function deadlineOf(record: usize, kind: u32): u64 {
  const at = record + (<usize>(kind - 1) << 3)
  const period = load<u64>(at, I_PERIODS)
  if (!period) return NEVER
  let since = load<u64>(at, I_SINCE)
  if (kind != abi.IDLE_WRITE) since = max(since, load<u64>(record, I_HEARD))
  if (kind != abi.IDLE_READ) since = max(since, load<u64>(record, I_SENT))
  return since + period
}

function nextOf(record: usize): u64 {
  let next = NEVER
  for (let kind: u32 = 1; kind <= KINDS; kind++) next = min(next, deadlineOf(record, kind))
  return next
}

function arm(record: usize, deadline: u64): void {
  if (deadline != NEVER) timerArm(record, deadline)
}
