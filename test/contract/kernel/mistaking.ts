// Mistakes: every op with a wrong descriptor, operand or flag gets the errno Linux gives, and nothing else happens.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import { name, RECEIVE, type Sqe } from '../rig.ts'
import { message } from './sending.ts'

const NOWHERE = 99_999

export function mistaking({ prove }: Contract): void {
  prove('a descriptor that is not open: -EBADF', (rig) => {
    rig.provideAll()
    const at = rig.address(rig.alloc(256))
    const header = rig.address(message(rig, []))
    const cases: readonly Sqe[] = [
      { op: abi.OP_RECV, addr: at, len: 8 },
      RECEIVE,
      { op: abi.OP_SEND, addr: at, len: 8 },
      { op: abi.OP_SENDMSG, addr: header, len: 1 },
      { op: abi.OP_ACCEPT },
      { op: abi.OP_CONNECT, addr: rig.address(rig.loopback(9)), off: 16 },
      { op: abi.OP_POLL_ADD, opFlags: abi.POLLIN },
      { op: abi.OP_CLOSE },
      { op: abi.OP_FSYNC },
      { op: abi.OP_READ, addr: at, len: 8 },
      { op: abi.OP_WRITE, addr: at, len: 8 },
    ]
    for (const fd of [NOWHERE, -1]) {
      for (const sqe of cases) expect([sqe.op, name(rig.one({ ...sqe, fd }).res)]).toEqual([sqe.op, 'EBADF'])
    }
  })

  prove('a descriptor that is no socket: -ENOTSOCK', (rig) => {
    const [reader] = rig
      .machine()
      .pipe()
      .map((fd) => rig.own(fd))
    rig.provideAll()
    const at = rig.address(rig.alloc(256))
    const cases: readonly Sqe[] = [
      { op: abi.OP_RECV, addr: at, len: 8 },
      RECEIVE,
      { op: abi.OP_SEND, addr: at, len: 8 },
      { op: abi.OP_SENDMSG, addr: rig.address(message(rig, [])), len: 1 },
      { op: abi.OP_ACCEPT },
      { op: abi.OP_CONNECT, addr: rig.address(rig.loopback(9)), off: 16 },
    ]
    for (const sqe of cases) expect([sqe.op, name(rig.one({ ...sqe, fd: reader! }).res)]).toEqual([sqe.op, 'ENOTSOCK'])
  })

  prove('an address where nothing is: -EFAULT', (rig) => {
    const [ours, peer] = rig.pair()
    const end = rig.address(rig.bytes.length)
    rig.send(peer, 'something to receive')
    const cases: readonly Sqe[] = [
      ...[end, rig.base - 8n, 0n, -8n].flatMap((addr) => [
        { op: abi.OP_RECV, fd: ours, addr, len: 8 },
        { op: abi.OP_SEND, fd: ours, addr, len: 8 },
        { op: abi.OP_READ, fd: ours, addr, len: 8 },
        { op: abi.OP_WRITE, fd: ours, addr, len: 8 },
        { op: abi.OP_CONNECT, fd: ours, addr, off: 16 },
        { op: abi.OP_TIMEOUT, addr, len: 1 },
        { op: abi.OP_SENDMSG, fd: ours, addr, len: 1 },
      ]),
      { op: abi.OP_SENDMSG, fd: ours, addr: rig.address(message(rig, [[rig.bytes.length, 5]])), len: 1 },
      { op: abi.OP_OPENAT, fd: -100, addr: end },
      { op: abi.OP_STATX, fd: -100, addr: rig.address(rig.store(Buffer.from('.\0'))), off: end },
    ]
    for (const [i, sqe] of cases.entries()) {
      expect([i, sqe.op, name(rig.one(sqe).res)]).toEqual([i, sqe.op, 'EFAULT'])
    }
  })

  prove('an operand that ends outside the memory: -EFAULT', (rig) => {
    const [ours] = rig.pair()
    const end = rig.address(rig.bytes.length)
    const cases: readonly Sqe[] = [
      ...[abi.OP_RECV, abi.OP_SEND, abi.OP_READ, abi.OP_WRITE].map((op) => ({ op, fd: ours, addr: end - 4n, len: 8 })),
      { op: abi.OP_CONNECT, fd: ours, addr: end - 4n, off: 16 },
      { op: abi.OP_TIMEOUT, addr: end - 4n, len: 1 },
      { op: abi.OP_SENDMSG, fd: ours, addr: end - 4n, len: 1 },
      { op: abi.OP_SENDMSG, fd: ours, addr: rig.address(message(rig, [[rig.bytes.length - 4, 5]])), len: 1 },
      { op: abi.OP_STATX, fd: -100, addr: rig.address(rig.store(Buffer.from('.\0'))), off: end - 8n },
      { op: abi.OP_RECV, fd: ours, addr: rig.base, len: 0xffffffff },
    ]
    for (const [i, sqe] of cases.entries()) {
      expect([i, sqe.op, name(rig.one(sqe).res)]).toEqual([i, sqe.op, 'EFAULT'])
    }
  })

  prove('an operation the contract does not list: -EINVAL', (rig) => {
    const [ours] = rig.pair()
    for (const op of [1, 2, 4, 5, 30, 255]) {
      expect([op, name(rig.one({ op, fd: ours }).res)]).toEqual([op, 'EINVAL'])
    }
  })

  prove('flags and fields an operation does not know: -EINVAL', (rig) => {
    const [ours] = rig.pair()
    const at = rig.address(rig.alloc(64))
    const cases: readonly Sqe[] = [
      { op: 255, fd: ours },
      { op: abi.OP_NOP, flags: 1 << 7 },
      { op: abi.OP_NOP, ioprio: 1 },
      { op: abi.OP_ACCEPT, fd: ours, opFlags: 1 },
      { op: abi.OP_ACCEPT, fd: ours, len: 1 },
      { op: abi.OP_CONNECT, fd: ours, addr: at, off: 4096 },
      { op: abi.OP_CONNECT, fd: ours, addr: at, off: 16, len: 1 },
      { op: abi.OP_RECV, fd: ours, ioprio: abi.RECV_MULTISHOT, addr: at, len: 8 },
      { ...RECEIVE, fd: ours, opFlags: abi.MSG_WAITALL },
      { op: abi.OP_POLL_ADD, fd: ours, opFlags: abi.POLLIN, len: 2 },
      { op: abi.OP_POLL_ADD, fd: ours, opFlags: abi.POLLIN, len: 1, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS },
      { op: abi.OP_CLOSE, fd: ours, len: 1 },
      { op: abi.OP_FSYNC, fd: ours, opFlags: 2 },
      { op: abi.OP_ASYNC_CANCEL, addr: 1, off: 1 },
      { op: abi.OP_TIMEOUT_REMOVE, addr: 1, len: 1 },
    ]
    for (const [i, sqe] of cases.entries()) {
      expect([i, sqe.op, name(rig.one(sqe).res)]).toEqual([i, sqe.op, 'EINVAL'])
    }
  })

  prove('buffers where none are taken: -EOPNOTSUPP; an unknown group: -ENOBUFS', (rig) => {
    const [ours] = rig.pair()
    rig.provideAll()
    const select = abi.SQE_FLAG_BUFFER_SELECT
    expect(name(rig.one({ op: abi.OP_NOP, flags: select }).res)).toBe('ENOTSUP')
    expect(name(rig.one({ op: abi.OP_CONNECT, fd: ours, flags: select }).res)).toBe('ENOTSUP')
    expect(name(rig.one({ ...RECEIVE, fd: ours, group: 2 }).res)).toBe('ENOBUFS')
  })

  prove('a receive on a socket that is not connected: -ENOTCONN', (rig) => {
    const { fd } = rig.listen()
    rig.provideAll()
    expect(name(rig.one({ ...RECEIVE, fd }).res)).toBe('ENOTCONN')
  })

  prove('an accept on a socket that does not listen: -EINVAL', (rig) => {
    expect(name(rig.one({ op: abi.OP_ACCEPT, fd: rig.socket(), ioprio: abi.ACCEPT_MULTISHOT }).res)).toBe('EINVAL')
  })
}
