// Writing SQEs and immediate calls. Nothing here enters the kernel: the next `enter` takes what was published.

import * as abi from '../abi'
import { CALL_ENTRIES, calls, control } from '../memory/arena'
import { acquire, release } from './order'

let sqHead: usize = 0
let sqTail: usize = 0
let sqes: usize = 0
let mask: u32 = 0
let tail: u32 = 0
let base: u64 = 0
let callCount: u32 = 0
let urgent = false

/** Reads where the kernel has put its submission ring. Called after the shim's setup. */
export function submissionAttach(): void {
  sqHead = load<u32>(control, abi.CONTROL_SQ_HEAD)
  sqTail = load<u32>(control, abi.CONTROL_SQ_TAIL)
  sqes = load<u32>(control, abi.CONTROL_SQES)
  mask = load<u32>(control, abi.CONTROL_SQ_ENTRIES) - 1
  base = load<u64>(control, abi.CONTROL_BASE)
  tail = load<u32>(sqTail)
  callCount = 0
}

/** The host address of an offset in the linear memory. */
// @ts-ignore: decorator
@inline
export function hostAddress(at: usize): u64 {
  return base + <u64>at
}

/** SQEs that can still be written before the next `enter`. */
// @ts-ignore: decorator
@inline
export function sqRoom(): u32 {
  return mask + 1 - (tail - acquire(sqHead))
}

/** Whether the kernel has taken every SQE. */
// @ts-ignore: decorator
@inline
export function sqIdle(): bool {
  return tail == acquire(sqHead)
}

// @ts-ignore: decorator
@inline
export function userData(kind: u64, generation: u32, slot: u32): u64 {
  return (kind << abi.UD_KIND_SHIFT) | (<u64>generation << abi.UD_GENERATION_SHIFT) | <u64>slot
}

/** The next SQE, all other fields zero. The caller has asked sqRoom. */
export function sqe(op: u32, fd: i32, data: u64): usize {
  const at = sqes + (<usize>(tail & mask) << 6)
  tail++
  memory.fill(at, 0, abi.SQE_BYTES)
  store<u8>(at, <u8>op, abi.SQE_OPCODE)
  store<i32>(at, fd, abi.SQE_FD)
  store<u64>(at, data, abi.SQE_USER_DATA)
  return at
}

/** Makes the SQEs written so far visible to the kernel. */
export function submissionPublish(): void {
  release(sqTail, tail)
  store<u32>(control, callCount, abi.CONTROL_CALL_COUNT)
}

/** Calls that can still be queued before the next `enter`. */
// @ts-ignore: decorator
@inline
export function callRoom(): u32 {
  return CALL_ENTRIES - callCount
}

/** The next immediate call; 0 when the list is full. `tag` comes back with the result. */
export function call(op: u32, fd: i32, a: u32, b: u32, c: i64, tag: u32): usize {
  if (callCount == CALL_ENTRIES) return 0
  const at = calls + <usize>(callCount++) * abi.CALL_BYTES
  store<u32>(at, op, abi.CALL_OP)
  store<i32>(at, fd, abi.CALL_FD)
  store<u32>(at, a, abi.CALL_A)
  store<u32>(at, b, abi.CALL_B)
  store<i64>(at, c, abi.CALL_C)
  store<u32>(at, tag, abi.CALL_TAG)
  return at
}

/** A result of this turn's calls is needed at once: the next `enter` must not block. */
// @ts-ignore: decorator
@inline
export function hurry(): void {
  urgent = true
}

/** Whether anyone has been in a hurry in this turn. */
// @ts-ignore: decorator
@inline
export function hurried(): bool {
  return urgent
}

/** Begins a turn: the calls of the last `enter` whose results wait; the list is empty afterwards. */
export function callsDone(): u32 {
  urgent = false
  const done = load<u32>(control, abi.CONTROL_CALLS_DONE)
  if (done) {
    store<u32>(control, 0, abi.CONTROL_CALLS_DONE)
    callCount = 0
  }
  return done
}
