// Reading CQEs.

import * as abi from '../abi'
import { control } from '../memory/arena'
import { acquire, release } from './order'

let cqHead: usize = 0
let cqTail: usize = 0
let cqes: usize = 0
let mask: u32 = 0
let head: u32 = 0

/** Reads where the kernel has put its completion ring. */
export function completionAttach(): void {
  cqHead = load<u32>(control, abi.CONTROL_CQ_HEAD)
  cqTail = load<u32>(control, abi.CONTROL_CQ_TAIL)
  cqes = load<u32>(control, abi.CONTROL_CQES)
  mask = load<u32>(control, abi.CONTROL_CQ_ENTRIES) - 1
  head = load<u32>(cqHead)
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
