// Sockets of datagrams as the host sees them: opening, queueing, ending.

import * as abi from '../abi'
import { queueBound } from '../channel/bound'
import {
  FLAG_ENDING,
  FLAG_RECV_WANTED,
  FLAG_WRITABLE_WANTED,
  channelCreate,
  channelFind,
  clearFlags,
  dirty,
  endpoint,
  flags,
  setFlags,
  slotOf,
  state,
} from '../channel/table'
import { SITE_WRITE } from '../memory/abi'
import { bufferBytes } from '../memory/arena'
import { alloc } from '../memory/heap'
import { queueBytes, queuePush } from '../memory/queue'
import { siteSet } from '../memory/sites'
import { skbAlloc, skbPut } from '../memory/skb'
import { buffersContinue } from '../uring/buffers'
import * as own from './abi'
import { receivePrepare } from './receive'

/**
 * Gives a bound socket to an endpoint of its own, which owns it from now on, and receives datagrams of up to `bytes`
 * bytes; longer ones are cut. Returns the slot, or −errno and the socket stays the caller's: −ENOMEM where memory or
 * the channel table is exhausted, −EOPNOTSUPP where receives continue in a buffer.
 */
export function datagramOpen(ep: usize, fd: i32, bytes: u32): i32 {
  if (buffersContinue || bufferBytes <= <u32>own.DATAGRAM_PAYLOAD) return -abi.EOPNOTSUPP
  const record = alloc(own.DATAGRAM_BYTES)
  if (!record) return -abi.ENOMEM
  memory.fill(record, 0, own.DATAGRAM_BYTES)
  receivePrepare(record, min(bytes, bufferBytes - own.DATAGRAM_PAYLOAD))
  store<u32>(ep, <u32>record, abi.ENDPOINT_DATAGRAM) // freed with the endpoint
  const ch = channelCreate(fd, ep, own.STATE_DATAGRAM)
  if (!ch) return -abi.ENOMEM
  store<u32>(ep, load<u32>(ep, abi.ENDPOINT_CHANNELS) + 1, abi.ENDPOINT_CHANNELS)
  setFlags(ch, FLAG_RECV_WANTED)
  dirty(ch)
  return <i32>slotOf(ch)
}

/**
 * Queues a datagram of `length` bytes and returns its address, where the caller writes OUT_NAME, OUT_NAME_LENGTH and
 * the payload before anything else happens; or −errno with nothing queued: −EPIPE after the end, −ENOBUFS above the
 * queue's bound, −ENOMEM. Above the high watermark UP_WRITABLE follows when the queue has drained.
 */
export function datagramQueue(slot: u32, generation: u32, length: u32): f64 {
  const ch = channelFind(slot, generation)
  if (!ch || state(ch) != own.STATE_DATAGRAM || flags(ch) & FLAG_ENDING) return -abi.EPIPE
  const queue = ch + abi.CHANNEL_QUEUE
  const high = load<u32>(endpoint(ch), abi.ENDPOINT_HIGH)
  if (<u64>queueBytes(queue) + own.OUT_PAYLOAD + length > queueBound(high)) return -abi.ENOBUFS
  siteSet(SITE_WRITE)
  const skb = skbAlloc(own.OUT_PAYLOAD + length)
  if (!skb) return -abi.ENOMEM
  const at = skbPut(skb, own.OUT_PAYLOAD + length)
  queuePush(queue, skb)
  if (queueBytes(queue) > high) setFlags(ch, FLAG_WRITABLE_WANTED)
  dirty(ch)
  return <f64>at
}

/** Nothing more is received; the socket closes when what is queued is sent. */
export function datagramEnd(ch: usize): void {
  setFlags(ch, FLAG_ENDING)
  clearFlags(ch, FLAG_RECV_WANTED)
  dirty(ch)
}
