// Zero-copy sends, by a kernel whose completions the test writes: whose memory it is, and until when.
import { expect, test } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import { Hand, isSend, type Sqe } from './hand.ts'

const FEATURES = { features: abi.FEATURE_SEND_SQE | abi.FEATURE_SEND_ZC }
const LEAST = 1000

/** An echo server with one connection, whose sends of LEAST bytes are zero-copy. */
function scene(): { hand: Hand; recv: bigint; closed: number[] } {
  const hand = new Hand(FEATURES)
  hand.core.sendSetZeroCopy(LEAST)
  const [recv] = hand.accept(abi.SERVICE_ECHO, 1) as [Sqe]
  const closed: number[] = []
  hand.onCall = ({ op, fd }) => {
    if (op === abi.CALL_CLOSE) closed.push(fd)
    return 0
  }
  return { hand, recv: recv.data, closed }
}

function sendOf(hand: Hand): Sqe {
  const [send] = hand.turn().filter(isSend)
  if (send === undefined) throw new Error('nothing is sent')
  return send
}

test('long sends are zero-copy and report usage, short ones are not', () => {
  const { hand, recv } = scene()
  hand.receive(recv, Buffer.alloc(LEAST - 1))
  const short = sendOf(hand)
  expect([short.op, short.ioprio]).toEqual([abi.OP_SEND, 0])
  hand.complete(short.data, LEAST - 1)
  hand.receive(recv, Buffer.alloc(LEAST))
  const long = sendOf(hand)
  expect([long.op, long.ioprio]).toEqual([abi.OP_SEND_ZC, abi.SEND_ZC_REPORT_USAGE])
})

test('what is sent is kept until its notification, however many sends come between', () => {
  const { hand, recv } = scene()
  for (let i = 0; i < 3; i++) {
    hand.receive(recv, Buffer.alloc(i === 1 ? 10 : 2000, i))
    const send = sendOf(hand)
    expect(send.op).toBe(i === 1 ? abi.OP_SEND : abi.OP_SEND_ZC)
    hand.complete(send.data, send.len, send.op === abi.OP_SEND_ZC ? abi.CQE_FLAG_MORE : 0)
  }
  hand.turn()
  expect(hand.skbs).toBe(3)
})

test('the last notification frees what is kept, in whatever order they come', () => {
  const { hand, recv } = scene()
  const sends: Sqe[] = []
  for (let i = 0; i < 2; i++) {
    hand.receive(recv, Buffer.alloc(2000, i + 1))
    const send = sendOf(hand)
    sends.push(send)
    hand.complete(send.data, 2000, abi.CQE_FLAG_MORE)
    hand.turn()
    expect(
      hand.payload(send).every((byte) => byte === i + 1),
      'not poisoned, not used again',
    ).toBe(true)
  }
  hand.complete((sends[1] as Sqe).data, 0, abi.CQE_FLAG_NOTIF)
  hand.turn()
  expect(hand.skbs).toBe(2)
  hand.complete((sends[0] as Sqe).data, 0, abi.CQE_FLAG_NOTIF)
  hand.turn()
  expect(hand.skbs).toBe(0)
  hand.receive(recv, Buffer.alloc(2000))
  expect(sendOf(hand).op, 'and they go on').toBe(abi.OP_SEND_ZC)
})

test('the rest of a short one is kept with it', () => {
  const { hand, recv } = scene()
  hand.receive(recv, Buffer.alloc(2000, 7))
  const first = sendOf(hand)
  hand.complete(first.data, 500, abi.CQE_FLAG_MORE)
  const rest = sendOf(hand)
  expect(rest.len).toBe(1500)
  hand.complete(rest.data, 1500)
  hand.turn()
  expect(hand.skbs, 'the first 500 bytes are still read').toBe(1)
  hand.complete(first.data, 0, abi.CQE_FLAG_NOTIF)
  hand.turn()
  expect(hand.skbs).toBe(0)
})

test('they cease where the kernel has copied', () => {
  const { hand, recv } = scene()
  hand.receive(recv, Buffer.alloc(2000))
  const send = sendOf(hand)
  hand.complete(send.data, 2000, abi.CQE_FLAG_MORE)
  hand.complete(send.data, abi.NOTIF_COPIED | 0, abi.CQE_FLAG_NOTIF)
  hand.turn()
  expect([hand.core.sendZeroCopy(), hand.skbs]).toEqual([0, 0])
  hand.receive(recv, Buffer.alloc(2000))
  expect(sendOf(hand).op).toBe(abi.OP_SEND)
})

test.each([abi.EOPNOTSUPP, abi.ENOMEM])('they cease, and nothing is lost, where one fails with errno %i', (errno) => {
  const { hand, recv } = scene()
  hand.receive(recv, Buffer.alloc(2000, 9))
  hand.complete(sendOf(hand).data, -errno)
  const again = sendOf(hand)
  expect([again.op, hand.payload(again).equals(Buffer.alloc(2000, 9))]).toEqual([abi.OP_SEND, true])
})

test('a channel closes its descriptor at once, and keeps memory and slot until it is notified', () => {
  const { hand, recv, closed } = scene()
  hand.receive(recv, Buffer.alloc(2000, 5))
  const send = sendOf(hand)
  hand.complete(send.data, 2000, abi.CQE_FLAG_MORE)
  hand.complete(recv, 0) // the peer has ended
  hand.turn()
  expect([closed, hand.skbs, hand.get(abi.CONTROL_CHANNELS)]).toEqual([[200], 1, 2])
  hand.turn()
  expect(closed, 'once').toEqual([200])
  hand.complete(send.data, 0, abi.CQE_FLAG_NOTIF)
  hand.turn()
  expect([closed, hand.skbs, hand.get(abi.CONTROL_CHANNELS)]).toEqual([[200], 0, 1])
})

test('a channel keeps only so much: beyond it sends copy until it is notified', () => {
  const { hand, recv } = scene()
  hand.core.sendSetZeroCopy(1)
  const sends: Sqe[] = []
  while (sends.length < 5000) {
    hand.receive(recv, Buffer.alloc(4096))
    const send = sendOf(hand)
    sends.push(send)
    if (send.op === abi.OP_SEND) break
    hand.complete(send.data, send.len, abi.CQE_FLAG_MORE)
  }
  expect(sends.length).toBe((4 << 20) / 4096 + 1)
  hand.complete((sends.at(-1) as Sqe).data, 4096)
  for (const { data, op } of sends) {
    if (op === abi.OP_SEND_ZC) hand.complete(data, 0, abi.CQE_FLAG_NOTIF)
    hand.turn()
  }
  expect(hand.skbs).toBe(0)
})
