// Connect: made, refused, cancelled, to an address that makes no sense.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import { name } from '../rig.ts'

export function connecting({ prove }: Contract): void {
  prove('a connection is made, and carries bytes both ways', (rig) => {
    const [ours, peer] = rig.pair()
    rig.provideAll()
    const [first, second] = [rig.receive(ours), rig.receive(peer)]
    rig.send(peer, 'to us')
    rig.send(ours, 'to the peer')
    const cqes = rig.wait(2)
    expect(rig.received(cqes.find((cqe) => cqe.id === first)!).toString()).toBe('to us')
    expect(rig.received(cqes.find((cqe) => cqe.id === second)!).toString()).toBe('to the peer')
  })

  prove('nobody there: -ECONNREFUSED', (rig) => {
    const { fd, port } = rig.listen()
    rig.shut(fd)
    expect(name(rig.one(rig.connecting(rig.socket(), port)).res)).toBe('ECONNREFUSED')
  })

  prove('a connected socket connects no second time: -EISCONN', (rig) => {
    const { port } = rig.listen()
    const [ours] = rig.pair()
    expect(name(rig.one(rig.connecting(ours, port)).res)).toBe('EISCONN')
  })

  prove('a pending connect is cancelled', (rig) => {
    // a full backlog leaves the handshake of later connects unfinished
    const { port } = rig.listen(0)
    const ids = Array.from({ length: 4 }, () => rig.submit(rig.connecting(rig.socket(), port)))
    const done = rig.settle(50).map((cqe) => cqe.id)
    const pending = ids.filter((id) => !done.includes(id))
    expect(pending.length).toBeGreaterThan(0)
    for (const id of pending) {
      const cancel = rig.submit({ op: abi.OP_ASYNC_CANCEL, addr: id })
      const cqes = rig.wait(2)
      expect(cqes.find((cqe) => cqe.id === cancel)!.res).toBe(0)
      expect(name(cqes.find((cqe) => cqe.id === id)!.res)).toBe('ECANCELED')
    }
    expect(rig.settle()).toEqual([])
  })

  prove('connect in one SQE, send in the next, linked', (rig) => {
    const { fd: listener, port } = rig.listen()
    const fd = rig.socket()
    rig.provideAll()
    rig.submit({ ...rig.connecting(fd, port), flags: abi.SQE_FLAG_IO_LINK })
    const text = rig.store(Buffer.from('hello'))
    const opFlags = abi.MSG_NOSIGNAL | abi.MSG_WAITALL
    rig.submit({ op: abi.OP_SEND, fd, addr: rig.address(text), len: 5, opFlags })
    const accept = rig.submit({ op: abi.OP_ACCEPT, fd: listener, opFlags: abi.SOCK_NONBLOCK })
    const cqes = rig.wait(3)
    expect(cqes.filter((cqe) => cqe.id !== accept).map((cqe) => cqe.res)).toEqual([0, 5])
    rig.receive(rig.own(cqes.find((cqe) => cqe.id === accept)!.res))
    expect(rig.received(rig.wait()[0]!).toString()).toBe('hello')
  })
}
