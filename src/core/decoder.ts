// Decoder: frames out of a stream, on any host, without I/O.
import { RECORD_BYTES, RECORD_ERROR } from '../../assembly/codec/abi.ts'
import type { Codec } from './codec/codec.ts'
import type { RespToken } from './codec/resp-reply.ts'
import { type DecodeError, decodeError } from './errors.ts'
import { Frame } from './frame.ts'
import type { Core } from './load.ts'

/** A frame, or an error in its place. */
export type Result<M = undefined> =
  | {
      /**
       * The frame's bytes: a view of what was pushed where the frame lay whole in it, else memory of its own. Whoever
       * uses the pushed buffer again copies what must stay.
       */
      readonly frame: Uint8Array
      /** What a structured frame means (resp, memcached, http1). */
      readonly message?: M
      /** The elements of a reply, undecoded (resp with `messages: 'replies'`). */
      readonly tokens?: readonly RespToken[]
      readonly error?: undefined
    }
  | {
      readonly error: DecodeError
      readonly frame?: undefined
      readonly message?: undefined
      readonly tokens?: undefined
    }

/** Plain functions that `each` calls, in the order of the stream. */
export interface FrameHandler<M = undefined> {
  /** The frame is a flyweight: valid during the call. */
  frame(frame: Frame<M>): void
  /** A bad frame, in its place. */
  error?(error: DecodeError): void
}

const WORDS = RECORD_BYTES / 4
/** Bytes decoded at a time: what a push copies stays in the caches. */
export const INPUT_BYTES = 65536

/** Gives back what nobody disposed of. */
const forgotten = new FinalizationRegistry<() => void>((free) => free())

/**
 * A decoder of one stream. However the stream is cut into pushes, the results are the same.
 *
 *     const decoder = core.decoder(line({ maxLength: 8192 }))
 *     for (const result of decoder.push(bytes)) result.error ?? result.frame
 */
export class Decoder<M = undefined> {
  readonly #core: Core
  readonly #codec: Codec<M>
  readonly #frame: Frame<M>
  #stream: number
  #free: () => void
  #busy = false
  /** Copies of records, so that a handler may use the core. */
  #records = new Uint32Array(64 * WORDS)
  #words = 0
  /** A block with unescaped parts that a handler is still to see; 0: there is none. */
  #kept = 0

  /** @internal Use core.decoder. */
  constructor(core: Core, codec: Codec<M>) {
    this.#core = core
    this.#codec = codec
    this.#frame = new Frame<M>(core, codec.message)
    const record = core.writeCodec(codec)
    const stream = core.exports.streamCreate(record) >>> 0
    if (stream === 0) throw core.exhausted('a decoder')
    this.#stream = stream
    this.#free = () => {
      core.exports.streamFree(stream)
      core.exports.free(record)
    }
    forgotten.register(this, this.#free, this)
  }

  /** Decodes the next bytes. Throws ERR_INVALID_STATE after `dispose`, and inside `each` of this decoder. */
  push(bytes: Uint8Array): Result<M>[] {
    const results: Result<M>[] = []
    this.#push(bytes, (records, count, input, offset) => this.#collect(results, records, count, bytes, input, offset))
    return results
  }

  /**
   * As `push`, but hands each frame to a function, without garbage. Where that throws, the frames behind it in these
   * bytes are dropped; the stream goes on with the next push.
   */
  each(bytes: Uint8Array, handler: FrameHandler<M>): void {
    this.#alive()
    const { readers } = this.#core
    readers.add(this)
    try {
      this.#push(bytes, (records, count) => this.#deliver(records, count, handler))
    } finally {
      readers.delete(this)
      this.#drop()
    }
  }

  /** @internal Another decoder is about to decode: parts that were unescaped move to where they stay. */
  keep(): void {
    if (this.#kept !== 0) return
    const records = this.#records
    const parts: number[] = []
    let bytes = 0
    for (let i = 0; i < this.#words; i += WORDS) {
      if (records[i + 2] === RECORD_ERROR) continue
      const at = records[i] as number
      const length = records[i + 1] as number
      for (const last = i + (records[i + 3] as number) * WORDS; i < last; ) {
        i += WORDS
        const part = records[i] as number
        if (part === 0 || (part - at) >>> 0 <= length) continue
        parts.push(i)
        bytes += records[i + 1] as number
      }
    }
    if (parts.length === 0) return
    let to = this.#core.exports.alloc(Math.max(1, bytes)) >>> 0
    if (to === 0) throw this.#core.exhausted('the parts of a frame')
    this.#kept = to
    for (const i of parts) {
      const from = records[i] as number
      this.#core.bytes.copyWithin(to, from, from + (records[i + 1] as number))
      records[i] = to
      to += records[i + 1] as number
    }
  }

  #drop(): void {
    this.#words = 0
    if (this.#kept !== 0) this.#core.exports.free(this.#kept)
    this.#kept = 0
  }

  /**
   * Says what the stream itself does not: to a decoder of http1 responses the method of each request that is sent, in
   * order (a response to HEAD has no body); to one of http1 requests `'upgrade'`, when what follows is HTTP no more.
   * Throws ERR_INVALID_STATE where that cannot be said now.
   */
  expect(what: string): void {
    const { tell } = this.#codec
    if (tell === undefined) throw invalidState(`there is nothing to expect of ${this.#codec.name}`)
    if (this.#core.exports.streamTell(this.#alive(), tell(what)) !== 0) return
    throw invalidState(`${what} cannot be expected now`)
  }

  /** The stream is over: what never became a frame is reported. */
  end(): Result<M>[] {
    const { exports } = this.#core
    const results: Result<M>[] = []
    const stream = this.#alive()
    this.#core.keepRead()
    exports.streamEnd(stream)
    this.#collect(results, ...this.#take(), NOTHING, 0, 0)
    return results
  }

  /** Bytes that wait for the rest of their frame. */
  get pending(): number {
    return this.#core.exports.streamPending(this.#alive()) >>> 0
  }

  /** Bytes that the incomplete frame needs at least; 0: none is incomplete. For `space`. */
  get wants(): number {
    return this.#core.exports.streamWants(this.#alive()) >>> 0
  }

  /**
   * Where the next bytes of an incomplete frame may be written, so that the rest of a large one is not copied: at most
   * `bytes` of those it wants, undefined where it wants none. `commit` counts them. Valid until the next call.
   */
  space(bytes: number): Uint8Array | undefined {
    const wanted = Math.min(bytes, this.wants)
    if (wanted <= 0) return undefined
    const at = this.#core.exports.streamRoom(this.#alive(), wanted) >>> 0
    if (at === 0) throw this.#core.exhausted(`${wanted} bytes of a frame`)
    return this.#core.bytes.subarray(at, at + wanted)
  }

  /** Counts `bytes` written to what `space` gave, and decodes. */
  commit(bytes: number): Result<M>[] {
    if (!Number.isInteger(bytes) || bytes < 0 || bytes > this.wants)
      throw new RangeError(`${bytes} bytes are not wanted`)
    const results: Result<M>[] = []
    this.#core.keepRead()
    let again = this.#core.exports.streamPut(this.#alive(), bytes)
    for (;;) {
      this.#collect(results, ...this.#take(), NOTHING, 0, 0)
      if (again >= 0) return results
      again = this.#core.exports.streamPush(this.#stream, 0, 0)
    }
  }

  /** Gives the decoder's memory back; it cannot be used any more. */
  dispose(): void {
    if (this.#stream === 0) return
    if (this.#busy) throw invalidState('a decoder cannot be disposed of by its own handler')
    forgotten.unregister(this)
    this.#free()
    this.#stream = 0
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #alive(): number {
    if (this.#stream === 0) throw invalidState('this decoder was disposed of')
    if (this.#busy) throw invalidState('this decoder is at work: its handler cannot push')
    return this.#stream
  }

  #push(bytes: Uint8Array, read: (records: Uint32Array, count: number, input: number, offset: number) => void): void {
    const stream = this.#alive()
    const core = this.#core
    core.keepRead()
    const input = core.takeInput()
    let failed = false
    let failure: unknown
    this.#busy = true
    try {
      for (let offset = 0; offset < bytes.length; offset += INPUT_BYTES) {
        const piece = Math.min(INPUT_BYTES, bytes.length - offset)
        core.bytes.set(piece === bytes.length ? bytes : bytes.subarray(offset, offset + piece), input)
        for (let done = 0; ; ) {
          this.#drop()
          const taken = core.exports.streamPush(stream, input + done, piece - done)
          try {
            if (!failed) read(...this.#take(), input, offset)
          } catch (error) {
            failed = true // the bytes behind are decoded all the same, or the stream would be out of step
            failure = error
          }
          if (taken >= 0) break
          done += ~taken
        }
      }
    } finally {
      this.#busy = false
      core.giveInput(input)
    }
    if (failed) throw failure
  }

  /** The records of the last call, copied. */
  #take(): [records: Uint32Array, count: number] {
    const { exports, u32 } = this.#core
    const words = exports.recordsCount() * WORDS
    if (words > this.#records.length) this.#records = new Uint32Array(words * 2)
    const first = (exports.recordsFirst() >>> 0) >> 2
    const records = this.#records
    if (words <= SMALL) for (let i = 0; i < words; i++) records[i] = u32[first + i] as number
    else records.set(u32.subarray(first, first + words))
    this.#words = words
    return [records, words]
  }

  #deliver(records: Uint32Array, words: number, handler: FrameHandler<M>): void {
    const frame = this.#frame
    for (let i = 0; i < words; ) {
      if (records[i + 2] === RECORD_ERROR) {
        handler.error?.(errorAt(records, i))
        i += WORDS
      } else {
        i = frame.point(records, i)
        handler.frame(frame)
      }
    }
  }

  /** `input` is where the bytes from `offset` on of `pushed` lie in the core. */
  #collect(
    results: Result<M>[],
    records: Uint32Array,
    words: number,
    pushed: Uint8Array,
    input: number,
    offset: number,
  ): void {
    const { bytes } = this.#core
    const frame = this.#frame
    for (let i = 0; i < words; ) {
      if (records[i + 2] === RECORD_ERROR) {
        results.push({ error: errorAt(records, i) })
        i += WORDS
        continue
      }
      i = frame.point(records, i)
      const { at, length } = frame
      const inPlace = input !== 0 && at >= input && at < input + INPUT_BYTES
      const from = at - input + offset
      const content = inPlace ? pushed.subarray(from, from + length) : bytes.slice(at, at + length)
      const { message, tokens } = this.#codec
      if (message === undefined) results.push({ frame: content })
      else if (tokens === undefined) results.push({ frame: content, message: message(frame) })
      else results.push({ frame: content, message: message(frame), tokens: tokens(frame) })
    }
  }
}

const NOTHING = new Uint8Array(0)
/** Words up to which a loop beats a copy. */
const SMALL = 64

function errorAt(records: Uint32Array, i: number): DecodeError {
  return decodeError(records[i] as number, (records[i + 1] as number) + (records[i + 3] as number) * 2 ** 32)
}

function invalidState(message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_INVALID_STATE' })
}
