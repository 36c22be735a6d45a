// What the HTTP decoder remembers of a stream between calls, in its 20 bytes.
//
//   left u56 · phase u8 · budget u56 · step u8 · expected u16 · line u16
//
// `left`: bytes of the body or chunk still to come. While a head or trailers are read, its bytes hold how far the block
// was looked at (u32) and how many fields it had (u16). `budget`: bytes that the chunks to come may have in all; of a
// head: where the line being read begins, or its target (u32), and how many empty lines came before it (u8). `step`:
// where in a line the reading stands, LINE_* or CHUNK_*. `expected`: a bit per request whose response has not come, the
// oldest lowest, under a bit that is always set: 1 for HEAD. `line`: bytes of the chunk-size line.

export const PHASE_HEAD: u32 = 0
export const PHASE_FIXED: u32 = 1 // a body of `left` bytes
export const PHASE_CHUNK: u32 = 2 // a chunk-size line, or the line end behind a chunk
export const PHASE_CHUNK_DATA: u32 = 3
export const PHASE_TRAILERS: u32 = 4
export const PHASE_UNTIL_END: u32 = 5 // a body that the end of the stream ends
export const PHASE_OTHER: u32 = 6 // no HTTP any more

const LEFT: usize = 0
const SCANNED: usize = 0
const FIELDS: usize = 4
const PHASE: usize = 7
const BUDGET: usize = 8
const LINE_START: usize = 8
const EMPTY_LINES: usize = 12
const STEP: usize = 15
const EXPECTED: usize = 16
const CHUNK_LINE: usize = 18

const LOW_56: u64 = 0x00ff_ffff_ffff_ffff
const STEP_MASK: u8 = 0x3f
/** In the step's byte: the newest request of `expected` is a CONNECT. */
const CONNECT: u8 = 0x80

// @ts-ignore: decorator
@inline
export function phase(state: usize): u32 {
  return load<u8>(state, PHASE)
}

/** Enters a phase with `left` bytes. */
// @ts-ignore: decorator
@inline
export function enter(state: usize, next: u32, left: u64): void {
  store<u64>(state, left | (<u64>next << 56), LEFT)
}

// @ts-ignore: decorator
@inline
export function left(state: usize): u64 {
  return load<u64>(state, LEFT) & LOW_56
}

// @ts-ignore: decorator
@inline
export function budget(state: usize): u64 {
  return load<u64>(state, BUDGET) & LOW_56
}

// @ts-ignore: decorator
@inline
export function setBudget(state: usize, bytes: u64): void {
  store<u64>(state, (load<u64>(state, BUDGET) & ~LOW_56) | bytes, BUDGET)
}

// @ts-ignore: decorator
@inline
export function step(state: usize): u32 {
  return load<u8>(state, STEP) & STEP_MASK
}

// @ts-ignore: decorator
@inline
export function setStep(state: usize, to: u32): void {
  store<u8>(state, (load<u8>(state, STEP) & ~STEP_MASK) | <u8>to, STEP)
}

// @ts-ignore: decorator
@inline
export function scanned(state: usize): u32 {
  return load<u32>(state, SCANNED)
}

// @ts-ignore: decorator
@inline
export function setScanned(state: usize, bytes: u32): void {
  store<u32>(state, bytes, SCANNED)
}

// @ts-ignore: decorator
@inline
export function fields(state: usize): u32 {
  return load<u16>(state, FIELDS)
}

// @ts-ignore: decorator
@inline
export function setFields(state: usize, count: u32): void {
  store<u16>(state, <u16>count, FIELDS)
}

// @ts-ignore: decorator
@inline
export function lineStart(state: usize): u32 {
  return load<u32>(state, LINE_START)
}

// @ts-ignore: decorator
@inline
export function setLineStart(state: usize, at: u32): void {
  store<u32>(state, at, LINE_START)
}

// @ts-ignore: decorator
@inline
export function emptyLines(state: usize): u32 {
  return load<u8>(state, EMPTY_LINES)
}

// @ts-ignore: decorator
@inline
export function setEmptyLines(state: usize, count: u32): void {
  store<u8>(state, <u8>count, EMPTY_LINES)
}

// @ts-ignore: decorator
@inline
export function chunkLine(state: usize): u32 {
  return load<u16>(state, CHUNK_LINE)
}

// @ts-ignore: decorator
@inline
export function setChunkLine(state: usize, bytes: u32): void {
  store<u16>(state, <u16>bytes, CHUNK_LINE)
}

/** A message is over: the next head begins, with step `first`. */
// @ts-ignore: decorator
@inline
export function restart(state: usize): void {
  store<u64>(state, 0, LEFT)
  setBudget(state, 0)
  setStep(state, 0)
}

/** Another request was sent; false: too many wait, or the last was a CONNECT, which nothing follows. */
export function expectPush(state: usize, head: bool, connect: bool): bool {
  const before = max<u32>(load<u16>(state, EXPECTED), 1)
  if (before >= 0x8000 || load<u8>(state, STEP) & CONNECT) return false
  const count = 31 - clz(before)
  store<u16>(state, <u16>((before ^ (1 << count)) | ((<u32>head) << count) | (2 << count)), EXPECTED)
  if (connect) store<u8>(state, load<u8>(state, STEP) | CONNECT, STEP)
  return true
}

export const EXPECTED_PLAIN: u32 = 0
export const EXPECTED_HEAD: u32 = 1
export const EXPECTED_CONNECT: u32 = 2

/** What the response at hand answers; EXPECTED_PLAIN where nobody has said. */
export function expectPop(state: usize): u32 {
  const before = <u32>load<u16>(state, EXPECTED)
  if (before <= 1) return EXPECTED_PLAIN
  store<u16>(state, <u16>(before >> 1), EXPECTED)
  if (before >> 1 == 1 && load<u8>(state, STEP) & CONNECT) {
    store<u8>(state, load<u8>(state, STEP) & ~CONNECT, STEP)
    return EXPECTED_CONNECT
  }
  return before & 1
}
