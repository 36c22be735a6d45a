// What an `enter` waits for. By itself: the next event, and no longer. Two things make it worth to wait for more.
//
// A crowd: with few channels every microsecond of waiting is latency and nothing else, but with many a turn that
// handles three requests costs nearly as much as one that handles thirty: waking up, waking others, one send a server.
// Then the kernel is asked to gather (io_uring's min-wait, IORING_ENTER_EXT_ARG, Linux 6.12): once something has come,
// for a moment more.
//
// Sends that are SQEs: they complete while they are submitted, nearly always, and a wait for one event would end with
// nothing but what the core has just caused. They are counted in, and a limit in time bounds the harm where one of them
// does not complete after all. Its channel counts as stalled from then on, and is not expected any more.

import * as abi from '../abi'
import { sendsExpected } from '../channel/outbound'
import { nowMs } from '../clock'
import { control } from '../memory/arena'

/** Channels heard in one millisecond from which on it pays. */
const CROWD: u32 = 16
/**
 * The shortest sleep there is: a thread's timer slack, 50 µs by default, comes on top (prctl(2), PR_SET_TIMERSLACK).
 */
const MIN_WAIT_NS: u32 = 1000
/** How long a kernel gathers whose own min-wait is exact, and counts from the beginning of the wait. */
const GATHER_NS: u32 = 60_000
/** How long a wait may be held up by a send that was expected to complete at once, in vain. */
const SENDS_NS: i64 = 1_000_000
/** A pause this long, in milliseconds, ends a crowd. */
const QUIET_MS: u64 = 4

let heard: u32 = 0
let crowd: u32 = 0
let sinceMs: u64 = 0
let mostNs: u32 = MIN_WAIT_NS
let ownMinWait = false

export function crowdCreate(): void {
  heard = crowd = 0
  sinceMs = 0
  mostNs = MIN_WAIT_NS
}

/** The kernel is known now. */
export function crowdAttach(): void {
  ownMinWait = (load<u32>(control, abi.CONTROL_FEATURES) & abi.FEATURE_MIN_WAIT) != 0
}

/** Sets how long to gather at most, in nanoseconds; 0: never. */
export function crowdSetMinWait(ns: u32): void {
  mostNs = min(ns, 999_999_999)
}

/** Something has come on a channel. */
// @ts-ignore: decorator
@inline
export function crowdHear(ch: usize): void {
  if (load<u32>(ch, abi.CHANNEL_ACTIVE_MS) == <u32>nowMs) return
  store<u32>(ch, <u32>nowMs, abi.CHANNEL_ACTIVE_MS)
  heard++
}

/**
 * Tells the kernel what to wait for, and for how long at most: `ns`, −1: for ever. `wait` is false where it must not.
 */
export function crowdTell(wait: bool, ns: i64): void {
  if (nowMs != sinceMs) {
    crowd = nowMs - sinceMs > QUIET_MS ? 0 : max(heard, crowd - (crowd >> 2))
    heard = 0
    sinceMs = nowMs
  }
  if (sendsExpected) ns = ns < 0 ? SENDS_NS : min(ns, SENDS_NS)
  const gather = crowd < CROWD ? 0 : ownMinWait && mostNs ? max(mostNs, GATHER_NS) : mostNs
  store<u32>(control, wait ? 1 + sendsExpected : 0, abi.CONTROL_WAIT_MIN)
  store<i64>(control, ns, abi.CONTROL_WAIT_NS)
  store<u32>(control, gather, abi.CONTROL_MIN_WAIT_NS)
}
