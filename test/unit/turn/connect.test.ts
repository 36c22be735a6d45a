// A proxy's connect and the timeout linked to it, by a kernel whose completions the test writes.
import { expect, test } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import { Hand, type Sqe } from './hand.ts'

const SOCKET_FD = 300
const TIMEOUT_NS = 1_500_000_000

/** A proxy with one server, whose socket is there: its connect has just been submitted. */
function scene(): { hand: Hand; connect: Sqe; timeout: Sqe; told: [number, number][]; closed: number[] } {
  const hand = new Hand()
  const told: [number, number][] = []
  const closed: number[] = []
  hand.onCall = ({ op, fd }) => {
    if (op === abi.CALL_CLOSE) closed.push(fd)
    return op === abi.CALL_SOCKET ? SOCKET_FD : 0
  }
  hand.onUpcall = (upcall) => {
    if (upcall.kind === abi.UP_SERVER) told.push([upcall.length, upcall.extra])
  }
  const endpoint = hand.core.endpointCreate(abi.SERVICE_UPSTREAM, 0, 65536, 16384, 100)
  const proxy = hand.core.proxyCreate(0, 1, 0)
  hand.core.proxyLimits(proxy, 100, 65536, 100, 0, TIMEOUT_NS)
  const text = hand.core.alloc(64)
  expect(hand.core.proxyServer(proxy, 0, endpoint, text, 4, abi.AF_INET, text + 16, 16)).toBeTruthy()
  hand.turn()
  const [connect, timeout] = hand.turn() as [Sqe, Sqe]
  return { hand, connect, timeout, told, closed }
}

test('the connect is linked to a timeout, one behind the other', () => {
  const { hand, connect, timeout } = scene()
  expect(connect).toMatchObject({ op: abi.OP_CONNECT, fd: SOCKET_FD, flags: abi.SQE_FLAG_IO_LINK, off: 16 })
  expect(timeout).toMatchObject({ op: abi.OP_LINK_TIMEOUT, kind: abi.KIND_TIMEOUT, flags: 0, len: 1 })
  const words = [hand.view.getBigInt64(timeout.addr, true), hand.view.getBigInt64(timeout.addr + 8, true)]
  expect(words).toEqual([1n, 500_000_000n])
  expect(hand.waitNs, 'the core waits for no time of its own').toBe(-1)
})

test('it counts as timed out where the timeout has cancelled it', () => {
  const { hand, connect, timeout, told, closed } = scene()
  hand.complete(connect.data, -abi.ECANCELED)
  hand.complete(timeout.data, -abi.ETIME)
  hand.turn()
  hand.turn()
  expect(told).toEqual([[0, -abi.ETIMEDOUT]])
  expect(closed).toEqual([SOCKET_FD])
})

test('a timeout that comes to nothing is consumed, however late', () => {
  const { hand, connect, timeout, told } = scene()
  hand.complete(connect.data, 0)
  const receives = hand.turn().filter(({ op }) => op === abi.OP_RECV)
  expect([told, receives.length]).toEqual([[[1, 0]], 1])
  hand.complete((receives[0] as Sqe).data, -abi.ECONNRESET)
  hand.turn()
  hand.complete(timeout.data, -abi.ECANCELED)
  hand.turn()
  expect(hand.view.getBigUint64(hand.control + abi.CONTROL_STALE, true)).toBe(0n)
})

test('where the SQ has no room for both, neither is submitted, and the server counts as down', () => {
  const hand = new Hand()
  const endpoint = hand.core.endpointCreate(abi.SERVICE_UPSTREAM, 0, 65536, 16384, 200)
  const count = 200
  const proxy = hand.core.proxyCreate(0, count, 0)
  hand.core.proxyLimits(proxy, 100, 65536, 100, 0, TIMEOUT_NS)
  const text = hand.core.alloc(64)
  hand.onCall = ({ op }) => (op === abi.CALL_SOCKET ? SOCKET_FD : 0)
  for (let i = 0; i < count; i++) hand.core.proxyServer(proxy, i, endpoint, text, 4, abi.AF_INET, text + 16, 16)
  hand.turn()
  const sqes = hand.turn() // 200 sockets are there, and 256 SQEs
  const connects = sqes.filter(({ op }) => op === abi.OP_CONNECT)
  const timeouts = sqes.filter(({ op }) => op === abi.OP_LINK_TIMEOUT)
  expect([connects.length, timeouts.length]).toEqual([128, 128])
  for (let i = 0; i < sqes.length; i += 2) {
    expect([sqes[i]?.op, sqes[i + 1]?.op]).toEqual([abi.OP_CONNECT, abi.OP_LINK_TIMEOUT])
  }
})
