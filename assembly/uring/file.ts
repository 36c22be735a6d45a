// File operations of the host: it numbers them, keeps their operands alive in the memory, and is told of each by
// UP_FILE.

import * as abi from '../abi'
import { hostAddress, sqRoom, sqe, userData } from './submission'

/**
 * Queues one operation, to be submitted with the next `enter`. `at` and, for STATX, `place` are offsets in the memory.
 * False, and nothing queued, where the ring has no room for it, or for the one behind it that is linked to it.
 */
export function fileSubmit(
  id: u32,
  op: u32,
  fd: i32,
  at: usize,
  length: u32,
  place: f64,
  opFlags: u32,
  linked: bool,
): bool {
  if (sqRoom() < <u32>(linked ? 2 : 1)) return false
  const s = sqe(op, fd, userData(abi.KIND_FILE, 0, id | abi.FILE_OPERATION))
  if (linked) store<u8>(s, abi.SQE_FLAG_IO_LINK, abi.SQE_FLAGS)
  if (at) store<u64>(s, hostAddress(at), abi.SQE_ADDR)
  store<u32>(s, length, abi.SQE_LEN)
  store<u64>(s, op == abi.OP_STATX ? hostAddress(<usize>place) : <u64><i64>place, abi.SQE_OFF)
  store<u32>(s, opFlags, abi.SQE_OP_FLAGS)
  return true
}
