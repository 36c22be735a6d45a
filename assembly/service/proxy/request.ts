// Requests of a proxy: 128-byte records, in order in their client's list and, while a server works on them, in that
// server's list. A reply waits in its record until every earlier request of the client is answered.

import * as abi from '../../abi'
import {
  FLAG_BLOCKED_OUT,
  FLAG_EOF,
  FLAG_LAST,
  channelAbort,
  channelEnd,
  dirty,
  endpoint,
  flags,
  setFlags,
} from '../../channel/table'
import { blockPut } from '../../memory/block'
import { queueAppend, queueBytes, queueClear, queueLost, queueMove } from '../../memory/queue'
import { slabAlloc, slabFree } from '../../memory/slab'

const SLAB_CLASS: u32 = 1 // 128 bytes

export const REQUEST_NEXT: usize = 0 // in the client's list
export const REQUEST_NEXT_SERVER: usize = 4 // in the server's list
export const REQUEST_CLIENT: usize = 8 // channel; 0: the client is gone, the reply is swallowed
export const REQUEST_KIND: usize = 12
export const REQUEST_DONE: usize = 16
export const REQUEST_QUEUE: usize = 20 // a reply too long for the record
export const REQUEST_PARENT: usize = 32 // a part's whole
export const REQUEST_LEFT: usize = 36 // parts not yet answered
export const REQUEST_PARTS: usize = 40 // first part of a whole
export const REQUEST_SIBLING: usize = 44 // next part
export const REQUEST_MAP: usize = 48 // block: u16 server of each key (MGET)
export const REQUEST_COUNT: usize = 52 // keys of the whole, or of the part
export const REQUEST_SUM: usize = 56 // i64
export const REQUEST_DEADLINE: usize = 64 // u64, CLOCK_MONOTONIC
export const REQUEST_SENT_AT: usize = 72 // u64, the server's stream offset behind the request
export const REQUEST_SERVER: usize = 80 // u32, index of a part's server
export const REQUEST_BLOCK: usize = 84 // block: reply of an MGET part, its first element at REQUEST_CURSOR
export const REQUEST_CURSOR: usize = 88
export const REQUEST_FAILED: usize = 92 // 1: the reply is an error
export const REQUEST_INLINE: usize = 96 // length of the reply that follows
const INLINE_AT: usize = 97
const INLINE_MAX: u32 = 31

export const KIND_SINGLE: u32 = 0
export const KIND_PART: u32 = 1
export const KIND_MGET: u32 = 2
export const KIND_SUM: u32 = 3
export const KIND_MSET: u32 = 4
export const KIND_HOST: u32 = 5

/** A request at the end of its client's list; 0 when memory is exhausted. */
export function requestCreate(client: usize, kind: u32): usize {
  const r = requestRecord(kind)
  if (!r) return 0
  store<u32>(r, <u32>client, REQUEST_CLIENT)
  const last = <usize>load<u32>(client, abi.CHANNEL_LAST)
  if (last) store<u32>(last, <u32>r, REQUEST_NEXT)
  else store<u32>(client, <u32>r, abi.CHANNEL_FIRST)
  store<u32>(client, <u32>r, abi.CHANNEL_LAST)
  store<u32>(client, load<u32>(client, abi.CHANNEL_PENDING) + 1, abi.CHANNEL_PENDING)
  return r
}

/** A record in no list: a part of a whole. 0 when memory is exhausted. */
export function requestRecord(kind: u32): usize {
  const r = slabAlloc(SLAB_CLASS)
  if (!r) return 0
  memory.fill(r, 0, INLINE_AT)
  store<u32>(r, kind, REQUEST_KIND)
  return r
}

/** Frees a record and what it holds. */
export function requestFree(r: usize): void {
  queueClear(r + REQUEST_QUEUE)
  if (load<u32>(r, REQUEST_MAP)) blockPut(load<u32>(r, REQUEST_MAP))
  if (load<u32>(r, REQUEST_BLOCK)) blockPut(load<u32>(r, REQUEST_BLOCK))
  slabFree(r)
}

/** Whether a reply to this request may go straight to its client. */
// @ts-ignore: decorator
@inline
export function requestIsFirst(r: usize): bool {
  const client = <usize>load<u32>(r, REQUEST_CLIENT)
  return client != 0 && <usize>load<u32>(client, abi.CHANNEL_FIRST) == r
}

/** Keeps a reply in the record until its turn comes. */
export function requestKeep(r: usize, at: usize, bytes: u32): void {
  if (bytes <= INLINE_MAX) {
    store<u8>(r, <u8>bytes, REQUEST_INLINE)
    memory.copy(r + INLINE_AT, at, bytes)
  } else {
    queueAppend(r + REQUEST_QUEUE, at, bytes)
  }
}

/**
 * The request's reply is whole, in its record or, where it was the first, in its client's queue. Sends on whatever may
 * go now, and frees it.
 */
export function requestDone(r: usize): void {
  store<u32>(r, 1, REQUEST_DONE)
  const client = <usize>load<u32>(r, REQUEST_CLIENT)
  // a reply that is not whole must never let the next one take its place
  if (queueLost() && client) channelAbort(client)
  if (!client) return requestFree(r)
  if (<usize>load<u32>(client, abi.CHANNEL_FIRST) != r) return
  const queue = client + abi.CHANNEL_QUEUE
  let first = r
  let pending = load<u32>(client, abi.CHANNEL_PENDING)
  while (first && load<u32>(first, REQUEST_DONE)) {
    const inline: u32 = load<u8>(first, REQUEST_INLINE)
    if (inline) queueAppend(queue, first + INLINE_AT, inline)
    else if (queueBytes(first + REQUEST_QUEUE)) queueMove(queue, first + REQUEST_QUEUE)
    const next = <usize>load<u32>(first, REQUEST_NEXT)
    requestFree(first)
    first = next
    pending--
  }
  store<u32>(client, <u32>first, abi.CHANNEL_FIRST)
  if (!first) store<u32>(client, 0, abi.CHANNEL_LAST)
  store<u32>(client, pending, abi.CHANNEL_PENDING)
  if (queueBytes(queue) > load<u32>(endpoint(client), abi.ENDPOINT_HIGH)) setFlags(client, FLAG_BLOCKED_OUT)
  if (!pending && flags(client) & FLAG_LAST) channelEnd(client, !(flags(client) & FLAG_EOF))
  dirty(client)
  if (queueLost()) channelAbort(client)
}

/** The client is gone: what is answered is freed, what a server still works on is left to be swallowed. */
export function requestsAbandon(client: usize): void {
  let r = <usize>load<u32>(client, abi.CHANNEL_FIRST)
  while (r) {
    const next = <usize>load<u32>(r, REQUEST_NEXT)
    if (load<u32>(r, REQUEST_DONE)) requestFree(r)
    else store<u32>(r, 0, REQUEST_CLIENT)
    r = next
  }
  store<u32>(client, 0, abi.CHANNEL_FIRST)
  store<u32>(client, 0, abi.CHANNEL_LAST)
  store<u32>(client, 0, abi.CHANNEL_PENDING)
}
