// What `import … from 'millrace/core'` gives: rings on any host, without I/O.
export { HashRing, type HashRingOptions, type RingServerStats, type RingStats } from './hash-ring.ts'
export { InvalidArgumentError } from './invalid-argument.ts'
export { type Core, type CoreSource, instantiateCore, loadCore } from './load.ts'
export type { RingCompat, RingHash, RingOptions, RingServer } from './ring-build.ts'
export type { RingMigration } from './ring-migration.ts'
