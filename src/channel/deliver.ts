// How a channel's events reach a handler: by one flyweight, or in debug mode by a frame of its own for each call.
import type { Codec } from '../core/codec/codec.ts'
import { Frame, type FrameMemory } from '../core/frame.ts'
import type { Loop } from '../loop/loop.ts'
import type { Channel, Handler } from './channel.ts'
import type { RetainedFrames } from './frame-watch.ts'

/** Who calls the handler. */
export interface Deliverer {
  /** Whether anybody wants to hear of a channel that opens, or of one that closes having said nothing. */
  readonly hearsOpen: boolean
  readonly hearsClose: boolean
  open(channel: Channel): void
  frame(channel: Channel, records: Uint32Array, i: number): void
  error(channel: Channel, error: Error): void
  end(channel: Channel): void
  writable(channel: Channel): void
  close(channel: Channel): void
  /** The one who calls another handler, with another codec's frames. */
  follow<M>(handler: Handler<M>, codec: Codec<M>): Deliverer
}

/** Calls the handler with one frame for all, which is valid during the call. */
export class HandlerDeliverer<M> implements Deliverer {
  readonly hearsOpen: boolean
  readonly hearsClose: boolean
  readonly #loop: Loop
  readonly #handler: Handler<M>
  readonly #frame: Frame<M>

  constructor(loop: Loop, handler: Handler<M>, codec: Codec<M>) {
    this.#loop = loop
    this.#handler = handler
    this.#frame = new Frame<M>(loop, codec.message)
    this.hearsOpen = handler.open !== undefined
    this.hearsClose = handler.close !== undefined
  }

  open(channel: Channel): void {
    this.#handler.open?.(channel)
  }

  frame(channel: Channel, records: Uint32Array, i: number): void {
    this.#frame.point(records, i)
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

  close(channel: Channel): void {
    this.#handler.close?.(channel)
  }

  follow<N>(handler: Handler<N>, codec: Codec<N>): Deliverer {
    return new HandlerDeliverer<N>(this.#loop, handler, codec)
  }
}

/** The same with a new frame for each call, which throws when it is used later; and retained frames are watched. */
export class DebugDeliverer<M> extends HandlerDeliverer<M> {
  readonly #loop: Loop
  readonly #handler: Handler<M>
  readonly #codec: Codec<M>
  readonly #watch: RetainedFrames
  readonly #memory: FrameMemory

  constructor(loop: Loop, handler: Handler<M>, codec: Codec<M>, watch: RetainedFrames) {
    super(loop, handler, codec)
    this.#loop = loop
    this.#handler = handler
    this.#codec = codec
    this.#watch = watch
    this.#memory = {
      bytes: loop.bytes,
      hold: (bytes) => loop.hold(bytes),
      drop: (at) => loop.drop(at),
      retained: watch,
    }
  }

  override frame(channel: Channel, records: Uint32Array, i: number): void {
    const frame = new Frame<M>(this.#memory, this.#codec.message)
    frame.point(records, i)
    try {
      this.#handler.frame(channel, frame)
    } finally {
      frame.expire('MILLRACE_ERR_FRAME_EXPIRED')
    }
  }

  override follow<N>(handler: Handler<N>, codec: Codec<N>): Deliverer {
    return new DebugDeliverer<N>(this.#loop, handler, codec, this.#watch)
  }
}

/** What delivers to a handler: in debug mode where `watch` is given. */
export function delivererOf<M>(
  loop: Loop,
  handler: Handler<M>,
  codec: Codec<M>,
  watch: RetainedFrames | undefined,
): Deliverer {
  return watch === undefined
    ? new HandlerDeliverer<M>(loop, handler, codec)
    : new DebugDeliverer<M>(loop, handler, codec, watch)
}
