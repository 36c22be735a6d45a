// The end of every kind of op: cancelled before its descriptor is closed, each gets one last CQE and nothing after it,
// and whoever gets the number next never hears of the former owner.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import { type Cqe, name, RECEIVE, type Rig, type Sqe } from '../rig.ts'
import { message } from './sending.ts'

const ALL_OF_FD = { op: abi.OP_ASYNC_CANCEL, opFlags: abi.CANCEL_FD | abi.CANCEL_ALL } as const

/** Every kind of op that waits, each on a descriptor of its own. */
function waiting(rig: Rig): { kind: string; sqe: Sqe }[] {
  const at = rig.address(rig.alloc(64))
  const big = 3 << 20
  const bulk = rig.alloc(big)
  const whole = abi.MSG_NOSIGNAL | abi.MSG_WAITALL
  const event = (): number => rig.own(rig.machine().eventfd(0))
  const part = (offset: number, length: number): bigint => rig.address(message(rig, [[offset, length]]))
  const messages: Sqe = { ...RECEIVE, op: abi.OP_RECVMSG, addr: part(0, 0), len: 1 }
  return [
    { kind: 'RECV', sqe: { op: abi.OP_RECV, fd: rig.pair()[0], addr: at, len: 8 } },
    { kind: 'RECV multishot', sqe: { ...RECEIVE, fd: rig.pair()[0] } },
    { kind: 'RECVMSG', sqe: { op: abi.OP_RECVMSG, fd: rig.pair()[0], addr: part(rig.alloc(8), 8), len: 1 } },
    ...(rig.machine().datagrams ? [{ kind: 'RECVMSG multishot', sqe: { ...messages, fd: rig.pair()[0] } }] : []),
    { kind: 'ACCEPT', sqe: { op: abi.OP_ACCEPT, fd: rig.listen().fd } },
    { kind: 'ACCEPT multishot', sqe: { op: abi.OP_ACCEPT, fd: rig.listen().fd, ioprio: abi.ACCEPT_MULTISHOT } },
    { kind: 'POLL_ADD', sqe: { op: abi.OP_POLL_ADD, fd: event(), opFlags: abi.POLLIN } },
    {
      kind: 'POLL_ADD multishot',
      sqe: { op: abi.OP_POLL_ADD, fd: event(), opFlags: abi.POLLIN, len: abi.POLL_MULTISHOT },
    },
    { kind: 'READ', sqe: { op: abi.OP_READ, fd: event(), addr: at, len: 8, off: -1 } },
    {
      kind: 'SEND',
      sqe: { op: abi.OP_SEND, fd: rig.narrowPair()[0], addr: rig.address(bulk), len: big, opFlags: whole },
    },
    {
      kind: 'SENDMSG',
      sqe: { op: abi.OP_SENDMSG, fd: rig.narrowPair()[0], addr: part(bulk, big), len: 1, opFlags: whole },
    },
  ]
}

/** Everything until nothing comes any more. */
function rest(rig: Rig): Cqe[] {
  const cqes: Cqe[] = []
  for (let more = rig.settle(30); more.length > 0; more = rig.settle(30)) cqes.push(...more)
  return cqes
}

export function closing({ prove }: Contract): void {
  prove('cancelled by their descriptor, then closed: one last CQE each, and nothing after it', (rig) => {
    rig.provideAll()
    const ops = waiting(rig).map(({ kind, sqe }) => ({ kind, fd: sqe.fd!, id: rig.submit(sqe) }))
    expect(rest(rig)).toEqual([])
    const cancels = ops.map(({ fd }) => rig.submit({ ...ALL_OF_FD, fd }))
    const cqes = rest(rig)
    for (const [i, { kind, id }] of ops.entries()) {
      const own = cqes.filter((cqe) => cqe.id === id)
      expect([kind, own.length, own[0]?.more]).toEqual([kind, 1, false])
      if (!kind.startsWith('SEND')) expect([kind, name(own[0]!.res)]).toEqual([kind, 'ECANCELED'])
      expect([kind, cqes.find((cqe) => cqe.id === cancels[i])?.res]).toEqual([kind, 1])
    }
    for (const { fd } of ops) rig.shut(fd)
    expect(rest(rig)).toEqual([])
  })

  prove('a number that is used again never hears of its former owner, whatever waited on it', (rig) => {
    rig.provideAll()
    for (const { kind, sqe } of waiting(rig)) {
      const fd = sqe.fd!
      const old = rig.submit(sqe)
      rig.enter()
      rig.submit({ ...ALL_OF_FD, fd, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
      expect([kind, rest(rig).map((cqe) => cqe.id)]).toEqual([kind, [old]])
      rig.shut(fd)
      let next = -1
      for (let tries = 0; next !== fd && tries < 64; tries++) next = rig.own(rig.machine().eventfd(0))
      expect([kind, next]).toEqual([kind, fd])
      const id = rig.submit({ op: abi.OP_POLL_ADD, fd: next, opFlags: abi.POLLIN })
      expect([kind, rig.settle(5)]).toEqual([kind, []])
      rig.machine().write(next, new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]))
      expect([kind, rig.wait().map((cqe) => [cqe.id, cqe.res])]).toEqual([kind, [[id, abi.POLLIN]]])
    }
  })

  prove('a thousand connections come and go over the same numbers, and no CQE goes astray', (rig) => {
    rig.provideAll()
    const { fd: listener, port } = rig.listen()
    const accepting = rig.submit({ op: abi.OP_ACCEPT, fd: listener, ioprio: abi.ACCEPT_MULTISHOT, id: 1 })
    const numbers = new Set<number>()
    for (let i = 0; i < 1000; i++) {
      const scratch = rig.alloc(0)
      const peer = rig.socket()
      const connect = rig.submit({ ...rig.connecting(peer, port), id: 10 + i * 4 })
      let ours = -1
      const receive = 11 + i * 4
      let [got, ended] = ['', false]
      const close = 12 + i * 4
      for (let finished = false; !finished; ) {
        for (const cqe of rig.wait()) {
          if (cqe.id === accepting) {
            ours = rig.own(cqe.res)
            rig.receive(ours, receive)
          } else if (cqe.id === connect) {
            rig.send(peer, `hello ${i}`)
            rig.shut(peer)
          } else if (cqe.id === receive) {
            if (cqe.buffer !== undefined) {
              got += rig.received(cqe).toString()
              rig.provide(cqe.buffer)
            }
            if (!cqe.more) {
              ended = cqe.res === 0
              rig.submit({ op: abi.OP_CLOSE, fd: ours, id: close })
              rig.disown(ours)
            }
          } else {
            expect([cqe.id, cqe.res]).toEqual([close, 0])
            finished = true
          }
        }
      }
      numbers.add(ours)
      expect([got, ended]).toEqual([`hello ${i}`, true])
      rig.rewind(scratch)
    }
    expect(numbers.size).toBeLessThan(20)
    expect(rig.settle(5)).toEqual([])
  })

  prove('closing a loop with ops of every kind under way leaves nothing behind', (rig) => {
    rig.provideAll()
    const submitted = waiting(rig).map(({ sqe }) => rig.submit(sqe))
    expect(submitted.length).toBeGreaterThanOrEqual(10)
    rig.submit({ op: abi.OP_RECV, fd: rig.pair()[0], addr: rig.base, len: 1, flags: abi.SQE_FLAG_IO_LINK })
    rig.submit({ op: abi.OP_NOP })
    expect(rig.enter()).toBe(0)
  })
}
