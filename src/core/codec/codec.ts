// What a codec is: the parameters of a decoder and its encoder, checked once, in the form the core reads them.
import { CODEC_BYTES, CODEC_KIND } from '../../../assembly/codec/abi.ts'
import type { Frame } from '../frame.ts'
import { InvalidArgumentError } from '../invalid-argument.ts'
import type { RespToken } from './resp-reply.ts'

/** A framing, made by `lengthField`, `resp` and their kin. `M` is what a frame means, where it is structured. */
export interface Codec<M = undefined> {
  readonly name: string
  /** @internal Bytes of the record. */
  readonly bytes: number
  /** @internal Writes the record, which is all zero, at `at` of a core's memory. */
  write(view: DataView, at: number): void
  /** @internal Reads what a frame means out of its parts. */
  message?: ((frame: Frame) => M) | undefined
  /** @internal The elements of a reply, undecoded (resp). */
  tokens?: ((frame: Frame) => RespToken[]) | undefined
  /** @internal The number by which the core knows what `expect` says. */
  tell?: ((what: string) => number) | undefined
}

/** @internal The first `count` parts of a frame. Copies. */
export function wordsOf(frame: Frame, count: number): Uint8Array[] {
  const words: Uint8Array[] = []
  for (let i = 0; i < count; i++) words.push(frame.partBytes(i).slice())
  return words
}

/** @internal A codec without delimiters: its kind, and what else it writes. */
export function codec(name: string, kind: number, rest: (view: DataView, at: number) => void): Codec {
  return {
    name,
    bytes: CODEC_BYTES,
    write(view, at) {
      view.setUint32(at + CODEC_KIND, kind, true)
      rest(view, at)
    },
  }
}

/** @internal An integer parameter within its range. */
export function integer(name: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new InvalidArgumentError(name, `an integer from ${min} to ${max}`, value)
  }
  return value
}

/** @internal A flag of the record: `bit` where the parameter holds. */
export function flag(name: string, value: boolean, bit: number): number {
  if (typeof value !== 'boolean') throw new InvalidArgumentError(name, 'true or false', value)
  return value ? bit : 0
}

/** Longest frame there can be, in bytes. */
export const FRAME_MAX: number = 0x7fffffff
