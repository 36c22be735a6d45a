// Endpoints: what the channels of one listener have in common, and the list of all of them.

import * as abi from '../abi'
import {
  FLAG_RECV_WANTED,
  channelAbort,
  channelAt,
  channelCreate,
  channelEnd,
  channelsTouched,
  dirty,
  endpoint,
  setFlags,
  state,
} from '../channel/table'
import { alloc, free } from '../memory/heap'
import { acceptRetry, listenerOf } from './accept'

let first: usize = 0

export function endpointsCreate(): void {
  first = 0
}

/** A new endpoint for a service; its codec parameters and id are the host's to write. 0 when memory is exhausted. */
export function endpointCreate(service: u32, target: u32, high: u32, low: u32, limit: u32): usize {
  const ep = alloc(abi.ENDPOINT_BYTES)
  if (!ep) return 0
  memory.fill(ep, 0, abi.ENDPOINT_BYTES)
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
  setFlags(ch, FLAG_RECV_WANTED)
  dirty(ch)
  return true
}

/** Stops accepting; channels that are open stay. */
export function endpointStop(ep: usize): void {
  if (listenerOf(ep)) channelAbort(listenerOf(ep))
}

/** Closes every channel of the endpoint once what it owes is sent. UP_DRAINED follows the last. */
export function endpointDrain(ep: usize): void {
  store<u32>(ep, 1, abi.ENDPOINT_DRAINING)
  endpointStop(ep)
  for (let slot: u32 = 0; slot < channelsTouched(); slot++) {
    const ch = channelAt(slot)
    if (state(ch) == abi.STATE_OPEN && endpoint(ch) == ep) channelEnd(ch, false)
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

/** When an endpoint that paused after EMFILE accepts again; 0: none pending. */
export function endpointsTick(): u64 {
  let due: u64 = 0
  for (let ep = first; ep; ep = load<u32>(ep, abi.ENDPOINT_NEXT)) {
    const at = acceptRetry(ep)
    if (at && (!due || at < due)) due = at
  }
  return due
}
