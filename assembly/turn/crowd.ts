// How many channels talk at once, and whether it pays to wait a moment for more of them. With few, every microsecond of
// waiting is latency and nothing else. With many, a turn that handles three requests costs nearly as much as one that
// handles thirty: waking up, waking others, one send per server. Then the kernel is asked to gather (io_uring's min-
// wait,
// IORING_ENTER_EXT_ARG, Linux 6.12): once something has come, for a moment more.

import * as abi from '../abi'
import { nowMs } from '../clock'
import { control } from '../memory/arena'

/** Channels heard in one millisecond from which on it pays. */
const CROWD: u32 = 16
/**
 * The shortest sleep there is: a thread's timer slack, 50 µs by default, comes on top (prctl(2), PR_SET_TIMERSLACK).
 */
const MIN_WAIT_NS: u32 = 1000
/** A pause this long, in milliseconds, ends a crowd. */
const QUIET_MS: u64 = 4

let heard: u32 = 0
let crowd: u32 = 0
let sinceMs: u64 = 0
let mostNs: u32 = MIN_WAIT_NS

export function crowdCreate(): void {
  heard = crowd = 0
  sinceMs = 0
  mostNs = MIN_WAIT_NS
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

/** Tells the kernel whether to gather. */
export function crowdTick(): void {
  if (nowMs != sinceMs) {
    crowd = nowMs - sinceMs > QUIET_MS ? 0 : max(heard, crowd - (crowd >> 2))
    heard = 0
    sinceMs = nowMs
  }
  store<u32>(control, crowd >= CROWD ? mostNs : 0, abi.CONTROL_MIN_WAIT_NS)
}
