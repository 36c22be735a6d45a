// Listeners: arming the multishot accept, and what becomes of the connections it brings. At the endpoint's limit, or
// when descriptors run out, accepting pauses and connections wait in the kernel's backlog.

import * as abi from '../abi'
import {
  FLAG_RECV_ARMED,
  FLAG_RECV_WANTED,
  channelCreate,
  channelRoom,
  clearFlags,
  dirty,
  endpoint,
  flags,
  setFlags,
  state,
} from '../channel/table'
import { count } from '../memory/counter'
import { nowNs } from '../clock'
import { nodeArm, nodeCancel } from '../timer/timers'
import { NODE_LINK, wheelHas } from '../timer/wheel'
import { call } from '../uring/submission'
import { TAG_NONE } from '../channel/outbound'
import { SERVICE_BOSS, UP_ACCEPTED } from './abi'
import { opened } from './dispatch'
import { sessionOpen } from '../service/session'
import { upcallEndpoint } from '../service/upcall'

const RETRY_NS: u64 = 100_000_000
/** More than one `enter` brings of a multishot accept. */
const NEAR: i64 = 256

/** A listener's accept has completed with a descriptor or −errno. */
export function accepted(listener: usize, result: i32, more: bool): void {
  const ep = endpoint(listener)
  if (!more) {
    clearFlags(listener, FLAG_RECV_ARMED)
    dirty(listener)
  }
  if (result >= 0) {
    admit(ep, result)
  } else if (result == -abi.EMFILE || result == -abi.ENFILE || result == -abi.ENOMEM || result == -abi.ENOBUFS) {
    clearFlags(listener, FLAG_RECV_WANTED)
    lookAgain(listener)
  }
  if (full(ep)) clearFlags(listener, FLAG_RECV_WANTED)
  if (crowded()) lookAgain(listener)
  if (full(ep) || acceptsSingly(listener)) dirty(listener)
}

/** A channel of the endpoint has closed: accepting may go on. */
export function acceptAgain(ep: usize): void {
  const listener = listenerOf(ep)
  if (listener && state(listener) == abi.STATE_LISTENING && !full(ep) && !wheelHas(listener + abi.CHANNEL_TIMER)) {
    if (flags(listener) & FLAG_RECV_WANTED) return
    setFlags(listener, FLAG_RECV_WANTED)
    dirty(listener)
  }
}

/**
 * The accept is taken back and armed again in a moment: arming it looks at what waits. Where several processes share a
 * listening socket, Linux wakes one of them per connection, and one that has just stopped leaves what it was woken for.
 */
export function acceptAnew(listener: usize): void {
  if (state(listener) != abi.STATE_LISTENING || !(flags(listener) & FLAG_RECV_WANTED)) return
  clearFlags(listener, FLAG_RECV_WANTED)
  dirty(listener)
  lookAgain(listener)
}

/** A channel has become a listener. */
export function acceptBegin(listener: usize): void {
  store<u32>(listener + abi.CHANNEL_TIMER, 0, NODE_LINK) // here a decoder would keep its state
  setFlags(listener, FLAG_RECV_WANTED)
  dirty(listener)
}

/** A pause after EMFILE, or for want of slots, is over. */
export function acceptDue(listener: usize): void {
  if (crowded()) lookAgain(listener)
  else acceptAgain(endpoint(listener))
}

/** A listener closes. */
export function acceptEnd(listener: usize): void {
  nodeCancel(listener + abi.CHANNEL_TIMER)
}

/** Whether the endpoint is so near its limit that connections are accepted one by one. */
export function acceptsSingly(listener: usize): bool {
  const ep = endpoint(listener)
  const room = <i64>load<u32>(ep, abi.ENDPOINT_LIMIT) - <i64>load<u32>(ep, abi.ENDPOINT_CHANNELS)
  return room <= NEAR
}

/** The endpoint's listener; 0 where it has none. */
export function listenerOf(ep: usize): usize {
  return <usize>load<u32>(ep, abi.ENDPOINT_LISTENER)
}

function full(ep: usize): bool {
  return load<u32>(ep, abi.ENDPOINT_CHANNELS) >= load<u32>(ep, abi.ENDPOINT_LIMIT) || crowded()
}

/** Whether the table itself is full: then other endpoints' channels have to close, which nobody tells this one. */
function crowded(): bool {
  return channelRoom() <= SPARE
}

/** Tries to accept once more in a moment. */
function lookAgain(listener: usize): void {
  // one that closes has let go of its timer already
  if (state(listener) != abi.STATE_LISTENING) return
  if (!wheelHas(listener + abi.CHANNEL_TIMER)) nodeArm(listener + abi.CHANNEL_TIMER, nowNs + RETRY_NS)
}

/** Slots kept for connections that a paused accept still brings, and for a proxy's servers. */
const SPARE: u32 = 512

function admit(ep: usize, fd: i32): void {
  if (load<u32>(ep, abi.ENDPOINT_SERVICE) == SERVICE_BOSS) return report(ep, fd)
  if (load<u32>(ep, abi.ENDPOINT_DRAINING) || !adopt(ep, fd)) {
    count(ep + abi.ENDPOINT_REFUSED)
    call(abi.CALL_CLOSE, fd, 0, 0, 0, TAG_NONE)
  }
}

/** A boss's connection belongs to the host, which raises the limit again when it has closed. */
function report(ep: usize, fd: i32): void {
  const limit = load<u32>(ep, abi.ENDPOINT_LIMIT)
  store<u32>(ep, limit ? limit - 1 : 0, abi.ENDPOINT_LIMIT)
  count(ep + abi.ENDPOINT_ACCEPTED)
  upcallEndpoint(UP_ACCEPTED, ep, <usize>fd, 0, 0)
}

/** A channel of the endpoint for a connected socket, which it owns from now on; 0 when the channel table is full. */
export function adopt(ep: usize, fd: i32): usize {
  const ch = channelCreate(fd, ep, abi.STATE_OPEN)
  if (!ch) return 0
  store<u32>(ep, load<u32>(ep, abi.ENDPOINT_CHANNELS) + 1, abi.ENDPOINT_CHANNELS)
  count(ep + abi.ENDPOINT_ACCEPTED)
  setFlags(ch, FLAG_RECV_WANTED)
  sessionOpen(ch)
  dirty(ch)
  opened(ch)
  return ch
}
