// Errors of channels and decoders: our own codes in one table; a plain errno becomes what Node's users know.
import * as abi from '../../assembly/abi.ts'
import { systemError } from '../kernel/errors.ts'

const OWN: Readonly<Record<number, readonly [code: string, message: string]>> = {
  [abi.ERROR_FRAME_TOO_LONG]: ['MILLRACE_ERR_FRAME_TOO_LONG', 'the frame is longer than the decoder allows'],
  [abi.ERROR_FRAME_CORRUPTED]: ['MILLRACE_ERR_FRAME_CORRUPTED', 'the frame contradicts itself'],
  [abi.ERROR_FRAME_INCOMPLETE]: ['MILLRACE_ERR_FRAME_INCOMPLETE', 'the stream ended inside a frame'],
  [abi.ERROR_NO_MEMORY]: ['MILLRACE_ERR_NO_MEMORY', "the loop's memory is exhausted"],
}

/** An error about a frame. */
export interface FrameError extends Error {
  readonly code: string
  /** Bytes of the frame it concerns. */
  readonly length: number
}

/** The Error for what a channel reports. */
export function channelError(number: number, length: number): Error {
  const own = OWN[number]
  if (own === undefined) return systemError(-number, 'read')
  return Object.assign(new Error(`${own[1]} (${length} bytes)`), { code: own[0], length })
}
