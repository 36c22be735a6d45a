// Endpoints: what the channels of one listener have in common, and the list of all of them.

import * as abi from '../abi'
import {
  channelAbort,
  channelAt,
  channelCreate,
  channelEnd,
  channelsTouched,
  endpoint,
  slotOf,
  state,
} from '../channel/table'
import { STATE_DATAGRAM } from '../datagram/abi'
import { datagramEnd } from '../datagram/socket'
import { alloc, free } from '../memory/heap'
import { TIMER_BYTES, TIMER_ENDPOINT, timerCancel, timerInit, timerStart } from '../timer/timers'
import { acceptAgain, acceptAnew, acceptBegin, adopt, listenerOf } from './accept'

let first: usize = 0

/** The timer that ends a drain, behind the record. */
const TIMER: usize = abi.ENDPOINT_BYTES
const NS_PER_MS: u64 = 1_000_000

export function endpointsCreate(): void {
  first = 0
}

/** A new endpoint for a service; its codec parameters and id are the host's to write. 0 when memory is exhausted. */
export function endpointCreate(service: u32, target: u32, high: u32, low: u32, limit: u32): usize {
  const ep = alloc(TIMER + TIMER_BYTES)
  if (!ep) return 0
  memory.fill(ep, 0, abi.ENDPOINT_BYTES)
  timerInit(ep + TIMER, TIMER_ENDPOINT, ep)
  store<u32>(ep, service, abi.ENDPOINT_SERVICE)
  store<u32>(ep, target, abi.ENDPOINT_TARGET)
  store<u32>(ep, high, abi.ENDPOINT_HIGH)
  store<u32>(ep, low, abi.ENDPOINT_LOW)
  store<u32>(ep, limit, abi.ENDPOINT_LIMIT)
  store<u32>(ep, <u32>first, abi.ENDPOINT_NEXT)
  first = ep
  return ep
}

/** Frees an endpoint that has no channels left. */
export function endpointFree(ep: usize): void {
  assert(!load<u32>(ep, abi.ENDPOINT_CHANNELS) && !listenerOf(ep))
  if (load<u32>(ep, abi.ENDPOINT_CODEC)) free(load<u32>(ep, abi.ENDPOINT_CODEC))
  if (load<u32>(ep, abi.ENDPOINT_DATAGRAM)) free(load<u32>(ep, abi.ENDPOINT_DATAGRAM))
  timerCancel(ep + TIMER)
  if (first == ep) {
    first = load<u32>(ep, abi.ENDPOINT_NEXT)
  } else {
    let before = first
    while (<usize>load<u32>(before, abi.ENDPOINT_NEXT) != ep) before = load<u32>(before, abi.ENDPOINT_NEXT)
    store<u32>(before, load<u32>(ep, abi.ENDPOINT_NEXT), abi.ENDPOINT_NEXT)
  }
  free(ep)
}

/** Accepts from a listening descriptor, which the endpoint owns from now on; false when the channel table is full. */
export function endpointListen(ep: usize, fd: i32): bool {
  const ch = channelCreate(fd, ep, abi.STATE_LISTENING)
  if (!ch) return false
  store<u32>(ep, <u32>ch, abi.ENDPOINT_LISTENER)
  acceptBegin(ch)
  return true
}

/**
 * Gives a connected socket to the endpoint, which owns it from now on; UP_OPEN follows. Returns the slot, or −1 when
 * the channel table is full; then the socket stays the caller's.
 */
export function endpointAdopt(ep: usize, fd: i32): i32 {
  const ch = adopt(ep, fd)
  return ch ? <i32>slotOf(ch) : -1
}

/** A boss's host takes so many connections more. */
export function endpointAllow(ep: usize, more: u32): void {
  store<u32>(ep, load<u32>(ep, abi.ENDPOINT_LIMIT) + more, abi.ENDPOINT_LIMIT)
  acceptAgain(ep)
}

/** Looks for connections that wait although nobody was told; see acceptAnew. */
export function endpointLook(ep: usize): void {
  if (listenerOf(ep)) acceptAnew(listenerOf(ep))
}

/** Stops accepting; channels that are open stay. */
export function endpointStop(ep: usize): void {
  if (listenerOf(ep)) channelAbort(listenerOf(ep))
}

/**
 * Closes every channel of the endpoint once what it owes is sent, and what is left after `ms`. UP_DRAINED follows the
 * last.
 */
export function endpointDrain(ep: usize, ms: f64): void {
  timerStart(ep + TIMER, <u64>ms * NS_PER_MS)
  store<u32>(ep, 1, abi.ENDPOINT_DRAINING)
  endpointStop(ep)
  for (let slot: u32 = 0; slot < channelsTouched(); slot++) {
    const ch = channelAt(slot)
    if (state(ch) == abi.STATE_OPEN && endpoint(ch) == ep) channelEnd(ch, false)
    else if (state(ch) == STATE_DATAGRAM && endpoint(ch) == ep) datagramEnd(ch)
  }
}

/** Closes every channel of the endpoint at once. */
export function endpointAbort(ep: usize): void {
  store<u32>(ep, 1, abi.ENDPOINT_DRAINING)
  for (let slot: u32 = 0; slot < channelsTouched(); slot++) {
    const ch = channelAt(slot)
    if (state(ch) != abi.STATE_FREE && endpoint(ch) == ep) channelAbort(ch)
  }
}

/** The endpoint has drained long enough. */
export function endpointDue(ep: usize): void {
  endpointAbort(ep)
}
