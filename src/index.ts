// What `import … from 'millrace'` gives. Names are a contract.
import { provideCore } from './core/load.ts'
import { readCore } from './kernel/core-file.ts'

provideCore(readCore)

export type { TcpAddress } from './channel/address.ts'
export type { Channel, Handler, UpgradeOptions } from './channel/channel.ts'
export type {
  DatagramAddress,
  DatagramHandler,
  DatagramMessage,
  DatagramStats,
  Datagrams,
  DatagramTarget,
} from './channel/datagram.ts'
export type { FrameError } from './channel/errors.ts'
export type { SocketOptions } from './channel/options.ts'
export type { SendFileOptions, SendFileStrategy } from './channel/send-file.ts'
export type { Codec } from './core/codec/codec.ts'
export { type DelimiterOptions, delimiter } from './core/codec/delimiter.ts'
export { type FixedOptions, fixed } from './core/codec/fixed.ts'
export {
  type Http1Headers,
  type Http1Options,
  type Http1RequestHead,
  type Http1RequestMessage,
  type Http1ResponseHead,
  type Http1ResponseMessage,
  http1,
} from './core/codec/http1.ts'
export {
  encodeChunk,
  encodeLastChunk,
  encodeRequestHead,
  encodeResponseHead,
  type Http1Fields,
  type Http1RequestHeadInit,
  type Http1ResponseHeadInit,
} from './core/codec/http1-encode.ts'
export { type LengthFieldOptions, lengthField } from './core/codec/length-field.ts'
export { type LineOptions, line } from './core/codec/line.ts'
export {
  encodeMemcached,
  type MemcachedCommand,
  type MemcachedOptions,
  memcached,
} from './core/codec/memcached.ts'
export { raw } from './core/codec/raw.ts'
export { type RespOptions, resp } from './core/codec/resp.ts'
export { encodeCommand, encodeReply } from './core/codec/resp-encode.ts'
export { type RespToken, respTokens } from './core/codec/resp-reply.ts'
export { RespAttributed, RespError, RespPush, type RespValue, RespVerbatim } from './core/codec/resp-value.ts'
export { type Varint32Options, varint32 } from './core/codec/varint32.ts'
export type { Frame, RetainedFrame } from './core/frame.ts'
export { HashRing } from './core/hash-ring.ts'
export { type Feature, features } from './kernel/features.ts'
export { type KernelModel, kernelLimits } from './kernel/models.ts'

export { RwLock, type RwLockOptions, type RwLockPreference } from './loop/rw-lock.ts'
export { type BindOptions, bind } from './reactor/bind.ts'
export { type ConnectOptions, connect } from './reactor/connect.ts'
export type { HandlerContext } from './reactor/handler-module.ts'
export {
  type ListenOptions,
  type ListenPathOptions,
  listen,
  type Server,
  type ServerStats,
} from './reactor/listen.ts'
export type { ListeningOptions } from './reactor/listening.ts'
export { type LoopSample, loopStats } from './reactor/stats.ts'
export { type SuperviseOptions, type Supervisor, supervise } from './reactor/supervisor.ts'
export type {
  BossReactor,
  PoolReactor,
  Reactor,
  ReuseportReactor,
  ThreadListenOptions,
  ThreadServer,
  ThreadServerStats,
  ThreadStats,
  WorkerExit,
} from './reactor/threads.ts'
