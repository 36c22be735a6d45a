// Connections that the host asks for: a channel in STATE_OPENING from the start, whose connect is submitted by the
// flush. The host is told UP_OPEN, or UP_ERROR and then UP_CLOSE.
//
//   record | timespec | timeout in ns | length of the address | address |

import * as abi from '../abi'
import {
  FLAG_CONNECTING,
  FLAG_RECV_WANTED,
  channelAbort,
  channelCreate,
  dirty,
  flags,
  setFlags,
  slotOf,
  state,
} from '../channel/table'
import { alloc, free } from '../memory/heap'
import { TIMESPEC_BYTES, connectSubmit } from '../uring/connect'
import { upcall } from './upcall'

const C_TIMEOUT: usize = TIMESPEC_BYTES // u64, 0: none
const C_LENGTH: usize = C_TIMEOUT + 8 // u32
const C_ADDRESS: usize = C_LENGTH + 8

const NS_PER_MS: f64 = 1e6
const TIMEOUT_MAX_MS: f64 = 1e12 // thirty years

/**
 * Connects a socket, which the endpoint owns from now on, to the sockaddr of `length` bytes at `address`, which is
 * copied; after `timeoutMs`, 0: never, it is refused with ETIMEDOUT. Returns the slot, or −1 where the channel table or
 * the memory is exhausted; then the socket stays the caller's.
 */
export function endpointConnect(ep: usize, fd: i32, address: usize, length: u32, timeoutMs: f64): i32 {
  const record = alloc(C_ADDRESS + length)
  if (!record) return -1
  const ch = channelCreate(fd, ep, abi.STATE_OPENING)
  if (!ch) {
    free(record)
    return -1
  }
  store<u64>(record, <u64>(min(timeoutMs, TIMEOUT_MAX_MS) * NS_PER_MS), C_TIMEOUT)
  store<u32>(record, length, C_LENGTH)
  memory.copy(record + C_ADDRESS, address, length)
  store<u32>(ch, <u32>record, abi.CHANNEL_LAST)
  store<u32>(ep, load<u32>(ep, abi.ENDPOINT_CHANNELS) + 1, abi.ENDPOINT_CHANNELS)
  dirty(ch)
  return <i32>slotOf(ch)
}

/** The flush comes by a channel that is opening. There is room for its SQEs. */
export function hostConnectBegin(ch: usize): void {
  if (flags(ch) & FLAG_CONNECTING) return
  const record = <usize>load<u32>(ch, abi.CHANNEL_LAST)
  connectSubmit(ch, record + C_ADDRESS, load<u32>(record, C_LENGTH), record, load<u64>(record, C_TIMEOUT))
}

/** The connect has completed. */
export function hostConnected(ch: usize, result: i32): void {
  hostConnectRelease(ch)
  if (state(ch) != abi.STATE_OPENING) return // the host has given it up
  if (result < 0) {
    // nobody but its timeout cancels the connect of a channel that is still wanted
    upcall(abi.UP_ERROR, ch, 0, <u32>(result == -abi.ECANCELED ? abi.ETIMEDOUT : -result), 0)
    return channelAbort(ch)
  }
  store<u32>(ch, abi.STATE_OPEN, abi.CHANNEL_STATE)
  setFlags(ch, FLAG_RECV_WANTED)
  upcall(abi.UP_OPEN, ch, 0, 0, 0)
}

/** Frees what the connect of a channel reads, if there is any. */
export function hostConnectRelease(ch: usize): void {
  const record = load<u32>(ch, abi.CHANNEL_LAST)
  if (!record) return
  store<u32>(ch, 0, abi.CHANNEL_LAST)
  free(record)
}
