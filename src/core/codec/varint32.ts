// The codec of frames behind a varint: its parameter.
import { CODEC_MAX_FRAME, CODEC_VARINT32 } from '../../../assembly/codec/abi.ts'
import { type Codec, codec, FRAME_MAX, integer } from './codec.ts'

/** Parameters of Netty's ProtobufVarint32FrameDecoder, and a limit. */
export interface Varint32Options {
  /** Longest frame in bytes, without its prefix. */
  readonly maxFrameLength: number
}

/** Frames behind their length as a base-128 varint of one to five bytes, as Protocol Buffers delimit messages. */
export function varint32(options: Varint32Options): Codec {
  const max = integer('maxFrameLength', options.maxFrameLength, 1, FRAME_MAX)
  return codec('varint32', CODEC_VARINT32, (view, at) => {
    view.setBigUint64(at + CODEC_MAX_FRAME, BigInt(max), true)
  })
}
