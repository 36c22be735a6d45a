// What `import … from 'millrace/core'` gives: decoders, rings and timers on any host, without I/O.
export type { Codec } from './codec/codec.ts'
export { type DelimiterOptions, delimiter } from './codec/delimiter.ts'
export { type FixedOptions, fixed } from './codec/fixed.ts'
export {
  type Http1Headers,
  type Http1Options,
  type Http1RequestHead,
  type Http1RequestMessage,
  type Http1ResponseHead,
  type Http1ResponseMessage,
  http1,
} from './codec/http1.ts'
export {
  encodeChunk,
  encodeLastChunk,
  encodeRequestHead,
  encodeResponseHead,
  type Http1Fields,
  type Http1RequestHeadInit,
  type Http1ResponseHeadInit,
} from './codec/http1-encode.ts'
export { type LengthFieldOptions, lengthField } from './codec/length-field.ts'
export { type LineOptions, line } from './codec/line.ts'
export {
  encodeMemcached,
  type MemcachedCommand,
  type MemcachedOptions,
  memcached,
} from './codec/memcached.ts'
export { raw } from './codec/raw.ts'
export { type RespOptions, resp } from './codec/resp.ts'
export { encodeCommand, encodeReply } from './codec/resp-encode.ts'
export { type RespToken, respTokens } from './codec/resp-reply.ts'
export { RespAttributed, RespError, RespPush, type RespValue, RespVerbatim } from './codec/resp-value.ts'
export { type Varint32Options, varint32 } from './codec/varint32.ts'
export type { Decoder, FrameHandler, Result } from './decoder.ts'
export type { DecodeError } from './errors.ts'
export type { Frame } from './frame.ts'
export { HashRing, type HashRingOptions, type RingServerStats, type RingStats } from './hash-ring.ts'
export { InvalidArgumentError } from './invalid-argument.ts'
export {
  type Core,
  type CoreSource,
  type InstanceOptions,
  instantiateCore,
  type LoadOptions,
  loadCore,
} from './load.ts'
export {
  RING_COMPATS,
  type RingCompat,
  type RingDistribution,
  type RingHash,
  type RingOptions,
  type RingServer,
} from './ring-build.ts'
export type { RingLoad } from './ring-loads.ts'
export type { RingMigration, RingMove, RingPosition, RingRange } from './ring-migration.ts'
export { type TimerHandle, TimingWheel, type TimingWheelOptions } from './timing-wheel.ts'
