// The frame that a handler is given: one flyweight per decoder or loop, pointing at a record in the core's memory.
import { RECORD_BYTES } from '../../assembly/codec/abi.ts'
import { expire, expired } from './frame-expired.ts'
import { copyRecords, type HoldingMemory } from './frame-records.ts'
import { type TextEncodingName, textOf } from './text.ts'

/** The memory that records point into. */
export interface FrameMemory extends HoldingMemory {
  /** @internal Is told of every frame that is retained, in debug mode. */
  readonly retained?: FrameWatch | undefined
}

/** @internal Who looks after retained frames. */
export interface FrameWatch {
  keep(frame: object, at: number): void
  /** The frame is released. */
  drop(frame: object): void
}

/**
 * Bytes received. Valid during the call it is handed to: `retain` or `copy` what must live longer. A structured frame
 * (resp, memcached, http1) has parts.
 */
export class Frame<M = unknown> {
  /** @internal Address of the first byte. */
  at = 0
  /** Bytes of the frame. */
  length = 0
  /** RECORD_* in the core's ABI: 0 for a frame; http1 has more. */
  kind = 0
  /** Parts of a structured frame. */
  parts = 0
  readonly #memory: FrameMemory
  #records: Uint32Array = NONE
  #first = 0

  readonly #read: ((frame: Frame) => M) | undefined

  /** @internal `read` is the codec's. */
  constructor(memory: FrameMemory, read?: (frame: Frame) => M) {
    this.#memory = memory
    this.#read = read
  }

  /** What a structured frame means; made anew at each look. Undefined where the codec only frames. */
  get message(): M {
    return this.#read?.(this) as M
  }

  /** @internal Points at record `i` (in words) of `records`; returns the word behind its parts. */
  point(records: Uint32Array, i: number): number {
    this.at = records[i] as number
    this.length = records[i + 1] as number
    this.kind = records[i + 2] as number
    this.parts = records[i + 3] as number
    this.#records = records
    this.#first = i + WORDS
    return i + WORDS + this.parts * WORDS
  }

  /** A view of the bytes, without a copy. */
  get bytes(): Uint8Array {
    return this.#memory.bytes.subarray(this.at, this.at + this.length)
  }

  /** The bytes as text, UTF-8 unless told. */
  toString(encoding: TextEncodingName = 'utf8'): string {
    return textOf(this.#memory.bytes, this.at, this.at + this.length, encoding)
  }

  /** The bytes in memory of their own. */
  copy(): Uint8Array {
    return this.#memory.bytes.slice(this.at, this.at + this.length)
  }

  /**
   * The same frame, for as long as it is wanted: its bytes and parts are copied into a block of the memory that frames
   * lie in, so that no receive buffer is kept from other channels. `release` gives the block back.
   */
  retain(): RetainedFrame<M> {
    if (this.at === 0 && this.#first === 0) throw expired('MILLRACE_ERR_FRAME_EXPIRED') // and so does one that is over
    const { at, records } = copyRecords(this.#memory, this.#records, this.#first - WORDS)
    return new RetainedFrame<M>(this.#memory, this.#read, at, records)
  }

  /** @internal Whether it lies in that memory. */
  liesIn(memory: FrameMemory): boolean {
    return this.#memory === memory
  }

  /** @internal From now on every use throws an error of that code. */
  expire(code: 'MILLRACE_ERR_FRAME_EXPIRED' | 'MILLRACE_ERR_FRAME_RELEASED'): void {
    expire(this, code)
  }

  /** What part `i` is; the codec's docs name the kinds. */
  partKind(i: number): number {
    return this.#part(i, 2)
  }

  /** The fourth word of part `i`: a count that its kind defines. */
  partExtra(i: number): number {
    return this.#part(i, 3)
  }

  /** Whether part `i` is there at all: a null of RESP is not. */
  partExists(i: number): boolean {
    return this.#part(i, 0) !== 0
  }

  /** A view of the bytes of part `i`, without a copy. */
  partBytes(i: number): Uint8Array {
    const at = this.#part(i, 0)
    return this.#memory.bytes.subarray(at, at + this.#part(i, 1))
  }

  /** Part `i` as text. */
  partText(i: number, encoding: TextEncodingName = 'utf8'): string {
    const at = this.#part(i, 0)
    return textOf(this.#memory.bytes, at, at + this.#part(i, 1), encoding)
  }

  #part(i: number, word: number): number {
    if (i < 0 || i >= this.parts) throw new RangeError(`the frame has ${this.parts} parts; there is no part ${i}`)
    return this.#records[this.#first + i * WORDS + word] as number
  }
}

/** A frame that lives until it is released. It may be written, and retained once more. */
export class RetainedFrame<M = unknown> extends Frame<M> {
  readonly #memory: FrameMemory
  readonly #block: number
  #released = false

  /** @internal The block at `at`, which `records` point into, is the frame's. */
  constructor(memory: FrameMemory, read: ((frame: Frame) => M) | undefined, at: number, records: Uint32Array) {
    super(memory, read)
    this.#memory = memory
    this.#block = at
    this.point(records, 0)
    memory.retained?.keep(this, at)
  }

  /** Gives the bytes back. Using the frame afterwards, or releasing it twice, throws MILLRACE_ERR_FRAME_RELEASED. */
  release(): void {
    if (this.#released) throw expired('MILLRACE_ERR_FRAME_RELEASED')
    this.#released = true
    this.#memory.retained?.drop(this)
    this.expire('MILLRACE_ERR_FRAME_RELEASED')
    this.#memory.drop(this.#block)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

const NONE = new Uint32Array(0)
const WORDS = RECORD_BYTES / 4
