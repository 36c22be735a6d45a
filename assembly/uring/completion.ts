// Reading CQEs, and giving receive buffers to the kernel through the provided-buffer ring.

import * as abi from '../abi'
import { bufferBytes, bufferCount, buffers, control } from '../memory/arena'
import { acquire, release, releaseShort } from './order'
import { hostAddress } from './submission'

let cqHead: usize = 0
let cqTail: usize = 0
let cqes: usize = 0
let mask: u32 = 0
let head: u32 = 0
let ring: usize = 0
let ringTail: u32 = 0

/** Reads where the kernel has put its completion ring, and provides every receive buffer. */
export function completionAttach(): void {
  cqHead = load<u32>(control, abi.CONTROL_CQ_HEAD)
  cqTail = load<u32>(control, abi.CONTROL_CQ_TAIL)
  cqes = load<u32>(control, abi.CONTROL_CQES)
  mask = load<u32>(control, abi.CONTROL_CQ_ENTRIES) - 1
  ring = load<u32>(control, abi.CONTROL_BUFFER_RING)
  head = load<u32>(cqHead)
  ringTail = 0
  for (let id: u32 = 0; id < bufferCount; id++) provide(id)
  publishBuffers()
}

/** Completions that wait. */
// @ts-ignore: decorator
@inline
export function cqReady(): u32 {
  return acquire(cqTail) - head
}

/** Takes the oldest completion, which stays readable until cqPublish. */
// @ts-ignore: decorator
@inline
export function cqTake(): usize {
  return cqes + (<usize>(head++ & mask) << 4)
}

/** Tells the kernel what has been taken. */
// @ts-ignore: decorator
@inline
export function cqPublish(): void {
  release(cqHead, head)
}

/** Where receive buffer `id` lies. */
// @ts-ignore: decorator
@inline
export function bufferAt(id: u32): usize {
  return buffers + <usize>id * bufferBytes
}

/** Gives receive buffer `id` back to the kernel; visible after publishBuffers. */
export function provide(id: u32): void {
  assert(id < bufferCount)
  const entry = ring + (<usize>(ringTail++ & (bufferCount - 1)) << 4)
  store<u64>(entry, hostAddress(bufferAt(id)), abi.BUF_ADDR)
  store<u32>(entry, bufferBytes, abi.BUF_LEN)
  store<u16>(entry, <u16>id, abi.BUF_ID)
}

/** The ring's tail is stored last, after the entries. */
export function publishBuffers(): void {
  releaseShort(ring + abi.BUF_RING_TAIL, <u16>ringTail)
}
