// Backpressure: a CQ that nobody empties, a group without buffers, a socket that takes nothing. Nothing is lost, and
// what was held back comes in order.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import { name, type Sqe } from '../rig.ts'

const SMALL = { sqEntries: 8, cqEntries: 8, buffers: 4, bufferBytes: 64 } as const

export function pressing({ prove }: Contract): void {
  prove(
    'a full CQ loses no connection',
    (rig) => {
      const { fd: listener, port } = rig.listen()
      const accept = rig.submit({ op: abi.OP_ACCEPT, fd: listener, ioprio: abi.ACCEPT_MULTISHOT, id: 1 })
      rig.enter()
      const peers = Array.from({ length: 30 }, () => rig.socket())
      for (const [i, peer] of peers.entries()) {
        rig.submit({ ...rig.connecting(peer, port), id: 100 + i, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
        rig.enter()
      }
      const accepted = new Set<number>()
      for (let tries = 0; accepted.size < 30 && tries < 200; tries++) {
        rig.enter(1, 100)
        for (const cqe of rig.take(3)) {
          expect([cqe.id, cqe.res > 0]).toEqual([accept, true])
          accepted.add(rig.own(cqe.res))
          if (!cqe.more) rig.submit({ op: abi.OP_ACCEPT, fd: listener, ioprio: abi.ACCEPT_MULTISHOT, id: 1 })
        }
      }
      expect(accepted.size).toBe(30)
    },
    SMALL,
  )

  prove(
    'a full CQ does not stop submission: every SQE is consumed and answered',
    (rig) => {
      const [ids, seen]: [number[], number[]] = [[], []]
      for (let round = 0; round < 10; round++) {
        for (let i = 0; i < 8; i++) ids.push(rig.submit({ op: abi.OP_NOP }))
        for (let tries = 0; rig.pending() > 0 && tries < 10; tries++) {
          rig.enter()
          // io_uring refuses new work while completions wait outside the ring; emptying it is the remedy
          if (rig.pending() > 0) seen.push(...rig.take().map((cqe) => cqe.id))
        }
        expect(rig.pending()).toBe(0)
      }
      while (seen.length < ids.length) seen.push(...rig.wait().map((cqe) => cqe.id))
      expect(seen).toEqual(ids)
    },
    SMALL,
  )

  prove(
    'two starving receives both go on when buffers return, each with its own bytes',
    (rig) => {
      const pairs = [rig.pair(), rig.pair()]
      const sent = pairs.map((_, i) => Array.from({ length: 400 }, (_, j) => String.fromCharCode(65 + ((i + j) % 26))))
      for (const [i, [, peer]] of pairs.entries()) rig.send(peer, sent[i]!.join(''))
      const got = ['', '']
      const armed = [false, false]
      let starved = 0
      for (let rounds = 0; got.some((text) => text.length < 400) && rounds < 100; rounds++) {
        for (const [i, [ours]] of pairs.entries()) {
          if (!armed[i]) rig.receive(ours, 10 + i)
          armed[i] = true
        }
        const back: number[] = []
        for (const cqe of rig.wait()) {
          const i = cqe.id - 10
          if (cqe.buffer !== undefined) {
            got[i] += rig.received(cqe).toString()
            back.push(cqe.buffer)
          } else {
            expect(name(cqe.res)).toBe('ENOBUFS')
            starved++
          }
          if (!cqe.more) armed[i] = false
        }
        rig.provide(...(rounds === 0 ? [0, 1, 2, 3] : back))
      }
      expect(got).toEqual(sent.map((letters) => letters.join('')))
      expect(starved).toBeGreaterThan(1)
    },
    SMALL,
  )

  prove('a socket that takes nothing holds up its own send, and no other op', (rig) => {
    const [blocked] = rig.narrowPair()
    const length = 3 << 20
    const send: Sqe = {
      op: abi.OP_SEND,
      fd: blocked,
      addr: rig.address(rig.alloc(length)),
      len: length,
      opFlags: abi.MSG_NOSIGNAL | abi.MSG_WAITALL,
    }
    const id = rig.submit(send)
    rig.enter()
    const [ours, peer] = rig.pair()
    for (let i = 0; i < 20; i++) {
      const one = rig.submit({ ...send, fd: ours, len: 5 })
      expect(rig.wait().map((cqe) => [cqe.id, cqe.res])).toEqual([[one, 5]])
      const read = rig.submit({ op: abi.OP_RECV, fd: peer, addr: send.addr!, len: 5 })
      expect(rig.wait().map((cqe) => [cqe.id, cqe.res])).toEqual([[read, 5]])
    }
    rig.submit({ op: abi.OP_ASYNC_CANCEL, addr: id, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
    expect(rig.wait().map((cqe) => cqe.id)).toEqual([id])
  })
}
