// One slice of a channel's first file, as immediate calls: first what stands before the file, then, linked, a look
// whether the slice lies in memory, then, linked, the slice. So nothing is sent out of order and nothing waits for a
// disk. What the socket does not take waits for writability by a one-shot poll.

import * as abi from '../abi'
import { nowNs } from '../clock'
import { IOVEC_ENTRIES, control, iovecs } from '../memory/arena'
import { QUEUE_HEAD, queueBytes } from '../memory/queue'
import { SKB_NEXT, skbAlloc, skbData, skbIsFragmented, skbReserve, skbTail } from '../memory/skb'
import { timerArmFine } from '../timer/timers'
import { call, callRoom, hostAddress, hurry, sqRoom, sqe } from '../uring/submission'
import { GATHER_MAX, TAG_FILE, gather, gathered, iovecCount, iovecsTake } from './outbound'
import { residencyKnown, windowEnd } from './residency'
import {
  FLAG_CALLED,
  FLAG_CONNECTING,
  FLAG_READING,
  FLAG_SENDING,
  FLAG_STALLED,
  flags,
  setFlags,
  slotOf,
  state,
} from './table'
import {
  AUTO_DIRECT_MIN,
  AUTO_READ_MAX,
  COLD_MOST_NS,
  DIRECT_ALIGN,
  DIRECT_SLICE_BYTES,
  READ_SLICE_BYTES,
  SLICE_BYTES,
  SLICE_COST_MIN,
  TURN_BYTES,
} from './thresholds'
import {
  FILE_AUTO,
  FILE_COLD,
  FILE_UNCHECKED,
  FILE_WAITS,
  F_ALIGN,
  F_ASKED,
  F_BYTE,
  F_DIRECT,
  F_FD,
  F_FLAGS,
  F_IN_PIPE,
  F_KEY,
  F_LEFT,
  F_NEXT,
  F_PIPE,
  F_PIPE_BYTES,
  F_PLACE,
  F_QUEUE,
  F_SKB,
  F_SKIP,
  F_STRATEGY,
  T_CALLS,
  T_CHANNEL,
  T_FIRST,
  T_TIMER,
  sliceCount,
  sliceTake,
  trainOf,
} from './train'
import { channelData } from './user-data'

/** Calls that one slice can need. */
const CALLS_MAX: u32 = 4
const FLAGS_BUSY: u32 = FLAG_SENDING | FLAG_CALLED | FLAG_CONNECTING

// What the slice that is being written consists of so far.
let calls: u32 = 0
let moved: u32 = 0

/** Gives each train that wants one a slice, until the turn's share of bytes is used up; the others go first next. */
export function slicesServe(): void {
  let budget = <i32>TURN_BYTES
  for (let n = sliceCount; n && budget > 0; n--) {
    if (callRoom() < CALLS_MAX || !sqRoom()) break
    const train = sliceTake()
    moved = 0
    serve(train)
    budget -= max(moved, SLICE_COST_MIN)
  }
  if (sliceCount) hurry()
}

function serve(train: usize): void {
  const ch = <usize>load<u32>(train, T_CHANNEL)
  if (state(ch) == abi.STATE_CLOSING || flags(ch) & FLAGS_BUSY) return // its end brings the channel back
  const file = <usize>load<u32>(train, T_FIRST)
  calls = 0
  if (flags(ch) & FLAG_STALLED) pollOut(ch)
  else slice(ch, file)
  if (!calls) return
  store<u32>(train, load<u32>(train, T_CALLS) + calls, T_CALLS)
  setFlags(ch, FLAG_CALLED)
  hurry() // the file's end may be all that is left to tell
}

function slice(ch: usize, file: usize): void {
  const strategy = strategyOf(file)
  if (strategy == abi.TRANSFER_READ) return readSlice(ch, file)
  if (strategy == abi.TRANSFER_DIRECT) return directSlice(ch, file)
  const first = !queueBytes(ch + abi.CHANNEL_QUEUE) || sendQueue(ch, 0, 0, true)
  if (!first || load<u32>(file, F_FLAGS) & FILE_WAITS) return
  const bytes = <u32>min<u64>(load<u64>(file, F_LEFT), sliceBytes(file))
  if (strategy == abi.TRANSFER_SPLICE) spliceSlice(ch, file, bytes)
  else {
    if (!bytes) return
    checkSlice(ch, file, bytes)
    const op = strategy == abi.TRANSFER_MMAP ? abi.CALL_MMAP_SEND | moreOf(file, bytes) : abi.CALL_SENDFILE
    transfer(op, ch, load<i32>(ch, abi.CHANNEL_FD), load<u32>(file, F_FD), bytes, load<u64>(file, F_PLACE))
    moved += bytes
  }
}

/** The strategy, which `auto` decides once. Direct reads come later, where the first look finds the file cold. */
function strategyOf(file: usize): u32 {
  const strategy = load<u32>(file, F_STRATEGY)
  if (strategy != abi.TRANSFER_AUTO) return strategy
  store<u32>(file, load<u32>(file, F_FLAGS) | FILE_AUTO, F_FLAGS)
  const small = load<u64>(file, F_LEFT) <= AUTO_READ_MAX
  store<u32>(file, small ? abi.TRANSFER_READ : abi.TRANSFER_SENDFILE, F_STRATEGY)
  return load<u32>(file, F_STRATEGY)
}

/** Whether a cold file is one that `auto` reads past the page cache, which only pays where that does not block. */
export function prefersDirect(file: usize): bool {
  return (load<u32>(file, F_FLAGS) & FILE_AUTO) != 0 && readsAside() && load<u64>(file, F_LEFT) >= AUTO_DIRECT_MIN
}

/** Whether a READ does not block `enter`. */
export function readsAside(): bool {
  return (load<u32>(control, abi.CONTROL_FEATURES) & abi.FEATURE_ASYNC_FILES) != 0
}

/** Slices end where windows of residency do. */
function sliceBytes(file: usize): u64 {
  const place = load<u64>(file, F_PLACE)
  return min<u64>(SLICE_BYTES, windowEnd(place) - place)
}

/** Appends a call behind those of this slice, and linked to them. */
function transfer(op: u32, ch: usize, fd: i32, a: u32, b: u32, c: u64): void {
  const link = calls ? abi.CALL_LINK : 0
  call(op | link, fd, a, b, <i64>c, TAG_FILE | slotOf(ch))
  calls++
}

function checkSlice(ch: usize, file: usize, bytes: u32): void {
  const place = load<u64>(file, F_PLACE)
  if (load<u32>(file, F_FLAGS) & FILE_UNCHECKED) return
  if (!(load<u32>(file, F_FLAGS) & FILE_COLD) && residencyKnown(load<u32>(file, F_KEY), place, place + bytes)) return
  const window = min<u64>(load<u64>(file, F_LEFT), windowEnd(place) - place)
  transfer(abi.CALL_RESIDENT, ch, load<i32>(file, F_FD), bytes, <u32>window, place)
}

/** MSG_MORE where the file goes on behind these bytes, or something follows it. */
function moreOf(file: usize, bytes: u32): u32 {
  const more = load<u64>(file, F_LEFT) > bytes || queueBytes(file + F_QUEUE) || load<u32>(file, F_NEXT)
  return more ? abi.CALL_MORE : 0
}

/**
 * Sends what stands before the file, and `length` bytes at `tail` behind it; false where it does not fit one call, so
 * that nothing may be linked to it.
 */
function sendQueue(ch: usize, tail: usize, length: u32, more: bool): bool {
  const queue = ch + abi.CHANNEL_QUEUE
  const fd = load<i32>(ch, abi.CHANNEL_FD)
  const flag = more ? abi.CALL_MORE : 0
  const head = <usize>load<u32>(queue, QUEUE_HEAD)
  const bytes = queueBytes(queue)
  if (!bytes) {
    transfer(abi.CALL_SEND | flag, ch, fd, <u32>tail, length, 0)
    return true
  }
  if (!length && !load<u32>(head, SKB_NEXT) && !skbIsFragmented(head)) {
    transfer(abi.CALL_SEND | flag, ch, fd, <u32>skbData(head), bytes, 0)
    return true
  }
  if (iovecCount + GATHER_MAX + 1 > IOVEC_ENTRIES) {
    hurry() // the next turn has room
    return false
  }
  const at = iovecs + (<usize>iovecCount << 4)
  let count = gather(queue, at)
  let total = gathered
  const whole = total == bytes
  if (whole && length) {
    store<u64>(at + (<usize>count << 4), hostAddress(tail))
    store<u64>(at + (<usize>count << 4), length, 8)
    total += length
    count++
  }
  iovecsTake(count)
  transfer(abi.CALL_SENDMSG | (whole ? flag : abi.CALL_MORE), ch, fd, <u32>at, count, total)
  return whole
}

/** Bytes are read into a block, which is then sent like any other; a small file in one send with what is before it. */
function readSlice(ch: usize, file: usize): void {
  const before = queueBytes(ch + abi.CHANNEL_QUEUE)
  const bytes = <u32>min<u64>(load<u64>(file, F_LEFT), READ_SLICE_BYTES)
  const waits = (load<u32>(file, F_FLAGS) & FILE_WAITS) != 0
  if (!bytes || waits || before > READ_SLICE_BYTES) {
    if (before) sendQueue(ch, 0, 0, bytes != 0 || moreOf(file, bytes) != 0)
    return
  }
  const skb = skbAlloc(bytes)
  if (!skb) return noMemory(ch, file)
  store<u32>(file, <u32>skb, F_SKB)
  store<u32>(file, bytes, F_ASKED)
  if (load<u32>(file, F_FLAGS) & FILE_COLD) checkSlice(ch, file, bytes)
  const op = load<u32>(file, F_FLAGS) & FILE_UNCHECKED ? abi.CALL_PREAD_WAIT : abi.CALL_PREAD
  transfer(op, ch, load<i32>(file, F_FD), <u32>skbData(skb), bytes, load<u64>(file, F_PLACE))
  sendQueue(ch, skbData(skb), bytes, moreOf(file, bytes) != 0)
  moved += bytes
}

/** Reads past the page cache, a slice ahead of what is being sent. */
function directSlice(ch: usize, file: usize): void {
  const before = queueBytes(ch + abi.CHANNEL_QUEUE)
  const left = load<u64>(file, F_LEFT)
  if (before) {
    sendQueue(ch, 0, 0, moreOf(file, 0) != 0)
    moved += min(before, DIRECT_SLICE_BYTES)
  }
  if (!left || flags(ch) & FLAG_READING || before > DIRECT_SLICE_BYTES) return
  if (load<i32>(file, F_DIRECT) < 0) {
    // linked to nothing: what stands before the file has its own way
    call(abi.CALL_REOPEN, load<i32>(file, F_FD), 0, 0, 0, TAG_FILE | slotOf(ch))
    calls++
    return
  }
  const align = max(load<u32>(file, F_ALIGN), DIRECT_ALIGN)
  const place = load<u64>(file, F_PLACE)
  const from = place - (place % align)
  const skip = <u32>(place - from)
  const wanted = <u32>min<u64>(left, DIRECT_SLICE_BYTES - skip)
  const asked = (skip + wanted + align - 1) / align * align
  const skb = skbAlloc(asked + align)
  if (!skb) return noMemory(ch, file)
  const data = <u32>skbData(skb)
  skbReserve(skb, (data + align - 1) / align * align - data)
  read(ch, load<i32>(file, F_DIRECT), skbTail(skb), asked, from)
  store<u32>(file, <u32>skb, F_SKB)
  store<u32>(file, wanted, F_ASKED)
  store<u32>(file, skip, F_SKIP)
}

/** Reads the last byte of a cold slice: the completion tells that it has come. False where there is no room. */
export function readAhead(ch: usize, file: usize): bool {
  if (!sqRoom()) return false
  const place = load<u64>(file, F_PLACE) + min<u64>(load<u64>(file, F_LEFT), sliceBytes(file)) - 1
  read(ch, load<i32>(file, F_FD), file + F_BYTE, 1, place)
  return true
}

function read(ch: usize, fd: i32, at: usize, bytes: u32, place: u64): void {
  const data = channelData(ch, abi.KIND_FILE) | abi.FILE_READ
  const s = sqe(abi.OP_READ, fd, data)
  store<u64>(s, hostAddress(at), abi.SQE_ADDR)
  store<u32>(s, bytes, abi.SQE_LEN)
  store<u64>(s, place, abi.SQE_OFF)
  setFlags(ch, FLAG_READING)
}

/** File → pipe → socket; what the socket did not take stays in the pipe. */
function spliceSlice(ch: usize, file: usize, bytes: u32): void {
  const at = <u32>(file + F_PIPE)
  const capacity = load<u32>(file, F_PIPE_BYTES)
  if (!capacity) {
    transfer(abi.CALL_PIPE, ch, -1, at, SLICE_BYTES, 0)
    return
  }
  const fd = load<i32>(ch, abi.CHANNEL_FD)
  const inside = load<u32>(file, F_IN_PIPE)
  if (inside) {
    transfer(abi.CALL_SPLICE | moreOf(file, 0), ch, fd, load<u32>(file, F_PIPE), inside, ~0)
    moved += inside
    return
  }
  const wanted = min(bytes, capacity)
  if (!wanted) return
  checkSlice(ch, file, wanted)
  transfer(abi.CALL_SPLICE, ch, load<i32>(file + F_PIPE, 4), load<u32>(file, F_FD), wanted, load<u64>(file, F_PLACE))
  transfer(abi.CALL_SPLICE | moreOf(file, wanted), ch, fd, load<u32>(file, F_PIPE), wanted, ~0)
  moved += wanted
}

/** Waits for the socket to take more. */
function pollOut(ch: usize): void {
  const s = sqe(abi.OP_POLL_ADD, load<i32>(ch, abi.CHANNEL_FD), channelData(ch, abi.KIND_FILE))
  store<u32>(s, abi.POLLOUT, abi.SQE_OP_FLAGS)
  setFlags(ch, FLAG_SENDING)
}

/** Memory is exhausted for the moment: what is queued is sent, which frees some; else it is tried again in a while. */
function noMemory(ch: usize, file: usize): void {
  if (queueBytes(ch + abi.CHANNEL_QUEUE)) sendQueue(ch, 0, 0, true)
  else fileWait(ch, file, COLD_MOST_NS)
}

/** The file goes on after `ns`. */
export function fileWait(ch: usize, file: usize, ns: u64): void {
  store<u32>(file, load<u32>(file, F_FLAGS) | FILE_WAITS, F_FLAGS)
  timerArmFine(trainOf(ch) + T_TIMER, nowNs + ns)
}
