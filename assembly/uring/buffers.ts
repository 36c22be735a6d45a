// Receive buffers: who has them, and giving them to the kernel through the provided-buffer ring.
//
// A plain buffer is used up by one receive. In an incremental one receives continue, each behind the last, until the
// kernel lets go of it. Either way several slices of it may be out at once, kept for the host; when the kernel has let
// go and the last slice is given back, the buffer is provided again.
//
//   record | used u32 | slices out u16 | state u8 | pad | place in the ring u32 | pad |

import * as abi from '../abi'
import { bufferBytes, bufferCount, bufferRecords, buffers, control } from '../memory/arena'
import { releaseShort } from './order'
import { hostAddress } from './submission'

const R_USED: usize = 0
const R_SLICES: usize = 4
const R_STATE: usize = 6
const R_PLACE: usize = 8
const RECORD_SHIFT: usize = 4

const STATE_LET_GO: u8 = 1 // the kernel has
const STATE_HELD: u8 = 2 // a slice is in the host's list

let ring: usize = 0
let ringTail: u32 = 0
let out: u32 = 0
/** Whether receives continue in a buffer. */
export let buffersContinue = false

let bundlesWanted = false
let canBundle = false
/** The ioprio of a receive into provided buffers. */
export let receiveHow: u16 = <u16>abi.RECV_MULTISHOT

export function buffersCreate(): void {
  bundlesWanted = canBundle = false
}

/** Whether one receive may fill several buffers, with one completion for all of them, where the kernel can. */
export function receiveSetBundles(on: u32): void {
  bundlesWanted = on != 0
  receiveHow = <u16>(bundlesWanted && canBundle ? abi.RECV_MULTISHOT | abi.RECV_BUNDLE : abi.RECV_MULTISHOT)
}

/** Provides every buffer. */
export function buffersAttach(): void {
  ring = load<u32>(control, abi.CONTROL_BUFFER_RING)
  buffersContinue = load<u32>(control, abi.CONTROL_BUFFER_MODE) == abi.BUFFERS_INCREMENTAL
  canBundle = (load<u32>(control, abi.CONTROL_FEATURES) & abi.FEATURE_BUNDLE) != 0
  receiveSetBundles(bundlesWanted ? 1 : 0)
  ringTail = 0
  out = bufferCount
  for (let id: u32 = 0; id < bufferCount; id++) provide(id)
  publishBuffers()
}

// @ts-ignore: decorator
@inline
function recordOf(id: u32): usize {
  assert(id < bufferCount)
  return bufferRecords + (<usize>id << RECORD_SHIFT)
}

/** Buffers that the kernel has not let go of, as far as it has told. */
// @ts-ignore: decorator
@inline
export function buffersLeft(): u32 {
  return bufferCount - out
}

/** Bytes that the next receive can bring in buffer `id`. */
// @ts-ignore: decorator
@inline
export function bufferRest(id: u32): u32 {
  return bufferBytes - load<u32>(recordOf(id), R_USED)
}

/** The buffer that the kernel takes after `id`, whose place in the ring has not been used again. */
export function bufferAfter(id: u32): u32 {
  const place = load<u32>(recordOf(id), R_PLACE) + 1
  return load<u16>(ring + (<usize>(place & (bufferCount - 1)) << 4), abi.BUF_ID)
}

/** The kernel has put `length` bytes into buffer `id`, and keeps it or not. Returns where they lie until bufferDone. */
export function bufferTake(id: u32, length: u32, kept: bool): usize {
  const record = recordOf(id)
  const used = load<u32>(record, R_USED)
  assert(used + length <= bufferBytes)
  store<u32>(record, used + length, R_USED)
  store<u16>(record, load<u16>(record, R_SLICES) + 1, R_SLICES)
  if (!kept) {
    store<u8>(record, load<u8>(record, R_STATE) | STATE_LET_GO, R_STATE)
    out++
  }
  return buffers + <usize>id * bufferBytes + used
}

/** Keeps a buffer for the host until bufferDone is called once more; false where it is kept already. */
export function bufferHold(id: u32): bool {
  const record = recordOf(id)
  if (load<u8>(record, R_STATE) & STATE_HELD) return false
  store<u8>(record, load<u8>(record, R_STATE) | STATE_HELD, R_STATE)
  store<u16>(record, load<u16>(record, R_SLICES) + 1, R_SLICES)
  return true
}

/** The host has read what it held of a buffer. */
export function bufferUnhold(id: u32): void {
  const record = recordOf(id)
  store<u8>(record, load<u8>(record, R_STATE) & ~STATE_HELD, R_STATE)
  bufferDone(id)
}

/** A slice is given back. */
// @ts-ignore: decorator
@inline
export function bufferDone(id: u32): void {
  const record = recordOf(id)
  const slices = load<u16>(record, R_SLICES) - 1
  store<u16>(record, slices, R_SLICES)
  if (!slices && load<u8>(record, R_STATE) & STATE_LET_GO) provide(id)
}

/** Gives a buffer to the kernel; visible after publishBuffers. */
function provide(id: u32): void {
  assert(out > 0)
  out--
  const record = recordOf(id)
  store<u64>(record, 0)
  store<u32>(record, ringTail, R_PLACE)
  const entry = ring + (<usize>(ringTail++ & (bufferCount - 1)) << 4)
  store<u64>(entry, hostAddress(buffers + <usize>id * bufferBytes), abi.BUF_ADDR)
  store<u32>(entry, bufferBytes, abi.BUF_LEN)
  store<u16>(entry, <u16>id, abi.BUF_ID)
}

/** The ring's tail is stored last, after the entries. */
export function publishBuffers(): void {
  releaseShort(ring + abi.BUF_RING_TAIL, <u16>ringTail)
}
