// Commands over several servers: each part's reply is kept until all are in, then the whole reply is put together in
// the order of the keys. A failed part costs its own keys only where the reply has a place for each key (MGET).

import { parseInteger, parsedInteger, writeInteger, writeUnsigned } from '../../codec/integer'
import { replyRaw } from '../../codec/reply'
import { blockAlloc, blockData, blockPut } from '../../memory/block'
import { QUEUE_HEAD, queueAppend, queueBytes, queueClear, queueRoom, queueWrote } from '../../memory/queue'
import { skbRead } from '../../memory/fragment'
import { SKB_NEXT, skbData, skbLength, skbTotal } from '../../memory/skb'
import { serverError } from './server-error'
import {
  KIND_MGET,
  KIND_MSET,
  KIND_SUM,
  REQUEST_BLOCK,
  REQUEST_COUNT,
  REQUEST_CURSOR,
  REQUEST_FAILED,
  REQUEST_KIND,
  REQUEST_LEFT,
  REQUEST_MAP,
  REQUEST_PARENT,
  REQUEST_PARTS,
  REQUEST_QUEUE,
  REQUEST_SERVER,
  REQUEST_SIBLING,
  REQUEST_SUM,
  requestDone,
  requestFree,
} from './request'

const MINUS: u32 = 45
const COLON: u32 = 58
const STAR: u32 = 42
const PLUS: u32 = 43

/** The reply of a part has come. */
export function partReply(part: usize, at: usize, length: u32): void {
  const whole = <usize>load<u32>(part, REQUEST_PARENT)
  const kind = load<u32>(whole, REQUEST_KIND)
  const type: u32 = load<u8>(at)
  if (kind == KIND_MGET) {
    const block = blockAlloc(length)
    if (!block) {
      failPart(part)
      replyRaw(part + REQUEST_QUEUE, '-ERR out of memory\r\n')
    } else {
      memory.copy(blockData(block), at, length)
      store<u32>(part, <u32>block, REQUEST_BLOCK)
      store<u32>(part, <u32>blockData(block), REQUEST_CURSOR)
      if (type == STAR && elements(at, length) == load<u32>(part, REQUEST_COUNT)) {
        store<u32>(part, <u32>lineEnd(blockData(block)), REQUEST_CURSOR)
      } else {
        failPart(part) // an error reply (NOAUTH, LOADING …), which stands for each of its keys
        if (type != MINUS) store<u32>(part, 0, REQUEST_CURSOR)
      }
    }
  } else if (kind == KIND_SUM && type == COLON && parseInteger(at + 1, length - 3)) {
    store<i64>(whole, load<i64>(whole, REQUEST_SUM) + parsedInteger, REQUEST_SUM)
  } else if (!(kind == KIND_MSET && type == PLUS)) {
    failWhole(whole, at, length, type == MINUS)
  }
  partDone(whole)
}

/** The server of a part has failed. */
export function partFailed(part: usize, server: usize, error: i32): void {
  const whole = <usize>load<u32>(part, REQUEST_PARENT)
  if (load<u32>(whole, REQUEST_KIND) == KIND_MGET) {
    failPart(part)
    serverError(part + REQUEST_QUEUE, server, error)
  } else if (!load<u32>(whole, REQUEST_FAILED)) {
    store<u32>(whole, 1, REQUEST_FAILED)
    serverError(whole + REQUEST_QUEUE, server, error)
  }
  partDone(whole)
}

/** A part that an embedded shard has answered at once, into a queue. */
export function partAnswered(part: usize, queue: usize): void {
  const length = queueBytes(queue)
  const block = blockAlloc(length)
  if (block) {
    let to = blockData(block)
    for (let skb = <usize>load<u32>(queue, QUEUE_HEAD); skb; skb = <usize>load<u32>(skb, SKB_NEXT)) {
      skbRead(skb, 0, to, skbTotal(skb))
      to += skbTotal(skb)
    }
  }
  queueClear(queue)
  if (!block) {
    const whole = <usize>load<u32>(part, REQUEST_PARENT)
    failPart(part)
    store<u32>(whole, 1, REQUEST_FAILED)
    replyRaw(whole + REQUEST_QUEUE, '-ERR out of memory\r\n')
    return partDone(whole)
  }
  partReply(part, blockData(block), length)
  blockPut(block)
}

function failPart(part: usize): void {
  store<u32>(part, 1, REQUEST_FAILED)
}

/** The first error is the whole's reply. */
function failWhole(whole: usize, at: usize, length: u32, isError: bool): void {
  if (load<u32>(whole, REQUEST_FAILED)) return
  store<u32>(whole, 1, REQUEST_FAILED)
  if (isError) queueAppend(whole + REQUEST_QUEUE, at, length)
  else replyRaw(whole + REQUEST_QUEUE, '-ERR unexpected reply from a server\r\n')
}

/** One of the answers that a whole waits for is in. */
export function partDone(whole: usize): void {
  const left = load<u32>(whole, REQUEST_LEFT) - 1
  store<u32>(whole, left, REQUEST_LEFT)
  if (!left) finish(whole)
}

/** All parts are in: the whole reply is written, the parts are freed. */
function finish(whole: usize): void {
  const queue = whole + REQUEST_QUEUE
  const kind = load<u32>(whole, REQUEST_KIND)
  if (kind == KIND_MGET) {
    if (!load<u32>(whole, REQUEST_FAILED)) mergeValues(whole, queue)
  } else if (!load<u32>(whole, REQUEST_FAILED)) {
    if (kind == KIND_SUM) {
      const to = queueRoom(queue, 24)
      if (to) {
        store<u8>(to, COLON)
        const length = 1 + writeInteger(to + 1, load<i64>(whole, REQUEST_SUM))
        store<u16>(to + length, 0x0a0d)
        queueWrote(queue, length + 2)
      }
    } else {
      replyRaw(queue, '+OK\r\n')
    }
  }
  let part = <usize>load<u32>(whole, REQUEST_PARTS)
  while (part) {
    const next = <usize>load<u32>(part, REQUEST_SIBLING)
    requestFree(part)
    part = next
  }
  requestDone(whole)
}

/** The values of MGET in the order of its keys. */
function mergeValues(whole: usize, queue: usize): void {
  const count = load<u32>(whole, REQUEST_COUNT)
  const map = blockData(load<u32>(whole, REQUEST_MAP))
  const to = queueRoom(queue, 16)
  if (!to) return
  store<u8>(to, STAR)
  const header = 1 + writeUnsigned(to + 1, count)
  store<u16>(to + header, 0x0a0d)
  queueWrote(queue, header + 2)
  // parts by server, so that the walk over the keys finds each in O(1): the map's tail holds u32 part[server]
  const parts = map + ((count * 2 + 3) & ~3)
  for (let part = <usize>load<u32>(whole, REQUEST_PARTS); part; part = <usize>load<u32>(part, REQUEST_SIBLING)) {
    store<u32>(parts + (<usize>load<u32>(part, REQUEST_SERVER) << 2), <u32>part)
  }
  for (let i: u32 = 0; i < count; i++) {
    const part = <usize>load<u32>(parts + (<usize>load<u16>(map + (<usize>i << 1)) << 2))
    const at = <usize>load<u32>(part, REQUEST_CURSOR)
    if (load<u32>(part, REQUEST_FAILED)) {
      appendFailure(queue, part, at)
      continue
    }
    const length = elementLength(at)
    queueAppend(queue, at, length)
    store<u32>(part, <u32>at + length, REQUEST_CURSOR)
  }
}

/** The error of a failed part, in the place of one of its keys. */
function appendFailure(queue: usize, part: usize, reply: usize): void {
  const own = <usize>load<u32>(part + REQUEST_QUEUE, QUEUE_HEAD)
  if (own) queueAppend(queue, skbData(own), skbLength(own))
  else if (reply) queueAppend(queue, reply, <u32>(lineEnd(reply) - reply))
  else replyRaw(queue, '-ERR unexpected reply from a server\r\n')
}

/** The length of a bulk, integer, status or error element that is known to be whole. */
function elementLength(at: usize): u32 {
  const end = lineEnd(at)
  const line = <u32>(end - at)
  if (load<u8>(at) != 36 || !parseInteger(at + 1, line - 3) || parsedInteger < 0) return line
  return line + <u32>parsedInteger + 2
}

/**
 * The number of elements of an array reply, each of them one line or one bulk; otherwise a number that fits nothing.
 */
function elements(at: usize, length: u32): u32 {
  const none: u32 = 0xffffffff
  const line = <u32>(lineEnd(at) - at)
  if (!parseInteger(at + 1, line - 3) || parsedInteger < 0) return none
  const count = <u32>parsedInteger
  const end = at + length
  let p = at + line
  for (let i: u32 = 0; i < count; i++) {
    if (p >= end || load<u8>(p) == STAR) return none
    p += elementLength(p)
  }
  return count
}

function lineEnd(at: usize): usize {
  while (load<u16>(at) != 0x0a0d) at++
  return at + 2
}
