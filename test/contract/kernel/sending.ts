// Send and sendmsg: whole with MSG_WAITALL, through full sockets; what a vanished peer does to them.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import { name, type Rig, type Sqe } from '../rig.ts'
import { countPipeSignals } from '../signals.ts'

const BIG = 3 << 20
const WHOLE = abi.MSG_NOSIGNAL | abi.MSG_WAITALL

function send(rig: Rig, fd: number, at: number, len: number, opFlags: number = WHOLE): Sqe {
  return { op: abi.OP_SEND, fd, addr: rig.address(at), len, opFlags }
}

/** A struct msghdr over parts {offset, length} → its offset. */
export function message(rig: Rig, parts: readonly (readonly [number, number])[]): number {
  const iov = rig.alloc(parts.length * 16)
  for (const [i, [offset, length]] of parts.entries()) {
    rig.view.setBigUint64(iov + i * 16, rig.address(offset), true)
    rig.view.setBigUint64(iov + i * 16 + 8, BigInt(length), true)
  }
  const at = rig.alloc(56)
  rig.bytes.fill(0, at, at + 56)
  rig.view.setBigUint64(at + 16, rig.address(iov), true)
  rig.view.setBigUint64(at + 24, BigInt(parts.length), true)
  return at
}

/** Bytes that differ along the way, so that a lost or doubled piece shows. */
function pattern(rig: Rig, length: number): number {
  const at = rig.alloc(length)
  for (let i = 0; i < length; i++) rig.bytes[at + i] = (i * 31 + (i >> 8)) & 0xff
  return at
}

/** Receives `length` bytes at fd by multishot, completions of others aside → the bytes and those. */
function collect(rig: Rig, fd: number, length: number): { data: Buffer; others: Map<number, number> } {
  const parts: Buffer[] = []
  const others = new Map<number, number>()
  let have = 0
  let id = rig.receive(fd)
  while (have < length) {
    for (const cqe of rig.wait()) {
      if (cqe.id !== id) {
        others.set(cqe.id, cqe.res)
        continue
      }
      if (cqe.buffer !== undefined) {
        parts.push(rig.received(cqe))
        have += cqe.res
        rig.provide(cqe.buffer)
      }
      if (!cqe.more) id = rig.receive(fd)
    }
  }
  return { data: Buffer.concat(parts), others }
}

export function sending({ prove }: Contract): void {
  prove('a send that fits completes at once with its length', (rig) => {
    const [ours, peer] = rig.pair()
    const at = rig.store(Buffer.from('hello'))
    expect(rig.one(send(rig, ours, at, 5)).res).toBe(5)
    rig.provideAll()
    rig.receive(peer)
    expect(rig.received(rig.wait()[0]!).toString()).toBe('hello')
  })

  prove('a send of nothing is 0', (rig) => {
    const [ours] = rig.pair()
    expect(rig.one(send(rig, ours, 0, 0)).res).toBe(0)
  })

  prove('without MSG_WAITALL a send that does not fit is short', (rig) => {
    const [ours] = rig.narrowPair()
    const { res } = rig.one(send(rig, ours, rig.alloc(BIG), BIG, abi.MSG_NOSIGNAL))
    expect(res).toBeGreaterThan(0)
    expect(res).toBeLessThan(BIG)
  })

  prove(
    'with MSG_WAITALL it waits for writability until all is sent',
    (rig) => {
      const [ours, peer] = rig.narrowPair()
      const at = pattern(rig, BIG)
      const id = rig.submit(send(rig, ours, at, BIG))
      expect(rig.settle(10)).toEqual([])
      rig.provideAll()
      const { data, others } = collect(rig, peer, BIG)
      expect(data.equals(rig.bytes.subarray(at, at + BIG))).toBe(true)
      if (others.size === 0) others.set(id, rig.wait()[0]!.res)
      expect([...others]).toEqual([[id, BIG]])
    },
    { buffers: 16, bufferBytes: 65536 },
  )

  prove(
    'sendmsg gathers, and goes on where it stopped, even when its iovecs are gone',
    (rig) => {
      const [ours, peer] = rig.narrowPair()
      const at = pattern(rig, BIG)
      const cuts = [0, 1, 1000, 70_000, 70_000, 1_500_000, BIG]
      const parts = cuts.slice(1).map((cut, i) => [at + cuts[i]!, cut - cuts[i]!] as const)
      const header = message(rig, parts)
      const id = rig.submit({ op: abi.OP_SENDMSG, fd: ours, addr: rig.address(header), len: 1, opFlags: WHOLE })
      expect(rig.settle(10)).toEqual([])
      rig.bytes.fill(0xff, header - parts.length * 16, header + 56)
      rig.provideAll()
      const { data, others } = collect(rig, peer, BIG)
      expect(data.equals(rig.bytes.subarray(at, at + BIG))).toBe(true)
      if (others.size === 0) others.set(id, rig.wait()[0]!.res)
      expect([...others]).toEqual([[id, BIG]])
    },
    { buffers: 16, bufferBytes: 65536 },
  )

  prove('a peer that is gone: -EPIPE, and no signal', async (rig) => {
    const [ours, peer] = rig.pair()
    rig.machine().resetOnClose(peer)
    rig.shut(peer)
    rig.settle(5)
    const at = rig.store(Buffer.from('x'))
    const header = message(rig, [[at, 1]])
    const signals = await countPipeSignals(() => {
      const results = [
        rig.one(send(rig, ours, at, 1, 0)).res,
        rig.one(send(rig, ours, at, 1, 0)).res,
        rig.one({ op: abi.OP_SENDMSG, fd: ours, addr: rig.address(header), len: 1 }).res,
      ].map(name)
      expect(['ECONNRESET', 'EPIPE']).toContain(results[0])
      expect(results.slice(1)).toEqual(['EPIPE', 'EPIPE'])
    })
    expect(signals).toBe(0)
  })

  prove('a send that waits ends when the peer goes: short, never whole', (rig) => {
    const [ours, peer] = rig.narrowPair()
    const id = rig.submit(send(rig, ours, rig.alloc(BIG), BIG))
    expect(rig.settle(10)).toEqual([])
    rig.machine().resetOnClose(peer)
    rig.shut(peer)
    const cqes = rig.wait()
    expect(cqes).toHaveLength(1)
    expect(cqes[0]!.id).toBe(id)
    expect(cqes[0]!.res).toBeGreaterThan(0)
    expect(cqes[0]!.res).toBeLessThan(BIG)
    expect(rig.settle()).toEqual([])
  })

  prove('a send that waits does not hold up what is received', (rig) => {
    const [ours, peer] = rig.narrowPair()
    rig.submit(send(rig, ours, rig.alloc(BIG), BIG))
    rig.provideAll()
    const id = rig.receive(ours)
    rig.settle(5)
    for (const text of ['a', 'b', 'c']) {
      rig.send(peer, text)
      const [cqe] = rig.wait()
      expect(cqe!.id).toBe(id)
      expect(rig.received(cqe!).toString()).toBe(text)
    }
  })

  prove('too many iovecs are -EMSGSIZE', (rig) => {
    const [ours] = rig.pair()
    const header = message(rig, [])
    rig.view.setBigUint64(header + 24, 1025n, true)
    const { res } = rig.one({ op: abi.OP_SENDMSG, fd: ours, addr: rig.address(header), len: 1 })
    expect(name(res)).toBe('EMSGSIZE')
  })
}
