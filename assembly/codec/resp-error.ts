// The error replies of the RESP request decoder, in Redis's words.

import { queueRoom, queueWrote } from '../memory/queue'
import * as resp from './resp-limits'
import { replyRaw } from './reply'
import { writeText } from './text'

/** Appends the reply to an error that respDecode or respScan has returned. */
export function protocolError(queue: usize, error: i32): void {
  replyRaw(queue, '-ERR Protocol error: ')
  switch (error) {
    case resp.RESP_BAD_MULTIBULK:
      replyRaw(queue, 'invalid multibulk length')
      break
    case resp.RESP_BAD_BULK:
      replyRaw(queue, 'invalid bulk length')
      break
    case resp.RESP_EXPECTED_BULK:
      expected(queue)
      break
    case resp.RESP_UNBALANCED:
      replyRaw(queue, 'unbalanced quotes in request')
      break
    case resp.RESP_BIG_INLINE:
      replyRaw(queue, 'too big inline request')
      break
    case resp.RESP_BIG_COUNT:
      replyRaw(queue, 'too big mbulk count string')
      break
    case resp.RESP_BIG_BULK_COUNT:
      replyRaw(queue, 'too big bulk count string')
      break
    case resp.RESP_UNAUTHENTICATED_MULTIBULK:
      replyRaw(queue, 'unauthenticated multibulk length')
      break
    case resp.RESP_UNAUTHENTICATED_BULK:
      replyRaw(queue, 'unauthenticated bulk length')
      break
    case resp.RESP_NO_CRLF:
      replyRaw(queue, 'bulk string not followed by CRLF')
      break
    default:
      replyRaw(queue, 'request too large')
  }
  replyRaw(queue, '\r\n')
}

function expected(queue: usize): void {
  const to = queueRoom(queue, 24)
  if (!to) return
  const length = writeText(to, "expected '$', got '")
  // a byte that would break the reply's line is shown as Redis's sdscatprintf would not: as a space
  const got = resp.respGot
  store<u8>(to + length, <u8>(got == 13 || got == 10 ? 32 : got))
  store<u8>(to + length, 39, 1)
  queueWrote(queue, length + 2)
}
