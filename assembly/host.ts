// What core.wasm exports: hash rings for any host, in a memory of its own, without a loop and without imports.

export { heapCreate, alloc, free, heapCheck } from './memory/heap'
export { ringBuild, ringFree } from './ring/build'
export { ringHash } from './ring/hash'
export { ringLocate, ringLookup, ringPosition, ringReplicas } from './ring/lookup'
export { ringShares } from './ring/share'
