// Messages: datagrams with their senders, one at a time into place or one after another behind a header in a buffer.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import { socketpair } from '../fixtures/libc.ts'
import type { Contract } from '../kernel.contract.ts'
import { type Cqe, name, type Rig, type Sqe } from '../rig.ts'
import { message } from './sending.ts'

const SOCK_DGRAM = 2
const NAME_BYTES = 16
const MSGHDR_NAME = 0
const MSGHDR_NAME_BYTES = 8
const MSGHDR_IOV = 16
const MSGHDR_FLAGS = 48

/** Two UDP sockets of the loopback, the second connected to the first, whose address lies at an offset. */
function sockets(rig: Rig): { ours: number; peer: number; address: number } {
  const udp = (): number => rig.own(rig.call({ op: abi.CALL_SOCKET, a: abi.AF_INET, b: SOCK_DGRAM }))
  const [ours, peer] = [udp(), udp()]
  const address = rig.loopback(0)
  expect(rig.call({ op: abi.CALL_BIND, fd: ours, a: address, b: NAME_BYTES })).toBe(0)
  expect(rig.call({ op: abi.CALL_GETSOCKNAME, fd: ours, a: address, b: NAME_BYTES })).toBe(NAME_BYTES)
  expect(rig.one({ op: abi.OP_CONNECT, fd: peer, addr: rig.address(address), off: NAME_BYTES }).res).toBe(0)
  return { ours, peer, address }
}

/** A message header with room for a sender → its offset and the name's. */
function header(rig: Rig, parts: readonly (readonly [number, number])[], nameBytes = NAME_BYTES): [number, number] {
  const at = message(rig, parts)
  const nameAt = rig.alloc(128)
  rig.view.setBigUint64(at + MSGHDR_NAME, rig.address(nameAt), true)
  rig.view.setUint32(at + MSGHDR_NAME_BYTES, nameBytes, true)
  return [at, nameAt]
}

const one = (rig: Rig, fd: number, at: number): Sqe => ({ op: abi.OP_RECVMSG, fd, addr: rig.address(at), len: 1 })

/** Arms a multishot RECVMSG whose messages have room for a sender → its id. */
function arm(rig: Rig, fd: number, nameBytes = NAME_BYTES): number {
  const at = message(rig, [])
  rig.view.setUint32(at + MSGHDR_NAME_BYTES, nameBytes, true)
  const { ioprio, flags, group } = {
    ioprio: abi.RECV_MULTISHOT,
    flags: abi.SQE_FLAG_BUFFER_SELECT,
    group: abi.BUF_GROUP,
  }
  return rig.submit({ ...one(rig, fd, at), ioprio, flags, group })
}

/** What a multishot has left in a buffer. */
function opened(
  rig: Rig,
  cqe: Cqe,
  nameBytes = NAME_BYTES,
): { name: number; flags: number; port: number; text: string } {
  const at = rig.bufferAt(cqe.buffer!)
  const payload = at + abi.RECVMSG_OUT_BYTES + nameBytes
  return {
    name: rig.u32(at + abi.RECVMSG_OUT_NAME_LENGTH),
    flags: rig.u32(at + abi.RECVMSG_OUT_FLAGS),
    port: nameBytes >= 4 ? rig.view.getUint16(at + abi.RECVMSG_OUT_BYTES + 2) : 0,
    text: rig.text(payload, cqe.res - abi.RECVMSG_OUT_BYTES - nameBytes),
  }
}

export function messaging({ prove }: Contract): void {
  prove('SENDMSG to an address, from a socket that is not connected', (rig) => {
    const { ours, address } = sockets(rig)
    const stranger = rig.own(rig.call({ op: abi.CALL_SOCKET, a: abi.AF_INET, b: SOCK_DGRAM }))
    const at = message(rig, [[rig.store(Buffer.from('hello')), 5]])
    rig.view.setBigUint64(at + MSGHDR_NAME, rig.address(address), true)
    rig.view.setUint32(at + MSGHDR_NAME_BYTES, NAME_BYTES, true)
    const send = { op: abi.OP_SENDMSG, fd: stranger, addr: rig.address(at), len: 1, opFlags: abi.MSG_NOSIGNAL }
    expect(rig.one(send).res).toBe(5)
    expect(rig.one({ op: abi.OP_RECV, fd: ours, addr: rig.address(rig.alloc(8)), len: 8 }).res).toBe(5)
    expect(name(rig.one({ ...send, addr: rig.address(message(rig, [])) }).res)).toBe('EDESTADDRREQ')
  })

  prove('a datagram waits for, then fills iovecs, and names its sender', (rig) => {
    const { ours, peer } = sockets(rig)
    const [a, b] = [rig.alloc(8), rig.alloc(8)]
    const [at, nameAt] = header(rig, [
      [a, 3],
      [b, 8],
    ])
    const id = rig.submit(one(rig, ours, at))
    expect(rig.settle(5)).toEqual([])
    // operands are the kernel's own once submitted
    rig.view.setBigUint64(Number(rig.view.getBigUint64(at + MSGHDR_IOV, true) - rig.base), 0n, true)
    rig.send(peer, 'abcdefg')
    expect(rig.wait()).toEqual([{ id, res: 7, more: false, buffer: undefined }])
    expect([rig.text(a, 3), rig.text(b, 4)]).toEqual(['abc', 'defg'])
    expect(rig.u32(at + MSGHDR_NAME_BYTES)).toBe(NAME_BYTES)
    expect(rig.view.getUint16(nameAt, true)).toBe(abi.AF_INET)
    const own = rig.loopback(0)
    rig.call({ op: abi.CALL_GETSOCKNAME, fd: peer, a: own, b: NAME_BYTES })
    expect(rig.view.getUint16(nameAt + 2)).toBe(rig.view.getUint16(own + 2))
  })

  prove('what does not fit is cut and said to be; the next datagram is whole', (rig) => {
    const { ours, peer } = sockets(rig)
    const part = rig.alloc(8)
    const [at] = header(rig, [[part, 4]])
    rig.send(peer, 'too long')
    rig.send(peer, 'next')
    expect(rig.one(one(rig, ours, at)).res).toBe(4)
    expect(rig.u32(at + MSGHDR_FLAGS) & abi.MSG_TRUNC).toBe(abi.MSG_TRUNC)
    expect(rig.one(one(rig, ours, at)).res).toBe(4)
    expect([rig.text(part, 4), rig.u32(at + MSGHDR_FLAGS) & abi.MSG_TRUNC]).toEqual(['next', 0])
  })

  prove('MSG_WAITALL does not wait for a second datagram', (rig) => {
    const part = rig.alloc(16)
    const at = message(rig, [[part, 10]])
    const [left, right] = socketpair(SOCK_DGRAM).map((fd) => rig.own(fd)) as [number, number]
    rig.send(left, 'short')
    expect(rig.one({ ...one(rig, right, at), opFlags: abi.MSG_WAITALL }).res).toBe(5)
    rig.send(left, 'short')
    const plain = { op: abi.OP_RECV, fd: right, addr: rig.address(part), len: 10, opFlags: abi.MSG_WAITALL }
    expect(rig.one(plain).res).toBe(5)
  })

  prove('multishot: each datagram in a buffer of its own, behind header and sender, in order', (rig) => {
    const { ours, peer } = sockets(rig)
    rig.provide(4, 2, 6)
    const id = arm(rig, ours)
    rig.enter()
    for (const [i, text] of ['first', 'second', 'x'.repeat(900)].entries()) {
      rig.send(peer, text)
      const [cqe] = rig.wait()
      expect(cqe).toMatchObject({ id, res: abi.RECVMSG_OUT_BYTES + NAME_BYTES + text.length, buffer: [4, 2, 6][i]! })
      expect(opened(rig, cqe!)).toMatchObject({ name: NAME_BYTES, text, flags: 0 })
      expect(opened(rig, cqe!).port).toBeGreaterThan(0)
    }
  })

  prove('a multishot RECV of datagrams that fill their buffers keeps them apart', (rig) => {
    const { ours, peer } = sockets(rig)
    rig.provideAll()
    rig.receive(ours)
    const text = (i: number): string => String.fromCharCode(97 + i).repeat(i % 3 === 2 ? 10 : rig.bufferBytes)
    for (let i = 0; i < 6; i += 2) {
      rig.send(peer, text(i))
      rig.send(peer, text(i + 1))
      const cqes = rig.wait(2)
      expect(cqes.map((cqe) => rig.received(cqe).toString())).toEqual([text(i), text(i + 1)])
      rig.provide(...cqes.map((cqe) => cqe.buffer!))
    }
  })

  prove('multishot: a datagram larger than its buffer is cut, and the next is whole', (rig) => {
    const { ours, peer } = sockets(rig)
    rig.provideAll()
    arm(rig, ours, 0)
    rig.enter()
    rig.send(peer, 'y'.repeat(2000))
    const [cut] = rig.wait()
    expect(cut).toMatchObject({ res: rig.bufferBytes, more: true })
    expect(opened(rig, cut!, 0).flags).toBe(abi.MSG_TRUNC)
    rig.send(peer, 'whole')
    expect(opened(rig, rig.wait()[0]!, 0)).toMatchObject({ text: 'whole', flags: 0 })
  })

  prove(
    'without a buffer it is -ENOBUFS, and the datagrams stay',
    (rig) => {
      const { ours, peer } = sockets(rig)
      const texts = Array.from({ length: 20 }, (_, i) => `datagram ${i}`)
      for (const text of texts) rig.send(peer, text)
      const seen: string[] = []
      for (let rounds = 0; seen.length < texts.length && rounds < 20; rounds++) {
        rig.provideAll()
        let id = arm(rig, ours)
        while (id !== 0) {
          for (const cqe of rig.wait()) {
            if (cqe.res === -abi.ENOBUFS) expect(cqe.more).toBe(false)
            else seen.push(opened(rig, cqe).text)
            if (!cqe.more) id = 0
          }
          if (seen.length === texts.length && id !== 0) {
            rig.submit({ op: abi.OP_ASYNC_CANCEL, addr: id, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
          }
        }
      }
      expect(seen).toEqual(texts)
    },
    { buffers: 4, bufferBytes: 128 },
  )

  prove('a buffer too small for what was asked to precede the message: -EFAULT, and the datagram stays', (rig) => {
    const { ours, peer } = sockets(rig)
    rig.provideAll()
    rig.send(peer, 'patient')
    const id = arm(rig, ours, rig.bufferBytes)
    expect(rig.wait().map((cqe) => [cqe.id, name(cqe.res), cqe.more])).toEqual([[id, 'EFAULT', false]])
    arm(rig, ours, 0)
    const cqe = rig.wait().find((done) => done.buffer !== undefined)
    expect(opened(rig, cqe!, 0).text).toBe('patient')
  })

  prove('one shot with a buffer: the payload alone', (rig) => {
    const { ours, peer } = sockets(rig)
    rig.provide(5)
    const [at] = header(rig, [])
    rig.send(peer, 'bare')
    const cqe = rig.one({ ...one(rig, ours, at), flags: abi.SQE_FLAG_BUFFER_SELECT, group: abi.BUF_GROUP })
    expect(cqe).toMatchObject({ res: 4, more: false, buffer: 5 })
    expect(rig.received(cqe).toString()).toBe('bare')
  })

  prove('cancelled, each kind ends once', (rig) => {
    const { ours } = sockets(rig)
    rig.provideAll()
    const ids = [arm(rig, ours), rig.submit(one(rig, ours, header(rig, [[rig.alloc(8), 8]])[0]))]
    rig.enter()
    for (const addr of ids) rig.submit({ op: abi.OP_ASYNC_CANCEL, addr, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
    const ended = rig.wait(2).map((cqe) => [cqe.id, name(cqe.res), cqe.more])
    expect(ended.sort()).toEqual(ids.map((id) => [id, 'ECANCELED', false]))
    expect(rig.settle(5)).toEqual([])
  })
}
