// What only the debug build does (`--use MILLRACE_DEBUG=1`): freed memory is poisoned, and looked at when it is handed
// out again. In every other build DEBUG is a constant 0, and the compiler drops what hangs on it.
//
//   freed object | list's own u32 | db db db … | key u32 |      the key is made of the address: a second free finds it

// @ts-ignore: decorator
@inline
export const DEBUG: bool = isDefined(MILLRACE_DEBUG)

export const POISON: u32 = 0xdbdbdbdb
const POISON_BYTE: u8 = 0xdb
const KEY: u32 = 0x5eed0bad

/** What is broken where the debug build has trapped: its address, and its class; BROKEN_POOL: a piece of a pool. */
export let brokenAt: usize = 0
export let brokenClass: i32 = -1

export const BROKEN_POOL: i32 = 255

/** Traps, and leaves word of where. */
export function broken(at: usize, cls: i32): void {
  brokenAt = at
  brokenClass = cls
  unreachable()
}

/** Bytes that nobody owns, without a key. */
export function poisonFill(at: usize, bytes: usize): void {
  memory.fill(at, POISON_BYTE, bytes)
}

/** An object is freed: a second time is a mistake, and so is writing to it from now on. */
export function poisonFree(at: usize, bytes: u32, cls: u32): void {
  if (load<u32>(at + bytes - 4) == (KEY ^ <u32>at)) broken(at, cls)
  poisonFill(at + 4, bytes - 8)
  store<u32>(at + bytes - 4, KEY ^ <u32>at)
}

/** A freed object is handed out again: it must be as poisonFree has left it. */
export function poisonAlloc(at: usize, bytes: u32, cls: u32): void {
  if (load<u32>(at + bytes - 4) != (KEY ^ <u32>at)) broken(at, cls)
  for (let i: usize = 4; i < bytes - 4; i += 4) {
    if (load<u32>(at + i) != POISON) broken(at, cls)
  }
  store<u32>(at + bytes - 4, POISON)
}

/** A pool's piece is handed out: it is as it was freed, or was never touched, but for the words of the free list. */
export function poisonPool(at: usize, bytes: u32, whole: bool): void {
  const end = at + bytes - (whole ? 4 : 0)
  for (let p = at + 8; p < end; p += 4) {
    if (load<u32>(p) != POISON && load<u32>(p)) broken(at, BROKEN_POOL)
  }
  store<u64>(at, <u64>POISON << 32 | POISON)
  if (whole) store<u32>(end, POISON)
}
