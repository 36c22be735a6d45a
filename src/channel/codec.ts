// Codecs by name: the parameters of a decoder, checked once, in the form the core reads them.
import * as abi from '../../assembly/abi.ts'
import { InvalidArgumentError } from '../core/invalid-argument.ts'

export interface Codec {
  /** @internal Writes the parameters at ENDPOINT_CODEC of an endpoint record. */
  write(view: DataView, at: number): void
}

/** No framing: a frame is whatever has arrived. How it was cut on the way is visible. */
export function raw(): Codec {
  return { write: (view, at) => view.setUint32(at + abi.CODEC_KIND, abi.CODEC_RAW, true) }
}

/** Parameters of Netty's LengthFieldBasedFrameDecoder, under its names. */
export interface LengthFieldOptions {
  /** Longest frame in bytes, header included. */
  readonly maxFrameLength: number
  /** Bytes before the length field. 0 by default. */
  readonly lengthFieldOffset?: number
  /** 1, 2, 3, 4 or 8 bytes. */
  readonly lengthFieldLength: 1 | 2 | 3 | 4 | 8
  /** Added to the field's value. 0 by default. */
  readonly lengthAdjustment?: number
  /** Bytes dropped at the front of each frame. 0 by default. */
  readonly initialBytesToStrip?: number
  readonly byteOrder?: 'BE' | 'LE'
  /** Report a frame that is too long when its header has come, not when it ends. True by default. */
  readonly failFast?: boolean
  /** For writing: the value counts the field itself (LengthFieldPrepender). */
  readonly lengthIncludesLengthField?: boolean
}

/** Frames behind a length field. The encoder is the decoder's mirror: `write` puts the field in front. */
export function lengthField(options: LengthFieldOptions): Codec {
  const max = integer('maxFrameLength', options.maxFrameLength, 1, 0x7fffffff)
  const offset = integer('lengthFieldOffset', options.lengthFieldOffset ?? 0, 0, 65535)
  const length = options.lengthFieldLength
  if (![1, 2, 3, 4, 8].includes(length)) throw new InvalidArgumentError('lengthFieldLength', '1, 2, 3, 4 or 8', length)
  const adjustment = integer('lengthAdjustment', options.lengthAdjustment ?? 0, -0x7fffffff, 0x7fffffff)
  const strip = integer('initialBytesToStrip', options.initialBytesToStrip ?? 0, 0, 0x7fffffff)
  const order = options.byteOrder ?? 'BE'
  if (order !== 'BE' && order !== 'LE') throw new InvalidArgumentError('byteOrder', "'BE' or 'LE'", order)
  if (offset + length > max) {
    throw new InvalidArgumentError('maxFrameLength', `at least lengthFieldOffset + lengthFieldLength`, max)
  }
  const flags =
    (order === 'LE' ? abi.CODEC_FLAG_LITTLE_ENDIAN : 0) |
    ((options.failFast ?? true) ? abi.CODEC_FLAG_FAIL_FAST : 0) |
    (options.lengthIncludesLengthField ? abi.CODEC_FLAG_LENGTH_INCLUDED : 0)
  return {
    write(view, at) {
      view.setUint32(at + abi.CODEC_KIND, abi.CODEC_LENGTH_FIELD, true)
      view.setBigUint64(at + abi.CODEC_MAX_FRAME, BigInt(max), true)
      view.setUint32(at + abi.CODEC_FIELD_OFFSET, offset, true)
      view.setUint32(at + abi.CODEC_FIELD_LENGTH, length, true)
      view.setBigInt64(at + abi.CODEC_ADJUSTMENT, BigInt(adjustment), true)
      view.setUint32(at + abi.CODEC_STRIP, strip, true)
      view.setUint32(at + abi.CODEC_FLAGS, flags, true)
    },
  }
}

function integer(name: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new InvalidArgumentError(name, `an integer from ${min} to ${max}`, value)
  }
  return value
}
