// What routing whole commands and routing parts of them have in common: outcomes, encodings, and the client's protocol.

import * as abi from '../../abi'
import { writeUnsigned } from '../../codec/integer'
import { respArg, respArgLength } from '../../codec/resp'
import { queueRoom, queueWrote } from '../../memory/queue'
import { PROXY_COUNT, PROXY_SESSION, PROXY_SESSION3 } from './pool'

export const ROUTE_OK: i32 = 0
export const ROUTE_WAIT: i32 = 1 // a server is at a limit: nothing was done, try the command again
export const ROUTE_ABORT: i32 = 2 // out of memory in the middle of something

/** What to add to a server's index for this client: the second half of the records is for RESP3. */
// @ts-ignore: decorator
@inline
export function twins(ch: usize, proxy: usize): u32 {
  return load<u32>(ch, abi.CHANNEL_SESSION) & abi.SESSION_RESP3 ? load<u32>(proxy, PROXY_COUNT) : 0
}

/** The session in which an embedded shard works for this client. */
// @ts-ignore: decorator
@inline
export function shardSession(ch: usize, proxy: usize): usize {
  return proxy + (load<u32>(ch, abi.CHANNEL_SESSION) & abi.SESSION_RESP3 ? PROXY_SESSION3 : PROXY_SESSION)
}

/** Appends one argument as a bulk. */
export function appendArgument(queue: usize, i: u32): void {
  const length = respArgLength(i)
  const to = queueRoom(queue, length + 20)
  if (!to) return
  const before = header(to, 36, length)
  memory.copy(to + before, respArg(i), length)
  store<u16>(to + before + length, 0x0a0d)
  queueWrote(queue, before + length + 2)
}

/** Writes `*count\r\n` or `$length\r\n`; at most 13 bytes. */
export function header(to: usize, type: u32, value: u32): u32 {
  store<u8>(to, <u8>type)
  const length = 1 + writeUnsigned(to + 1, value)
  store<u16>(to + length, 0x0a0d)
  return length + 2
}
