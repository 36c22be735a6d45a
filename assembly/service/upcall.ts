// What the host is told after a turn: a list of records, read in order. Bytes that a record points to stay where they
// are until the host has read the list: receive buffers and skbs are held back until upcallsDone.

import * as abi from '../abi'
import { endpoint, slotOf } from '../channel/table'
import { recordsCreate, recordsDone } from '../codec/records'
import { bufferCount, UPCALL_ENTRIES, upcalls } from '../memory/arena'
import { alloc } from '../memory/heap'
import { SKB_NEXT, skbFree } from '../memory/skb'
import { bufferHold, bufferUnhold, publishBuffers } from '../uring/buffers'

/** Records of frames in one turn. */
const RECORD_ENTRIES: u32 = 32768

let count: u32 = 0
let heldBuffers: usize = 0 // u16 ids
let heldCount: u32 = 0
let heldSkbs: usize = 0

export function upcallCreate(): bool {
  count = heldCount = 0
  heldSkbs = 0
  heldBuffers = alloc(bufferCount << 1)
  return heldBuffers != 0 && recordsCreate(RECORD_ENTRIES)
}

/** Records that wait for the host. */
// @ts-ignore: decorator
@inline
export function upcallCount(): u32 {
  return count
}

// A few records are kept for what must not wait: closes, ends, servers going down.
const RESERVED: u32 = 20480 // the results of a whole call list, every server going down, and some

/** Whether another frame may be reported in this turn. */
// @ts-ignore: decorator
@inline
export function upcallRoom(): bool {
  return count + RESERVED < UPCALL_ENTRIES
}

/** Whether completions may still be handled in this turn: each can report a few things besides frames. */
// @ts-ignore: decorator
@inline
export function upcallSlack(): bool {
  return count + (RESERVED >> 1) < UPCALL_ENTRIES
}

/** Reports something of a channel. */
export function upcall(kind: u32, ch: usize, at: usize, length: u32, extra: u64): void {
  const id = load<u32>(endpoint(ch), abi.ENDPOINT_ID)
  put(kind, slotOf(ch), load<u32>(ch, abi.CHANNEL_GENERATION), id, at, length, extra)
}

/** Reports something of an endpoint. */
export function upcallEndpoint(kind: u32, ep: usize, at: usize, length: u32, extra: u64): void {
  put(kind, 0, 0, load<u32>(ep, abi.ENDPOINT_ID), at, length, extra)
}

/** Reports that a file operation of the host is complete. */
export function upcallFile(id: u32, result: i32): void {
  put(abi.UP_FILE, 0, 0, 0, id, <u32>result, 0)
}

function put(kind: u32, slot: u32, generation: u32, id: u32, at: usize, length: u32, extra: u64): void {
  assert(count < UPCALL_ENTRIES)
  const u = upcalls + <usize>(count++) * abi.UPCALL_BYTES
  store<u32>(u, kind, abi.UPCALL_KIND)
  store<u32>(u, slot, abi.UPCALL_SLOT)
  store<u32>(u, generation, abi.UPCALL_GENERATION)
  store<u32>(u, id, abi.UPCALL_ENDPOINT)
  store<u32>(u, <u32>at, abi.UPCALL_AT)
  store<u32>(u, length, abi.UPCALL_LENGTH)
  store<u64>(u, extra, abi.UPCALL_EXTRA)
}

/** Keeps receive buffer `id` from the kernel until the host is done. */
export function holdBuffer(id: u32): void {
  if (bufferHold(id)) store<u16>(heldBuffers + (heldCount++ << 1), <u16>id)
}

/** Frees `skb` when the host is done. */
export function holdSkb(skb: usize): void {
  store<u32>(skb, <u32>heldSkbs, SKB_NEXT)
  heldSkbs = skb
}

/** The host has read the list. */
export function upcallsDone(): void {
  count = 0
  recordsDone()
  if (heldCount) {
    for (let i: u32 = 0; i < heldCount; i++) bufferUnhold(load<u16>(heldBuffers + (i << 1)))
    heldCount = 0
    publishBuffers()
  }
  while (heldSkbs) {
    const skb = heldSkbs
    heldSkbs = load<u32>(skb, SKB_NEXT)
    skbFree(skb)
  }
}
