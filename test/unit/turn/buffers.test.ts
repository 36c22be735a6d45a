// Receive buffers: plain, incremental and in bundles; and channels that find none, which are served in order.
import { expect, test } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import { Random, SEED } from '../../system/random.ts'
import { Hand, isSend, type Sqe } from './hand.ts'

const FEATURES = abi.FEATURE_SEND_SQE | abi.FEATURE_BUNDLE
const INCREMENTAL = { features: FEATURES, bufferMode: abi.BUFFERS_INCREMENTAL }

const isReceive = ({ op }: Sqe): boolean => op === abi.OP_RECV

test('a plain buffer goes back when its bytes are handled', () => {
  const hand = new Hand({ features: FEATURES })
  const [recv] = hand.accept(abi.SERVICE_ECHO, 1) as [Sqe]
  for (let i = 0; i < 4; i++) hand.receive(recv.data, Buffer.from('abc'))
  expect(hand.provided).toBe(0)
  hand.turn()
  expect(hand.provided).toBe(4)
})

test('an incremental one stays with the kernel until that lets go of it', () => {
  const hand = new Hand({ ...INCREMENTAL, buffers: 2, bufferBytes: 100 })
  const [recv] = hand.accept(abi.SERVICE_ECHO, 1) as [Sqe]
  for (let i = 0; i < 3; i++) hand.receive(recv.data, Buffer.alloc(30, i))
  const [send] = hand.turn().filter(isSend) as [Sqe]
  expect(hand.payload(send)).toEqual(Buffer.concat([0, 1, 2].map((i) => Buffer.alloc(30, i))))
  expect(hand.provided, 'the first is not full').toBe(2)
  hand.receive(recv.data, Buffer.alloc(30, 3))
  expect(hand.provided).toBe(1)
  hand.turn()
  expect(hand.provided).toBe(2)
})

test('… and until the host has read every slice of it', () => {
  const hand = new Hand({ ...INCREMENTAL, buffers: 2, bufferBytes: 100 })
  const receives = hand.accept(abi.SERVICE_HOST, 2)
  const seen: string[] = []
  hand.onUpcall = ({ kind, at, length }) => {
    if (kind !== abi.UP_FRAMES) return
    expect(hand.provided, 'the full one is kept').toBe(1)
    for (let i = 0; i < length; i++) {
      const data = hand.view.getUint32(at + 16 * i, true)
      seen.push(Buffer.from(hand.bytes.slice(data, data + hand.view.getUint32(at + 16 * i + 4, true))).toString())
    }
  }
  hand.receive((receives[0] as Sqe).data, Buffer.from('a'.repeat(50)))
  hand.receive((receives[1] as Sqe).data, Buffer.from('b'.repeat(50)))
  hand.turn()
  expect([seen, hand.provided]).toEqual([['a'.repeat(50), 'b'.repeat(50)], 2])
})

test('a stale completion gives its buffers back', () => {
  const hand = new Hand({ features: FEATURES })
  const [recv] = hand.accept(abi.SERVICE_ECHO, 1) as [Sqe]
  const stale = recv.data + (1n << 32n) // another generation
  hand.receive(stale, Buffer.from('abc'))
  hand.receiveBundle(stale, Buffer.alloc(10_000))
  hand.turn()
  expect(hand.provided).toBe(4)
})

test('receives ask for bundles where they are wanted and the kernel has them', () => {
  const asked = (features: number, on: number): number => {
    const hand = new Hand({ features })
    hand.core.receiveSetBundles(on)
    return (hand.accept(abi.SERVICE_ECHO, 1)[0] as Sqe).ioprio
  }
  const plain = abi.RECV_MULTISHOT
  expect([asked(FEATURES, 0), asked(0, 1)]).toEqual([plain, plain])
  expect(asked(FEATURES, 1)).toBe(plain | abi.RECV_BUNDLE)
})

test('a bundle is taken apart in ring order', () => {
  const hand = new Hand({ features: FEATURES, buffers: 8, bufferBytes: 100 })
  const [one, two] = hand.accept(abi.SERVICE_ECHO, 2) as [Sqe, Sqe]
  // bids come back in another order than they went, since the host keeps some: the ring decides, not the bid
  hand.receive(two.data, Buffer.from('x'))
  hand.turn()
  const bytes = new Random(SEED).bytes(750)
  expect(hand.receiveBundle(one.data, bytes)).toBe(750)
  const sends = hand.turn().filter(({ op, fd }) => isSend({ op } as Sqe) && fd === one.fd)
  expect(hand.payload(sends[0] as Sqe).equals(bytes), `seed ${SEED}`).toBe(true)
  expect(hand.provided).toBe(8)
})

test('receives without a buffer are tried again in order, as many as there are buffers', () => {
  const hand = new Hand({ features: FEATURES })
  const receives = hand.accept(abi.SERVICE_ECHO, 12)
  for (const { data } of receives) hand.receive(data, Buffer.from('abc'))
  expect(hand.view.getBigUint64(hand.control + abi.CONTROL_STARVED, true)).toBe(0n)
  const starved = receives.slice(4).map(({ fd }) => fd)
  const tried: number[] = []
  while (tried.length < starved.length) {
    const again = hand.turn().filter(isReceive)
    expect(again).toHaveLength(4)
    tried.push(...again.map(({ fd }) => fd))
    for (const { data } of again) expect(hand.receive(data, Buffer.from('abc'))).toBe(3)
  }
  expect(tried).toEqual(starved)
  expect(hand.view.getBigUint64(hand.control + abi.CONTROL_STARVED, true)).toBe(8n)
})

test.each([
  ['plain', abi.BUFFERS_PLAIN],
  ['incremental', abi.BUFFERS_INCREMENTAL],
] as const)('multishots that take every %s buffer leave nobody without one for ever', (_, bufferMode) => {
  const hand = new Hand({ features: FEATURES, bufferMode, bufferBytes: 512 })
  const receives = hand.accept(abi.SERVICE_ECHO, 40)
  const greedy = new Set([200, 205, 207])
  const got = new Map(receives.map(({ fd }) => [fd, 0]))
  const last = new Map(receives.map(({ fd }) => [fd, 0]))
  let longest = 0
  let armed = receives
  for (let turn = 1; turn <= 400; turn++) {
    // as io_uring does: each goes on for as long as its socket has bytes, and there is a buffer
    for (const { data, fd } of armed) {
      const most = greedy.has(fd) ? 1000 : 1
      for (let i = 0; i < most; i++) {
        if (hand.receive(data, Buffer.alloc(greedy.has(fd) ? 512 : 3)) === 0) break
        got.set(fd, (got.get(fd) as number) + 1)
        last.set(fd, turn)
        if (i === most - 1) hand.complete(data, -abi.ENOBUFS) // somebody else has taken the rest
      }
    }
    longest = Math.max(longest, ...[...last.values()].map((since) => turn - since))
    const sqes = hand.turn()
    for (const send of sqes.filter(isSend)) hand.complete(send.data, hand.payload(send).length)
    armed = sqes.filter(isReceive)
    expect(armed.length).toBeGreaterThan(0)
  }
  expect(Math.min(...got.values())).toBeGreaterThan(5)
  expect(longest, 'turns that somebody has waited').toBeLessThan(60)
})

test('a fresh receive does not overtake those that wait', () => {
  const hand = new Hand({ features: FEATURES })
  const first = hand.accept(abi.SERVICE_ECHO, 10)
  for (const { data } of first) hand.receive(data, Buffer.from('abc'))
  const endpoint = hand.core.endpointCreate(abi.SERVICE_ECHO, 0, 65536, 16384, 10)
  hand.core.endpointListen(endpoint, 101)
  const sqes = hand.turn()
  expect(sqes.filter(isReceive).map(({ fd }) => fd)).toEqual([204, 205, 206, 207])
  const accept = sqes.find(({ op }) => op === abi.OP_ACCEPT) as Sqe
  hand.complete(accept.data, 300)
  for (const { data } of sqes.filter(isReceive)) hand.receive(data, Buffer.from('abc'))
  expect(
    hand
      .turn()
      .filter(isReceive)
      .map(({ fd }) => fd),
  ).toEqual([208, 209, 300])
})

test('with no buffer at all nothing is tried, and no turn follows another in vain', () => {
  const hand = new Hand({ features: FEATURES, buffers: 2 })
  const receives = hand.accept(abi.SERVICE_ECHO, 300)
  for (const { data } of receives) hand.receive(data, Buffer.from('abc'))
  let armed = 0
  let turns = 0
  while (hand.core.cqReady() > 0 && turns < 10) {
    armed += hand.turn().filter(isReceive).length
    turns++
  }
  expect(turns, 'what one turn leaves is handled in the next').toBeLessThan(4)
  expect(armed).toBeLessThanOrEqual(2 * turns)
  expect(hand.waitMin).toBeGreaterThan(0)
})

test('what a channel that is reset has left undecoded is freed with it, though the host is never told anything', () => {
  const hand = new Hand({ features: FEATURES })
  const [recv] = hand.accept(abi.SERVICE_ECHO, 1, { high: 10, low: 5 }) as [Sqe]
  hand.receive(recv.data, Buffer.alloc(100)) // above the high watermark from here on
  const [send] = hand.turn().filter(isSend) as [Sqe]
  hand.receive(recv.data, Buffer.alloc(100))
  hand.turn()
  hand.complete(recv.data, -abi.ECONNRESET)
  hand.complete(send.data, -abi.EPIPE)
  hand.turn()
  expect([hand.upcalls, hand.get(abi.CONTROL_CHANNELS), hand.skbs]).toEqual([[], 1, 0])
})

const MODES = [
  { name: 'plain', bufferMode: abi.BUFFERS_PLAIN, bundles: 0 },
  { name: 'incremental', bufferMode: abi.BUFFERS_INCREMENTAL, bundles: 0 },
  { name: 'plain bundles', bufferMode: abi.BUFFERS_PLAIN, bundles: 1 },
  { name: 'incremental bundles', bufferMode: abi.BUFFERS_INCREMENTAL, bundles: 1 },
]

test.each(MODES)('$name: whatever comes, every byte is echoed in order and every channel is served', (mode) => {
  const random = new Random(SEED)
  const hand = new Hand({ features: FEATURES, bufferMode: mode.bufferMode, buffers: 4, bufferBytes: 512 })
  hand.core.receiveSetBundles(mode.bundles)
  const streams = hand.accept(abi.SERVICE_ECHO, 30, { high: 3000, low: 1000 }).map(({ fd, data }) => ({
    fd,
    recv: data as bigint | undefined,
    sent: random.bytes(2000 + random.below(6000)),
    at: 0,
    echoed: [] as Buffer[],
    waits: 0,
  }))
  const unfinished = (): number => streams.filter(({ at, sent }) => at < sent.length).length
  let turns = 0
  for (; turns < 5000; turns++) {
    for (const stream of streams) {
      if (stream.recv === undefined || stream.at === stream.sent.length || random.below(3) > 0) continue
      const some = stream.sent.subarray(stream.at, stream.at + 1 + random.below(1500))
      const taken = mode.bundles ? hand.receiveBundle(stream.recv, some) : hand.receive(stream.recv, some)
      stream.at += taken
      if (taken === 0 || (mode.bundles && hand.provided === 0)) stream.recv = undefined
    }
    for (const sqe of hand.turn()) {
      const stream = streams.find(({ fd }) => fd === sqe.fd)
      if (stream === undefined) continue
      if (isReceive(sqe)) {
        expect(stream.recv, 'one receive at a time').toBeUndefined()
        stream.recv = sqe.data
      } else if (isSend(sqe)) {
        const bytes = hand.payload(sqe)
        const length = random.below(4) === 0 ? 1 + random.below(bytes.length) : bytes.length
        stream.echoed.push(bytes.subarray(0, length))
        hand.complete(sqe.data, length)
      } else if (sqe.op === abi.OP_ASYNC_CANCEL) {
        // paused: the receive ends, and the cancel with it, in either order
        const ends = (): void => {
          if (stream.recv !== undefined) hand.complete(stream.recv, -abi.ECANCELED)
          stream.recv = undefined
        }
        if (random.below(2) === 0) ends()
        hand.complete(sqe.data, stream.recv === undefined ? -2 : 0)
        ends()
      }
    }
    for (const stream of streams) stream.waits = stream.recv === undefined ? stream.waits + 1 : 0
    expect(Math.max(...streams.map(({ waits }) => waits)), `nobody starves; seed ${SEED}`).toBeLessThan(200)
    if (unfinished() === 0 && hand.core.cqReady() === 0 && hand.skbs === 0) break
  }
  for (const { echoed, sent } of streams) {
    expect(Buffer.concat(echoed).equals(sent), `seed ${SEED}, ${turns} turns`).toBe(true)
  }
  for (let i = 0; i < 3; i++) hand.turn()
  expect([hand.provided, hand.skbs]).toEqual([4, 0])
})
