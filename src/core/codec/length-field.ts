// The length-field codec: its parameters.
import {
  CODEC_ADJUSTMENT,
  CODEC_FIELD_LENGTH,
  CODEC_FIELD_OFFSET,
  CODEC_FLAG_FAIL_FAST,
  CODEC_FLAG_LENGTH_INCLUDED,
  CODEC_FLAG_LITTLE_ENDIAN,
  CODEC_FLAGS,
  CODEC_LENGTH_FIELD,
  CODEC_MAX_FRAME,
  CODEC_STRIP,
} from '../../../assembly/codec/abi.ts'
import { InvalidArgumentError } from '../invalid-argument.ts'
import { type Codec, codec, FRAME_MAX, flag, integer } from './codec.ts'

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
  const max = integer('maxFrameLength', options.maxFrameLength, 1, FRAME_MAX)
  const offset = integer('lengthFieldOffset', options.lengthFieldOffset ?? 0, 0, 65535)
  const length = options.lengthFieldLength
  if (![1, 2, 3, 4, 8].includes(length)) throw new InvalidArgumentError('lengthFieldLength', '1, 2, 3, 4 or 8', length)
  const adjustment = integer('lengthAdjustment', options.lengthAdjustment ?? 0, -FRAME_MAX, FRAME_MAX)
  const strip = integer('initialBytesToStrip', options.initialBytesToStrip ?? 0, 0, FRAME_MAX)
  const order = options.byteOrder ?? 'BE'
  if (order !== 'BE' && order !== 'LE') throw new InvalidArgumentError('byteOrder', "'BE' or 'LE'", order)
  if (offset + length > max) {
    throw new InvalidArgumentError('maxFrameLength', `at least lengthFieldOffset + lengthFieldLength`, max)
  }
  const flags =
    (order === 'LE' ? CODEC_FLAG_LITTLE_ENDIAN : 0) |
    flag('failFast', options.failFast ?? true, CODEC_FLAG_FAIL_FAST) |
    flag('lengthIncludesLengthField', options.lengthIncludesLengthField ?? false, CODEC_FLAG_LENGTH_INCLUDED)
  return codec('lengthField', CODEC_LENGTH_FIELD, (view, at) => {
    view.setUint32(at + CODEC_FLAGS, flags, true)
    view.setBigUint64(at + CODEC_MAX_FRAME, BigInt(max), true)
    view.setUint32(at + CODEC_FIELD_OFFSET, offset, true)
    view.setUint32(at + CODEC_FIELD_LENGTH, length, true)
    view.setBigInt64(at + CODEC_ADJUSTMENT, BigInt(adjustment), true)
    view.setUint32(at + CODEC_STRIP, strip, true)
  })
}
