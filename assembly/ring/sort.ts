// Sorting of entries by a u64: a radix sort, byte by byte from the lowest that counts. Stable, linear, no recursion.

/** Bytes of working space for `count` entries. */
export function sortSpace(count: u32): usize {
  return (<usize>count << 3) + 256 * 4
}

/**
 * Sorts by the bytes `low` … 7 of each entry, an even number of them, so that the result ends where it began; entries
 * equal in those keep their order. `space` has sortSpace(count) bytes.
 */
export function sortEntries(entries: usize, count: u32, low: u32, space: usize): void {
  assert(((8 - low) & 1) == 0)
  const counts = space + (<usize>count << 3)
  let from = entries
  let to = space
  for (let byte = low; byte < 8; byte++) {
    sortPass(from, to, count, <u64>(byte << 3), counts)
    const next = from
    from = to
    to = next
  }
}

function sortPass(from: usize, to: usize, count: u32, shift: u64, counts: usize): void {
  memory.fill(counts, 0, 256 * 4)
  const end = from + (<usize>count << 3)
  for (let at = from; at < end; at += 8) {
    const slot = counts + (<usize>((load<u64>(at) >> shift) & 255) << 2)
    store<u32>(slot, load<u32>(slot) + 1)
  }
  spread(counts, to, 3)
  for (let at = from; at < end; at += 8) {
    const entry = load<u64>(at)
    const slot = counts + (<usize>((entry >> shift) & 255) << 2)
    const target = load<u32>(slot)
    store<u64>(target, entry)
    store<u32>(slot, target + 8)
  }
}

/** Turns how many entries each byte has into where the first of them goes. */
function spread(counts: usize, to: usize, sizeBits: u32): void {
  let place = to
  for (let slot = counts; slot < counts + 256 * 4; slot += 4) {
    const bytes = load<u32>(slot) << sizeBits
    store<u32>(slot, <u32>place)
    place += bytes
  }
}

/** Bytes of working space of sortWide. */
export function wideSpace(count: u32): usize {
  return (<usize>count << 4) + 256 * 4
}

/** Sorts records of 16 bytes by the u64 at their head, as sortEntries does. */
export function sortWide(records: usize, count: u32, space: usize): void {
  const counts = space + (<usize>count << 4)
  let from = records
  let to = space
  for (let shift: u64 = 0; shift < 64; shift += 8) {
    memory.fill(counts, 0, 256 * 4)
    const end = from + (<usize>count << 4)
    for (let at = from; at < end; at += 16) {
      const slot = counts + (<usize>((load<u64>(at) >> shift) & 255) << 2)
      store<u32>(slot, load<u32>(slot) + 1)
    }
    spread(counts, to, 4)
    for (let at = from; at < end; at += 16) {
      const slot = counts + (<usize>((load<u64>(at) >> shift) & 255) << 2)
      const target = <usize>load<u32>(slot)
      store<u64>(target, load<u64>(at))
      store<u64>(target, load<u64>(at, 8), 8)
      store<u32>(slot, <u32>target + 16)
    }
    const next = from
    from = to
    to = next
  }
}
