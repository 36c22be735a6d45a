// What becomes of slices: results of calls and completions move a channel's file on, and its end, or its failure, is
// told to the service. Bytes that are missing end the channel: a file is never short silently.

import * as abi from '../abi'
import { ERROR_FILE_TRUNCATED } from '../codec/abi'
import { fileWait, prefersDirect, readAhead, readsAside } from '../channel/file-send'
import { TAG_NONE } from '../channel/outbound'
import { residencyFound } from '../channel/residency'
import {
  FLAG_BLOCKED_OUT,
  FLAG_CALLED,
  FLAG_READING,
  FLAG_SENDING,
  FLAG_STALLED,
  FLAG_TIMED,
  FLAG_TRAIN,
  FLAG_WRITABLE_WANTED,
  channelAbort,
  clearFlags,
  dirty,
  endpoint,
  flags,
  setFlags,
  state,
  waitForLimit,
} from '../channel/table'
import { COLD_FIRST_NS, COLD_MOST_NS, COLD_TRIES } from '../channel/thresholds'
import {
  FILE_AUTO,
  FILE_COLD,
  FILE_OWNED,
  FILE_UNCHECKED,
  FILE_WAITS,
  F_ASKED,
  F_DIRECT,
  F_FD,
  F_FLAGS,
  F_IN_PIPE,
  F_KEY,
  F_LEFT,
  F_PIPE,
  F_PIPE_BYTES,
  F_PLACE,
  F_SENT,
  F_SKB,
  F_SKIP,
  F_STRATEGY,
  F_TAKEN,
  F_TRIES,
  T_CALLS,
  T_CHANNEL,
  T_FIRST,
  owed,
  sliceWant,
  trainDrop,
  trainIsShort,
  trainOf,
  trainShift,
} from '../channel/train'
import { control } from '../memory/arena'
import { count, countBy } from '../memory/counter'
import { queueBytes, queueConsume, queuePush } from '../memory/queue'
import { skbFree, skbPull, skbPut } from '../memory/skb'
import { upcallSlack } from '../service/upcall'
import { call, callRoom, hurry } from '../uring/submission'
import { drained, fileSent } from './dispatch'
import { idleSent } from './idle'

/** Descriptors that a file can hold. */
const DESCRIPTORS: u32 = 4

/**
 * The flush comes by a channel with files: those that are done are told, and the next slice is wanted. Returns 1; 0
 * where no file is left, and the bytes behind the last are sent as always; −1 where there was no room.
 */
export function trainFlush(ch: usize): i32 {
  const busy = FLAG_SENDING | FLAG_CALLED
  while (flags(ch) & FLAG_TRAIN && !(flags(ch) & (busy | FLAG_READING))) {
    const train = trainOf(ch)
    const file = <usize>load<u32>(train, T_FIRST)
    if (load<u64>(file, F_LEFT) || load<u32>(file, F_IN_PIPE) || queueBytes(ch + abi.CHANNEL_QUEUE)) break
    if (callRoom() < DESCRIPTORS || !upcallSlack()) return -1
    fileSent(ch, sentOf(ch, file), 0)
    release(file)
    trainShift(train)
  }
  lower(ch)
  if (!(flags(ch) & FLAG_TRAIN)) return 0
  if (flags(ch) & FLAG_CALLED) hurry()
  if (!(flags(ch) & busy)) sliceWant(trainOf(ch))
  return 1
}

/** The channel is at its end, and nothing of it is in the kernel: files are dropped. False where there was no room. */
export function trainEnd(ch: usize): bool {
  while (flags(ch) & FLAG_TRAIN) {
    if (callRoom() < DESCRIPTORS) return false
    const train = trainOf(ch)
    release(load<u32>(train, T_FIRST))
    trainDrop(train)
  }
  return true
}

/** The result of one call of a slice. */
export function trainResult(ch: usize, record: usize, result: i32): void {
  const train = trainOf(ch)
  const file = <usize>load<u32>(train, T_FIRST)
  const op = load<u32>(record, abi.CALL_OP) & abi.CALL_OP_MASK
  const left = load<u32>(train, T_CALLS) - 1
  store<u32>(train, left, T_CALLS)
  if (!left) {
    clearFlags(ch, FLAG_CALLED)
    dirty(ch)
  }
  if (op == abi.CALL_PIPE && result > 0) store<u32>(file, result, F_PIPE_BYTES)
  if (op == abi.CALL_REOPEN && result >= 0) store<i32>(file, result, F_DIRECT)
  if (state(ch) == abi.STATE_CLOSING) return
  switch (op) {
    case abi.CALL_PREAD:
    case abi.CALL_PREAD_WAIT:
      return read(ch, file, 0, result)
    case abi.CALL_SEND:
      return queueSent(ch, result, load<u32>(record, abi.CALL_B))
    case abi.CALL_SENDMSG:
      return queueSent(ch, result, load<u32>(record, abi.CALL_C))
    case abi.CALL_RESIDENT:
      return looked(ch, file, result, load<u32>(record, abi.CALL_B))
    case abi.CALL_SENDFILE:
    case abi.CALL_MMAP_SEND:
      if (take(ch, file, result)) fileMoved(ch, file, result, load<u32>(record, abi.CALL_B))
      return
    case abi.CALL_SPLICE:
      if (load<i32>(record, abi.CALL_FD) == load<i32>(ch, abi.CHANNEL_FD)) return drainedPipe(ch, file, record, result)
      if (take(ch, file, result) && result > 0) store<u32>(file, result, F_IN_PIPE)
      else if (result == -abi.EAGAIN) cold(ch, file) // an empty pipe takes something
      return
    default:
      if (result >= 0) return
      if (op != abi.CALL_REOPEN || !(load<u32>(file, F_FLAGS) & FILE_AUTO)) return fail(ch, result)
      // a file system without direct reads
      store<u32>(file, load<u32>(file, F_FLAGS) & ~FILE_AUTO, F_FLAGS)
      store<u32>(file, abi.TRANSFER_SENDFILE, F_STRATEGY)
  }
}

/** The socket takes more, or has failed, which the next attempt tells. */
export function trainPolled(ch: usize, result: i32): void {
  clearFlags(ch, FLAG_SENDING | FLAG_STALLED)
  dirty(ch)
  if (result < 0 && result != -abi.ECANCELED && state(ch) != abi.STATE_CLOSING) fail(ch, result)
}

/** A READ of the first file is complete: of a slice, or of the one byte that tells that it has come. */
export function trainRead(ch: usize, result: i32): void {
  clearFlags(ch, FLAG_READING)
  dirty(ch)
  const file = <usize>load<u32>(trainOf(ch), T_FIRST)
  if (load<u32>(file, F_SKB)) {
    if (state(ch) != abi.STATE_CLOSING) read(ch, file, load<u32>(file, F_SKIP), result)
    return
  }
  store<u32>(file, load<u32>(file, F_FLAGS) & ~FILE_WAITS, F_FLAGS)
}

/** The timer of a train has come: its file is tried again. */
export function trainDue(train: usize): void {
  const file = <usize>load<u32>(train, T_FIRST)
  store<u32>(file, load<u32>(file, F_FLAGS) & ~FILE_WAITS, F_FLAGS)
  dirty(<usize>load<u32>(train, T_CHANNEL))
}

/** Bytes were read into the skb, the first `skip` of them for the alignment's sake: they are queued. */
function read(ch: usize, file: usize, skip: u32, result: i32): void {
  const skb = <usize>load<u32>(file, F_SKB)
  store<u32>(file, 0, F_SKB)
  if (result > <i32>skip) {
    const bytes = min(<u32>result - skip, load<u32>(file, F_ASKED))
    skbPut(skb, skip + bytes)
    skbPull(skb, skip)
    queuePush(ch + abi.CHANNEL_QUEUE, skb)
    advance(file, bytes)
    countBy(file + F_TAKEN, bytes)
    counted(bytes)
    store<u32>(file, 0, F_TRIES)
    return
  }
  skbFree(skb)
  if (result == -abi.ECANCELED && state(ch) != abi.STATE_CLOSING) return // a call before it fell short
  if (result == -abi.EAGAIN) cold(ch, file)
  else fail(ch, result < 0 ? result : -ERROR_FILE_TRUNCATED)
}

/** What stood before the file was sent, or a part of it. */
function queueSent(ch: usize, result: i32, asked: u32): void {
  if (result == -abi.ECANCELED) return
  if (result < 0 && result != -abi.EAGAIN) return fail(ch, result)
  const sent = <u32>max(result, 0)
  queueConsume(ch + abi.CHANNEL_QUEUE, sent)
  progress(ch, sent, asked)
}

/** How much of the file lies in memory. */
function looked(ch: usize, file: usize, result: i32, window: u32): void {
  if (result == -abi.ECANCELED) return
  if (result == 0) return cold(ch, file)
  if (result < 0) {
    setFile(file, FILE_UNCHECKED) // the transfer will say what is wrong
    return
  }
  const place = load<u64>(file, F_PLACE)
  residencyFound(load<u32>(file, F_KEY), place, place + <u32>result)
  store<u32>(file, 0, F_TRIES)
  if (<u32>result == window) store<u32>(file, load<u32>(file, F_FLAGS) & ~FILE_COLD, F_FLAGS)
}

/** Books what a call took from the file; false where it took nothing. */
function take(ch: usize, file: usize, result: i32): bool {
  if (result > 0) {
    advance(file, result)
    return true
  }
  if (result == 0) fail(ch, -ERROR_FILE_TRUNCATED)
  else if (result == -abi.EINVAL && load<u32>(file, F_FLAGS) & FILE_AUTO) {
    store<u32>(file, abi.TRANSFER_READ, F_STRATEGY) // a file system without sendfile
  } else if (result != -abi.EAGAIN && result != -abi.ECANCELED) fail(ch, result)
  return result == -abi.EAGAIN
}

function advance(file: usize, bytes: u32): void {
  assert(<u64>bytes <= load<u64>(file, F_LEFT))
  store<u64>(file, load<u64>(file, F_PLACE) + bytes, F_PLACE)
  store<u64>(file, load<u64>(file, F_LEFT) - bytes, F_LEFT)
}

/** A file's bytes are in the socket. */
function fileMoved(ch: usize, file: usize, result: i32, asked: u32): void {
  const sent = <u32>max(result, 0)
  countBy(file + F_SENT, sent)
  if (sent) counted(sent)
  progress(ch, sent, asked)
}

function counted(bytes: u32): void {
  count(control + abi.CONTROL_FILE_SLICES)
  countBy(control + abi.CONTROL_FILE_BYTES, bytes)
}

function drainedPipe(ch: usize, file: usize, record: usize, result: i32): void {
  if (result == -abi.ECANCELED) return
  if (result < 0 && result != -abi.EAGAIN) return fail(ch, result)
  store<u32>(file, load<u32>(file, F_IN_PIPE) - <u32>max(result, 0), F_IN_PIPE)
  fileMoved(ch, file, result, load<u32>(record, abi.CALL_B))
}

function progress(ch: usize, sent: u32, asked: u32): void {
  if (flags(ch) & FLAG_TIMED) idleSent(ch, sent)
  countBy(ch + abi.CHANNEL_BYTES_OUT, sent)
  if (sent < asked) setFlags(ch, FLAG_STALLED)
}

/** The slice is not in memory: the disk has been asked for it, and it is looked at again. */
function cold(ch: usize, file: usize): void {
  const tries = load<u32>(file, F_TRIES)
  if (!tries) count(control + abi.CONTROL_FILE_COLD)
  if (prefersDirect(file)) {
    store<u32>(file, abi.TRANSFER_DIRECT, F_STRATEGY)
    return
  }
  setFile(file, FILE_COLD)
  store<u32>(file, tries + 1, F_TRIES)
  if (tries == COLD_TRIES) {
    count(control + abi.CONTROL_FILE_FORCED)
    setFile(file, FILE_UNCHECKED)
    return
  }
  if (!tries && readsAside() && readAhead(ch, file)) setFile(file, FILE_WAITS)
  else fileWait(ch, file, min(COLD_FIRST_NS << min(tries, 16), COLD_MOST_NS))
}

function setFile(file: usize, bits: u32): void {
  store<u32>(file, load<u32>(file, F_FLAGS) | bits, F_FLAGS)
}

/** The channel's file cannot be sent to its end, and so nothing behind it either. */
function fail(ch: usize, error: i32): void {
  fileSent(ch, sentOf(ch, load<u32>(trainOf(ch), T_FIRST)), <u32>-error)
  channelAbort(ch)
}

/** Bytes of the file that the socket has. */
function sentOf(ch: usize, file: usize): u64 {
  const taken = load<u64>(file, F_TAKEN)
  return load<u64>(file, F_SENT) + taken - min<u64>(taken, queueBytes(ch + abi.CHANNEL_QUEUE))
}

/** Closes what the file has open. */
function release(file: usize): void {
  if (load<u32>(file, F_FLAGS) & FILE_OWNED) shut(load<i32>(file, F_FD))
  if (load<i32>(file, F_DIRECT) >= 0) shut(load<i32>(file, F_DIRECT))
  if (!load<u32>(file, F_PIPE_BYTES)) return
  shut(load<i32>(file, F_PIPE))
  shut(load<i32>(file + F_PIPE, 4))
}

function shut(fd: i32): void {
  call(abi.CALL_CLOSE, fd, 0, 0, 0, TAG_NONE)
}

/** Whoever waits for the queue to fall is told where it has; decoding goes on in the next turn. */
function lower(ch: usize): void {
  const f = flags(ch)
  if (!(f & (FLAG_BLOCKED_OUT | FLAG_WRITABLE_WANTED))) return
  if (owed(ch) > load<u32>(endpoint(ch), abi.ENDPOINT_LOW) || !trainIsShort(ch)) return
  clearFlags(ch, FLAG_BLOCKED_OUT | FLAG_WRITABLE_WANTED)
  if (f & FLAG_WRITABLE_WANTED) drained(ch)
  if (!(f & FLAG_BLOCKED_OUT)) return
  waitForLimit(ch)
  hurry()
}
