// `listen`: a server whose frames a JavaScript handler takes.
import * as abi from '../../assembly/abi.ts'
import { RECORD_BYTES, RECORD_ERROR, RECORD_KIND } from '../../assembly/codec/abi.ts'
import { UP_FRAME } from '../../assembly/service/abi.ts'
import { Channel, type Handler } from '../channel/channel.ts'
import { placeCodec } from '../channel/codec-record.ts'
import { type Deliverer, delivererOf } from '../channel/deliver.ts'
import { channelError } from '../channel/errors.ts'
import { debugsFrames, RetainedFrames } from '../channel/frame-watch.ts'
import { checkPort } from '../channel/options.ts'
import type { Codec } from '../core/codec/codec.ts'
import { raw } from '../core/codec/raw.ts'
import { isFatal } from '../core/errors.ts'
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import { type EndpointHandler, type Loop, threadLoop } from '../loop/loop.ts'
import { underSignal } from './abort.ts'
import { type ListenerCounts, listenerCounts } from './counts.ts'
import { importHandler } from './handler-module.ts'
import { Listener } from './listener.ts'
import { type BoundAddress, bindTcp, bindUnix, type ListeningOptions } from './listening.ts'
import type { Reactor, ThreadListenOptions, ThreadServer } from './threads.ts'

export interface ListenOptions<M = undefined> extends ListeningOptions {
  /** 0: any free port. */
  readonly port: number
  /** '127.0.0.1' by default. */
  readonly host?: string
  /** Lets other sockets that say so too share the address (SO_REUSEPORT): the kernel spreads connections over them. */
  readonly reusePort?: boolean
  /** How bytes become frames; raw() by default. */
  readonly codec?: Codec<M>
  readonly handler: Handler<M>
  /** Bytes queued for a channel above which `write` returns false and its frames wait. 65,536 by default. */
  readonly highWaterMark?: number
  /** Bytes at which both go on. Half the high one by default. */
  readonly lowWaterMark?: number
  /** Most channels at a time; at the limit new ones wait in the backlog. 65,000 by default, or what the kernel can. */
  readonly maxChannels?: number
  /**
   * Which kernel serves it: uring, epoll, epoll-edge, poll, select, signal or spin; see docs/io-models.md. A thread has
   * one loop for each. By default the one that MILLRACE_KERNEL names, or the best.
   */
  readonly kernel?: string
  /** Aborted before it listens: rejects with ABORT_ERR. Afterwards: the server closes. */
  readonly signal?: AbortSignal
  /**
   * Whether `channel.upgrade` may be called. Then the core decodes a frame at a time and asks in between, which costs
   * a call into the core for each frame, until the channel is upgraded. False by default.
   */
  readonly upgradable?: boolean
  /**
   * Debug mode: a frame that is used after its call throws MILLRACE_ERR_FRAME_EXPIRED, and one that was retained and
   * forgotten is reported with the place (MILLRACE_WARN_FRAME_LEAK) when it is collected or the server closes. By
   * default where MILLRACE_DEBUG, a list, contains frames.
   */
  readonly debug?: boolean
}

/** A server on a Unix socket. */
export interface ListenPathOptions<M = undefined> extends Omit<ListenOptions<M>, 'port' | 'host'> {
  /** A path, removed when the server closes; or an abstract name, which begins with NUL. */
  readonly path: string
}

export interface ServerStats extends ListenerCounts {
  /** The kernel that serves it. */
  readonly kernel: string
  /** Most channels at a time: `maxChannels`, or what the kernel can hold. */
  readonly maxChannels: number
  /** Operations and accepts that the kernel refused, because it cannot hold such a high descriptor. */
  readonly refusedDescriptors: number
}

/** Starts a server on the thread's loop. A `maxChannels` beyond what the kernel can hold is lowered, with a warning. */
export function listen<M = undefined>(options: ListenOptions<M>): Promise<Server>
export function listen<M = undefined>(options: ListenPathOptions<M>): Promise<Server<string>>
/** Starts a server whose handler is a module, which other threads can run too: `reactor` says which do what. */
export function listen(options: ThreadListenOptions & { readonly reactor: Reactor }): Promise<ThreadServer>
export function listen(options: ThreadListenOptions & { readonly reactor?: 'single' }): Promise<Server>
export async function listen<M>(
  options: ListenOptions<M> | ListenPathOptions<M> | ThreadListenOptions,
): Promise<Server<unknown> | ThreadServer> {
  const reactor = ('reactor' in options && options.reactor) || 'single'
  if (options.handler instanceof URL) {
    const rest = options as ThreadListenOptions
    if (reactor !== 'single') {
      const { listenThreads } = await import('./threads.ts') // which builds on this module
      return listenThreads(rest, reactor)
    }
    const { handler, codec = rest.codec } = await importHandler(rest.handler.href, { thread: 0, threads: 1 })
    return listenOn(threadLoop(rest.kernel), { ...rest, handler, ...(codec && { codec }) })
  }
  if (reactor !== 'single') {
    throw new InvalidArgumentError('handler', 'the URL of a module where other threads run it', options.handler)
  }
  return listenOn(threadLoop(options.kernel), options as ListenOptions<M>)
}

/** Starts a server on a loop. */
export async function listenOn<M = undefined>(loop: Loop, options: ListenOptions<M>): Promise<Server>
export async function listenOn<M>(loop: Loop, options: ListenOptions<M> & { path?: string }): Promise<Server<unknown>> {
  return underSignal(options.signal, async () => {
    const { listener, watch } = await openListener(loop, options)
    return new Server<unknown>(listener, watch)
  })
}

/** @internal What a thread that is one of several does differently. */
export interface ListenDifferences<M> {
  readonly reusePort?: boolean
  /** Somebody else listens there, and hands connections on. */
  readonly adopting?: BoundAddress
  /** Stands between the core and the handler. */
  readonly bridge?: (loop: Loop, deliverer: Deliverer, codec: Codec<M>) => EndpointHandler
}

/** @internal Starts what a server consists of; `watch`: where retained frames are looked after. */
export async function openListener<M = undefined>(
  loop: Loop,
  options: ListenOptions<M> & { path?: string },
  differences: ListenDifferences<M | undefined> = {},
): Promise<{ listener: Listener<unknown>; watch: RetainedFrames | undefined }> {
  const { port, path, host = '127.0.0.1' } = options
  if (path === undefined) checkPort('port', port)
  const handler = options.handler as Handler<M | undefined>
  const codec: Codec<M | undefined> = options.codec ?? raw()
  const high = options.highWaterMark ?? 65536
  const low = options.lowWaterMark ?? high >> 1
  const limit = options.maxChannels ?? 65000
  const { reusePort = options.reusePort ?? false, adopting, bridge } = differences
  const watch = (options.debug ?? debugsFrames()) ? new RetainedFrames(loop) : undefined
  const deliverer = delivererOf(loop, handler, codec, watch)
  const endpoint = {
    service: abi.SERVICE_HOST,
    high,
    low,
    limit,
    handler: bridge?.(loop, deliverer, codec) ?? new HandlerBridge(loop, deliverer),
  }
  const prepare = (at: number): void => writeCodec(loop, at, codec, options.upgradable)
  const bind = { ...options, reusePort }
  const listener =
    adopting === undefined
      ? Listener.on<unknown>(
          loop,
          path === undefined ? await bindTcp(loop, { host, port }, bind) : bindUnix(loop, path, bind),
          endpoint,
          prepare,
        )
      : Listener.adopting<unknown>(loop, adopting, endpoint, prepare)
  const { reason } = listener.limit
  if (reason !== undefined && options.maxChannels !== undefined) {
    process.emitWarning(reason, { code: 'MILLRACE_WARN_LIMIT' })
  }
  return { listener, watch }
}

/** @internal Gives the endpoint its codec's record, which it frees. */
export function writeCodec(loop: Loop, endpoint: number, codec: Codec<unknown>, upgradable = false): void {
  loop.view.setUint32(endpoint + abi.ENDPOINT_CODEC, placeCodec(loop, codec, upgradable), true)
}

/** A listening server. */
export class Server<A = BoundAddress> {
  readonly #listener: Listener<A>
  readonly #watch: RetainedFrames | undefined

  /** @internal */
  constructor(listener: Listener<A>, watch?: RetainedFrames) {
    this.#listener = listener
    this.#watch = watch
  }

  /** Where it listens: host, port and family, or the path. */
  address(): A {
    return this.#listener.address
  }

  stats(): ServerStats {
    const { limit, loop } = this.#listener
    const { fdsRefused: refusedDescriptors } = loop.stats()
    const counts = listenerCounts(this.#listener)
    return { ...counts, kernel: loop.kernel.name, maxChannels: limit.limit, refusedDescriptors }
  }

  /** Stops accepting, sends what channels owe, and closes; whatever is left after `drain` milliseconds is cut off. */
  async close({ drain = 5000 }: { drain?: number } = {}): Promise<void> {
    await this.#listener.close(drain)
    this.#watch?.report()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** @internal Turns upcalls into calls of a handler; one Channel object per open channel. */
export class HandlerBridge implements EndpointHandler {
  readonly #loop: Loop
  readonly #deliverer: Deliverer
  readonly #channels: (Channel | undefined)[] = []

  constructor(loop: Loop, deliverer: Deliverer) {
    this.#loop = loop
    this.#deliverer = deliverer
  }

  upcall(kind: number, slot: number, generation: number, at: number, length: number, extra: number): void {
    const { hearsOpen, hearsClose } = this.#deliverer
    // a connection of which the handler has heard nothing yet costs no object
    if (kind === abi.UP_OPEN && !hearsOpen) return
    if (kind === abi.UP_CLOSE && !hearsClose && this.#channels[slot] === undefined) return
    const channel = this.channel(slot, generation)
    switch (kind) {
      case abi.UP_FRAMES:
        this.#frames(channel, at >>> 2, (at + length * RECORD_BYTES) >>> 2)
        break
      case UP_FRAME:
        this.#one(channel, at >>> 2, (at + length * RECORD_BYTES) >>> 2)
        break
      case abi.UP_OPEN:
        channel.deliverer.open(channel)
        break
      case abi.UP_WRITABLE:
        channel.drained()
        break
      case abi.UP_ERROR:
        channel.failed(channelError(length, extra))
        break
      case abi.UP_SENT:
        channel.fileSent((at >>> 0) + extra * 2 ** 32, length)
        break
      case abi.UP_END:
        channel.receivedEnd()
        break
      case abi.UP_CLOSE:
        this.#channels[slot] = undefined
        channel.closed()
        channel.deliverer.close(channel)
        break
    }
  }

  /** Records `from` … `to`, in words. A handler that throws does not keep what is behind from coming. */
  #frames(channel: Channel, from: number, to: number): void {
    const records = this.#loop.u32
    let next = from
    while (next < to) {
      try {
        while (next < to) {
          const i = next
          if (records[i + KIND] === RECORD_ERROR) {
            next = i + RECORD_WORDS
            this.#bad(channel, records[i] as number, records[i + 1] as number, records[i + 3] as number)
          } else {
            next = i + RECORD_WORDS + (records[i + 3] as number) * RECORD_WORDS
            channel.received(records, i)
          }
        }
      } catch (error) {
        this.#loop.schedule.raise(error)
      }
    }
  }

  /** One frame, with what was decoded together with it unless it changes the codec. */
  #one(channel: Channel, from: number, to: number): void {
    const records = this.#loop.u32
    const parts = records[from + KIND] === RECORD_ERROR ? 0 : (records[from + 3] as number)
    const behind = from + RECORD_WORDS + parts * RECORD_WORDS
    channel.stopped()
    this.#frames(channel, from, behind)
    if (channel.keepsCodec) this.#frames(channel, behind, to)
    channel.goOn()
  }

  /** An error in the place of a frame; one behind which nothing can be told apart ends the channel. */
  #bad(channel: Channel, number: number, low: number, high: number): void {
    const error = channelError(number, low + high * 2 ** 32)
    try {
      channel.receivedError(error)
    } finally {
      if (isFatal(number)) channel.receivedEnd()
    }
  }

  /** The channel of a slot, made where it is not there yet. */
  channel(slot: number, generation: number): Channel {
    return this.#channels[slot] ?? this.#create(slot, generation)
  }

  #create(slot: number, generation: number): Channel {
    const channel = new Channel(this.#loop, slot, generation, this.#deliverer)
    this.#channels[slot] = channel
    return channel
  }
}

const RECORD_WORDS = RECORD_BYTES / 4
const KIND = RECORD_KIND / 4
