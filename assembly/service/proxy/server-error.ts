// The proxy's own error replies: they name the server and say what happened to it.

import * as abi from '../../abi'
import { writeUnsigned } from '../../codec/integer'
import { writeText } from '../../codec/text'
import { count } from '../../memory/counter'
import { queueRoom, queueWrote } from '../../memory/queue'
import * as pool from './pool'

// What ended a server's connection, where it was no errno.
export const FAIL_CLOSED: i32 = -10101 // the server closed the connection
export const FAIL_MALFORMED: i32 = -10102
export const FAIL_STRAY: i32 = -10103 // a reply that nobody asked for, or too early
export const FAIL_TIMEOUT: i32 = -10104
export const FAIL_MEMORY: i32 = -10105
export const FAIL_STOPPED: i32 = -10106

/** More than any error text is long. */
const TEXT_MAX: u32 = 160

/** Appends `-ERR server NAME: reason`. */
export function serverError(queue: usize, server: usize, error: i32): void {
  const proxy = <usize>load<u32>(server, pool.SERVER_PROXY)
  count(proxy + pool.PROXY_ERRORS)
  const length = load<u32>(server, pool.SERVER_NAME_LENGTH)
  const to = queueRoom(queue, TEXT_MAX + length)
  if (!to) return
  let at = to + writeText(to, '-ERR server ')
  memory.copy(at, load<u32>(server, pool.SERVER_NAME), length)
  at += length
  at += writeText(at, ': ')
  at += reason(at, error, proxy)
  at += writeText(at, '\r\n')
  queueWrote(queue, <u32>(at - to))
}

function reason(at: usize, error: i32, proxy: usize): u32 {
  switch (error) {
    case FAIL_CLOSED:
      return writeText(at, 'connection closed by the server')
    case FAIL_MALFORMED:
      return writeText(at, 'malformed reply, connection closed')
    case FAIL_STRAY:
      return writeText(at, 'reply without a request, connection closed')
    case FAIL_MEMORY:
      return writeText(at, 'out of memory, connection closed')
    case FAIL_STOPPED:
      return writeText(at, 'the proxy is stopping')
    case FAIL_TIMEOUT: {
      let length = writeText(at, 'timed out, no reply within ')
      length += writeUnsigned(at + length, load<u64>(proxy, pool.PROXY_TIMEOUT_NS) / 1000000)
      return length + writeText(at + length, ' ms')
    }
    case -abi.ECONNREFUSED:
      return writeText(at, 'Connection refused')
    case -abi.ECONNRESET:
      return writeText(at, 'Connection reset by peer')
    case -abi.ETIMEDOUT:
      return writeText(at, 'Connection timed out')
    case 0:
      return writeText(at, 'not connected yet')
    default: {
      const length = writeText(at, 'connection failed, errno ')
      return length + writeUnsigned(at + length, <u64>-error)
    }
  }
}
