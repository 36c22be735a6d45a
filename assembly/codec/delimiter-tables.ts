// What the delimiter decoder knows about its delimiters, made once per codec in the room that its record has for it: an
// automaton that reads a byte at a time (Aho and Corasick's, made to find the leftmost and there the longest), and the
// bytes that delimiters end with, for a look at sixteen places at a time.
//
// A state of the automaton is a prefix of a delimiter: the longest that is a suffix of what was read. It may hold a
// match, the one that begins first in it and there is the longest; that stands as soon as no earlier or longer one can
// come of the state: when it is decided, or where the next byte has no way on.

import * as abi from './abi'

// work: four tables of 16 · class of each byte (256) · classes u32 · classes that begin a delimiter u32 · bytes of a
// state u32 · longest delimiter u32 · every match is decided where it ends u32 · states
export const LAST_LOW: usize = 0
export const LAST_HIGH: usize = 16
export const PREVIOUS_LOW: usize = 32
export const PREVIOUS_HIGH: usize = 48
export const CLASS: usize = 64
const CLASSES: usize = 320
export const FIRSTS: usize = 324 // those below it begin one
const STRIDE: usize = 328
export const LONGEST: usize = 332
export const SIMPLE: usize = 336
export const NODES: usize = abi.DELIMITER_WORK_BYTES

// state: bytes of the prefix u8 · where in it its match begins u8 · bytes of the match u8 · decided u8 · the state of
// its longest proper suffix u16 · bytes of the longest delimiter that ends it u8 · next state of each class u16 …
// It is called by where it lies among the states, in units.
export const DEPTH: usize = 0
export const AHEAD: usize = 1
export const MATCH: usize = 2
export const DECIDED: usize = 3
const SUFFIX: usize = 4
const ENDING: usize = 6
export const NEXT: usize = abi.DELIMITER_NODE_BYTES

/** Instead of a state: the match stands, and the byte is behind it. */
export const STOP: u32 = 0xffff
/** Beside the next state: its match stands. */
export const STANDS: u32 = 0x8000

/** Where a state lies. */
// @ts-ignore: decorator
@inline
export function stateAt(work: usize, state: u32): usize {
  return work + NODES + <usize>state * abi.DELIMITER_UNIT_BYTES
}

/** The tables of a codec. */
// @ts-ignore: decorator
@inline
export function delimiterTables(codec: usize): usize {
  const work = codec + load<u32>(codec, abi.CODEC_DELIMITER_WORK)
  if (!load<u32>(codec, abi.CODEC_DELIMITER_READY)) make(codec, work)
  return work
}

/** The next entry of the record's table of delimiters. */
// @ts-ignore: decorator
@inline
export function behindDelimiter(entry: usize): usize {
  return entry + 4 + ((load<u32>(entry) + 3) & ~3)
}

function make(codec: usize, work: usize): void {
  classes(codec, work)
  const stride = (<u32>NEXT + 2 * load<u32>(work, CLASSES) + abi.DELIMITER_UNIT_BYTES - 1) & -abi.DELIMITER_UNIT_BYTES
  store<u32>(work, stride, STRIDE)
  const nodes = plant(codec, work, stride)
  const longest = load<u32>(codec, abi.CODEC_DELIMITER_TABLE)
  store<u32>(work, longest, LONGEST)
  store<u32>(work, 1, SIMPLE)
  for (let depth: u32 = 0; depth <= longest; depth++) {
    for (let n: u32 = 0; n < nodes; n++) {
      const node = work + NODES + n * stride
      if (<u32>load<u8>(node, DEPTH) == depth) connect(work, node)
    }
  }
  for (let n: u32 = 0; n < nodes; n++) announce(work, work + NODES + n * stride)
  endings(codec, work)
  store<u32>(codec, 1, abi.CODEC_DELIMITER_READY)
}

/** Bytes that mean the same to every state share a class; those that begin a delimiter come first. */
function classes(codec: usize, work: usize): void {
  let count: u32 = 0
  for (let pass: u32 = 0; pass < 3; pass++) {
    for (let byte: u32 = 0; byte < 256; byte++) {
      const found = where(codec, byte)
      if (found != pass) continue
      store<u8>(work + byte, <u8>count, CLASS)
      if (pass < 2) count++
    }
    if (pass == 0) store<u32>(work, count, FIRSTS)
  }
  // a class for all others, unless there are none
  store<u32>(work, min<u32>(count + 1, 256), CLASSES)
}

/** 0: the byte begins a delimiter, 1: it is inside one, 2: it is in none. */
function where(codec: usize, byte: u32): u32 {
  let found: u32 = 2
  let entry = codec + abi.CODEC_DELIMITER_TABLE
  for (let i = load<u32>(codec, abi.CODEC_DELIMITERS); i; i--, entry = behindDelimiter(entry)) {
    if (<u32>load<u8>(entry, 4) == byte) return 0
    for (let k = load<u32>(entry); k; k--) if (<u32>load<u8>(entry + k, 3) == byte) found = 1
  }
  return found
}

/** Makes a state of every prefix; returns how many there are. */
function plant(codec: usize, work: usize, stride: u32): u32 {
  const units = stride / abi.DELIMITER_UNIT_BYTES
  let nodes: u32 = 1
  let entry = codec + abi.CODEC_DELIMITER_TABLE
  for (let i = load<u32>(codec, abi.CODEC_DELIMITERS); i; i--, entry = behindDelimiter(entry)) {
    const length = load<u32>(entry)
    let node = work + NODES
    for (let k: u32 = 0; k < length; k++) {
      const next = node + (<usize>load<u8>(work + load<u8>(entry + k, 4), CLASS) << 1)
      if (!load<u16>(next, NEXT)) {
        store<u16>(next, <u16>(nodes * units), NEXT)
        nodes++
      }
      node = stateAt(work, load<u16>(next, NEXT))
      store<u8>(node, <u8>(k + 1), DEPTH)
    }
    store<u8>(node, <u8>length, ENDING)
  }
  return nodes
}

/** Tells a state's children what they hold, and where it goes on bytes that lengthen it to no prefix. */
function connect(work: usize, node: usize): void {
  const count = load<u32>(work, CLASSES)
  const depth = <u32>load<u8>(node, DEPTH)
  const suffix = <u32>load<u16>(node, SUFFIX)
  const other: usize = suffix == STOP ? 0 : stateAt(work, suffix)
  const match = load<u8>(node, MATCH)
  // whatever else may come of the state would begin behind its match
  const stops = !other || (match && depth - <u32>load<u8>(other, DEPTH) > <u32>load<u8>(node, AHEAD))
  let ways: u32 = 0
  for (let c: u32 = 0; c < count; c++) {
    const next = node + (<usize>c << 1)
    let way: u32 = STOP
    if (!depth) way = 0
    else if (other) way = load<u16>(other + (<usize>c << 1), NEXT)
    if (load<u16>(next, NEXT)) {
      inherit(work, node, stateAt(work, load<u16>(next, NEXT)), way)
    } else {
      store<u16>(next, <u16>(stops ? STOP : way), NEXT)
    }
    if (load<u16>(next, NEXT) != STOP) ways++
  }
  if (!match) return
  if (ways) store<u32>(work, 0, SIMPLE)
  else store<u8>(node, 1, DECIDED)
}

function inherit(work: usize, node: usize, child: usize, suffix: u32): void {
  store<u16>(child, <u16>suffix, SUFFIX)
  const depth = load<u8>(child, DEPTH)
  if (!load<u8>(child, ENDING) && suffix != STOP) {
    store<u8>(child, load<u8>(stateAt(work, suffix), ENDING), ENDING)
  }
  const ending = load<u8>(child, ENDING)
  const match = load<u8>(node, MATCH)
  const ahead = load<u8>(node, AHEAD)
  const better = ending && (!match || depth - ending <= ahead)
  store<u8>(child, better ? ending : match, MATCH)
  store<u8>(child, better ? depth - ending : ahead, AHEAD)
}

/** Marks the ways to states whose match stands. */
function announce(work: usize, node: usize): void {
  for (let c = load<u32>(work, CLASSES); c; c--) {
    const next = node + (<usize>(c - 1) << 1)
    const way = <u32>load<u16>(next, NEXT)
    if (way != STOP && load<u8>(stateAt(work, way), DECIDED)) store<u16>(next, <u16>(way | STANDS), NEXT)
  }
}

/** A bit for each of the eight sets whose delimiters may end with the byte at `at` and the one before it. */
// @ts-ignore: decorator
@inline
export function setsAt(work: usize, at: usize): u32 {
  const last = <u32>load<u8>(at)
  const previous = <u32>load<u8>(at - 1)
  return (
    load<u8>(work + (last & 15), LAST_LOW) &
    load<u8>(work + (last >> 4), LAST_HIGH) &
    load<u8>(work + (previous & 15), PREVIOUS_LOW) &
    load<u8>(work + (previous >> 4), PREVIOUS_HIGH)
  )
}

/** A bit for each of eight sets of delimiters: which of them have this half of a byte last, and before the last. */
function endings(codec: usize, work: usize): void {
  let entry = codec + abi.CODEC_DELIMITER_TABLE
  const count = load<u32>(codec, abi.CODEC_DELIMITERS)
  for (let i: u32 = 0; i < count; i++, entry = behindDelimiter(entry)) {
    const bit: u32 = 1 << (i & 7)
    const end = entry + load<u32>(entry) // four bytes before the delimiter's end
    const last = <u32>load<u8>(end, 3)
    mark(work + LAST_LOW, last & 15, bit)
    mark(work + LAST_HIGH, last >> 4, bit)
    const previous = <u32>load<u8>(end, 2)
    const any = load<u32>(entry) == 1
    for (let half: u32 = 0; half < 16; half++) {
      if (any || half == (previous & 15)) mark(work + PREVIOUS_LOW, half, bit)
      if (any || half == previous >> 4) mark(work + PREVIOUS_HIGH, half, bit)
    }
  }
}

function mark(table: usize, half: u32, bit: u32): void {
  store<u8>(table + half, load<u8>(table + half) | <u8>bit)
}
