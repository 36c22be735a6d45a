// Datagrams in: a multishot RECVMSG into provided buffers, one datagram a buffer, each behind its sender's address. A
// loop whose receives continue in a buffer cannot have them: the rest of a buffer would cut what comes next.

import * as abi from '../abi'
import { starve } from '../channel/starved'
import { FLAG_ENDING, FLAG_RECV_ARMED, channelAbort, clearFlags, dirty, endpoint, flags, state } from '../channel/table'
import { channelData } from '../channel/user-data'
import { control } from '../memory/arena'
import { count, countBy } from '../memory/counter'
import { holdBuffer, upcall } from '../service/upcall'
import { bufferDone, bufferTake } from '../uring/buffers'
import { MSGHDR_BYTES, MSGHDR_CONTROLLEN, MSGHDR_IOV, MSGHDR_IOVLEN, MSGHDR_NAMELEN } from '../uring/msghdr'
import { hostAddress, sqe } from '../uring/submission'
import * as own from './abi'

/** The one iovec, behind the header. */
const IOVEC: usize = MSGHDR_BYTES
const IOV_LEN: usize = 8 // u64

/** struct cmsghdr: length u64, level i32, type i32, and the data. */
const CMSG_LEVEL: usize = 8
const CMSG_TYPE: usize = 12
const CMSG_DATA: usize = 16
const CMSG_BYTES: u32 = 20

/** The record of a channel's socket. */
// @ts-ignore: decorator
@inline
export function recordOf(ch: usize): usize {
  return <usize>load<u32>(endpoint(ch), abi.ENDPOINT_DATAGRAM)
}

/** What each RECVMSG of a socket is asked for: `bytes` of payload at most; more is cut. */
export function receivePrepare(record: usize, bytes: u32): void {
  const header = record + own.DATAGRAM_RECVMSG
  store<u32>(header, own.DATAGRAM_NAME_BYTES, MSGHDR_NAMELEN)
  store<u64>(header, hostAddress(header + IOVEC), MSGHDR_IOV)
  store<u64>(header, 1, MSGHDR_IOVLEN)
  store<u64>(header, own.DATAGRAM_CONTROL_BYTES, MSGHDR_CONTROLLEN)
  store<u64>(header + IOVEC, own.DATAGRAM_PAYLOAD + bytes, IOV_LEN) // of a buffer, headers included
}

/** Arms the receive. The kernel copies the header when it takes the SQE. */
export function datagramArm(ch: usize): void {
  const s = sqe(abi.OP_RECVMSG, load<i32>(ch, abi.CHANNEL_FD), channelData(ch, own.KIND_DATAGRAM))
  store<u8>(s, abi.SQE_FLAG_BUFFER_SELECT, abi.SQE_FLAGS)
  store<u16>(s, abi.RECV_MULTISHOT, abi.SQE_IOPRIO)
  store<u64>(s, hostAddress(recordOf(ch) + own.DATAGRAM_RECVMSG), abi.SQE_ADDR)
  store<u32>(s, 1, abi.SQE_LEN)
  store<u16>(s, abi.BUF_GROUP, abi.SQE_BUF_GROUP)
}

/** A completion of the receive. One without payload ends the multishot, as an error does; it is armed again. */
export function datagramReceived(ch: usize, result: i32, cqeFlags: u32, more: bool): void {
  if (!more) {
    clearFlags(ch, FLAG_RECV_ARMED)
    dirty(ch)
  }
  if (cqeFlags & abi.CQE_FLAG_BUFFER) {
    assert(!(cqeFlags & abi.CQE_FLAG_BUF_MORE))
    const id = cqeFlags >> abi.CQE_BUFFER_SHIFT
    const at = bufferTake(id, max(result, 0), false)
    if (result >= own.DATAGRAM_PAYLOAD && wanted(ch)) {
      deliver(ch, at, <u32>result - own.DATAGRAM_PAYLOAD)
      holdBuffer(id)
    }
    bufferDone(id)
  } else if (result == -abi.ENOBUFS) {
    count(control + abi.CONTROL_STARVED)
    count(recordOf(ch) + own.DATAGRAM_STARVED)
    if (wanted(ch)) starve(ch)
  } else if (result < 0 && result != -abi.ECANCELED && wanted(ch)) {
    upcall(own.UP_DATAGRAM_ERROR, ch, 0, <u32>-result, 0)
    if (!passing(result)) channelAbort(ch)
  }
}

function wanted(ch: usize): bool {
  return state(ch) == own.STATE_DATAGRAM && !(flags(ch) & FLAG_ENDING)
}

function deliver(ch: usize, at: usize, length: u32): void {
  const record = recordOf(ch)
  const most = <u32>load<u64>(record + own.DATAGRAM_RECVMSG + IOVEC, IOV_LEN) - own.DATAGRAM_PAYLOAD
  if (length > most) {
    // io_uring uses all of a buffer, whatever a multishot was asked for
    length = most
    store<u32>(at, load<u32>(at, abi.RECVMSG_OUT_FLAGS) | abi.MSG_TRUNC, abi.RECVMSG_OUT_FLAGS)
  }
  count(record + own.DATAGRAM_RECEIVED)
  countBy(ch + abi.CHANNEL_BYTES_IN, length)
  if (load<u32>(at, abi.RECVMSG_OUT_FLAGS) & abi.MSG_TRUNC) count(record + own.DATAGRAM_TRUNCATED)
  if (load<u32>(at, abi.RECVMSG_OUT_CONTROL_LENGTH) >= CMSG_BYTES) overflowed(record, at + own.DATAGRAM_CONTROL)
  upcall(own.UP_DATAGRAM, ch, at, length, 0)
}

/** SO_RXQ_OVFL: how many datagrams the socket had no room for before this one, since it was opened (socket(7)). */
function overflowed(record: usize, message: usize): void {
  if (load<i32>(message, CMSG_LEVEL) != abi.SOL_SOCKET || load<i32>(message, CMSG_TYPE) != own.SO_RXQ_OVFL) return
  store<u32>(record, load<u32>(message, CMSG_DATA), own.DATAGRAM_DROPPED)
}

/** Whether an error is about a datagram that was sent, or the network, and the socket goes on (udp(7), icmp(7)). */
function passing(result: i32): bool {
  switch (-result) {
    case abi.EPERM:
    case 13: // EACCES
    case abi.EPROTO:
    case own.EMSGSIZE:
    case 92: // ENOPROTOOPT
    case 100: // ENETDOWN
    case 101: // ENETUNREACH
    case abi.ECONNRESET:
    case abi.ETIMEDOUT:
    case abi.ECONNREFUSED:
    case 112: // EHOSTDOWN
    case 113: // EHOSTUNREACH
      return true
  }
  return false
}
