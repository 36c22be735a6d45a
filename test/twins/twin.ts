// What a naive twin of a decoder is: a function of the whole stream, written from the reference and not from the code.

/** The error of a frame. A list of statuses: several are right, because the reference does not order the checks. */
export interface FrameError {
  readonly code: string
  /** ANY: the reference does not give the words. */
  readonly message: string
  readonly length: number
  readonly status?: number | readonly number[]
}

export interface Token {
  readonly type: string
  readonly bytes: Uint8Array | null
  readonly count: number
}

export interface Frame {
  readonly frame: Uint8Array
  readonly message?: unknown
  readonly tokens?: readonly Token[]
}

export type Result = Frame | { readonly error: FrameError }

/** What a stream gives: `results` of its pushes, however many, and then those of `end()`. */
export interface Outcome {
  readonly results: readonly Result[]
  readonly end: readonly Result[]
  /** The stream stops where the reference leaves open whether `end()` has anything to say. */
  readonly endOpen?: boolean
}

export type Twin = (stream: Buffer) => Outcome

export const ANY = '*'
export const TOO_LONG = 'MILLRACE_ERR_FRAME_TOO_LONG'
export const CORRUPTED = 'MILLRACE_ERR_FRAME_CORRUPTED'
export const INCOMPLETE = 'MILLRACE_ERR_FRAME_INCOMPLETE'
export const RESP_PROTOCOL = 'MILLRACE_ERR_RESP_PROTOCOL'
export const MEMCACHED = 'MILLRACE_ERR_MEMCACHED'
export const HTTP = 'MILLRACE_ERR_HTTP'

export function frameError(code: string, length: number, message: string = ANY): Result {
  return { error: { code, message, length } }
}

export const tooLong = (length: number): Result => frameError(TOO_LONG, length)
export const corrupted = (length: number): Result => frameError(CORRUPTED, length)

/** What `end()` says of `length` bytes that are no whole frame yet. */
export function incomplete(length: number): readonly Result[] {
  return length > 0 ? [frameError(INCOMPLETE, length)] : []
}

/** A decoder that re-reads its whole stream at every push: slow, and by construction the twin itself. */
export class TwinDecoder {
  readonly #twin: Twin
  #stream: Buffer = Buffer.alloc(0)
  #told = 0

  constructor(twin: Twin) {
    this.#twin = twin
  }

  push(bytes: Uint8Array): readonly Result[] {
    this.#stream = Buffer.concat([this.#stream, bytes])
    const { results } = this.#twin(this.#stream)
    const news = results.slice(this.#told)
    this.#told = results.length
    return news
  }

  end(): readonly Result[] {
    return this.#twin(this.#stream).end
  }
}
