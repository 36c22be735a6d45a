// Endpoints without a listener: what the channels that were connected or adopted for one handler have in common.
import * as abi from '../../assembly/abi.ts'
import type { Channel, Handler } from '../channel/channel.ts'
import { HandlerDeliverer } from '../channel/deliver.ts'
import type { Codec } from '../core/codec/codec.ts'
import { systemError } from '../kernel/errors.ts'
import type { EndpointHandler, Loop } from '../loop/loop.ts'
import { HandlerBridge, writeCodec } from './listen.ts'
import { createEndpoint } from './listener.ts'

/** What tells one endpoint from another. */
export interface EndpointKind {
  readonly handler: Handler<never>
  readonly codec: Codec<unknown>
  /** Watermarks, in bytes. */
  readonly high: number
  readonly low: number
}

/** A connection that is being made: exactly one of these is called, unless it was given up. */
export interface Attempt {
  /** Whether anybody still waits for it. */
  readonly wanted: boolean
  opened(channel: Channel): void
  refused(errno: number): void
}

/** Both have at most 24 bits. */
const keyOf = (slot: number, generation: number): number => generation * 2 ** 24 + slot

/** More than there are slots: only a listener has to stop somewhere. */
const NO_LIMIT = 0xffffffff

/** By handler; one is left when its last channel has closed. */
const connectors = new WeakMap<object, Connector[]>()

export class Connector implements EndpointHandler {
  readonly #loop: Loop
  readonly #kind: EndpointKind
  readonly #endpoint: number
  readonly #bridge: HandlerBridge
  /** Until they are open or gone. A slot may be taken again before the host has heard of its last channel's end. */
  readonly #attempts = new Map<number, Attempt>()
  /** Channels of which UP_CLOSE is still to come. */
  #channels = 0

  private constructor(loop: Loop, kind: EndpointKind) {
    this.#loop = loop
    this.#kind = kind
    const { high, low } = kind
    this.#endpoint = createEndpoint(loop, { service: abi.SERVICE_HOST, high, low, limit: NO_LIMIT })
    this.#bridge = new HandlerBridge(loop, new HandlerDeliverer(loop, kind.handler as Handler<unknown>, kind.codec))
    try {
      writeCodec(loop, this.#endpoint, kind.codec)
    } catch (error) {
      loop.core.endpointFree(this.#endpoint)
      throw error
    }
    loop.register(this.#endpoint, this)
  }

  /** The one for channels of this kind on a loop. The caller gives it one at once. */
  static of(loop: Loop, kind: EndpointKind): Connector {
    const list = connectors.get(kind.handler) ?? []
    let found = list.find((one) => one.#loop === loop && one.#serves(kind))
    if (found === undefined) {
      found = new Connector(loop, kind)
      connectors.set(kind.handler, [...list, found])
    }
    return found
  }

  #serves({ codec, high, low }: EndpointKind): boolean {
    return this.#kind.codec === codec && this.#kind.high === high && this.#kind.low === low
  }

  /**
   * Connects a socket, which the channel owns from now on, to a sockaddr; after `timeoutMs`, 0: never, it is refused
   * with ETIMEDOUT. Returns a function that gives it up. Throws EMFILE where there is no room for the channel; then the
   * socket stays the caller's.
   */
  connect(fd: number, address: Uint8Array, timeoutMs: number, attempt: Attempt): () => void {
    const { core, bytes, stage } = this.#loop
    bytes.set(address, stage)
    const slot = core.endpointConnect(this.#endpoint, fd, stage, address.length, timeoutMs)
    if (slot < 0) this.#full('connect')
    this.#channels++
    const generation = this.#generation(slot)
    this.#attempts.set(keyOf(slot, generation), attempt)
    this.#loop.touch()
    return () => {
      core.destroy(slot, generation)
      this.#loop.touch()
    }
  }

  upcall(kind: number, slot: number, generation: number, at: number, length: number, extra: number): void {
    const attempt = this.#attempts.get(keyOf(slot, generation))
    try {
      if (attempt === undefined) this.#bridge.upcall(kind, slot, generation, at, length, extra)
      else if (kind === abi.UP_ERROR && attempt.wanted) attempt.refused(length)
      else if (kind === abi.UP_OPEN && attempt.wanted) {
        this.#attempts.delete(keyOf(slot, generation))
        const channel = this.#bridge.channel(slot, generation)
        channel.ref()
        void [channel.remoteAddress, channel.localAddress] // kept, for when it has closed
        attempt.opened(channel)
        this.#bridge.upcall(kind, slot, generation, at, length, extra)
      }
    } finally {
      if (kind === abi.UP_CLOSE) this.#closed(slot, generation)
    }
  }

  #closed(slot: number, generation: number): void {
    this.#attempts.delete(keyOf(slot, generation))
    this.#channels--
    this.#release()
  }

  #generation(slot: number): number {
    return this.#loop.view.getUint32((this.#loop.core.channelAt(slot) >>> 0) + abi.CHANNEL_GENERATION, true)
  }

  #full(syscall: string): never {
    this.#release()
    throw systemError(-abi.EMFILE, syscall)
  }

  /** Leaves nothing behind where no channel is left. */
  #release(): void {
    if (this.#channels > 0) return
    const others = (connectors.get(this.#kind.handler) ?? []).filter((one) => one !== this)
    if (others.length > 0) connectors.set(this.#kind.handler, others)
    else connectors.delete(this.#kind.handler)
    this.#loop.unregister(this.#endpoint)
    this.#loop.core.endpointFree(this.#endpoint)
  }
}
