// Datagrams out: a queue of skbs, one a datagram behind its receiver's address. One send is under way at a time, so
// that the order is kept: SQEs of one socket that find it full would wait, each by itself, for others to overtake.
//
// Many datagrams are one immediate call of sendmmsg, on every kernel: it costs io_uring one system call for up to 64.
// One alone is an SQE where those cost none. So is the first of those a full socket did not take: it waits until there
// is room, and says why where a call fell short for another reason.

import * as abi from '../abi'
import { TAG_DATAGRAM, iovecCount, iovecsTake, outboundExpect, sendsBySqe } from '../channel/outbound'
import {
  FLAG_CALLED,
  FLAG_ENDING,
  FLAG_SENDING,
  FLAG_STALLED,
  FLAG_WRITABLE_WANTED,
  clearFlags,
  dirty,
  endpoint,
  flags,
  setFlags,
  slotOf,
  state,
} from '../channel/table'
import { channelData } from '../channel/user-data'
import { IOVEC_ENTRIES, iovecs } from '../memory/arena'
import { count, countBy } from '../memory/counter'
import { QUEUE_HEAD, QUEUE_TAIL, queueBytes, queueShift } from '../memory/queue'
import { SKB_NEXT, skbData, skbFree, skbLength } from '../memory/skb'
import { holdSkb, upcall } from '../service/upcall'
import { MSGHDR_BYTES, MSGHDR_IOV, MSGHDR_IOVLEN, MSGHDR_NAME, MSGHDR_NAMELEN } from '../uring/msghdr'
import { call, hostAddress, hurry, sqRoom, sqe } from '../uring/submission'
import * as own from './abi'
import { recordOf } from './receive'

/** Most datagrams of one call. */
const BATCH_MAX: u32 = 64

/** Entries of the iovec area that a datagram takes: a header, and its one part. */
const ENTRIES: u32 = 5

/** Starts the next send; false where there was no room for it. */
export function datagramFlush(ch: usize): bool {
  const queue = ch + abi.CHANNEL_QUEUE
  if (!(flags(ch) & (FLAG_SENDING | FLAG_CALLED)) && queueBytes(queue)) {
    const alone = load<u32>(queue, QUEUE_HEAD) == load<u32>(queue, QUEUE_TAIL)
    const single = (flags(ch) & FLAG_STALLED) != 0 || (alone && sendsBySqe())
    if (!(single ? submitFirst(ch) : callBatch(ch))) return false
    if (!awaited(ch)) outboundExpect(ch)
  }
  if (flags(ch) & (FLAG_SENDING | FLAG_CALLED)) {
    if (flags(ch) & FLAG_CALLED && awaited(ch)) hurry()
  } else if (flags(ch) & FLAG_ENDING) {
    store<u32>(ch, abi.STATE_CLOSING, abi.CHANNEL_STATE)
    dirty(ch)
  }
  return true
}

/** Whether somebody waits for the end of the send who cannot wait for the next event from outside. */
function awaited(ch: usize): bool {
  if (flags(ch) & (FLAG_ENDING | FLAG_WRITABLE_WANTED)) return true
  return load<u32>(ch, abi.CHANNEL_IN_FLIGHT) < queueBytes(ch + abi.CHANNEL_QUEUE)
}

function submitFirst(ch: usize): bool {
  if (!sqRoom() || iovecCount + ENTRIES > IOVEC_ENTRIES) return false
  const header = iovecs + (<usize>iovecCount << 4)
  const skb = <usize>load<u32>(ch + abi.CHANNEL_QUEUE, QUEUE_HEAD)
  describe(header, header + MSGHDR_BYTES, skb)
  iovecsTake(ENTRIES)
  const s = sqe(abi.OP_SENDMSG, load<i32>(ch, abi.CHANNEL_FD), channelData(ch, own.KIND_DATAGRAM_SENT))
  store<u64>(s, hostAddress(header), abi.SQE_ADDR)
  store<u32>(s, 1, abi.SQE_LEN)
  store<u32>(s, abi.MSG_NOSIGNAL, abi.SQE_OP_FLAGS)
  return under(ch, 1, skbLength(skb), FLAG_SENDING)
}

function callBatch(ch: usize): bool {
  const room = min((IOVEC_ENTRIES - iovecCount) / ENTRIES, BATCH_MAX)
  const header = iovecs + (<usize>iovecCount << 4)
  const parts = header + <usize>room * MSGHDR_BYTES
  let many: u32 = 0
  let bytes: u32 = 0
  let skb = <usize>load<u32>(ch + abi.CHANNEL_QUEUE, QUEUE_HEAD)
  for (; skb && many < room; skb = <usize>load<u32>(skb, SKB_NEXT)) {
    describe(header + <usize>many * MSGHDR_BYTES, parts + (<usize>many << 4), skb)
    bytes += skbLength(skb)
    many++
  }
  if (!many) return false
  const fd = load<i32>(ch, abi.CHANNEL_FD)
  if (!call(abi.CALL_SENDMMSG, fd, <u32>header, many, 0, TAG_DATAGRAM | slotOf(ch))) return false
  iovecsTake(room * ENTRIES)
  return under(ch, many, bytes, FLAG_CALLED)
}

/** Writes the header of a datagram, and its one part. */
function describe(header: usize, part: usize, skb: usize): void {
  const at = skbData(skb)
  const name = load<u32>(at, own.OUT_NAME_LENGTH)
  memory.fill(header, 0, MSGHDR_BYTES)
  if (name) store<u64>(header, hostAddress(at + own.OUT_NAME), MSGHDR_NAME)
  store<u32>(header, name, MSGHDR_NAMELEN)
  store<u64>(header, hostAddress(part), MSGHDR_IOV)
  store<u64>(header, 1, MSGHDR_IOVLEN)
  store<u64>(part, hostAddress(at + own.OUT_PAYLOAD))
  store<u64>(part, skbLength(skb) - own.OUT_PAYLOAD, 8)
}

function under(ch: usize, many: u32, bytes: u32, bit: u32): bool {
  store<u32>(recordOf(ch), many, own.DATAGRAM_COUNT)
  store<u32>(ch, bytes, abi.CHANNEL_IN_FLIGHT)
  setFlags(ch, bit)
  return true
}

/** A send has ended: of a call, `result` is how many datagrams it sent, of an SQE the bytes of its one; or −errno. */
export function datagramSent(ch: usize, result: i32, bit: u32): void {
  clearFlags(ch, bit | FLAG_STALLED)
  store<u32>(ch, 0, abi.CHANNEL_IN_FLIGHT)
  dirty(ch)
  if (state(ch) == abi.STATE_CLOSING) return
  const record = recordOf(ch)
  const sent: u32 = result < 0 ? 0 : bit == FLAG_CALLED ? <u32>result : 1
  for (let i: u32 = 0; i < sent; i++) {
    const skb = queueShift(ch + abi.CHANNEL_QUEUE)
    countBy(ch + abi.CHANNEL_BYTES_OUT, skbLength(skb) - own.OUT_PAYLOAD)
    skbFree(skb)
  }
  countBy(record + own.DATAGRAM_SENT, sent)
  if (result == -abi.EAGAIN || (result >= 0 && sent < load<u32>(record, own.DATAGRAM_COUNT))) {
    setFlags(ch, FLAG_STALLED)
  } else if (result < 0) {
    unsent(ch, record, result)
  }
  if (!(flags(ch) & FLAG_WRITABLE_WANTED)) return
  if (queueBytes(ch + abi.CHANNEL_QUEUE) > load<u32>(endpoint(ch), abi.ENDPOINT_LOW)) return
  clearFlags(ch, FLAG_WRITABLE_WANTED)
  upcall(abi.UP_WRITABLE, ch, 0, 0, 0)
}

/**
 * The first datagram was not sent. A refusal is that of an earlier one, which the peer's host has sent back: this one
 * is tried again. Any other error is its own, and it is dropped.
 */
function unsent(ch: usize, record: usize, error: i32): void {
  if (error == -abi.ECONNREFUSED) {
    upcall(own.UP_DATAGRAM_ERROR, ch, 0, <u32>-error, 0)
    return
  }
  const skb = queueShift(ch + abi.CHANNEL_QUEUE)
  count(record + own.DATAGRAM_SEND_ERRORS)
  upcall(own.UP_DATAGRAM_ERROR, ch, skbData(skb), <u32>-error, 0)
  holdSkb(skb)
}
