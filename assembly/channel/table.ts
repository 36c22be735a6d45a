// The channel table: slots, generations, flags, and the two lists a channel can wait in. What a channel wants is said
// with flags; the turn's flush turns them into SQEs and calls, so that no wish is lost when a ring is full.

import * as abi from '../abi'
import { nowMs } from '../clock'
import { channelCount, channels } from '../memory/arena'
import { queueInit } from '../memory/queue'

export const FLAG_RECV_ARMED: u32 = 1 << 0 // a receive or accept is with the kernel
export const FLAG_RECV_WANTED: u32 = 1 << 1
export const FLAG_CANCELLING: u32 = 1 << 2 // a cancel is with the kernel
export const FLAG_SENDING: u32 = 1 << 3 // a SEND SQE is with the kernel
export const FLAG_CALLED: u32 = 1 << 4 // an immediate send waits for its result
export const FLAG_STALLED: u32 = 1 << 5 // the socket was full: the next send waits for writability
export const FLAG_ENDING: u32 = 1 << 6 // close once everything owed is sent
export const FLAG_LINGER: u32 = 1 << 7 // … and read until the peer closes too, or nothing comes any more
export const FLAG_EOF: u32 = 1 << 8 // the peer has ended its side
export const FLAG_DIRTY: u32 = 1 << 9 // in the dirty list
export const FLAG_BLOCKED_OUT: u32 = 1 << 10 // above the high watermark: not decoding
export const FLAG_BLOCKED_SERVICE: u32 = 1 << 11 // the service is at a limit: not decoding
export const FLAG_BLOCKED_HOST: u32 = 1 << 12 // the host has paused it, or owes an answer
export const FLAG_WAITING: u32 = 1 << 13 // in the list of channels to be tried again
export const FLAG_WRITABLE_WANTED: u32 = 1 << 14 // the host is to be told when the queue is low
export const FLAG_CONNECTING: u32 = 1 << 15 // a CONNECT is with the kernel
export const FLAG_CLOSE_TOLD: u32 = 1 << 16 // the service knows that it closes
export const FLAG_HALF_CLOSE: u32 = 1 << 17 // the host wants to end only its own side
export const FLAG_SHUT: u32 = 1 << 18 // our side is ended

export const FLAG_SIZED_WANTED: u32 = 1 << 21 // the rest of a large frame is to be received into its place
export const FLAG_RECV_SIZED: u32 = 1 << 22 // the receive with the kernel is such a one, and no multishot
export const FLAG_LINGERING: u32 = 1 << 20 // in the list of channels that linger
export const FLAG_LAST: u32 = 1 << 19 // no more requests: close when the last reply is sent

export const FLAG_TIMED: u32 = 1 << 23 // it has timeouts of its own
export const FLAG_TIMES_SET: u32 = 1 << 24 // … which are counted from the next flush
export const FLAG_SEND_ODD: u32 = 1 << 27 // the last send was started in a turn of odd number
export const FLAG_STARVED: u32 = 1 << 28 // its receive waits for a buffer, and is not with the kernel
export const FLAG_ZERO_COPY: u32 = 1 << 29 // the kernel still reads what was sent

export const FLAG_BLOCKED_FRAME: u32 = 1 << 31 // the host looks at a frame, behind which the codec may change

export const FLAG_TRAIN: u32 = 1 << 25 // files are in its outbound queue
export const FLAG_READING: u32 = 1 << 26 // a READ of a file is with the kernel

export const FLAGS_BLOCKED: u32 = FLAG_BLOCKED_OUT | FLAG_BLOCKED_SERVICE | FLAG_BLOCKED_HOST | FLAG_BLOCKED_FRAME
const FLAGS_IN_KERNEL: u32 =
  FLAG_RECV_ARMED | FLAG_CANCELLING | FLAG_SENDING | FLAG_CALLED | FLAG_CONNECTING | FLAG_READING

let touched: u32 = 0 // slots that were ever used; the ones above cost no memory yet
let freeSlot: usize = 0
let open: u32 = 0

/** The channels to be flushed, oldest first. */
export let dirtyHead: usize = 0
let dirtyTail: usize = 0
/** Channels that wait for a limit to be lifted, oldest first. */
export let waitingHead: usize = 0
let waitingTail: usize = 0
export let waitingCount: u32 = 0

export function tableCreate(): void {
  touched = open = waitingCount = 0
  freeSlot = dirtyHead = dirtyTail = waitingHead = waitingTail = 0
}

/** Channels that exist, listeners included. */
export function channelsOpen(): u32 {
  return open
}

/** Slots that were ever used: what a walk over all channels has to look at. */
export function channelsTouched(): u32 {
  return touched
}

/** Slots still to be had. */
// @ts-ignore: decorator
@inline
export function channelRoom(): u32 {
  return channelCount - open
}

// @ts-ignore: decorator
@inline
export function channelAt(slot: u32): usize {
  return channels + (<usize>slot << abi.CHANNEL_BITS)
}

/** The channel's place in the table. */
// @ts-ignore: decorator
@inline
export function slotOf(ch: usize): u32 {
  return <u32>((ch - channels) >> abi.CHANNEL_BITS)
}

/** The channel of a slot and generation; 0 where it is gone (law 6). */
export function channelFind(slot: u32, generation: u32): usize {
  if (slot >= touched) return 0
  const ch = channelAt(slot)
  const same = load<u32>(ch, abi.CHANNEL_GENERATION) == generation
  return same && load<u32>(ch, abi.CHANNEL_STATE) != abi.STATE_FREE ? ch : 0
}

/** A slot for a descriptor; 0 when the table is full. */
export function channelCreate(fd: i32, endpoint: usize, state: u32): usize {
  let ch = freeSlot
  let generation: u32
  if (ch) {
    freeSlot = load<u32>(ch, abi.CHANNEL_NEXT)
    generation = (load<u32>(ch, abi.CHANNEL_GENERATION) + 1) & abi.GENERATION_MASK
  } else {
    if (touched == channelCount) return 0
    ch = channelAt(touched++)
    generation = 1
  }
  memory.fill(ch, 0, abi.CHANNEL_BYTES)
  store<u32>(ch, generation, abi.CHANNEL_GENERATION)
  store<u32>(ch, state, abi.CHANNEL_STATE)
  store<i32>(ch, fd, abi.CHANNEL_FD)
  store<u32>(ch, <u32>endpoint, abi.CHANNEL_ENDPOINT)
  store<u32>(ch, <u32>(nowMs / 1000), abi.CHANNEL_SINCE_S)
  store<i32>(ch, -1, abi.CHANNEL_SCAN + 12)
  queueInit(ch + abi.CHANNEL_QUEUE)
  open++
  return ch
}

/** Gives the slot back. Nothing of the channel is with the kernel any more, and it is in no list. */
export function channelRelease(ch: usize): void {
  assert(!(flags(ch) & (FLAGS_IN_KERNEL | FLAG_ZERO_COPY | FLAG_DIRTY | FLAG_WAITING)))
  store<u32>(ch, abi.STATE_FREE, abi.CHANNEL_STATE)
  store<u32>(ch, <u32>freeSlot, abi.CHANNEL_NEXT)
  freeSlot = ch
  open--
}

// @ts-ignore: decorator
@inline
export function state(ch: usize): u32 {
  return load<u32>(ch, abi.CHANNEL_STATE)
}

// @ts-ignore: decorator
@inline
export function flags(ch: usize): u32 {
  return load<u32>(ch, abi.CHANNEL_FLAGS)
}

// @ts-ignore: decorator
@inline
export function setFlags(ch: usize, bits: u32): void {
  store<u32>(ch, load<u32>(ch, abi.CHANNEL_FLAGS) | bits, abi.CHANNEL_FLAGS)
}

// @ts-ignore: decorator
@inline
export function clearFlags(ch: usize, bits: u32): void {
  store<u32>(ch, load<u32>(ch, abi.CHANNEL_FLAGS) & ~bits, abi.CHANNEL_FLAGS)
}

/** Whether an operation on the channel is with the kernel, so that its slot and descriptor must live. */
// @ts-ignore: decorator
@inline
export function inKernel(ch: usize): bool {
  return (flags(ch) & FLAGS_IN_KERNEL) != 0
}

// @ts-ignore: decorator
@inline
export function endpoint(ch: usize): usize {
  return load<u32>(ch, abi.CHANNEL_ENDPOINT)
}

/** Asks for a flush of the channel at the end of the turn. */
// @ts-ignore: decorator
@inline
export function dirty(ch: usize): void {
  if (!(flags(ch) & FLAG_DIRTY)) enlist(ch)
}

function enlist(ch: usize): void {
  setFlags(ch, FLAG_DIRTY)
  store<u32>(ch, 0, abi.CHANNEL_NEXT_DIRTY)
  if (dirtyTail) store<u32>(dirtyTail, <u32>ch, abi.CHANNEL_NEXT_DIRTY)
  else dirtyHead = ch
  dirtyTail = ch
}

/** Takes the oldest dirty channel; 0 when there is none. */
export function dirtyTake(): usize {
  const ch = dirtyHead
  if (ch) {
    dirtyHead = load<u32>(ch, abi.CHANNEL_NEXT_DIRTY)
    if (!dirtyHead) dirtyTail = 0
    clearFlags(ch, FLAG_DIRTY)
  }
  return ch
}

/** Puts the channel among those whose decoding is tried again each turn. */
export function waitForLimit(ch: usize): void {
  setFlags(ch, FLAG_BLOCKED_SERVICE)
  if (flags(ch) & FLAG_WAITING) return
  setFlags(ch, FLAG_WAITING)
  store<u32>(ch, 0, abi.CHANNEL_NEXT)
  if (waitingTail) store<u32>(waitingTail, <u32>ch, abi.CHANNEL_NEXT)
  else waitingHead = ch
  waitingTail = ch
  waitingCount++
}

/** Takes the channel that has waited longest; 0 when there is none. */
export function waitingTake(): usize {
  const ch = waitingHead
  if (ch) {
    waitingHead = load<u32>(ch, abi.CHANNEL_NEXT)
    if (!waitingHead) waitingTail = 0
    clearFlags(ch, FLAG_WAITING | FLAG_BLOCKED_SERVICE)
    waitingCount--
  }
  return ch
}

/** Takes a channel that closes out of the waiting list. */
export function waitingRemove(ch: usize): void {
  if (!(flags(ch) & FLAG_WAITING)) return
  let before: usize = 0
  let at = waitingHead
  while (at != ch) {
    before = at
    at = load<u32>(at, abi.CHANNEL_NEXT)
  }
  const next = <usize>load<u32>(ch, abi.CHANNEL_NEXT)
  if (before) store<u32>(before, <u32>next, abi.CHANNEL_NEXT)
  else waitingHead = next
  if (waitingTail == ch) waitingTail = before
  clearFlags(ch, FLAG_WAITING)
  waitingCount--
}

/**
 * No more is read or decoded; everything owed is sent, then the channel closes, lingering where the peer may still be
 * sending.
 */
export function channelEnd(ch: usize, linger: bool): void {
  if (state(ch) != abi.STATE_OPEN) return
  if (load<u32>(ch, abi.CHANNEL_PENDING)) {
    setFlags(ch, FLAG_LAST) // a proxy's client: the last reply comes back here
    return
  }
  setFlags(ch, FLAG_ENDING | (linger ? FLAG_LINGER : 0))
  if (!linger) clearFlags(ch, FLAG_RECV_WANTED)
  dirty(ch)
}

/** Closes at once; what is owed is dropped. */
export function channelAbort(ch: usize): void {
  const now = state(ch)
  if (now == abi.STATE_CLOSING || now == abi.STATE_FREE) return
  store<u32>(ch, abi.STATE_CLOSING, abi.CHANNEL_STATE)
  clearFlags(ch, FLAG_RECV_WANTED)
  dirty(ch)
}
