// What runs in a thread that only runs a handler: events of channels in, answers out.
import type { Channel, Handler } from '../channel/channel.ts'
import type { Codec } from '../core/codec/codec.ts'
import { Frame } from '../core/frame.ts'
import { Doorbell } from '../loop/doorbell.ts'
import { SharedQueue, type SharedQueueHandle } from '../loop/shared-queue.ts'
import * as crossing from './crossing.ts'
import { RemoteChannel, type RemoteLoop } from './remote-channel.ts'

/** Where the loop that serves the sockets is to be found. */
export interface RemoteHandle {
  readonly memory: SharedArrayBuffer
  readonly ring: number
  readonly events: SharedQueueHandle
  /** The loop's doorbell. */
  readonly bell: Int32Array
}

/** Events that wait while a channel is paused. */
const IN_ORDER: ReadonlySet<number> = new Set([crossing.EVENT_FRAME, crossing.EVENT_ERROR, crossing.EVENT_END])
/** Events handled before the event loop has its say. */
const EVENTS_MAX = 256

export class HandleThread implements RemoteLoop {
  readonly answers: crossing.AnswerRing
  readonly frame: Frame
  readonly #handler: Handler<unknown>
  readonly #channels = new Map<number, RemoteChannel>()
  readonly #event = new Int32Array(crossing.EVENT_WORDS)
  readonly #events: SharedQueue
  readonly #bell: Doorbell
  readonly #bytes: Uint8Array
  readonly #words: Uint32Array

  constructor({ memory, ring, events, bell }: RemoteHandle, handler: Handler<unknown>, codec: Codec<unknown>) {
    this.#handler = handler
    this.#bell = new Doorbell(bell, 0)
    this.answers = new crossing.AnswerRing(memory, ring, () => this.#bell.ring())
    this.#bytes = new Uint8Array(memory)
    this.#words = new Uint32Array(memory)
    this.frame = new Frame({ bytes: this.#bytes, hold: cannotHold, drop: () => undefined }, codec.message)
    this.#events = new SharedQueue(events)
    this.#events.attend(() => this.#handle(EVENTS_MAX))
  }

  /** Handles what is there, and no more. */
  close(): void {
    this.#events.leave()
    while (this.#handle(EVENTS_MAX));
  }

  #handle(most: number): boolean {
    let n = 0
    while (n < most && this.#events.take(this.#event)) {
      n++
      const [kind, id, a, b] = this.#event as unknown as [number, number, number, number]
      const held = this.#channels.get(id)?.held
      if (held === undefined || !IN_ORDER.has(kind)) this.#safely(kind, id, a, b)
      else held.push([kind, id, a, b])
    }
    this.#bell.ring()
    return n === most
  }

  #safely(kind: number, id: number, a: number, b: number): void {
    try {
      this.#deliver(kind, id, a >>> 0, b)
    } catch (error) {
      process.nextTick(() => {
        throw error // an uncaught one, as from any callback
      })
    }
  }

  /** What came while the channel was paused is delivered, until it is paused again; of one that is done, given back. */
  readonly #resume = (channel: RemoteChannel): void => {
    const { held } = channel
    while (held !== undefined && held.length > 0 && (!channel.paused || channel.done)) {
      this.#safely(...(held.shift() as [number, number, number, number]))
    }
    if (!channel.paused || channel.done) channel.held = undefined
    this.#bell.ring()
  }

  #deliver(kind: number, id: number, a: number, b: number): void {
    const handler = this.#handler
    if (kind === crossing.EVENT_OPEN) {
      const channel = new RemoteChannel(this, id, this.#json(a, b) ?? undefined, this.#resume)
      this.#channels.set(id, channel)
      handler.open?.(channel as unknown as Channel)
      return
    }
    const channel = this.#channels.get(id) as RemoteChannel
    const seen = channel as unknown as Channel // in a handler's eyes
    switch (kind) {
      case crossing.EVENT_FRAME:
        try {
          this.frame.point(this.#words, a >>> 2)
          if (!channel.done) handler.frame(seen, this.frame)
        } finally {
          this.answers.write(crossing.ANSWER_RELEASE, id, a, b)
        }
        break
      case crossing.EVENT_ERROR: {
        const { message, ...rest } = this.#json<{ message: string }>(a, b)
        if (!channel.done) handler.error?.(seen, Object.assign(new Error(message), rest))
        break
      }
      case crossing.EVENT_END:
        try {
          if (!channel.done) handler.end?.(seen)
        } finally {
          channel.done = true
          this.answers.write(crossing.ANSWER_ENDED, id)
        }
        break
      case crossing.EVENT_FULL:
        channel.full = true
        break
      case crossing.EVENT_WRITABLE:
        channel.full = false
        if (!channel.done) handler.writable?.(seen)
        break
      case crossing.EVENT_CLOSE:
        channel.done = true
        this.#resume(channel)
        this.#channels.delete(id)
        handler.close?.(seen)
        break
    }
  }

  /** The text in a block, which is released. */
  #json<T>(at: number, length: number): T {
    const text = Buffer.from(this.#bytes.slice(at, at + length)).toString()
    this.answers.write(crossing.ANSWER_RELEASE, 0, at, 0)
    return JSON.parse(text) as T
  }
}

/** The memory is another thread's loop's, from which this one cannot allocate. */
function cannotHold(): never {
  const error = new Error('a frame cannot be retained in a thread of a pool; copy() it')
  throw Object.assign(error, { code: 'ERR_METHOD_NOT_IMPLEMENTED' })
}
