// What core.wasm exports: decoders, hash rings and timers for any host, in a memory of its own, without a loop and
// without imports. docs/core-abi.md describes each.

import { CORE_ABI, CORE_FEATURE_SIMD } from './codec/abi'
import { recordsCreate } from './codec/records'
import { respCreate } from './codec/resp'
import { repliesCreate } from './codec/resp-replies'
import { blockSpill } from './memory/block'
import { heapCreate } from './memory/heap'
import { skbReset } from './memory/skb'
import { SLAB_PAGE_BYTES, SLAB_RECORD_BYTES, slabAlloc, slabCreate } from './memory/slab'

export { alloc, free, heapCheck } from './memory/heap'
export { codecBound, codecEncode } from './codec/codec'
export { recordsCount, recordsFirst } from './codec/records'
export {
  streamCreate,
  streamEnd,
  streamFree,
  streamPending,
  streamPush,
  streamPut,
  streamRoom,
  streamTell,
  streamWants,
} from './codec/stream'
export { ringBuild, ringFree } from './ring/build'
export { ringHash } from './ring/hash'
export { loadsAcquire, loadsAdd, loadsCap, loadsCreate, loadsRelease } from './ring/load'
export { ringLocate, ringLookup, ringLookupMany, ringOwner, ringPosition, ringSeed } from './ring/lookup'
export { ringReplicas } from './ring/replicas'
export { ringShares } from './ring/share'
export {
  timersAdd,
  timersAdvance,
  timersCancel,
  timersFree,
  timersNext,
  timersOpen,
  timersPending,
  timersRearm,
  timersSteps,
} from './timer/handles'

/** Records of one push; more make it stop and be called again. */
const RECORDS: u32 = 4096
const PAGE: usize = 4096

/** CORE_ABI of this module. */
export function coreAbi(): u32 {
  return CORE_ABI
}

/** CORE_FEATURE_* of this build. */
export function coreFeatures(): u32 {
  return ASC_FEATURE_SIMD ? CORE_FEATURE_SIMD : 0
}

/** Lays out `[__heap_base, end)`: an eighth for small objects, which may use the rest too. False: it does not fit. */
export function coreCreate(end: usize): bool {
  const record = (__heap_base + PAGE - 1) & ~(PAGE - 1)
  const slabs = record + PAGE
  assert(SLAB_RECORD_BYTES <= PAGE)
  if (end < slabs + (1 << 20)) return false
  const first = (slabs + SLAB_PAGE_BYTES - 1) & ~(<usize>SLAB_PAGE_BYTES - 1)
  const heap = max(slabs + ((end - slabs) >> 3), first + SLAB_PAGE_BYTES)
  slabCreate(record, slabs, heap)
  heapCreate(heap, end)
  slabAlloc(0) // the page it takes stays that of the skbs
  blockSpill()
  skbReset()
  repliesCreate()
  return respCreate() && recordsCreate(RECORDS)
}
