// The borders: operands at the last byte of the memory and behind it, lengths that overflow, and nothing at all.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import { name, RECEIVE, type Rig, type Sqe } from '../rig.ts'
import { message } from './sending.ts'

const U64 = (1n << 64n) - 1n

/** The results of SQEs that complete at once, by index. */
function results(rig: Rig, sqes: readonly Sqe[]): (string | number)[] {
  return sqes.map((sqe) => name(rig.one(sqe).res))
}

export function bordering({ prove }: Contract): void {
  prove('the last bytes of the memory serve as any others', (rig) => {
    const [ours, peer] = rig.pair()
    const last = rig.bytes.length - 4
    rig.bytes.set(Buffer.from('tail'), last)
    const at = rig.address(last)
    expect(rig.one({ op: abi.OP_SEND, fd: ours, addr: at, len: 4, opFlags: abi.MSG_NOSIGNAL }).res).toBe(4)
    rig.bytes.fill(0, last)
    expect(rig.one({ op: abi.OP_RECV, fd: peer, addr: at, len: 4 }).res).toBe(4)
    expect(rig.text(last, 4)).toBe('tail')
    const ends = message(rig, [[last, 4]])
    const send = { op: abi.OP_SENDMSG, fd: ours, addr: rig.address(ends), len: 1, opFlags: abi.MSG_NOSIGNAL }
    expect(rig.one(send).res).toBe(4)
    rig.bytes.fill(0, last)
    expect(rig.one({ op: abi.OP_RECVMSG, fd: peer, addr: rig.address(ends), len: 1 }).res).toBe(4)
    expect(rig.text(last, 4)).toBe('tail')
    const header = rig.bytes.length - 56
    rig.bytes.copyWithin(header, ends, ends + 56)
    expect(rig.one({ ...send, addr: rig.address(header) }).res).toBe(4)
    rig.view.setBigInt64(rig.bytes.length - 16, 0n, true)
    rig.view.setBigInt64(rig.bytes.length - 8, 1n, true)
    const time = { op: abi.OP_TIMEOUT, addr: rig.address(rig.bytes.length - 16), len: 1 }
    expect(name(rig.one(time).res)).toBe('ETIME')
    expect(rig.one({ op: abi.OP_SEND, fd: ours, addr: at + 4n, len: 0, opFlags: abi.MSG_NOSIGNAL }).res).toBe(0)
  })

  prove('behind the last byte, before the first, around the end of all addresses: -EFAULT', (rig) => {
    const [ours, peer] = rig.pair()
    rig.send(peer, 'waiting to be received')
    for (const addr of [rig.address(rig.bytes.length), U64 & ~7n, U64 - 4095n, 8n]) {
      const sqes: readonly Sqe[] = [
        { op: abi.OP_RECV, fd: ours, addr, len: 8 },
        { op: abi.OP_RECVMSG, fd: ours, addr, len: 1 },
        { op: abi.OP_SEND, fd: ours, addr, len: 8, opFlags: abi.MSG_NOSIGNAL },
        { op: abi.OP_SENDMSG, fd: ours, addr, len: 1, opFlags: abi.MSG_NOSIGNAL },
        { op: abi.OP_CONNECT, fd: ours, addr, off: 16 },
        { op: abi.OP_TIMEOUT, addr, len: 1 },
        { op: abi.OP_OPENAT, fd: -100, addr },
      ]
      expect([addr, results(rig, sqes)]).toEqual([addr, sqes.map(() => 'EFAULT')])
    }
    const at = rig.alloc(32)
    expect(rig.one({ op: abi.OP_RECV, fd: ours, addr: rig.address(at), len: 32 }).res).toBe(22)
    expect(rig.text(at, 22)).toBe('waiting to be received')
  })

  prove('iovecs that lie outside, or point outside, move nothing', (rig) => {
    const [ours, peer] = rig.pair()
    rig.send(peer, 'still here')
    const inside = rig.alloc(8)
    const outside: readonly (readonly [number, number])[] = [[rig.bytes.length, 8]]
    const wild = message(rig, [[inside, 8]])
    rig.view.setBigUint64(wild + 16, 8n, true) // the table of iovecs itself
    for (const at of [message(rig, outside), wild]) {
      const addr = rig.address(at)
      const opFlags = abi.MSG_NOSIGNAL
      expect(name(rig.one({ op: abi.OP_SENDMSG, fd: ours, addr, len: 1, opFlags }).res)).toBe('EFAULT')
      expect(name(rig.one({ op: abi.OP_RECVMSG, fd: ours, addr, len: 1 }).res)).toBe('EFAULT')
    }
    const whole = { op: abi.OP_RECV, fd: ours, addr: rig.address(rig.alloc(16)), len: 16 }
    expect(rig.one(whole).res).toBe(10)
    const nothing = { op: abi.OP_RECV, fd: peer, addr: rig.address(inside), len: 8, opFlags: 0x40 }
    expect(name(rig.one(nothing).res)).toBe('EAGAIN')
  })

  prove('nothing at all: ops of no bytes complete with 0 and disturb nobody', (rig) => {
    const [ours, peer] = rig.pair()
    const ends = rig.machine().pipe()
    const [reader, writer] = ends.map((fd) => rig.own(fd)) as [number, number]
    const at = rig.address(rig.alloc(8))
    const none = rig.address(message(rig, []))
    const empty = rig.address(message(rig, [[0, 0]]))
    rig.send(peer, 'kept')
    const opFlags = abi.MSG_NOSIGNAL | abi.MSG_WAITALL
    const sqes: readonly Sqe[] = [
      { op: abi.OP_SEND, fd: ours, addr: at, len: 0, opFlags },
      { op: abi.OP_SENDMSG, fd: ours, addr: none, len: 1, opFlags },
      { op: abi.OP_SENDMSG, fd: ours, addr: empty, len: 1, opFlags },
      { op: abi.OP_RECV, fd: ours, addr: at, len: 0 },
      { op: abi.OP_RECVMSG, fd: ours, addr: none, len: 1 },
      { op: abi.OP_RECVMSG, fd: ours, addr: empty, len: 1 },
      { op: abi.OP_WRITE, fd: writer, addr: at, len: 0, off: -1 },
    ]
    expect(results(rig, sqes)).toEqual(sqes.map(() => 0))
    expect(reader).toBeGreaterThan(0)
    const all = { op: abi.OP_RECV, fd: ours, addr: at, len: 8 }
    expect(rig.one(all).res).toBe(4)
    expect(rig.settle(5)).toEqual([])
  })

  prove('a provided buffer at the last byte of the memory is filled, and not beyond', (rig) => {
    const [ours, peer] = rig.pair()
    const ring = rig.u32(abi.CONTROL_BUFFER_RING)
    rig.provide(0)
    rig.view.setBigUint64(ring + abi.BUF_ADDR, rig.address(rig.bytes.length - 8), true)
    rig.view.setUint32(ring + abi.BUF_LEN, 8, true)
    rig.submit({ ...RECEIVE, fd: ours })
    rig.send(peer, '0123456789')
    const [cqe] = rig.wait()
    expect(cqe!.res).toBe(8)
    expect(rig.text(rig.bytes.length - 8, 8)).toBe('01234567')
  })

  prove('counters of the rings that a confused core has written do not lead the kernel outside', (rig) => {
    const tailAt = rig.u32(abi.CONTROL_SQ_TAIL)
    const entries = rig.u32(abi.CONTROL_SQ_ENTRIES)
    const before = rig.u32(tailAt)
    rig.view.setUint32(tailAt, before + entries * 3, true) // more than the ring holds: all of it, once, at most
    const taken = rig.enter()
    expect(taken).toBeLessThanOrEqual(entries)
    rig.take()
    rig.view.setUint32(tailAt, rig.u32(rig.u32(abi.CONTROL_SQ_HEAD)), true)
    expect(rig.one({ op: abi.OP_NOP }).res).toBe(0)
  })
}
