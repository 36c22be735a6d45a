// Slabs: objects of ten fixed sizes, allocated and freed in O(1), from pages of 256 KiB.
//
//   page | class · used · free list · untouched · next · prev · region |pad| object | object | … |    (64-byte header)
//
// A page is on its class's list while it has room; the head of that list serves. Objects are taken from the free list
// first (warm in the cache), then from the part never touched, so that a page costs memory only as it fills.
//
// A page that falls empty stays where it is if it is its class's only page with room; otherwise it joins its class's
// empty pages, of which EMPTY_KEPT are kept, so that a class that breathes at a page's border takes nothing from the
// region and gives nothing back. The rest is surplus: slabTrim returns it to the region, a few pages a turn, and a
// class that finds the region exhausted takes an empty page from any other at once.
//
// An object freed by another instance goes to its own region's remote list (remote.ts); that instance reads nothing of
// the page but its region, which never changes.

import { DEBUG, poisonAlloc, poisonFill, poisonFree } from './debug'
import { R_REMOTE, remoteDrain, remotePush } from './remote'

const PAGE_BITS: u32 = 18
export const SLAB_PAGE_BYTES: u32 = 1 << PAGE_BITS
const PAGE_BYTES: u32 = SLAB_PAGE_BYTES
const PAGE_MASK: usize = PAGE_BYTES - 1
const PAGE_HEADER: u32 = 64
const CLASS_MIN_BITS: u32 = 6

/** Object sizes are 64 << class, for class in [0, SLAB_CLASSES). */
export const SLAB_CLASSES: u32 = 10
export const SLAB_BYTES_MAX: u32 = 64 << (SLAB_CLASSES - 1)

/** Empty pages that a class keeps beside the page that serves. */
const EMPTY_KEPT: u32 = 1

/** Objects taken back from other instances before an allocation is refused. */
const DRAIN_MAX: u32 = 65536

const P_CLASS: usize = 0
const P_USED: usize = 4
const P_FREE: usize = 8
const P_UNTOUCHED: usize = 12 // offset in the page of the first object never handed out
const P_NEXT: usize = 16
const P_PREV: usize = 20
const P_REGION: usize = 24

// the region's record, in the loop's arena
const R_NEXT_PAGE: usize = 0
const R_END: usize = 4
const R_FREE_PAGES: usize = 8
const R_PAGES: usize = 12
const R_FIRST_PAGE: usize = 16
const R_LIMIT: usize = 24 // most pages
const R_SURPLUS: usize = 28 // empty pages beyond those that are kept
const R_LISTS: usize = 32 // per class: head of the pages with room
const R_EMPTY: usize = R_LISTS + 4 * SLAB_CLASSES // per class: head of the empty pages, linked by next alone
const R_EMPTIES: usize = R_EMPTY + 4 * SLAB_CLASSES // per class: how many those are
export const SLAB_RECORD_BYTES: usize = R_REMOTE + 64

let region: usize = 0

/** Makes `[start, end)` the slab region of this instance; `record` holds its SLAB_RECORD_BYTES of state. */
export function slabCreate(record: usize, start: usize, end: usize): void {
  assert(R_EMPTIES + 4 * SLAB_CLASSES < R_REMOTE && !(record & 63))
  memory.fill(record, 0, SLAB_RECORD_BYTES)
  region = record
  store<u32>(record, <u32>((start + PAGE_MASK) & ~PAGE_MASK), R_FIRST_PAGE)
  store<u32>(record, <u32>((start + PAGE_MASK) & ~PAGE_MASK), R_NEXT_PAGE)
  store<u32>(record, <u32>(end & ~PAGE_MASK), R_END)
  store<u32>(record, ~0, R_LIMIT)
}

/** The record of this instance's region; 0 where there is none. */
// @ts-ignore: decorator
@inline
export function slabRegion(): usize {
  return region
}

/** Whether an address lies in this instance's region. */
export function slabHas(at: usize): bool {
  return at >= <usize>load<u32>(region, R_FIRST_PAGE) && at < <usize>load<u32>(region, R_END)
}

/** Bytes in objects handed out, counted over the pages: a figure of its own would cost every alloc and free. */
export function slabUsed(): u32 {
  const end = <usize>load<u32>(region, R_NEXT_PAGE)
  let used: u32 = 0
  for (let page = <usize>load<u32>(region, R_FIRST_PAGE); page < end; page += PAGE_BYTES) {
    used += load<u32>(page, P_USED) << (load<u32>(page, P_CLASS) + CLASS_MIN_BITS)
  }
  return used
}

/** Bytes in pages taken from the region. */
export function slabBytes(): u32 {
  return load<u32>(region, R_PAGES) << PAGE_BITS
}

/** Pages that slabTrim would give back. */
// @ts-ignore: decorator
@inline
export function slabSurplus(): u32 {
  return load<u32>(region, R_SURPLUS)
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
    page = morePages(cls)
    if (!page) return 0
  }
  const bytes: u32 = 64 << cls
  let at = <usize>load<u32>(page, P_FREE)
  let untouched = load<u32>(page, P_UNTOUCHED)
  if (at) {
    store<u32>(page, load<u32>(at), P_FREE)
    if (DEBUG) poisonAlloc(at, bytes, cls)
  } else {
    at = page + untouched
    untouched += bytes
    store<u32>(page, untouched, P_UNTOUCHED)
  }
  store<u32>(page, load<u32>(page, P_USED) + 1, P_USED)
  if (!load<u32>(page, P_FREE) && untouched + bytes > PAGE_BYTES) unlink(list, page)
  return at
}

/** Gives an object back, whoever allocated it. */
export function slabFree(at: usize): void {
  const page = at & ~PAGE_MASK
  if (DEBUG) poisonFree(at, 64 << load<u32>(page, P_CLASS), load<u32>(page, P_CLASS))
  const home = <usize>load<u32>(page, P_REGION)
  if (home != region) remotePush(home, at)
  else slabTake(at)
}

/** Takes back an object of this instance's own region. */
// @ts-ignore: decorator
@inline
export function slabTake(at: usize): void {
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
  if (full) hasRoom(cls, list, page)
  else if (!used && (load<u32>(page, P_NEXT) || load<u32>(page, P_PREV))) retire(cls, list, page)
}

/** Gives surplus pages back to the region, `budget` at most; returns how many. */
export function slabTrim(budget: u32): u32 {
  let left = budget
  for (let cls: u32 = 0; cls < SLAB_CLASSES && left && slabSurplus(); cls++) {
    while (left && load<u32>(region + R_EMPTIES + (cls << 2)) > EMPTY_KEPT) {
      freePage(takeEmpty(cls))
      left--
    }
  }
  return budget - left
}

/** Caps the region at `bytes`. What is in use stays; empty pages above the cap go at once, the others as they empty. */
export function slabLimit(bytes: u32): void {
  store<u32>(region, bytes >> PAGE_BITS, R_LIMIT)
  while (load<u32>(region, R_PAGES) > load<u32>(region, R_LIMIT)) {
    const page = anyEmpty()
    if (!page) return
    freePage(page)
  }
}

/** A page with room for the class, at the head of its list: an empty one, a new one, or one that another class lets
 * go of; 0 when the region is exhausted. */
function morePages(cls: u32): usize {
  const list = region + R_LISTS + (cls << 2)
  let page = load<u32>(region + R_EMPTY + (cls << 2)) ? takeEmpty(cls) : newPage(cls)
  if (!page && remoteDrain(DRAIN_MAX)) {
    page = <usize>load<u32>(list)
    if (page) return page
    page = load<u32>(region + R_EMPTY + (cls << 2)) ? takeEmpty(cls) : newPage(cls)
  }
  if (page) link(list, page)
  return page
}

function newPage(cls: u32): usize {
  let page: usize = 0
  if (load<u32>(region, R_PAGES) < load<u32>(region, R_LIMIT)) page = regionPage()
  if (!page) page = anyEmpty()
  if (!page) return 0
  store<u32>(page, cls, P_CLASS)
  store<u32>(page, 0, P_USED)
  store<u32>(page, 0, P_FREE)
  store<u32>(page, PAGE_HEADER, P_UNTOUCHED)
  store<u32>(page, <u32>region, P_REGION)
  if (DEBUG) poisonFill(page + PAGE_HEADER, PAGE_BYTES - PAGE_HEADER)
  return page
}

function regionPage(): usize {
  let page = <usize>load<u32>(region, R_FREE_PAGES)
  if (page) {
    store<u32>(region, load<u32>(page, P_NEXT), R_FREE_PAGES)
  } else {
    page = <usize>load<u32>(region, R_NEXT_PAGE)
    if (page + PAGE_BYTES > <usize>load<u32>(region, R_END)) return 0
    store<u32>(region, <u32>page + PAGE_BYTES, R_NEXT_PAGE)
  }
  store<u32>(region, load<u32>(region, R_PAGES) + 1, R_PAGES)
  return page
}

function freePage(page: usize): void {
  store<u32>(page, load<u32>(region, R_FREE_PAGES), P_NEXT)
  store<u32>(region, <u32>page, R_FREE_PAGES)
  store<u32>(region, load<u32>(region, R_PAGES) - 1, R_PAGES)
}

/** An empty page of whatever class, out of its list; 0 where there is none. An empty page with room is alone there. */
function anyEmpty(): usize {
  for (let cls: u32 = 0; cls < SLAB_CLASSES; cls++) {
    if (load<u32>(region + R_EMPTY + (cls << 2))) return takeEmpty(cls)
  }
  for (let cls: u32 = 0; cls < SLAB_CLASSES; cls++) {
    const list = region + R_LISTS + (cls << 2)
    const page = <usize>load<u32>(list)
    if (!page || load<u32>(page, P_USED)) continue
    unlink(list, page)
    return page
  }
  return 0
}

/** A full page has room again. An empty page before it would now never be used up: it retires. */
function hasRoom(cls: u32, list: usize, page: usize): void {
  const before = <usize>load<u32>(list)
  link(list, page)
  if (before && !load<u32>(before, P_USED)) retire(cls, list, before)
}

/** An empty page leaves the pages with room. */
function retire(cls: u32, list: usize, page: usize): void {
  unlink(list, page)
  if (load<u32>(region, R_PAGES) > load<u32>(region, R_LIMIT)) return freePage(page)
  const empty = region + R_EMPTY + (cls << 2)
  store<u32>(page, load<u32>(empty), P_NEXT)
  store<u32>(empty, <u32>page)
  countEmpty(cls, 1)
}

function takeEmpty(cls: u32): usize {
  const empty = region + R_EMPTY + (cls << 2)
  const page = <usize>load<u32>(empty)
  store<u32>(empty, load<u32>(page, P_NEXT))
  store<u32>(page, 0, P_NEXT)
  countEmpty(cls, -1)
  return page
}

function countEmpty(cls: u32, by: i32): void {
  const at = region + R_EMPTIES + (cls << 2)
  const before = load<u32>(at)
  const after = before + by
  store<u32>(at, after)
  const surplus = <i32>max(after, EMPTY_KEPT) - <i32>max(before, EMPTY_KEPT)
  store<u32>(region, slabSurplus() + surplus, R_SURPLUS)
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
