// The table of commands: name → arity, flags, handler. Open addressing over the name as two lower-cased words, so that
// finding a command costs two loads and a multiplication.
//
//   slot | name u64 | name u64 | arity i32 | flags u32 | handler u32 | pad |

import { alloc } from '../../memory/heap'
import { replyErrorWith, replyQuoted, replyRaw } from '../../codec/reply'
import { respArg, respArgc, respArgLength } from '../../codec/resp'
import { foldWord } from './bytes'

const SLOT_BITS: u32 = 8
const SLOT_BYTES: u32 = 32
const C_LOW: usize = 0
const C_HIGH: usize = 8
const C_ARITY: usize = 16
const C_FLAGS: usize = 20
const C_HANDLER: usize = 24
const NAME_MAX: u32 = 16
const QUOTED_MAX: u32 = 128 // bytes of a name, and of all arguments, that an error repeats

/** May run before authentication. */
export const COMMAND_NO_AUTH: u32 = 1

// What a handler returns.
export const KV_DONE: i32 = 0 // the reply has been appended
export const KV_CLOSE: i32 = 1 // so it has, and it is the last one
export const KV_CLOSE_SILENT: i32 = 2 // nothing was appended, and nothing is to be
export const KV_UPCALL: i32 = 3 // nothing was appended: the host answers

let table: usize = 0

/** Puts an empty table into the heap; false when memory is exhausted. */
export function commandCreate(): bool {
  if (table) return true
  table = alloc(SLOT_BYTES << SLOT_BITS)
  if (!table) return false
  memory.fill(table, 0, SLOT_BYTES << SLOT_BITS)
  return true
}

/** Forgets the table of an earlier heap of this instance. */
export function commandReset(): void {
  table = 0
}

// @ts-ignore: decorator
@inline
function slotOf(low: u64, high: u64): u32 {
  return <u32>(((low ^ (high * 0x9e3779b97f4a7c15)) * 0xd6e8feb86659fd93) >> (64 - SLOT_BITS))
}

/** Adds a command; arity as Redis counts it: the name included, negative for "at least". */
export function command(name: string, arity: i32, flags: u32, handler: i32): void {
  let low: u64 = 0
  let high: u64 = 0
  assert(<u32>name.length <= NAME_MAX)
  for (let i = 0; i < name.length; i++) {
    const c = <u64>load<u16>(changetype<usize>(name) + (<usize>i << 1))
    if (i < 8) low |= c << (<u64>i << 3)
    else high |= c << (<u64>(i - 8) << 3)
  }
  let slot = slotOf(low, high)
  while (load<u64>(table + slot * SLOT_BYTES)) slot = (slot + 1) & ((1 << SLOT_BITS) - 1)
  const at = table + slot * SLOT_BYTES
  store<u64>(at, low, C_LOW)
  store<u64>(at, high, C_HIGH)
  store<i32>(at, arity, C_ARITY)
  store<u32>(at, flags, C_FLAGS)
  store<u32>(at, handler, C_HANDLER)
}

/** The command of that name in any case, or 0. */
// @ts-ignore: decorator
@inline
export function commandFind(name: usize, length: u32): usize {
  if (length - 1 >= NAME_MAX) return 0
  const low = foldWord(name, length)
  const high = length > 8 ? foldWord(name + 8, length - 8) : 0
  let slot = slotOf(low, high)
  while (true) {
    const at = table + slot * SLOT_BYTES
    if (load<u64>(at, C_LOW) == low && load<u64>(at, C_HIGH) == high) return at
    if (!load<u64>(at, C_LOW)) return 0
    slot = (slot + 1) & ((1 << SLOT_BITS) - 1)
  }
}

/** Whether the command takes the number of arguments it has been given. */
// @ts-ignore: decorator
@inline
export function commandTakes(at: usize, count: i32): bool {
  const arity = load<i32>(at, C_ARITY)
  return arity > 0 ? count == arity : count + arity >= 0
}

// @ts-ignore: decorator
@inline
export function commandFlags(at: usize): u32 {
  return load<u32>(at, C_FLAGS)
}

// @ts-ignore: decorator
@inline
export function commandRun(at: usize, db: usize, session: usize, out: usize): i32 {
  return call_indirect<i32>(load<u32>(at, C_HANDLER), db, session, out)
}

/** The error for a command that does not take this many arguments. */
export function replyArity(out: usize, at: usize): void {
  const high = load<u64>(at, C_HIGH)
  const length = high ? 16 - <u32>(clz<u64>(high) >> 3) : 8 - <u32>(clz<u64>(load<u64>(at, C_LOW)) >> 3)
  replyErrorWith(out, "ERR wrong number of arguments for '", at + C_LOW, length, "' command")
}

/** The error for a command that there is not. */
export function replyUnknown(out: usize): void {
  replyRaw(out, "-ERR unknown command '")
  replyQuoted(out, respArg(0), min(respArgLength(0), QUOTED_MAX))
  replyRaw(out, "', with args beginning with: ")
  let left = QUOTED_MAX
  for (let i: u32 = 1; i < respArgc && left; i++) {
    const length = min(left, quotable(respArg(i), respArgLength(i)))
    replyRaw(out, "'")
    replyQuoted(out, respArg(i), length)
    replyRaw(out, "' ")
    left -= min(left, length + 3)
  }
  replyRaw(out, '\r\n')
}

function quotable(at: usize, length: u32): u32 {
  for (let i: u32 = 0; i < length; i++) if (!load<u8>(at + i)) return i
  return length
}
