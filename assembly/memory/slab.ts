// Slabs: objects of ten fixed sizes, allocated and freed in O(1), from pages of 256 KiB.
//
//   page | class · used · free list · untouched · next · prev |pad| object | object | … |        (64-byte header)
//
// A page is on its class's list while it has room; the head of that list serves. Objects are taken from the free list
// first (warm in the cache), then from the part never touched, so that a page costs memory only as it fills. A page
// that falls empty goes back to the region, unless it is its class's last one with room.

const PAGE_BITS: u32 = 18
const PAGE_BYTES: u32 = 1 << PAGE_BITS
const PAGE_MASK: usize = PAGE_BYTES - 1
const PAGE_HEADER: u32 = 64
const CLASS_MIN_BITS: u32 = 6

/** Object sizes are 64 << class, for class in [0, SLAB_CLASSES). */
export const SLAB_CLASSES: u32 = 10
export const SLAB_BYTES_MAX: u32 = 64 << (SLAB_CLASSES - 1)

const P_CLASS: usize = 0
const P_USED: usize = 4
const P_FREE: usize = 8
const P_UNTOUCHED: usize = 12 // offset in the page of the first object never handed out
const P_NEXT: usize = 16
const P_PREV: usize = 20

// the region's record, in the loop's arena
const R_NEXT_PAGE: usize = 0
const R_END: usize = 4
const R_FREE_PAGES: usize = 8
const R_PAGES: usize = 12
const R_USED: usize = 16 // bytes in objects handed out
const R_LISTS: usize = 32 // per class: head of the pages with room
export const SLAB_RECORD_BYTES: usize = R_LISTS + 4 * SLAB_CLASSES

let region: usize = 0

/** Makes `[start, end)` the slab region of this instance; `record` holds its SLAB_RECORD_BYTES of state. */
export function slabCreate(record: usize, start: usize, end: usize): void {
  memory.fill(record, 0, SLAB_RECORD_BYTES)
  region = record
  store<u32>(record, <u32>((start + PAGE_MASK) & ~PAGE_MASK), R_NEXT_PAGE)
  store<u32>(record, <u32>(end & ~PAGE_MASK), R_END)
}

/** Bytes in objects handed out. */
export function slabUsed(): u32 {
  return load<u32>(region, R_USED)
}

/** Bytes in pages taken from the region. */
export function slabBytes(): u32 {
  return load<u32>(region, R_PAGES) << PAGE_BITS
}

/** The class whose objects hold `bytes`, which is at most SLAB_BYTES_MAX. */
// @ts-ignore: decorator
@inline
export function slabClass(bytes: u32): u32 {
  return bytes <= 64 ? 0 : 32 - clz<u32>(bytes - 1) - CLASS_MIN_BITS
}

/** An object of the class, 64-byte aligned, uninitialised; 0 when the region is exhausted. */
export function slabAlloc(cls: u32): usize {
  const list = region + R_LISTS + (cls << 2)
  let page = <usize>load<u32>(list)
  if (!page) {
    page = newPage(cls)
    if (!page) return 0
    link(list, page)
  }
  const bytes: u32 = 64 << cls
  let at = <usize>load<u32>(page, P_FREE)
  let untouched = load<u32>(page, P_UNTOUCHED)
  if (at) {
    store<u32>(page, load<u32>(at), P_FREE)
  } else {
    at = page + untouched
    untouched += bytes
    store<u32>(page, untouched, P_UNTOUCHED)
  }
  store<u32>(page, load<u32>(page, P_USED) + 1, P_USED)
  store<u32>(region, load<u32>(region, R_USED) + bytes, R_USED)
  if (!load<u32>(page, P_FREE) && untouched + bytes > PAGE_BYTES) unlink(list, page)
  return at
}

/** Gives an object back. */
export function slabFree(at: usize): void {
  const page = at & ~PAGE_MASK
  const cls = load<u32>(page, P_CLASS)
  const used = load<u32>(page, P_USED) - 1
  const bytes: u32 = 64 << cls
  const list = region + R_LISTS + (cls << 2)
  const head = load<u32>(page, P_FREE)
  const full = !head && load<u32>(page, P_UNTOUCHED) + bytes > PAGE_BYTES
  store<u32>(at, head)
  store<u32>(page, <u32>at, P_FREE)
  store<u32>(page, used, P_USED)
  store<u32>(region, load<u32>(region, R_USED) - bytes, R_USED)
  if (full) {
    link(list, page)
  } else if (!used && (load<u32>(page, P_NEXT) || load<u32>(page, P_PREV))) {
    unlink(list, page)
    freePage(page)
  }
}

function newPage(cls: u32): usize {
  let page = <usize>load<u32>(region, R_FREE_PAGES)
  if (page) {
    store<u32>(region, load<u32>(page), R_FREE_PAGES)
  } else {
    page = <usize>load<u32>(region, R_NEXT_PAGE)
    if (page + PAGE_BYTES > <usize>load<u32>(region, R_END)) return 0
    store<u32>(region, <u32>page + PAGE_BYTES, R_NEXT_PAGE)
  }
  store<u32>(region, load<u32>(region, R_PAGES) + 1, R_PAGES)
  store<u32>(page, cls, P_CLASS)
  store<u32>(page, 0, P_USED)
  store<u32>(page, 0, P_FREE)
  store<u32>(page, PAGE_HEADER, P_UNTOUCHED)
  return page
}

function freePage(page: usize): void {
  store<u32>(page, load<u32>(region, R_FREE_PAGES))
  store<u32>(region, <u32>page, R_FREE_PAGES)
  store<u32>(region, load<u32>(region, R_PAGES) - 1, R_PAGES)
}

function link(list: usize, page: usize): void {
  const head = load<u32>(list)
  store<u32>(page, head, P_NEXT)
  store<u32>(page, 0, P_PREV)
  if (head) store<u32>(<usize>head, <u32>page, P_PREV)
  store<u32>(list, <u32>page)
}

function unlink(list: usize, page: usize): void {
  const next = load<u32>(page, P_NEXT)
  const prev = load<u32>(page, P_PREV)
  if (next) store<u32>(<usize>next, prev, P_PREV)
  if (prev) store<u32>(<usize>prev, next, P_NEXT)
  else store<u32>(list, next)
  store<u32>(page, 0, P_NEXT)
  store<u32>(page, 0, P_PREV)
}
