// The errors of the RESP codec, in Redis's words and, for replies, in those of its clients.
import * as abi from '../../../assembly/codec/abi.ts'
import type { ErrorMeaning } from '../errors.ts'

/** A protocol error; nothing behind one can be told apart. `#` is the byte that came, where the error carries one. */
const wrong = (what: string): ErrorMeaning => ({
  code: 'MILLRACE_ERR_RESP_PROTOCOL',
  message: `Protocol error: ${what}`,
  fatal: true,
  verbatim: true,
})
const gotByte = (what: string): ErrorMeaning => ({ ...wrong(what), byte: true })

/** @internal By number. */
export const RESP_ERRORS: Readonly<Record<number, ErrorMeaning>> = {
  [abi.ERROR_RESP_MULTIBULK]: wrong('invalid multibulk length'),
  [abi.ERROR_RESP_BULK]: wrong('invalid bulk length'),
  [abi.ERROR_RESP_EXPECTED_BULK]: gotByte("expected '$', got '#'"),
  [abi.ERROR_RESP_UNBALANCED]: wrong('unbalanced quotes in request'),
  [abi.ERROR_RESP_INLINE]: wrong('too big inline request'),
  [abi.ERROR_RESP_MULTIBULK_LINE]: wrong('too big mbulk count string'),
  [abi.ERROR_RESP_BULK_LINE]: wrong('too big bulk count string'),
  [abi.ERROR_RESP_BULK_END]: wrong('bulk string not followed by CRLF'),
  [abi.ERROR_RESP_CROSS_PROTOCOL]: wrong('possible cross-protocol attack'),
  [abi.ERROR_RESP_REPLY_TYPE]: gotByte("got '#' as reply type byte"),
  [abi.ERROR_RESP_REPLY_LINE]: wrong('too big reply line'),
  [abi.ERROR_RESP_REPLY_LINE_END]: wrong('line not followed by CRLF'),
  [abi.ERROR_RESP_REPLY_VALUE]: wrong('bad reply value'),
  [abi.ERROR_RESP_REPLY_DEPTH]: wrong('reply nested too deep'),
  [abi.ERROR_RESP_REPLY_PUSH]: wrong('push inside a reply'),
}
