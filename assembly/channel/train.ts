// Files in a channel's outbound queue. A channel that has some has a train: its own queue holds the bytes before the
// first file, and each file is followed by a queue of the bytes behind it.
//
//   channel's queue → file → queue → file → queue …
//
// A channel without files has no train, and pays one test of a flag.

import * as abi from '../abi'
import { channelCount } from '../memory/arena'
import { alloc } from '../memory/heap'
import { QUEUE_HEAD, queueBytes, queueClear, queueInit, queueMove } from '../memory/queue'
import { skbFree } from '../memory/skb'
import { slabAlloc, slabFree } from '../memory/slab'
import { TIMER_FILE, timerCancel, timerInit } from '../timer/timers'
import { FLAG_TRAIN, clearFlags, flags, setFlags, slotOf } from './table'
import { FILES_HIGH, FILES_LOW, FILES_MAX } from './thresholds'

export const T_CHANNEL: usize = 0
export const T_FIRST: usize = 4 // the file that is being sent
const T_LAST: usize = 8
const T_COUNT: usize = 12 // u32, files
const T_BYTES: usize = 16 // u32, bytes in the queues behind files
export const T_CALLS: usize = 20 // u32, calls whose results are not in yet
export const T_NEXT: usize = 24 // the list of trains that want a slice
export const T_PREV: usize = 28
export const T_LISTED: usize = 32 // u32
export const T_TIMER: usize = 40 // looks again whether a cold file has come
const TRAIN_CLASS: u32 = 0 // 64 bytes

export const F_NEXT: usize = 0
export const F_FD: usize = 4 // i32
export const F_FLAGS: usize = 8 // u32, FILE_*
export const F_STRATEGY: usize = 12 // u32, TRANSFER_*, never AUTO once it has begun
export const F_PLACE: usize = 16 // u64, the next byte to be taken from the file
export const F_LEFT: usize = 24 // u64, bytes still to be taken
export const F_SENT: usize = 32 // u64, bytes the socket has
export const F_QUEUE: usize = 40 // what follows the file
export const F_KEY: usize = 52 // u32, a hash of the file's identity
export const F_TRIES: usize = 56 // u32, how often the slice was found cold
export const F_SKB: usize = 60 // where bytes are being read to; 0: none
export const F_ASKED: usize = 64 // u32, bytes of the read under way
export const F_SKIP: usize = 68 // u32, of those, bytes before the wanted ones
export const F_ALIGN: usize = 72 // u32
export const F_PIPE: usize = 76 // two i32, the splice strategy's pipe, and its capacity; 0: there is none yet
export const F_PIPE_BYTES: usize = 84 // u32
export const F_IN_PIPE: usize = 88 // u32, bytes in it
export const F_BYTE: usize = 92 // where a read for residency puts its byte
export const F_DIRECT: usize = 96 // i32, the descriptor for direct reads; −1: none
export const F_TAKEN: usize = 104 // u64, bytes read from the file into the channel's queue
const FILE_CLASS: u32 = 1 // 128 bytes

export const FILE_OWNED: u32 = 1 // the descriptor is ours to close
export const FILE_COLD: u32 = 2 // was found cold, and is looked at again
export const FILE_UNCHECKED: u32 = 4 // residency cannot be told
export const FILE_WAITS: u32 = 8 // a timer or a read will tell when to go on
export const FILE_AUTO: u32 = 16 // the strategy was chosen here, and may be changed

// The train of each slot whose channel is FLAG_TRAIN; the table is made when it is first needed.
let trains: usize = 0

export function trainCreate(): void {
  trains = sliceHead = sliceTail = 0
  sliceCount = 0
}

// @ts-ignore: decorator
@inline
export function trainOf(ch: usize): usize {
  return load<u32>(trains + (<usize>slotOf(ch) << 2))
}

/** Bytes in memory that a channel owes: those of files are not. */
// @ts-ignore: decorator
@inline
export function owed(ch: usize): u32 {
  const own = queueBytes(ch + abi.CHANNEL_QUEUE)
  return flags(ch) & FLAG_TRAIN ? own + load<u32>(trainOf(ch), T_BYTES) : own
}

/** The queue that a write goes to: behind everything. */
// @ts-ignore: decorator
@inline
export function lastQueue(ch: usize): usize {
  return flags(ch) & FLAG_TRAIN ? <usize>load<u32>(trainOf(ch), T_LAST) + F_QUEUE : ch + abi.CHANNEL_QUEUE
}

/** Bytes were written to what lastQueue returned. */
// @ts-ignore: decorator
@inline
export function trainWrote(ch: usize, bytes: u32): void {
  if (!(flags(ch) & FLAG_TRAIN)) return
  const train = trainOf(ch)
  store<u32>(train, load<u32>(train, T_BYTES) + bytes, T_BYTES)
}

/** Whether so many files wait that no more should be asked for. */
export function trainIsLong(ch: usize): bool {
  return (flags(ch) & FLAG_TRAIN) != 0 && load<u32>(trainOf(ch), T_COUNT) > FILES_HIGH
}

/** Whether that is over. */
export function trainIsShort(ch: usize): bool {
  return !(flags(ch) & FLAG_TRAIN) || load<u32>(trainOf(ch), T_COUNT) <= FILES_LOW
}

/**
 * Queues `[place, place + bytes)` of a file behind everything a channel owes. Returns 0, or −errno with nothing queued:
 * −ENOBUFS where too many files wait, −ENOMEM.
 */
export function trainAppend(ch: usize, fd: i32, place: u64, bytes: u64, how: u32, key: u32, align: u32): i32 {
  if (flags(ch) & FLAG_TRAIN && load<u32>(trainOf(ch), T_COUNT) >= FILES_MAX) return -abi.ENOBUFS
  const file = slabAlloc(FILE_CLASS)
  if (!file) return -abi.ENOMEM
  if (!(flags(ch) & FLAG_TRAIN) && !couple(ch)) {
    slabFree(file)
    return -abi.ENOMEM
  }
  memory.fill(file, 0, 128)
  store<i32>(file, fd, F_FD)
  store<u32>(file, how & abi.TRANSFER_OWNED ? FILE_OWNED : 0, F_FLAGS)
  store<u32>(file, how & 0xff, F_STRATEGY)
  store<u64>(file, place, F_PLACE)
  store<u64>(file, bytes, F_LEFT)
  store<u32>(file, key, F_KEY)
  store<u32>(file, align, F_ALIGN)
  store<i32>(file, -1, F_DIRECT)
  queueInit(file + F_QUEUE)
  const train = trainOf(ch)
  const last = <usize>load<u32>(train, T_LAST)
  if (last) store<u32>(last, <u32>file, F_NEXT)
  else store<u32>(train, <u32>file, T_FIRST)
  store<u32>(train, <u32>file, T_LAST)
  store<u32>(train, load<u32>(train, T_COUNT) + 1, T_COUNT)
  return 0
}

/** The first file is done with: the bytes behind it are next. The train is gone with its last file. */
export function trainShift(train: usize): void {
  const ch = <usize>load<u32>(train, T_CHANNEL)
  const file = <usize>load<u32>(train, T_FIRST)
  const behind = file + F_QUEUE
  assert(!load<u32>(file, F_SKB) && !queueBytes(ch + abi.CHANNEL_QUEUE))
  store<u32>(train, load<u32>(train, T_BYTES) - queueBytes(behind), T_BYTES)
  if (load<u32>(behind, QUEUE_HEAD)) {
    queueClear(ch + abi.CHANNEL_QUEUE) // a head that is used up
    queueMove(ch + abi.CHANNEL_QUEUE, behind)
  }
  const next = load<u32>(file, F_NEXT)
  store<u32>(train, next, T_FIRST)
  store<u32>(train, load<u32>(train, T_COUNT) - 1, T_COUNT)
  slabFree(file)
  if (!next) uncouple(train)
}

/** The channel closes: the first file is dropped, with what is behind it and what was read of it. */
export function trainDrop(train: usize): void {
  const ch = <usize>load<u32>(train, T_CHANNEL)
  const file = <usize>load<u32>(train, T_FIRST)
  if (load<u32>(file, F_SKB)) skbFree(load<u32>(file, F_SKB))
  store<u32>(file, 0, F_SKB)
  store<u32>(train, load<u32>(train, T_BYTES) - queueBytes(file + F_QUEUE), T_BYTES)
  queueClear(file + F_QUEUE)
  queueClear(ch + abi.CHANNEL_QUEUE)
  trainShift(train)
}

function couple(ch: usize): bool {
  if (!trains) trains = alloc(<usize>channelCount << 2)
  const train = trains ? slabAlloc(TRAIN_CLASS) : 0
  if (!train) return false
  memory.fill(train, 0, 64)
  store<u32>(train, <u32>ch, T_CHANNEL)
  timerInit(train + T_TIMER, TIMER_FILE, train)
  store<u32>(trains + (<usize>slotOf(ch) << 2), <u32>train)
  setFlags(ch, FLAG_TRAIN)
  return true
}

function uncouple(train: usize): void {
  assert(!load<u32>(train, T_CALLS) && !load<u32>(train, T_BYTES))
  timerCancel(train + T_TIMER)
  sliceForget(train)
  clearFlags(<usize>load<u32>(train, T_CHANNEL), FLAG_TRAIN)
  slabFree(train)
}

// Trains that want a slice, in the order in which they get one.
let sliceHead: usize = 0
let sliceTail: usize = 0
export let sliceCount: u32 = 0

/** The train's next slice is wanted. */
export function sliceWant(train: usize): void {
  if (load<u32>(train, T_LISTED)) return
  store<u32>(train, 1, T_LISTED)
  store<u32>(train, 0, T_NEXT)
  store<u32>(train, <u32>sliceTail, T_PREV)
  if (sliceTail) store<u32>(sliceTail, <u32>train, T_NEXT)
  else sliceHead = train
  sliceTail = train
  sliceCount++
}

/** The train that has waited longest; 0 where none does. */
export function sliceTake(): usize {
  const train = sliceHead
  if (train) sliceForget(train)
  return train
}

function sliceForget(train: usize): void {
  if (!load<u32>(train, T_LISTED)) return
  const next = <usize>load<u32>(train, T_NEXT)
  const before = <usize>load<u32>(train, T_PREV)
  if (before) store<u32>(before, <u32>next, T_NEXT)
  else sliceHead = next
  if (next) store<u32>(next, <u32>before, T_PREV)
  else sliceTail = before
  store<u32>(train, 0, T_LISTED)
  sliceCount--
}
