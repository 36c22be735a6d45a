// A pipeline of short commands, decoded ahead of being executed: up to sixteen argument tables side by side. Whoever
// executes them can look at all their keys first, so that the cache misses of one command overlap those of the others.

import { alloc } from '../memory/heap'
import { respArgc, respArgv, respDecode, respUse } from './resp'

const BATCH_MAX: u32 = 16
/** Arguments of a command that may be in a batch; longer ones are decoded one by one. */
const ARGUMENTS_MAX: u32 = 8 // × BATCH_MAX is well within the first argument table
const STAR: u32 = 42

// per command: argument table, argument count, where it ends, and what batchMark keeps
const R_ARGV: usize = 0
const R_ARGC: usize = 4
const R_END: usize = 8
const R_MARK: usize = 12
const R_BITS: usize = 4

let records: usize = 0
let table: usize = 0

/** Takes the records from the heap; false when memory is exhausted. Called after respCreate. */
export function batchCreate(): bool {
  records = alloc(<usize>BATCH_MAX << R_BITS)
  return records != 0
}

/** Decodes whole short commands in `[at, end)` and returns how many. Where there are any, batchEnd must follow. */
export function batchBegin(at: usize, end: usize): u32 {
  table = respArgv
  let n: u32 = 0
  let used: usize = 0
  while (n < BATCH_MAX && at + 4 <= end && isShort(at)) {
    respUse(table + (used << 3), 0)
    const taken = respDecode(at, end)
    if (taken <= 0) break // not whole, or wrong: that is for whoever decodes one by one
    at += taken
    const record = records + (<usize>(n++) << R_BITS)
    store<u32>(record, <u32>respArgv, R_ARGV)
    store<u32>(record, respArgc, R_ARGC)
    store<u32>(record, <u32>at, R_END)
    used += respArgc
  }
  if (!n) batchEnd()
  return n
}

/** Makes the arguments of command `i` the argument table; returns where the command ends. */
// @ts-ignore: decorator
@inline
export function batchUse(i: u32): usize {
  const record = records + (<usize>i << R_BITS)
  respUse(load<u32>(record, R_ARGV), load<u32>(record, R_ARGC))
  return load<u32>(record, R_END)
}

/** Puts the argument table back. */
export function batchEnd(): void {
  respUse(table, 0)
}

/** Something to remember about command `i`. */
// @ts-ignore: decorator
@inline
export function batchMark(i: u32, mark: usize): void {
  store<u32>(records + (<usize>i << R_BITS), <u32>mark, R_MARK)
}

// @ts-ignore: decorator
@inline
export function batchMarked(i: u32): usize {
  return <usize>load<u32>(records + (<usize>i << R_BITS), R_MARK)
}

/** `*1` to `*8`: what nearly every command begins with. */
// @ts-ignore: decorator
@inline
function isShort(at: usize): bool {
  return load<u8>(at) == STAR && load<u16>(at, 2) == 0x0a0d && <u32>load<u8>(at, 1) - 49 < ARGUMENTS_MAX
}
