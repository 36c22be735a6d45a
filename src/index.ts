// What `import … from 'millrace'` gives. Names are a contract.
import { provideCore } from './core/load.ts'
import { readCore } from './kernel/core-file.ts'

provideCore(readCore)

export type { TcpAddress } from './channel/address.ts'
export type { Channel, Handler } from './channel/channel.ts'
export { type Codec, type LengthFieldOptions, lengthField, raw } from './channel/codec.ts'
export type { FrameError } from './channel/errors.ts'
export type { Frame } from './channel/frame.ts'
export { HashRing } from './core/hash-ring.ts'
export { type Feature, features } from './kernel/features.ts'
export { type ListenOptions, listen, type Server, type ServerStats } from './reactor/listen.ts'
