// The codec of frames that all have one length: its parameter.
import { CODEC_FIXED, CODEC_MAX_FRAME } from '../../../assembly/codec/abi.ts'
import { type Codec, codec, FRAME_MAX, integer } from './codec.ts'

/** Parameters of Netty's FixedLengthFrameDecoder, under its names. */
export interface FixedOptions {
  /** Bytes of every frame. */
  readonly frameLength: number
}

/** Frames of one length. A message of another length is refused. */
export function fixed(options: FixedOptions): Codec {
  const length = integer('frameLength', options.frameLength, 1, FRAME_MAX)
  return codec('fixed', CODEC_FIXED, (view, at) => {
    view.setBigUint64(at + CODEC_MAX_FRAME, BigInt(length), true)
  })
}
