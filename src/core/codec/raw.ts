// No framing.
import { CODEC_RAW } from '../../../assembly/codec/abi.ts'
import { type Codec, codec } from './codec.ts'

/** No framing: a frame is whatever has arrived. How it was cut on the way is visible. */
export function raw(): Codec {
  return codec('raw', CODEC_RAW, () => undefined)
}
