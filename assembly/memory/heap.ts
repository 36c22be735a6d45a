// The loop's general heap: rings, tables, slab pages and large blocks live here. One pool per instance of the module.

import { poolAlloc, poolBytes, poolCheck, poolCreate, poolFree, poolUsed } from './pool'

let heap: usize = 0

/** Makes `[start, end)` the heap of this instance. */
export function heapCreate(start: usize, end: usize): void {
  heap = poolCreate(start, end)
}

/** The heap as a pool, for those who count what they take. */
export function heapPool(): usize {
  return heap
}

/** At least `bytes` bytes, 16-byte aligned, uninitialised; 0 when exhausted. */
export function alloc(bytes: usize): usize {
  return poolAlloc(heap, <u32>bytes)
}

/** Gives back what alloc returned. */
export function free(at: usize): void {
  poolFree(heap, at)
}

/** Bytes in use, headers included. */
export function heapUsed(): u32 {
  return poolUsed(heap)
}

/** Bytes the heap can hold. */
export function heapBytes(): u32 {
  return poolBytes(heap)
}

/** Traps where the heap is broken. For tests. */
export function heapCheck(): void {
  poolCheck(heap)
}
