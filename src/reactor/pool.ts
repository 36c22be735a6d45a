// A server whose sockets the caller's loop serves, and whose handler runs in other threads.
import { raw } from '../core/codec/raw.ts'
import { type Loop, threadLoop } from '../loop/loop.ts'
import { Gate, Link, memoryOf } from './gate.ts'
import { codecOf, portableCodec } from './handler-module.ts'
import { openListener } from './listen.ts'
import type { Listener } from './listener.ts'
import { type Address, type HandlingReady, Thread, type ThreadEnd, type ThreadStart } from './thread.ts'
import {
  reportExit,
  restartPause,
  type ThreadListenOptions,
  type ThreadServer,
  type ThreadServerStats,
} from './threads.ts'

/** A place for one thread. */
interface Place {
  thread: Thread<HandlingReady> | undefined
  link: Link | undefined
  /** Of threads that had this place before. */
  accepted: number
  failures: number
}

const HIGH = 65536

export class PoolServer implements ThreadServer {
  readonly #options: ThreadListenOptions
  readonly #loop: Loop
  readonly #gate: Gate
  readonly #places: readonly Place[]
  readonly #restarts = new Set<NodeJS.Timeout>()
  #listener: Listener<unknown> | undefined
  #closing: Promise<void> | undefined

  constructor(options: ThreadListenOptions, threads: number) {
    this.#options = options
    this.#loop = threadLoop(options.kernel)
    this.#gate = new Gate(this.#loop, options.highWaterMark ?? HIGH)
    const place = (): Place => ({ thread: undefined, link: undefined, accepted: 0, failures: 0 })
    this.#places = Array.from({ length: threads }, place)
  }

  /** Rejects with what the first thread that fails throws; then nothing is left. */
  async start(): Promise<void> {
    try {
      const started = await Promise.allSettled(this.#places.map((_, index) => this.#fill(index)))
      const failed = started.find((result) => result.status === 'rejected')
      if (failed !== undefined) throw failed.reason
      const codec = this.#places[0]?.thread?.ready.codec
      const { handler: _, ...options } = this.#options
      const nobody = { frame: () => undefined } // the gate stands before it
      const { listener } = await openListener(
        this.#loop,
        { ...options, codec: codec ? codecOf(codec) : raw(), handler: nobody },
        { bridge: (_loop, _deliverer, framing) => this.#gate.bridge(framing) },
      )
      this.#listener = listener
    } catch (error) {
      await this.close({ drain: 0 })
      throw error
    }
  }

  address(): Address {
    return (this.#listener as Listener).address
  }

  stats(): ThreadServerStats {
    const { channels, accepted, limit } = this.#listener as Listener
    return {
      channels,
      accepted,
      kernel: this.#loop.kernel.name,
      maxChannels: limit.limit,
      refusedDescriptors: this.#loop.stats().fdsRefused,
      threads: this.#places.map(({ thread, link, accepted: before }, index) => ({
        thread: index,
        threadId: thread?.id ?? 0,
        channels: link?.channels ?? 0,
        accepted: before + (link?.accepted ?? 0),
      })),
    }
  }

  close({ drain = 5000 }: { drain?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(drain)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(drain: number): Promise<void> {
    const deadline = performance.now() + drain
    const left = (): number => Math.max(0, deadline - performance.now())
    for (const timer of this.#restarts) clearTimeout(timer)
    const listener = this.#listener
    if (listener !== undefined) {
      await listener.stop()
      // what threads still owe is written before channels are asked to end
      await this.#gate.settle(drain)
      await listener.close(left())
    }
    await Promise.all(this.#places.map(({ thread }) => thread?.close(left())))
    this.#gate.close()
  }

  /** Puts a thread in a place. */
  async #fill(index: number): Promise<void> {
    const place = this.#places[index] as Place
    const link = new Link(this.#loop)
    const start: ThreadStart = {
      role: {
        name: 'handle',
        loop: {
          memory: memoryOf(this.#loop),
          ring: link.ring,
          events: link.events.handle,
          bell: this.#gate.bell,
        },
      },
      thread: index,
      threads: this.#places.length,
      handler: this.#options.handler.href,
      codec: portableCodec(this.#options.codec),
      options: { port: 0 },
    }
    let serves = false
    try {
      place.thread = await Thread.start<HandlingReady>(start, (end, asked) => {
        if (serves) this.#gate.drop(link)
        place.thread = undefined
        place.link = undefined
        place.accepted += link.accepted
        if (!asked) this.#gone(index, end)
      })
    } catch (error) {
      this.#loop.core.free(link.ring)
      throw error
    }
    serves = true
    place.link = link
    place.failures = 0
    this.#gate.links.push(link)
    if (this.#closing !== undefined) await place.thread.close(0)
  }

  /** A thread has ended unasked, or did not start again. */
  #gone(index: number, end: ThreadEnd): void {
    const restarting = this.#options.restart === true && this.#closing === undefined
    if (restarting) this.#startLater(index)
    reportExit(this.#options, index, end, restarting)
  }

  #startLater(index: number): void {
    const place = this.#places[index] as Place
    const timer = setTimeout(
      () => {
        this.#restarts.delete(timer)
        this.#fill(index).catch((error: Error) => this.#gone(index, { code: 1, error }))
      },
      restartPause(place.failures++),
    )
    this.#restarts.add(timer)
  }
}
