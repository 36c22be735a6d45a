// The RESP reply codec: replies as records. Parts are written while a reply is walked; one that straddles is walked as
// it grows, and its parts are written once it is whole. Only a reply that stops inside an aggregate holds a stack.

import * as abi from './abi'
import { free } from '../memory/heap'
import { record, recordAt, recordsEnd, recordsRoom, recordsUntil } from './records'
import {
  REPLY_DEPTH,
  REPLY_STACK,
  replyLimits,
  replyLine,
  replyNeed,
  replyParts,
  replyStack,
  replyUsual,
  replyUse,
  replyWalk,
} from './resp-reply'
import { respRefuse, respThroughLine } from './resp-requests'

/** Bytes that may be gathered beyond a line that is too long, before it is called so. */
const SLACK: u32 = 8

/** A stack that no stream holds. */
let spare: usize = 0

/** Forgets the memory of an earlier heap. */
export function repliesCreate(): void {
  spare = 0
}

/** See codec.ts. */
export function repliesDecode(codec: usize, state: usize, at: usize, end: usize): usize {
  replyLimits(codec)
  const stop = decode(state, at, end)
  replyUsual()
  return stop
}

function decode(state: usize, at: usize, end: usize): usize {
  let resumed = (load<u64>(state) | load<u64>(state, 8)) != 0
  while (at < end) {
    const to = recordAt + abi.RECORD_BYTES
    const length = walk(state, at, end, to, resumed ? 0 : recordsEnd())
    if (!length) return at
    if (length < 0) return respRefuse(length, at, end)
    if (resumed) {
      resumed = false // now that it is whole: once more, from its beginning, for its parts
      continue
    }
    const parts = replyParts
    if (to + <usize>parts * abi.RECORD_BYTES > recordsEnd()) {
      if (!recordsRoom(parts + 1)) return at
      walk(state, at, at + length, recordAt + abi.RECORD_BYTES, recordsEnd())
    }
    record(at, length, abi.RECORD_FRAME, parts)
    recordsUntil(recordAt + <usize>parts * abi.RECORD_BYTES)
    at += length
  }
  return at
}

/** As replyWalk, on the stream's stack or the spare one. Unless the reply is incomplete the state is all zero again. */
function walk(state: usize, at: usize, end: usize, to: usize, room: usize): i32 {
  const own = <usize>load<u32>(state, REPLY_STACK)
  replyUse(own ? own : spare)
  const length = replyWalk(state, at, end, to, room)
  if (!own) spare = replyStack
  else store<u32>(state, <u32>replyStack, REPLY_STACK)
  if (!length) {
    if (own || !load<u32>(state, REPLY_DEPTH)) return 0
    store<u32>(state, <u32>spare, REPLY_STACK)
    spare = 0
    return 0
  }
  repliesRelease(state)
  store<u64>(state, 0)
  store<u64>(state, 0, 8)
  return length
}

/** The stream lets go of its stack. */
export function repliesRelease(state: usize): void {
  const stack = <usize>load<u32>(state, REPLY_STACK)
  store<u32>(state, 0, REPLY_STACK)
  if (stack && !spare) spare = stack
  else if (stack) free(stack)
}

/** See codec.ts. */
export function repliesTake(codec: usize, state: usize, have: u32, at: usize, end: usize): u32 {
  const more = <u32>(end - at)
  const need = min(more, replyNeed(state, have))
  const line = replyLine(state)
  if (line < 0) return need
  const most = <u32>line + load<u32>(codec, abi.CODEC_MAX_LINE) + SLACK
  return respThroughLine(at, need, min(more, most > have ? most - have : 1))
}
