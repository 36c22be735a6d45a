// Listening sockets, and the endpoints behind them: what `listen` and the services share.
import * as abi from '../../assembly/abi.ts'
import { readSocketAddress, resolveTcp, type TcpAddress } from '../channel/address.ts'
import { check, systemError } from '../kernel/errors.ts'
import { type ChannelLimit, channelLimit } from '../kernel/models.ts'
import type { EndpointHandler, Loop } from '../loop/loop.ts'
import { noLonger, nowLive } from './live.ts'
import { takeInherited } from './shared-sockets.ts'

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

/** An endpoint of a service, with its listener. */
export class Listener {
  readonly loop: Loop
  readonly endpoint: number
  readonly address: TcpAddress & { family: 'IPv4' | 'IPv6' }
  /** What was asked for, or as much of it as the loop's kernel can serve, and why. */
  readonly limit: ChannelLimit
  /** Connections that have failed. */
  errors = 0
  #drained: (() => void) | undefined
  #closing: Promise<void> | undefined

  private constructor(loop: Loop, endpoint: number, address: Listener['address'], limit: ChannelLimit) {
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
    const { fd, address } = await bind(loop, at)
    let listener: Listener
    try {
      listener = Listener.#register(loop, address, options, prepare)
    } catch (error) {
      loop.call(abi.CALL_CLOSE, fd)
      throw error
    }
    const { endpoint } = listener
    if (!loop.core.endpointListen(endpoint, fd)) {
      loop.call(abi.CALL_CLOSE, fd)
      loop.unregister(endpoint)
      loop.core.endpointFree(endpoint)
      throw systemError(-abi.EMFILE, 'listen', { address: address.host, port: address.port })
    }
    loop.ref()
    loop.touch()
    nowLive(listener)
    return listener
  }

  /** One without a socket: somebody else listens at the address, and hands connections on to be adopted. */
  static adopting(
    loop: Loop,
    address: Listener['address'],
    options: EndpointOptions,
    prepare?: (endpoint: number) => void,
  ): Listener {
    const listener = Listener.#register(loop, address, options, prepare)
    loop.ref()
    return listener
  }

  static #register(
    loop: Loop,
    address: Listener['address'],
    options: EndpointOptions,
    prepare?: (endpoint: number) => void,
  ): Listener {
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

  /** Stops accepting; what is open stays. */
  retire(): void {
    this.loop.core.endpointStop(this.endpoint)
    this.loop.touch()
  }

  /** Stops accepting, lets every channel send what it owes, and closes the rest after `drainMs`. */
  close(drainMs: number): Promise<void> {
    this.#closing ??= this.#close(drainMs)
    return this.#closing
  }

  async #close(drainMs: number): Promise<void> {
    const { loop, endpoint } = this
    const { core, schedule } = loop
    this.retire()
    // requests that have already arrived are still served: two turns read what the sockets hold
    for (let turn = 0; turn < 2; turn++)
      await new Promise<void>((resolve) => schedule.soon(() => schedule.soon(resolve)))
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

const BACKLOG = 4096
/** A long time: what is meant by Infinity. */
const DRAIN_MAX_MS = 2 ** 31 - 1

async function bind(loop: Loop, at: ListenAddress): Promise<{ fd: number; address: Listener['address'] }> {
  const subject = { address: at.host, port: at.port }
  const { family, bytes } = await resolveTcp(at.host, at.port)
  const inherited = at.reusePort ? takeInherited(at) : undefined // bound already, by the supervisor
  const fd = inherited ?? check(loop.call(abi.CALL_SOCKET, -1, family, abi.SOCK_STREAM), 'socket', subject)
  try {
    check(loop.call(abi.CALL_SETSOCKOPT, fd, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1), 'setsockopt', subject)
    if (at.reusePort)
      check(loop.call(abi.CALL_SETSOCKOPT, fd, abi.SOL_SOCKET, abi.SO_REUSEPORT, 1), 'setsockopt', subject)
    // inherited by accepted sockets: a reply is never held back for a fuller segment
    check(loop.call(abi.CALL_SETSOCKOPT, fd, abi.IPPROTO_TCP, abi.TCP_NODELAY, 1), 'setsockopt', subject)
    loop.bytes.set(bytes, loop.stage)
    if (inherited === undefined) check(loop.call(abi.CALL_BIND, fd, loop.stage, bytes.length), 'listen', subject)
    check(loop.call(abi.CALL_LISTEN, fd, BACKLOG), 'listen', subject)
    check(loop.call(abi.CALL_GETSOCKNAME, fd, loop.stage, 128), 'getsockname', subject)
  } catch (error) {
    loop.call(abi.CALL_CLOSE, fd)
    throw error
  }
  return { fd, address: readSocketAddress(loop.view, loop.stage) }
}
