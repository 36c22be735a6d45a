// Listening sockets, and the endpoints behind them: what `listen` and the services share.
import * as abi from '../../assembly/abi.ts'
import type { TcpAddress } from '../channel/address.ts'
import { systemError } from '../kernel/errors.ts'
import { type ChannelLimit, channelLimit } from '../kernel/models.ts'
import type { EndpointHandler, Loop } from '../loop/loop.ts'
import { type Bound, type BoundAddress, bindTcp } from './listening.ts'
import { noLonger, nowLive } from './live.ts'

export interface EndpointOptions {
  readonly service: number
  /** Address of what the service works on. */
  readonly target?: number
  /** Watermarks of a channel's queue, in bytes. */
  readonly high: number
  readonly low: number
  /** Most channels at a time; at the limit new ones wait in the backlog. */
  readonly limit: number
  /** Connections that the service needs beside its channels. */
  readonly reserve?: number
  readonly handler: EndpointHandler
}

/** Where to listen; with `reusePort`, other sockets that say so too may share the address (SO_REUSEPORT, socket(7)). */
export interface ListenAddress extends TcpAddress {
  readonly reusePort?: boolean | undefined
}

/** An endpoint of a service, with its listener. `A`: an address, or a path. */
export class Listener<A = BoundAddress> {
  readonly loop: Loop
  readonly endpoint: number
  readonly address: A
  /** What was asked for, or as much of it as the loop's kernel can serve, and why. */
  readonly limit: ChannelLimit
  /** Connections that have failed. */
  errors = 0
  #drained: (() => void) | undefined
  #unbind: (() => void) | undefined
  #closing: Promise<void> | undefined

  private constructor(loop: Loop, endpoint: number, address: A, limit: ChannelLimit) {
    this.loop = loop
    this.endpoint = endpoint
    this.address = address
    this.limit = limit
  }

  /** Binds and listens; rejects with the error Node's users know (EADDRINUSE, EACCES …). */
  static async open(
    loop: Loop,
    at: ListenAddress,
    options: EndpointOptions,
    prepare?: (endpoint: number) => void,
  ): Promise<Listener> {
    const bound = await bindTcp(loop, at, { reusePort: at.reusePort ?? false })
    return Listener.on(loop, bound, options, prepare)
  }

  /** Accepts from a socket that listens, which the listener owns from now on. */
  static on<A>(
    loop: Loop,
    bound: Bound<A>,
    options: EndpointOptions,
    prepare?: (endpoint: number) => void,
  ): Listener<A> {
    const { fd, address, subject, unbind } = bound
    let listener: Listener<A>
    try {
      listener = Listener.#register(loop, address, options, prepare)
    } catch (error) {
      unbind?.()
      loop.call(abi.CALL_CLOSE, fd)
      throw error
    }
    const { endpoint } = listener
    if (!loop.core.endpointListen(endpoint, fd)) {
      unbind?.()
      loop.call(abi.CALL_CLOSE, fd)
      loop.unregister(endpoint)
      loop.core.endpointFree(endpoint)
      throw systemError(-abi.EMFILE, 'listen', subject)
    }
    listener.#unbind = unbind
    loop.ref()
    loop.touch()
    nowLive(listener)
    return listener
  }

  /** One without a socket: somebody else listens at the address, and hands connections on to be adopted. */
  static adopting<A>(
    loop: Loop,
    address: A,
    options: EndpointOptions,
    prepare?: (endpoint: number) => void,
  ): Listener<A> {
    const listener = Listener.#register(loop, address, options, prepare)
    loop.ref()
    return listener
  }

  static #register<A>(
    loop: Loop,
    address: A,
    options: EndpointOptions,
    prepare?: (endpoint: number) => void,
  ): Listener<A> {
    const limit = channelLimit(loop.kernel.name, options.limit, options.reserve)
    const endpoint = createEndpoint(loop, { ...options, limit: limit.limit })
    prepare?.(endpoint)
    const listener = new Listener(loop, endpoint, address, limit)
    const { handler } = options
    loop.register(endpoint, {
      upcall(kind, slot, generation, place, length, extra) {
        if (kind === abi.UP_ERROR) listener.errors++
        if (kind === abi.UP_DRAINED) listener.#drained?.()
        else handler.upcall(kind, slot, generation, place, length, extra)
      },
    })
    return listener
  }

  /** Channels open now. */
  get channels(): number {
    return this.loop.view.getUint32(this.endpoint + abi.ENDPOINT_CHANNELS, true)
  }

  /** Whether connections may still come: for a moment after `retire` too. */
  get accepting(): boolean {
    return this.loop.view.getUint32(this.endpoint + abi.ENDPOINT_LISTENER, true) !== 0
  }

  /** Channels accepted so far. */
  get accepted(): number {
    return Number(this.loop.view.getBigUint64(this.endpoint + abi.ENDPOINT_ACCEPTED, true))
  }

  /** Another process that accepted from the same socket has stopped: what it was woken for and left is taken. */
  look(): void {
    this.loop.core.endpointLook(this.endpoint)
    this.loop.touch()
  }

  /** Stops accepting; what is open stays. */
  retire(): void {
    this.#unbind?.()
    this.#unbind = undefined
    this.loop.core.endpointStop(this.endpoint)
    this.loop.touch()
  }

  /** As `retire`; resolves when what has arrived already is read. */
  async stop(): Promise<void> {
    const { schedule } = this.loop
    this.retire()
    // requests that have already arrived are still served: two turns read what the sockets hold
    for (let turn = 0; turn < 2; turn++)
      await new Promise<void>((resolve) => schedule.soon(() => schedule.soon(resolve)))
  }

  /** Stops accepting, lets every channel send what it owes, and closes the rest after `drainMs`. */
  close(drainMs: number): Promise<void> {
    this.#closing ??= this.#close(drainMs)
    return this.#closing
  }

  async #close(drainMs: number): Promise<void> {
    const { loop, endpoint } = this
    const { core } = loop
    await this.stop()
    await new Promise<void>((resolve) => {
      this.#drained = resolve
      core.endpointDrain(endpoint, Math.min(Math.max(0, drainMs), DRAIN_MAX_MS))
      loop.touch()
      if (this.channels === 0 && !this.accepting) resolve()
    })
    loop.unregister(endpoint)
    core.endpointFree(endpoint)
    noLonger(this)
    loop.unref()
  }
}

/** An endpoint record for a service. */
export function createEndpoint(loop: Loop, options: Omit<EndpointOptions, 'handler'>): number {
  const { service, target = 0, high, low, limit } = options
  const endpoint = loop.core.endpointCreate(service, target, high, low, limit) >>> 0
  if (endpoint === 0) throw systemError(-abi.ENOMEM, 'listen')
  return endpoint
}

/** A long time: what is meant by Infinity. */
const DRAIN_MAX_MS = 2 ** 31 - 1
