// What was lately found to lie in the page cache: windows of files, by a hash of the file's identity. A hot file is
// then sent without asking; a hash that two files share costs at most a wait for a disk.
//
//   entry | key u32 | window u32 | from u64 | until u64 | found u64 (nowNs) |

import { nowNs } from '../clock'
import { alloc } from '../memory/heap'
import { TRUST_NS, WINDOW_BYTES } from './thresholds'

const ENTRIES: u32 = 512
const ENTRY_BYTES: u32 = 32
const E_WINDOW: usize = 4
const E_FROM: usize = 8
const E_UNTIL: usize = 16
const E_FOUND: usize = 24

let entries: usize = 0

export function residencyCreate(): void {
  entries = 0
}

/** Where the window that `place` lies in ends. */
export function windowEnd(place: u64): u64 {
  return (place / WINDOW_BYTES + 1) * WINDOW_BYTES
}

/** Whether `[from, until)`, which lies in one window, was found in memory a moment ago. */
export function residencyKnown(key: u32, from: u64, until: u64): bool {
  if (!entries) return false
  const entry = entryOf(key, from)
  return (
    load<u32>(entry) == key &&
    load<u32>(entry, E_WINDOW) == windowOf(from) &&
    load<u64>(entry, E_FROM) <= from &&
    until <= load<u64>(entry, E_UNTIL) &&
    nowNs - load<u64>(entry, E_FOUND) < TRUST_NS
  )
}

/** It was found in memory now. */
export function residencyFound(key: u32, from: u64, until: u64): void {
  if (!entries) {
    entries = alloc(ENTRIES * ENTRY_BYTES)
    if (!entries) return // then it is asked each time
    memory.fill(entries, 0, ENTRIES * ENTRY_BYTES)
  }
  const entry = entryOf(key, from)
  store<u32>(entry, key)
  store<u32>(entry, windowOf(from), E_WINDOW)
  store<u64>(entry, from, E_FROM)
  store<u64>(entry, until, E_UNTIL)
  store<u64>(entry, nowNs, E_FOUND)
}

function windowOf(place: u64): u32 {
  return <u32>(place / WINDOW_BYTES)
}

function entryOf(key: u32, place: u64): usize {
  const mixed = (key ^ (windowOf(place) * 0x9e3779b1)) * 0x85ebca6b
  return entries + <usize>(mixed >> 23) * ENTRY_BYTES
}
