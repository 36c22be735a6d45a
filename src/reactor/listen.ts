// `listen`: a server whose frames a JavaScript handler takes.
import * as abi from '../../assembly/abi.ts'
import type { TcpAddress } from '../channel/address.ts'
import { Channel, type Deliverer, type Handler } from '../channel/channel.ts'
import { type Codec, raw } from '../channel/codec.ts'
import { channelError } from '../channel/errors.ts'
import { Frame } from '../channel/frame.ts'
import { type EndpointHandler, type Loop, threadLoop } from '../loop/loop.ts'
import { Listener } from './listener.ts'

export interface ListenOptions {
  /** 0: any free port. */
  readonly port: number
  /** '127.0.0.1' by default. */
  readonly host?: string
  /** How bytes become frames; raw() by default. */
  readonly codec?: Codec
  readonly handler: Handler
  /** Bytes queued for a channel above which `write` returns false and its frames wait. 65,536 by default. */
  readonly highWaterMark?: number
  /** Bytes at which both go on. Half the high one by default. */
  readonly lowWaterMark?: number
  /** Most channels at a time; at the limit new ones wait in the backlog. 65,000 by default. */
  readonly maxChannels?: number
}

export interface ServerStats {
  readonly channels: number
  readonly accepted: number
}

/** Starts a server on the thread's loop. */
export async function listen(options: ListenOptions): Promise<Server> {
  const { port, host = '127.0.0.1', codec = raw(), handler } = options
  const high = options.highWaterMark ?? 65536
  const low = options.lowWaterMark ?? high >> 1
  const limit = options.maxChannels ?? 65000
  const loop = threadLoop()
  const listener = await Listener.open(
    loop,
    { host, port },
    { service: abi.SERVICE_HOST, high, low, limit, handler: new HandlerBridge(loop, handler) },
    (endpoint) => codec.write(loop.view, endpoint + abi.ENDPOINT_CODEC),
  )
  return new Server(listener)
}

/** A listening server. */
export class Server {
  readonly #listener: Listener

  /** @internal */
  constructor(listener: Listener) {
    this.#listener = listener
  }

  address(): TcpAddress & { family: 'IPv4' | 'IPv6' } {
    return this.#listener.address
  }

  stats(): ServerStats {
    return { channels: this.#listener.channels, accepted: this.#listener.accepted }
  }

  /** Stops accepting, sends what channels owe, and closes; whatever is left after `drain` milliseconds is cut off. */
  close({ drain = 5000 }: { drain?: number } = {}): Promise<void> {
    return this.#listener.close(drain)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Turns upcalls into calls of a handler; one Channel object per open channel, one Frame for all. */
class HandlerBridge implements EndpointHandler, Deliverer {
  readonly #loop: Loop
  readonly #handler: Handler
  readonly #channels: (Channel | undefined)[] = []
  readonly #frame: Frame

  constructor(loop: Loop, handler: Handler) {
    this.#loop = loop
    this.#handler = handler
    this.#frame = new Frame(loop)
  }

  upcall(kind: number, slot: number, generation: number, at: number, length: number, extra: number): void {
    const handler = this.#handler
    // a connection of which the handler has heard nothing yet costs no object
    if (kind === abi.UP_OPEN && handler.open === undefined) return
    if (kind === abi.UP_CLOSE && handler.close === undefined && this.#channels[slot] === undefined) return
    const channel = this.#channels[slot] ?? this.#create(slot, generation)
    switch (kind) {
      case abi.UP_OPEN:
        handler.open?.(channel)
        break
      case abi.UP_FRAME:
        channel.received(at, length)
        break
      case abi.UP_WRITABLE:
        channel.drained()
        break
      case abi.UP_ERROR:
        channel.receivedError(channelError(length, extra))
        break
      case abi.UP_END:
        channel.receivedEnd()
        break
      case abi.UP_CLOSE:
        this.#channels[slot] = undefined
        channel.closed()
        handler.close?.(channel)
        break
    }
  }

  #create(slot: number, generation: number): Channel {
    const channel = new Channel(this.#loop, slot, generation, this)
    this.#channels[slot] = channel
    return channel
  }

  frame(channel: Channel, at: number, length: number): void {
    this.#frame.at = at
    this.#frame.length = length
    this.#handler.frame(channel, this.#frame)
  }

  error(channel: Channel, error: Error): void {
    this.#handler.error?.(channel, error)
  }

  writable(channel: Channel): void {
    this.#handler.writable?.(channel)
  }

  end(channel: Channel): void {
    try {
      this.#handler.end?.(channel)
    } finally {
      channel.end()
    }
  }
}
