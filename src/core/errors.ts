// Errors of decoders: our own codes in one table.
import {
  ERROR_FRAME_CORRUPTED,
  ERROR_FRAME_INCOMPLETE,
  ERROR_FRAME_TOO_LONG,
  ERROR_NO_MEMORY,
  ERROR_PREFIX_CORRUPTED,
} from '../../assembly/codec/abi.ts'

/** What a number of the core means. */
export interface ErrorMeaning {
  readonly code: string
  readonly message: string
  /** Nothing behind it can be told apart: the stream is over. */
  readonly fatal?: true
  /** What an HTTP server answers. */
  readonly status?: number
}

/** @internal By number, ERROR_* in assembly/abi.ts. */
export const ERRORS: Readonly<Record<number, ErrorMeaning>> = {
  [ERROR_FRAME_TOO_LONG]: {
    code: 'MILLRACE_ERR_FRAME_TOO_LONG',
    message: 'the frame is longer than the decoder allows',
  },
  [ERROR_FRAME_CORRUPTED]: { code: 'MILLRACE_ERR_FRAME_CORRUPTED', message: 'the frame contradicts itself' },
  [ERROR_FRAME_INCOMPLETE]: {
    code: 'MILLRACE_ERR_FRAME_INCOMPLETE',
    message: 'the stream ended inside a frame',
  },
  [ERROR_PREFIX_CORRUPTED]: {
    code: 'MILLRACE_ERR_FRAME_CORRUPTED',
    message: 'the length before the frame is no 31-bit varint',
    fatal: true,
  },
  [ERROR_NO_MEMORY]: { code: 'MILLRACE_ERR_NO_MEMORY', message: "the core's memory is exhausted", fatal: true },
}

/** A frame that could not be delivered. */
export interface DecodeError {
  /** MILLRACE_ERR_*, the stable name. */
  readonly code: string
  readonly message: string
  /** Bytes of the frame it concerns. */
  readonly length: number
  /** The status an HTTP server answers with (http1). */
  readonly status?: number
}

/** @internal The error for a number of the core. */
export function decodeError(number: number, length: number): DecodeError {
  const meaning = ERRORS[number] ?? { code: 'MILLRACE_ERR_UNKNOWN', message: `error ${number} of the core` }
  const { code, message, status } = meaning
  return status === undefined ? { code, message, length } : { code, message, length, status }
}

/** @internal Whether a number of the core ends its stream. */
export function isFatal(number: number): boolean {
  return ERRORS[number]?.fatal === true
}
