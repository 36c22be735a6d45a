// Errors of decoders: our own codes in one table.
import {
  ERROR_FILE_TRUNCATED,
  ERROR_FRAME_CORRUPTED,
  ERROR_FRAME_INCOMPLETE,
  ERROR_FRAME_TOO_LONG,
  ERROR_NO_MEMORY,
  ERROR_NOT_A_FILE,
  ERROR_PREFIX_CORRUPTED,
  ERROR_WRITE_SHORT,
} from '../../assembly/codec/abi.ts'
import { MEMCACHED_ERRORS } from './codec/memcached-errors.ts'
import { RESP_ERRORS } from './codec/resp-errors.ts'
import { HTTP1_ERRORS } from './http1-errors.ts'

/** What a number of the core means. */
export interface ErrorMeaning {
  readonly code: string
  readonly message: string
  /** Nothing behind it can be told apart: the stream is over. */
  readonly fatal?: true
  /** What an HTTP server answers. */
  readonly status?: number
  /** The message is what the peer is told, and stands alone. */
  readonly verbatim?: true
  /** The upper half of the length is a byte, which the message shows at its `#`. */
  readonly byte?: true
  /** The upper half of the length says whether the peer wants no answer. */
  readonly quiet?: true
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
  [ERROR_FILE_TRUNCATED]: {
    code: 'MILLRACE_ERR_FILE_TRUNCATED',
    message: 'the file became shorter while it was sent; to change a file that is served, replace it by rename',
    fatal: true,
  },
  [ERROR_NOT_A_FILE]: { code: 'MILLRACE_ERR_NOT_A_FILE', message: 'only regular files can be sent' },
  [ERROR_WRITE_SHORT]: {
    code: 'MILLRACE_ERR_WRITE_SHORT',
    message: 'the file took only a part of what was written; the disk may be full, and the tail is torn',
    fatal: true,
  },
  ...RESP_ERRORS,
  ...MEMCACHED_ERRORS,
  ...HTTP1_ERRORS,
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
  /** The client said `noreply`: whoever answers it would break the order of what it reads (memcached). */
  readonly noreply?: true
}

/** @internal The error for a number of the core. */
export function decodeError(number: number, length: number): DecodeError {
  const meaning = ERRORS[number] ?? { code: 'MILLRACE_ERR_UNKNOWN', message: `error ${number} of the core` }
  const { code, status } = meaning
  let { message } = meaning
  if (meaning.byte) {
    message = message.replace('#', () => shown(Math.floor(length / 2 ** 32)))
    length %= 2 ** 32
  }
  if (meaning.quiet && length >= 2 ** 32) return { code, message, length: length - 2 ** 32, noreply: true }
  return status === undefined ? { code, message, length } : { code, message, length, status }
}

/** A byte as a reply shows it: never the end of a line. */
function shown(byte: number): string {
  return byte === 13 || byte === 10 ? ' ' : String.fromCharCode(byte)
}

/** @internal Whether a number of the core ends its stream. */
export function isFatal(number: number): boolean {
  return ERRORS[number]?.fatal === true
}
