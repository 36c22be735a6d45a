// Errors of channels: those of decoders with their own codes; a plain errno becomes what Node's users know.
import { decodeError, ERRORS } from '../core/errors.ts'
import { systemError } from '../kernel/errors.ts'

/** An error about a frame. */
export interface FrameError extends Error {
  readonly code: string
  /** Bytes of the frame it concerns. */
  readonly length: number
}

/** The Error for what a channel reports. */
export function channelError(number: number, length: number): Error {
  if (ERRORS[number] === undefined) return systemError(-number, 'read')
  const { message, ...rest } = decodeError(number, length)
  const text = ERRORS[number].verbatim ? message : `${message} (${length} bytes)`
  return Object.assign(new Error(text), rest)
}
