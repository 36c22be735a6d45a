// The line codec: its parameters.
import {
  CODEC_FLAG_CRLF,
  CODEC_FLAG_FAIL_FAST,
  CODEC_FLAG_STRIP,
  CODEC_FLAGS,
  CODEC_LINE,
  CODEC_MAX_FRAME,
} from '../../../assembly/codec/abi.ts'
import { InvalidArgumentError } from '../invalid-argument.ts'
import { type Codec, codec, FRAME_MAX, flag, integer } from './codec.ts'

/** Parameters of Netty's LineBasedFrameDecoder, under its names. */
export interface LineOptions {
  /** Longest line in bytes, without its delimiter. */
  readonly maxLength: number
  /** Frames come without their delimiter. True by default. */
  readonly stripDelimiter?: boolean
  /** Report a line that is too long as soon as that is certain, not where it ends. False by default. */
  readonly failFast?: boolean
  /** For writing: what ends a line. '\n' by default. */
  readonly delimiter?: '\n' | '\r\n'
}

/** Lines: a frame ends at '\n', and one '\r' directly before belongs to the delimiter. */
export function line(options: LineOptions): Codec {
  const max = integer('maxLength', options.maxLength, 1, FRAME_MAX)
  const delimiter = options.delimiter ?? '\n'
  if (delimiter !== '\n' && delimiter !== '\r\n') {
    throw new InvalidArgumentError('delimiter', "'\\n' or '\\r\\n'", delimiter)
  }
  const flags =
    flag('stripDelimiter', options.stripDelimiter ?? true, CODEC_FLAG_STRIP) |
    flag('failFast', options.failFast ?? false, CODEC_FLAG_FAIL_FAST) |
    (delimiter === '\r\n' ? CODEC_FLAG_CRLF : 0)
  return codec('line', CODEC_LINE, (view, at) => {
    view.setUint32(at + CODEC_FLAGS, flags, true)
    view.setBigUint64(at + CODEC_MAX_FRAME, BigInt(max), true)
  })
}
