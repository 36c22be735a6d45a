// Sends as SQEs, by a kernel whose completions the test writes: what is asked, who owns the bytes, what is waited for.
import { expect, test } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import { Hand, isSend, type Sqe } from './hand.ts'

const SEND_SQE = { features: abi.FEATURE_SEND_SQE }
const DIRECT = 1
const SQE = 2
const ENOENT = 2

function only(sqes: readonly Sqe[]): Sqe {
  const sends = sqes.filter(isSend)
  expect(sends).toHaveLength(1)
  return sends[0] as Sqe
}

test('one piece is a SEND, several are a SENDMSG, and the next waits for its completion', () => {
  const hand = new Hand({ ...SEND_SQE, bufferBytes: 16384 })
  const [recv] = hand.accept(abi.SERVICE_ECHO, 1) as [Sqe]
  hand.receive(recv.data, Buffer.from('abc'))
  const first = only(hand.turn())
  expect(first).toMatchObject({ op: abi.OP_SEND, fd: 200, len: 3, opFlags: abi.MSG_NOSIGNAL | abi.MSG_WAITALL })
  expect(hand.payload(first).toString()).toBe('abc')
  hand.receive(recv.data, Buffer.alloc(16384, 'd'))
  hand.receive(recv.data, Buffer.alloc(16384, 'e'))
  expect(hand.turn().filter(isSend)).toEqual([])
  expect(hand.payload(first).toString(), 'still owned').toBe('abc')
  hand.complete(first.data, 3)
  const second = only(hand.turn())
  expect(second.op).toBe(abi.OP_SENDMSG)
  expect(hand.payload(second).toString()).toBe('d'.repeat(16384) + 'e'.repeat(16384))
  hand.complete(second.data, 32768)
  hand.turn()
  expect(hand.skbs).toBe(0)
})

test('a wait counts sends in, for a millisecond at most', () => {
  const hand = new Hand(SEND_SQE)
  const receives = hand.accept(abi.SERVICE_ECHO, 3)
  expect([hand.waitMin, hand.waitNs]).toEqual([1, -1])
  for (const { data } of receives) hand.receive(data, Buffer.from('abc'))
  const sends = hand.turn().filter(isSend)
  expect([hand.waitMin, hand.waitNs]).toEqual([4, 1_000_000])
  for (const { data } of sends) hand.complete(data, 3)
  hand.turn()
  expect([hand.waitMin, hand.waitNs]).toEqual([1, -1])
})

test('a send that has completed late is not expected to complete at once the next time', () => {
  const hand = new Hand(SEND_SQE)
  const [recv] = hand.accept(abi.SERVICE_ECHO, 1) as [Sqe]
  const round = (turns: number): number => {
    hand.receive(recv.data, Buffer.from('abc'))
    const send = only(hand.turn())
    const { waitMin } = hand
    for (let i = 0; i < turns; i++) hand.turn()
    hand.complete(send.data, 3)
    hand.turn()
    return waitMin
  }
  expect([round(0), round(1), round(0), round(0)]).toEqual([2, 2, 1, 2])
})

test('a completion that somebody waits for ends the wait', () => {
  const hand = new Hand(SEND_SQE)
  const [recv] = hand.accept(abi.SERVICE_ECHO, 1, { high: 100, low: 50 }) as [Sqe]
  hand.receive(recv.data, Buffer.alloc(200))
  const send = only(hand.turn())
  expect(hand.waitMin, 'above the high watermark nothing is decoded').toBe(1)
  hand.receive(recv.data, Buffer.from('more'))
  expect(hand.turn().filter(isSend)).toEqual([])
  hand.complete(send.data, 200)
  expect(hand.payload(only(hand.turn())).toString()).toBe('more')
})

test('what a short send has left is sent next', () => {
  const hand = new Hand(SEND_SQE)
  const [recv] = hand.accept(abi.SERVICE_ECHO, 1) as [Sqe]
  hand.receive(recv.data, Buffer.from('abcdef'))
  hand.complete(only(hand.turn()).data, 2)
  const rest = only(hand.turn())
  expect(hand.payload(rest).toString()).toBe('cdef')
  hand.complete(rest.data, -abi.EPIPE)
  const sqes = hand.turn()
  expect(sqes.some(({ op, opFlags }) => op === abi.OP_ASYNC_CANCEL && opFlags & abi.CANCEL_ALL)).toBe(true)
})

test('a channel that closes is released when its send and its receive have completed, and not before', () => {
  const hand = new Hand(SEND_SQE)
  const [recv] = hand.accept(abi.SERVICE_ECHO, 1) as [Sqe]
  const closed: number[] = []
  hand.onCall = ({ op, fd }) => {
    if (op === abi.CALL_CLOSE) closed.push(fd)
    return 0
  }
  hand.receive(recv.data, Buffer.from('abc'))
  const send = only(hand.turn())
  hand.complete(recv.data, -abi.ECONNRESET)
  const cancel = hand.turn().find(({ op }) => op === abi.OP_ASYNC_CANCEL) as Sqe
  expect(cancel).toMatchObject({ fd: 200, opFlags: abi.CANCEL_FD | abi.CANCEL_ALL })
  hand.complete(cancel.data, 1)
  const again = hand.turn().find(({ op }) => op === abi.OP_ASYNC_CANCEL) as Sqe
  expect([closed, hand.skbs]).toEqual([[], 1])
  hand.complete(send.data, -abi.ECANCELED)
  hand.complete(again.data, -ENOENT)
  hand.turn()
  expect([closed, hand.skbs]).toEqual([[200], 0])
})

test('iovecs of SQEs that an enter has left behind stay as they are', () => {
  const hand = new Hand(SEND_SQE)
  const [one, two] = hand.accept(abi.SERVICE_ECHO, 2) as [Sqe, Sqe]
  hand.receive(one.data, Buffer.alloc(4000, 'a'))
  hand.receive(one.data, Buffer.alloc(4000, 'b'))
  hand.core.run()
  const [left] = hand.pending() as [Sqe]
  expect(left.op).toBe(abi.OP_SENDMSG)
  hand.receive(two.data, Buffer.alloc(4000, 'c'))
  hand.receive(two.data, Buffer.alloc(4000, 'd'))
  const sends = hand.turn().filter(isSend)
  expect(sends.map((send) => hand.payload(send).toString())).toEqual([
    'a'.repeat(4000) + 'b'.repeat(4000),
    'c'.repeat(4000) + 'd'.repeat(4000),
  ])
})

test('a long send of a channel with timeouts is told step by step, others whole', () => {
  const hand = new Hand(SEND_SQE)
  const [recv] = hand.accept(abi.SERVICE_ECHO, 1) as [Sqe]
  const generation = Number((recv.data >> 32n) & 0xffffffn)
  expect(hand.core.timeouts(Number(recv.data & 0xffffffffn), generation, 0, 1000, 0)).toBeTruthy()
  hand.receive(recv.data, Buffer.from('abc'))
  expect(only(hand.turn()).opFlags).toBe(abi.MSG_NOSIGNAL)
})

test.each([
  { features: 0, mode: 0, sqe: false },
  { features: abi.FEATURE_SEND_SQE, mode: DIRECT, sqe: false },
  { features: 0, mode: SQE, sqe: true },
])('with features $features and mode $mode a send is an SQE: $sqe', ({ features, mode, sqe }) => {
  const hand = new Hand({ features })
  const calls: number[] = []
  hand.onCall = ({ op, b }) => {
    calls.push(op)
    return op === abi.CALL_SEND ? b : 0
  }
  hand.core.sendSetMode(mode)
  const [recv] = hand.accept(abi.SERVICE_ECHO, 1) as [Sqe]
  hand.receive(recv.data, Buffer.from('abc'))
  expect(hand.turn().filter(isSend)).toHaveLength(sqe ? 1 : 0)
  expect(calls).toEqual(sqe ? [] : [abi.CALL_SEND])
})
