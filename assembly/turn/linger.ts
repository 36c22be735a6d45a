// Lingering: after its own end a channel reads on for a while and throws away what it reads, because closing a socket
// with unread bytes resets the connection, and the reset would overtake what was sent last.

import * as abi from '../abi'
import { FLAG_LINGERING, FLAG_RECV_WANTED, clearFlags, dirty, flags, setFlags } from '../channel/table'
import { nowNs } from '../clock'

/** Until this long nothing came … */
const LINGER_NS: u64 = 100_000_000
/** … and at most this long. */
const LINGER_MAX_NS: u64 = 2_000_000_000

let head: usize = 0
let tail: usize = 0

export function lingerCreate(): void {
  head = tail = 0
}

/** Begins lingering. */
export function lingerBegin(ch: usize): void {
  store<u64>(ch, nowNs, abi.CHANNEL_LINGER_NS)
  append(ch)
}

/** A lingering channel has received something: it stays a little longer. */
export function lingerOn(ch: usize): void {
  if (!(flags(ch) & FLAG_LINGERING) || nowNs - load<u64>(ch, abi.CHANNEL_LINGER_NS) > LINGER_MAX_NS) return
  lingerEnd(ch)
  append(ch)
}

/** Takes a channel out of the list. */
export function lingerEnd(ch: usize): void {
  if (!(flags(ch) & FLAG_LINGERING)) return
  clearFlags(ch, FLAG_LINGERING)
  const next = <usize>load<u32>(ch, abi.CHANNEL_NEXT_LINGER)
  const prev = <usize>load<u32>(ch, abi.CHANNEL_PREV_LINGER)
  if (prev) store<u32>(prev, <u32>next, abi.CHANNEL_NEXT_LINGER)
  else head = next
  if (next) store<u32>(next, <u32>prev, abi.CHANNEL_PREV_LINGER)
  else tail = prev
  store<u64>(ch, 0, abi.CHANNEL_NEXT_LINGER) // both links: here a proxy's requests are looked for
}

/** Closes channels that have lingered long enough; returns when the next one is due, 0: none. */
export function lingerTick(): u64 {
  while (head) {
    const due = load<u64>(head, abi.CHANNEL_DEADLINE_NS)
    if (due > nowNs) return due
    const ch = head
    lingerEnd(ch)
    store<u32>(ch, abi.STATE_CLOSING, abi.CHANNEL_STATE)
    clearFlags(ch, FLAG_RECV_WANTED)
    dirty(ch)
  }
  return 0
}

function append(ch: usize): void {
  setFlags(ch, FLAG_LINGERING)
  store<u64>(ch, nowNs + LINGER_NS, abi.CHANNEL_DEADLINE_NS)
  store<u32>(ch, <u32>tail, abi.CHANNEL_PREV_LINGER)
  store<u32>(ch, 0, abi.CHANNEL_NEXT_LINGER)
  if (tail) store<u32>(tail, <u32>ch, abi.CHANNEL_NEXT_LINGER)
  else head = ch
  tail = ch
}
