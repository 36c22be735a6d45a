// What is wrong with a stream of HTTP/1.1: a text and a status for each number of the core.
import * as abi from '../../assembly/codec/abi.ts'
import type { ErrorMeaning } from './errors.ts'

type Row = readonly [number: number, status: number, message: string]

/** All of them end the stream. A client that is answered so has no use for the status. */
const ROWS: readonly Row[] = [
  [abi.HTTP1_ERROR_MALFORMED, 400, 'the head is malformed'],
  [abi.HTTP1_ERROR_BAD_METHOD, 400, 'the method is not a token of capital letters'],
  [
    abi.HTTP1_ERROR_BAD_REQUEST_LINE,
    400,
    'the request line is not method, target and version with one blank between them',
  ],
  [abi.HTTP1_ERROR_BAD_TARGET, 400, 'the request target has a control character or a byte beyond ASCII'],
  [abi.HTTP1_ERROR_BAD_TARGET_FORM, 400, 'the request target does not go with the method'],
  [abi.HTTP1_ERROR_BAD_VERSION, 400, 'the version is not HTTP/1 and a minor version of one digit'],
  [abi.HTTP1_ERROR_VERSION, 505, 'the major version of HTTP is not 1'],
  [abi.HTTP1_ERROR_BARE_LF, 400, 'a line ends without a carriage return'],
  [abi.HTTP1_ERROR_BARE_CR, 400, 'a carriage return is not followed by a line feed'],
  [abi.HTTP1_ERROR_FOLDED, 400, 'a field is folded: its line begins with a blank'],
  [abi.HTTP1_ERROR_EMPTY_NAME, 400, 'a field has no name'],
  [abi.HTTP1_ERROR_BAD_NAME, 400, 'the name of a field has a character that no token has'],
  [abi.HTTP1_ERROR_SPACE_IN_NAME, 400, 'there is a blank in the name of a field, or before its colon'],
  [abi.HTTP1_ERROR_NO_COLON, 400, 'a field has no colon'],
  [abi.HTTP1_ERROR_BAD_VALUE, 400, 'the value of a field has a control character'],
  [abi.HTTP1_ERROR_NO_HOST, 400, 'there is no Host'],
  [abi.HTTP1_ERROR_TWO_HOSTS, 400, 'there is more than one Host'],
  [abi.HTTP1_ERROR_BAD_HOST, 400, 'Host is not a name or address with at most a port'],
  [abi.HTTP1_ERROR_BAD_LENGTH, 400, 'Content-Length is not a number of at most 19 digits'],
  [abi.HTTP1_ERROR_TWO_LENGTHS, 400, 'there is more than one Content-Length'],
  [abi.HTTP1_ERROR_TWO_CODINGS, 400, 'there is more than one Transfer-Encoding'],
  [abi.HTTP1_ERROR_CODING_IN_1_0, 400, 'there is a Transfer-Encoding in HTTP/1.0'],
  [abi.HTTP1_ERROR_LENGTH_AND_CODING, 400, 'there are both Content-Length and Transfer-Encoding'],
  [abi.HTTP1_ERROR_CODING, 501, 'the transfer coding is not chunked'],
  [abi.HTTP1_ERROR_CONNECT_BODY, 400, 'a CONNECT has a body'],
  [abi.HTTP1_ERROR_TARGET_TOO_LONG, 414, 'the request target is longer than maxTargetBytes'],
  [abi.HTTP1_ERROR_HEAD_TOO_LONG, 431, 'the head is longer than maxHeadBytes'],
  [abi.HTTP1_ERROR_FIELD_TOO_LONG, 431, 'a field is longer than maxFieldBytes'],
  [abi.HTTP1_ERROR_TOO_MANY_FIELDS, 431, 'there are more fields than maxHeaders'],
  [abi.HTTP1_ERROR_BODY_TOO_LONG, 413, 'the body is longer than maxBodyBytes'],
  [
    abi.HTTP1_ERROR_BAD_CHUNK_SIZE,
    400,
    'the size of a chunk is not a hexadecimal number of at most 16 digits, up to 2^53 - 1',
  ],
  [abi.HTTP1_ERROR_BAD_CHUNK_EXTENSION, 400, 'the extension of a chunk is malformed'],
  [abi.HTTP1_ERROR_CHUNK_LINE_TOO_LONG, 413, 'the line with the size of a chunk is longer than maxChunkLineBytes'],
  [abi.HTTP1_ERROR_BAD_CHUNK_END, 400, 'a chunk is not followed by a line end'],
  [abi.HTTP1_ERROR_EMPTY_LINES, 400, 'there are more than 4 empty lines before a request'],
  [abi.HTTP1_ERROR_BAD_STATUS_LINE, 400, 'the status line is not a version and a status of three digits'],
  [abi.HTTP1_ERROR_BAD_REASON, 400, 'the reason has a control character'],
]

/** @internal By number. */
export const HTTP1_ERRORS: Readonly<Record<number, ErrorMeaning>> = Object.fromEntries(
  ROWS.map(([number, status, message]) => [number, { code: 'MILLRACE_ERR_HTTP', message, status, fatal: true }]),
)
