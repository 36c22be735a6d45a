// A connect and the timeout that cancels it: a chain of two SQEs, so both or none.

import * as abi from '../abi'
import { FLAG_CONNECTING, setFlags } from '../channel/table'
import { channelData } from '../channel/user-data'
import { hostAddress, sqe } from './submission'

/** SQEs of a connect. */
export const CONNECT_SQES: u32 = 2
/** Bytes of a struct __kernel_timespec. */
export const TIMESPEC_BYTES: usize = 16

const NS_PER_S: u64 = 1_000_000_000

/**
 * Connects a channel's socket to the sockaddr of `length` bytes at `address`, for at most `timeoutNs`; 0: as long as
 * the kernel tries. The caller has asked sqRoom; address and `timespec`, which is written here, live until the
 * completion of KIND_CONNECT: 0, −ECANCELED after the timeout, or why not.
 */
export function connectSubmit(ch: usize, address: usize, length: u32, timespec: usize, timeoutNs: u64): void {
  const s = sqe(abi.OP_CONNECT, load<i32>(ch, abi.CHANNEL_FD), channelData(ch, abi.KIND_CONNECT))
  store<u64>(s, hostAddress(address), abi.SQE_ADDR)
  store<u64>(s, length, abi.SQE_OFF)
  setFlags(ch, FLAG_CONNECTING)
  if (!timeoutNs) return
  store<u8>(s, abi.SQE_FLAG_IO_LINK, abi.SQE_FLAGS)
  store<u64>(timespec, timeoutNs / NS_PER_S)
  store<u64>(timespec, timeoutNs % NS_PER_S, 8)
  const t = sqe(abi.OP_LINK_TIMEOUT, -1, channelData(ch, abi.KIND_TIMEOUT))
  store<u64>(t, hostAddress(timespec), abi.SQE_ADDR)
  store<u32>(t, 1, abi.SQE_LEN)
}
