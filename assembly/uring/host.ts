// The host's own event loop, for kernels that cannot watch it themselves: a one-shot poll on its descriptor, so that a
// wait ends when the host has something to do. One-shot, because a multishot poll on an epoll descriptor loses wakes.

import * as abi from '../abi'
import { control } from '../memory/arena'
import { hurry, sqRoom, sqe, userData } from './submission'

let watched: i32 = -1

export function hostCreate(): void {
  watched = -1
}

/** Keeps the poll armed. */
export function hostWatch(): void {
  const fd = load<i32>(control, abi.CONTROL_HOST_FD)
  if (fd == watched) return
  if (fd < 0) {
    watched = -1 // nobody waits for the host any more; the poll ends with the loop
    return
  }
  if (!sqRoom()) return hurry()
  store<u32>(sqe(abi.OP_POLL_ADD, fd, userData(abi.KIND_HOST, 0, 0)), abi.POLLIN, abi.SQE_OP_FLAGS)
  watched = fd
}

/** The host has something to do, which it does as soon as the turn is over. */
export function hostReady(): void {
  watched = -1
}
