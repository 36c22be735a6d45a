// The arena of a loop: where everything lives in its part of the linear memory.
//
//   control · calls │ SQ and CQ │ SQEs │ buffer ring │ receive buffers │ channels │ upcalls │ iovecs │ slabs │ heap
//
// What the kernel maps or reads is page-aligned. Only what is used costs memory: pages are touched lazily.

import * as abi from '../abi'
import { heapCreate } from './heap'
import { skbReset } from './skb'
import { SLAB_RECORD_BYTES, slabCreate } from './slab'

const PAGE: usize = 4096

export const CALL_ENTRIES: u32 = 8192
export const UPCALL_ENTRIES: u32 = 32768
export const IOVEC_ENTRIES: u32 = 8192

export let control: usize = 0
export let calls: usize = 0
export let buffers: usize = 0
export let bufferRecords: usize = 0 // 16 bytes a buffer, of uring/buffers.ts
export let bufferCount: u32 = 0
export let bufferBytes: u32 = 0
export let channels: usize = 0
export let channelCount: u32 = 0
export let upcalls: usize = 0
export let iovecs: usize = 0

let at: usize = 0

function take(bytes: usize): usize {
  const from = at
  at = (at + bytes + PAGE - 1) & ~(PAGE - 1)
  return from
}

/**
 * Lays out a loop in `[base, end)` and returns the control block's offset, for the shim's `setup`. Counts are powers of
 * two; `slabBytes` is the part kept for skbs and other small objects, the rest is the heap. 0 where it does not fit.
 */
export function arenaCreate(
  base: usize,
  end: usize,
  channelSlots: u32,
  receiveBuffers: u32,
  receiveBytes: u32,
  sqEntries: u32,
  cqEntries: u32,
  slabBytes: u32,
): usize {
  at = (base + PAGE - 1) & ~(PAGE - 1)
  control = take(abi.CONTROL_BYTES)
  calls = take(CALL_ENTRIES * abi.CALL_BYTES)
  const ringBytes = abi.RINGS_BYTES_FIXED + cqEntries * abi.CQE_BYTES
  const rings = take(ringBytes)
  const sqes = take(sqEntries * abi.SQE_BYTES)
  const bufferRing = take(receiveBuffers * abi.BUF_BYTES)
  bufferCount = receiveBuffers
  bufferBytes = receiveBytes
  buffers = take(<usize>receiveBuffers * receiveBytes)
  bufferRecords = take(<usize>receiveBuffers << 4)
  channelCount = channelSlots
  channels = take(<usize>channelSlots * abi.CHANNEL_BYTES)
  upcalls = take(UPCALL_ENTRIES * abi.UPCALL_BYTES)
  iovecs = take(IOVEC_ENTRIES * 16)
  const slabRecord = take(SLAB_RECORD_BYTES)
  const slabs = take(slabBytes)
  if (at + (1 << 20) > end || at < base) return 0
  slabCreate(slabRecord, slabs, slabs + slabBytes)
  heapCreate(at, end)
  skbReset()

  memory.fill(control, 0, abi.CONTROL_BYTES)
  store<u32>(control, abi.ABI_VERSION, abi.CONTROL_ABI)
  store<u32>(control, <u32>rings, abi.CONTROL_RINGS)
  store<u32>(control, <u32>ringBytes, abi.CONTROL_RINGS_BYTES)
  store<u32>(control, <u32>sqes, abi.CONTROL_SQES)
  store<u32>(control, sqEntries, abi.CONTROL_SQ_ENTRIES)
  store<u32>(control, cqEntries, abi.CONTROL_CQ_ENTRIES)
  store<u32>(control, <u32>bufferRing, abi.CONTROL_BUFFER_RING)
  store<u32>(control, receiveBuffers, abi.CONTROL_BUFFER_ENTRIES)
  store<u32>(control, <u32>calls, abi.CONTROL_CALLS)
  store<u32>(control, CALL_ENTRIES, abi.CONTROL_CALL_ENTRIES)
  store<u64>(control, (<u64>memory.size()) << 16, abi.CONTROL_MEMORY_BYTES)
  store<i64>(control, -1, abi.CONTROL_WAIT_NS)
  return control
}
