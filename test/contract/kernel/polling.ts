// Poll: once and for ever, on eventfds, pipes, sockets and files; the wakes of other threads and of the host.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import { name } from '../rig.ts'

const POLLHUP = 16
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer)
const EIGHT = new Uint8Array(8)

export function polling({ prove }: Contract): void {
  prove('one-shot: the ready mask, once', (rig) => {
    const fd = rig.own(rig.machine().eventfd(0))
    const id = rig.submit({ op: abi.OP_POLL_ADD, fd, opFlags: abi.POLLIN })
    expect(rig.settle(5)).toEqual([])
    rig.machine().write(fd, ONE)
    expect(rig.wait()).toEqual([{ id, res: abi.POLLIN, more: false, buffer: undefined }])
    expect(rig.settle(5)).toEqual([])
  })

  prove('one-shot: what is ready already is said at once, and only what was asked for', (rig) => {
    const fd = rig.own(rig.machine().eventfd(1))
    expect(rig.one({ op: abi.OP_POLL_ADD, fd, opFlags: abi.POLLIN | abi.POLLOUT }).res).toBe(5)
    expect(rig.one({ op: abi.OP_POLL_ADD, fd, opFlags: abi.POLLOUT }).res).toBe(abi.POLLOUT)
  })

  prove('multishot: each wake once, with F_MORE, until cancelled', (rig) => {
    const fd = rig.own(rig.machine().eventfd(0))
    const id = rig.submit({ op: abi.OP_POLL_ADD, fd, opFlags: abi.POLLIN, len: abi.POLL_MULTISHOT })
    expect(rig.settle(5)).toEqual([])
    for (let i = 0; i < 3; i++) {
      rig.machine().write(fd, ONE)
      expect(rig.wait()).toEqual([{ id, res: abi.POLLIN, more: true, buffer: undefined }])
      expect(rig.settle(5)).toEqual([])
      rig.machine().read(fd, EIGHT)
    }
    rig.submit({ op: abi.OP_ASYNC_CANCEL, addr: id, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
    expect(rig.wait().map((cqe) => [cqe.id, name(cqe.res), cqe.more])).toEqual([[id, 'ECANCELED', false]])
    rig.machine().write(fd, ONE)
    expect(rig.settle(5)).toEqual([])
  })

  prove('a hang-up is said without being asked for', (rig) => {
    const [reader, writer] = rig.machine().pipe()
    rig.own(reader)
    const id = rig.submit({ op: abi.OP_POLL_ADD, fd: reader, opFlags: abi.POLLIN })
    rig.enter()
    rig.own(writer)
    rig.shut(writer)
    expect(rig.wait()).toEqual([{ id, res: POLLHUP, more: false, buffer: undefined }])
  })

  prove('a poll and a receive on one socket are both served', (rig) => {
    const [ours, peer] = rig.pair()
    rig.provideAll()
    const poll = rig.submit({ op: abi.OP_POLL_ADD, fd: ours, opFlags: abi.POLLIN })
    const receive = rig.receive(ours)
    rig.enter()
    rig.send(peer, 'both')
    const cqes = rig.wait(2)
    expect(cqes.map((cqe) => cqe.id).sort()).toEqual([poll, receive].sort())
  })

  prove(
    'a poll the CQ has no room for is said once, at the latest when its file is ready again',
    (rig) => {
      const fds = Array.from({ length: 6 }, () => rig.own(rig.machine().eventfd(1)))
      for (const fd of fds) {
        rig.submit({ op: abi.OP_POLL_ADD, fd, opFlags: abi.POLLIN, id: fd })
        if (fd === fds[2]) rig.enter()
      }
      rig.enter()
      const first = rig.take().map((cqe) => cqe.id)
      expect(first).toHaveLength(4)
      const others = fds.filter((fd) => !first.includes(fd))
      for (const fd of others) rig.machine().read(fd, EIGHT)
      const said = rig.settle(5).map((cqe) => cqe.id) // what was complete already is held back, not taken back
      for (const fd of others) rig.machine().write(fd, ONE)
      while (said.length < 2) said.push(...rig.wait().map((cqe) => cqe.id))
      expect(said.sort()).toEqual(others.sort())
      expect(rig.settle(5)).toEqual([])
    },
    { sqEntries: 4, cqEntries: 4 },
  )

  prove('a read of an eventfd waits for its write, even of a non-blocking one', (rig) => {
    const fd = rig.own(rig.machine().eventfd(0))
    const at = rig.alloc(8)
    const id = rig.submit({ op: abi.OP_READ, fd, addr: rig.address(at), len: 8, off: -1 })
    expect(rig.settle(5)).toEqual([])
    rig.machine().write(fd, new Uint8Array(new BigUint64Array([7n]).buffer))
    expect(rig.wait()).toEqual([{ id, res: 8, more: false, buffer: undefined }])
    expect(rig.view.getBigUint64(at, true)).toBe(7n)
  })

  prove('a poll wakes an enter that waits', async (rig) => {
    const fd = rig.own(rig.machine().eventfd(0))
    rig.submit({ op: abi.OP_POLL_ADD, fd, opFlags: abi.POLLIN })
    const { Worker } = await import('node:worker_threads')
    const shared = new Int32Array(new SharedArrayBuffer(4))
    // a thread that writes a little later; the enter blocks this one
    const code = `
      const { writeSync } = require('node:fs')
      const { workerData } = require('node:worker_threads')
      Atomics.wait(workerData.shared, 0, 0)
      setTimeout(() => writeSync(workerData.fd, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])), 20)`
    const worker = new Worker(code, { eval: true, workerData: { shared, fd } })
    await new Promise((resolve) => worker.once('online', resolve))
    Atomics.store(shared, 0, 1)
    Atomics.notify(shared, 0)
    expect(rig.wait(1, 5000)[0]!.res).toBe(abi.POLLIN)
    await worker.terminate()
  })
}
