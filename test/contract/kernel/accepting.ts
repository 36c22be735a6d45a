// Accept: once and for ever, in a storm, without descriptors, cancelled.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import { name, type Rig } from '../rig.ts'

const ACCEPT = { op: abi.OP_ACCEPT, opFlags: abi.SOCK_NONBLOCK | abi.SOCK_CLOEXEC } as const
const ACCEPTS = { ...ACCEPT, ioprio: abi.ACCEPT_MULTISHOT } as const

/** A socket that connects without an SQE of its own: its CQE is skipped. */
function dial(rig: Rig, port: number): number {
  const fd = rig.socket()
  rig.submit({ ...rig.connecting(fd, port), flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
  return fd
}

export function accepting({ prove }: Contract): void {
  prove('one-shot: one connection, then nothing until it is armed again', (rig) => {
    const { fd: listener, port } = rig.listen()
    const id = rig.submit({ ...ACCEPT, fd: listener })
    expect(rig.settle(5)).toEqual([])
    dial(rig, port)
    const [first] = rig.wait()
    expect(first).toMatchObject({ id, more: false })
    rig.own(first!.res)
    dial(rig, port)
    expect(rig.settle()).toEqual([])
    const again = rig.one({ ...ACCEPT, fd: listener })
    rig.own(again.res)
  })

  prove('multishot: every connection, armed until cancelled', (rig) => {
    const { fd: listener, port } = rig.listen(512)
    const id = rig.submit({ ...ACCEPTS, fd: listener })
    for (let i = 0; i < 150; i++) {
      dial(rig, port)
      if (i % 50 === 49) rig.enter()
    }
    const cqes = rig.take()
    while (cqes.length < 150) cqes.push(...rig.wait())
    expect(cqes).toHaveLength(150)
    expect(cqes.every((cqe) => cqe.id === id && cqe.more && cqe.res > 0)).toBe(true)
    expect(new Set(cqes.map((cqe) => cqe.res)).size).toBe(150)
    for (const cqe of cqes) rig.own(cqe.res)
    rig.submit({ op: abi.OP_ASYNC_CANCEL, addr: id, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
    expect(rig.wait()).toEqual([{ id, res: -abi.ECANCELED, more: false, buffer: undefined }])
    dial(rig, port)
    expect(rig.settle()).toEqual([])
  })

  prove('the accepted socket has the flags that were asked for', (rig) => {
    const { fd: listener, port } = rig.listen()
    rig.submit({ ...ACCEPT, fd: listener })
    const peer = dial(rig, port)
    const fd = rig.own(rig.wait()[0]!.res)
    // non-blocking: a send into a full socket returns instead of hanging the test
    const at = rig.alloc(1 << 20)
    let r = 0
    while (r >= 0) r = rig.call({ op: abi.CALL_SEND, fd, a: at, b: 1 << 20 })
    expect(name(r)).toBe('EAGAIN')
    rig.shut(peer)
  })

  prove('without descriptors the multishot ends with -EMFILE and serves again once re-armed', (rig) => {
    const { fd: listener, port } = rig.listen()
    const peer = rig.socket()
    // The next descriptor is the lowest free one; a limit right there leaves none.
    const probe = rig.socket()
    rig.shut(probe)
    const { limitFiles } = rig.machine()
    const former = limitFiles(probe)
    try {
      rig.submit({ ...ACCEPTS, fd: listener }) // under the limit: it counts from the moment of arming
      rig.enter()
      rig.submit({ ...rig.connecting(peer, port), flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
      const [cqe] = rig.wait()
      expect([name(cqe!.res), cqe!.more]).toEqual(['EMFILE', false])
      expect(rig.settle()).toEqual([])
    } finally {
      limitFiles(former)
    }
    const id = rig.submit({ ...ACCEPTS, fd: listener })
    const [served] = rig.wait()
    expect(served).toMatchObject({ id, more: true })
    rig.own(served!.res)
  })

  prove(
    'a full CQ loses no connection; a multishot that ends for it is armed again',
    (rig) => {
      const { fd: listener, port } = rig.listen()
      rig.submit({ ...ACCEPTS, fd: listener })
      for (let i = 0; i < 20; i++) {
        dial(rig, port)
        rig.enter()
      }
      const fds: number[] = []
      while (fds.length < 20) {
        for (const cqe of rig.wait()) {
          fds.push(rig.own(cqe.res))
          if (!cqe.more) rig.submit({ ...ACCEPTS, fd: listener })
        }
      }
      expect(new Set(fds).size).toBe(20)
      expect(rig.settle()).toEqual([])
    },
    { sqEntries: 4, cqEntries: 4 },
  )

  prove('a shut-down listener ends its accepts', (rig) => {
    const { fd: listener } = rig.listen()
    const id = rig.submit({ ...ACCEPTS, fd: listener })
    rig.enter()
    rig.call({ op: abi.CALL_SHUTDOWN, fd: listener, a: abi.SHUT_RDWR })
    expect(rig.wait().map((cqe) => [cqe.id, name(cqe.res), cqe.more])).toEqual([[id, 'EINVAL', false]])
  })
}
