// Lingering: after its own end a channel reads on for a while and throws away what it reads, because closing a socket
// with unread bytes resets the connection, and the reset would overtake what was sent last.

import * as abi from '../abi'
import { FLAG_LINGERING, FLAG_RECV_WANTED, clearFlags, dirty, flags, setFlags } from '../channel/table'
import { nowNs } from '../clock'
import { nodeArm, nodeCancel } from '../timer/timers'
import { NODE_LINK } from '../timer/wheel'

/** Until this long nothing came … */
const LINGER_NS: u64 = 100_000_000
/** … and at most this long. */
const LINGER_MAX_MS: u32 = 2000
const NS_PER_MS: u64 = 1_000_000

/** Begins lingering. */
export function lingerBegin(ch: usize): void {
  setFlags(ch, FLAG_LINGERING)
  store<u32>(ch, nowMsLow(), abi.CHANNEL_LINGER_MS)
  store<u32>(ch + abi.CHANNEL_TIMER, 0, NODE_LINK) // here the decoder kept its state
  nodeArm(ch + abi.CHANNEL_TIMER, nowNs + LINGER_NS)
}

/** A lingering channel has received something: it stays a little longer. */
export function lingerOn(ch: usize): void {
  if (!(flags(ch) & FLAG_LINGERING) || nowMsLow() - load<u32>(ch, abi.CHANNEL_LINGER_MS) > LINGER_MAX_MS) return
  nodeArm(ch + abi.CHANNEL_TIMER, nowNs + LINGER_NS)
}

/** The channel closes: it does not linger any more. */
export function lingerEnd(ch: usize): void {
  if (!(flags(ch) & FLAG_LINGERING)) return
  clearFlags(ch, FLAG_LINGERING)
  nodeCancel(ch + abi.CHANNEL_TIMER)
  store<u32>(ch, 0, abi.CHANNEL_LINGER_MS) // here a proxy's requests are looked for
}

/** The channel has lingered long enough. */
export function lingerDue(ch: usize): void {
  lingerEnd(ch)
  store<u32>(ch, abi.STATE_CLOSING, abi.CHANNEL_STATE)
  clearFlags(ch, FLAG_RECV_WANTED)
  dirty(ch)
}

function nowMsLow(): u32 {
  return <u32>(nowNs / NS_PER_MS)
}
