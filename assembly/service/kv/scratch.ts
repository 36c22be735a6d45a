// A few bytes of the arena for a result on its way: the digits of a sum, and a queue for a reply whose length is known
// last.

import { alloc } from '../../memory/heap'
import { QUEUE_RECORD_BYTES, queueInit } from '../../memory/queue'

const QUEUE: usize = 32

/** 32 bytes, free for anyone until the next call that may use them. */
export let scratch: usize = 0

/** Once per instance; false when memory is exhausted. */
export function scratchCreate(): bool {
  if (!scratch) scratch = alloc(QUEUE + QUEUE_RECORD_BYTES)
  return scratch != 0
}

/** Forgets the scratch of an earlier heap of this instance. */
export function scratchReset(): void {
  scratch = 0
}

/** An empty queue, to be moved or cleared before the command ends. */
export function scratchQueue(): usize {
  queueInit(scratch + QUEUE)
  return scratch + QUEUE
}
