// A channel as a handler sees it in a thread that does not serve its socket.

import { EPIPE } from '../../assembly/abi.ts'
import type { TcpAddress } from '../channel/address.ts'
import { Frame } from '../core/frame.ts'
import { systemError } from '../kernel/errors.ts'
import * as crossing from './crossing.ts'

/** The loop that serves the socket: its answers, and the frame that is being handled, whose bytes need no copy. */
export interface RemoteLoop {
  readonly answers: crossing.AnswerRing
  readonly frame: Frame
}

/**
 * What `Channel` is in the thread of its socket, without `sendFile` and `writableLength`. What it is told reaches the
 * socket a little later; `write` returns false from when the thread has heard that the queue is above its high
 * watermark.
 */
export class RemoteChannel {
  /** Room for whatever the handler wants to keep with the channel. */
  data: unknown = undefined
  /** The peer's address when it connected. */
  readonly remoteAddress: TcpAddress | undefined
  readonly #loop: RemoteLoop
  readonly #id: number
  #paused = false
  /** @internal Above the high watermark. */
  full = false
  /** @internal Nothing more is delivered. */
  done = false
  /** @internal Events that came while it was paused; undefined: it is not. */
  held: number[][] | undefined
  readonly #deliver: (channel: RemoteChannel) => void

  /** @internal `deliver` hands on what was held. */
  constructor(
    loop: RemoteLoop,
    id: number,
    remoteAddress: TcpAddress | undefined,
    deliver: (channel: RemoteChannel) => void,
  ) {
    this.#deliver = deliver
    this.#loop = loop
    this.#id = id
    this.remoteAddress = remoteAddress
  }

  /** As Channel.write; a message that the codec has no frame for is an error of the channel, which closes it. */
  write(message: Frame<unknown> | Uint8Array | string): boolean {
    if (this.done) throw systemError(-EPIPE, 'write')
    const { answers, frame } = this.#loop
    if (message === frame) {
      answers.write(crossing.ANSWER_WRITE_AT, this.#id, message.at, message.length)
      return !this.full
    }
    let bytes: Uint8Array
    if (typeof message === 'string') bytes = Buffer.from(message)
    else bytes = message instanceof Frame ? message.bytes : message
    const total = bytes.length
    for (let from = 0; from < total || from === 0; from += crossing.PART_MAX) {
      const part = bytes.subarray(from, from + crossing.PART_MAX)
      answers.write(crossing.ANSWER_WRITE, this.#id, part.length, total, part)
    }
    return !this.full
  }

  end(): void {
    this.done = true
    this.#loop.answers.write(crossing.ANSWER_END, this.#id)
  }

  destroy(): void {
    this.done = true
    this.#loop.answers.write(crossing.ANSWER_DESTROY, this.#id)
  }

  /** No more frames until `resume`. */
  pause(): void {
    this.held ??= []
    this.#paused = true
    this.#loop.answers.write(crossing.ANSWER_PAUSE, this.#id)
  }

  /** Frames come again, after this call. */
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#loop.answers.write(crossing.ANSWER_RESUME, this.#id)
    setImmediate(this.#deliver, this)
  }

  /** @internal */
  get paused(): boolean {
    return this.#paused
  }
}
