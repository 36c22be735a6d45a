// Batches of datagrams: many in one immediate call, each to its own address; and the calls beside it.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import { name, type Rig } from '../rig.ts'

const SOCK_DGRAM = 2
const NAME_BYTES = 16
const MMSGHDR_BYTES = 64
const MMSGHDR_SENT = 56
const IP_TTL = 2
const IPPROTO_IP = 0

function bound(rig: Rig): { fd: number; address: number } {
  const fd = rig.own(rig.call({ op: abi.CALL_SOCKET, a: abi.AF_INET, b: SOCK_DGRAM }))
  const address = rig.loopback(0)
  expect(rig.call({ op: abi.CALL_BIND, fd, a: address, b: NAME_BYTES })).toBe(0)
  expect(rig.call({ op: abi.CALL_GETSOCKNAME, fd, a: address, b: NAME_BYTES })).toBe(NAME_BYTES)
  return { fd, address }
}

/** An array of struct mmsghdr, one part each → its offset. `to` 0: a connected socket's peer. */
function batch(rig: Rig, messages: readonly { readonly text: string; readonly to: number }[]): number {
  const at = rig.alloc(messages.length * MMSGHDR_BYTES)
  rig.bytes.fill(0, at, at + messages.length * MMSGHDR_BYTES)
  for (const [i, { text, to }] of messages.entries()) {
    const one = at + i * MMSGHDR_BYTES
    const part = rig.alloc(16)
    rig.view.setBigUint64(part, rig.address(text === '' ? part : rig.store(Buffer.from(text))), true)
    rig.view.setBigUint64(part + 8, BigInt(text.length), true)
    if (to !== 0) rig.view.setBigUint64(one, rig.address(to), true)
    rig.view.setUint32(one + 8, to === 0 ? 0 : NAME_BYTES, true)
    rig.view.setBigUint64(one + 16, rig.address(part), true)
    rig.view.setBigUint64(one + 24, 1n, true)
  }
  return at
}

/** What waits at a socket, one RECV each, until one is `end`. */
function texts(rig: Rig, fd: number, count: number): string[] {
  const at = rig.alloc(2048)
  return Array.from({ length: count }, () => {
    const { res } = rig.one({ op: abi.OP_RECV, fd, addr: rig.address(at), len: 2048 })
    return rig.text(at, Math.max(0, res))
  })
}

export function batching({ prove }: Contract): void {
  prove('sendmmsg: each datagram to its address, in order, empty ones too, and its length is written back', (rig) => {
    const [sender, a, b] = [bound(rig), bound(rig), bound(rig)]
    const at = batch(rig, [
      { text: 'one', to: a.address },
      { text: 'two', to: b.address },
      { text: '', to: a.address },
      { text: 'three', to: a.address },
    ])
    expect(rig.call({ op: abi.CALL_SENDMMSG, fd: sender.fd, a: at, b: 4 })).toBe(4)
    expect(texts(rig, a.fd, 3)).toEqual(['one', '', 'three'])
    expect(texts(rig, b.fd, 1)).toEqual(['two'])
    expect([0, 1, 2, 3].map((i) => rig.u32(at + i * MMSGHDR_BYTES + MMSGHDR_SENT))).toEqual([3, 3, 0, 5])
    expect(rig.call({ op: abi.CALL_SENDMMSG, fd: sender.fd, a: at, b: 0 })).toBe(0)
  })

  prove('sendmmsg at the start of an enter: a whole batch lets it wait, a short one does not', (rig) => {
    const [sender, a] = [bound(rig), bound(rig)]
    const good = batch(rig, [{ text: 'x', to: a.address }])
    const short = batch(rig, [
      { text: 'y', to: a.address },
      { text: 'z', to: 0 },
    ])
    rig.queueCalls({ op: abi.CALL_SENDMMSG, fd: sender.fd, a: good, b: 1 })
    const before = rig.machine().clock()
    rig.enter(1, 60, 1)
    expect(Number(rig.machine().clock() - before) / 1e6).toBeGreaterThan(50)
    rig.queueCalls({ op: abi.CALL_SENDMMSG, fd: sender.fd, a: short, b: 2 })
    const again = rig.machine().clock()
    rig.enter(1, 1500, 1)
    expect(Number(rig.machine().clock() - again) / 1e6).toBeLessThan(1000)
    expect(rig.takeCalls()).toEqual([1, 1])
    expect(texts(rig, a.fd, 2)).toEqual(['x', 'y'])
  })

  prove('sendmmsg stops at the first that fails: then it is that one’s errno', (rig) => {
    const [sender, a] = [bound(rig), bound(rig)]
    const at = batch(rig, [
      { text: 'sent', to: a.address },
      { text: 'nowhere', to: 0 },
      { text: 'behind', to: a.address },
    ])
    expect(rig.call({ op: abi.CALL_SENDMMSG, fd: sender.fd, a: at, b: 3 })).toBe(1)
    const rest = at + MMSGHDR_BYTES
    expect(name(rig.call({ op: abi.CALL_SENDMMSG, fd: sender.fd, a: rest, b: 2 }))).toBe('EDESTADDRREQ')
    expect(rig.call({ op: abi.CALL_SENDMMSG, fd: sender.fd, a: rest + MMSGHDR_BYTES, b: 1 })).toBe(1)
    expect(texts(rig, a.fd, 2)).toEqual(['sent', 'behind'])
    expect(name(rig.call({ op: abi.CALL_SENDMMSG, fd: -1, a: at, b: 1 }))).toBe('EBADF')
  })

  prove(
    'sendmmsg: headers, names, iovecs and bytes outside the memory, or control data: -EFAULT, nothing sent',
    (rig) => {
      const [sender, a] = [bound(rig), bound(rig)]
      const outside = rig.address(0) + BigInt(rig.bytes.length) - 4n
      const spoiled = (spoil: (second: number) => void): number => {
        const at = batch(rig, [
          { text: 'first', to: a.address },
          { text: 'second', to: a.address },
        ])
        spoil(at + MMSGHDR_BYTES)
        return at
      }
      const cases: [string, number, number][] = [
        ['name', spoiled((at) => rig.view.setBigUint64(at, outside, true)), 2],
        ['iovecs', spoiled((at) => rig.view.setBigUint64(at + 16, outside & ~7n, true)), 2],
        ['iovecs at an odd place', spoiled((at) => rig.view.setUint8(at + 16, rig.view.getUint8(at + 16) | 1)), 2],
        ['no place for iovecs', spoiled((at) => rig.view.setBigUint64(at + 16, 0n, true)), 2],
        ['so many iovecs', spoiled((at) => rig.view.setBigUint64(at + 24, 0xffff_ffff_ffff_ffffn, true)), 2],
        ['control', spoiled((at) => rig.view.setBigUint64(at + 32, rig.address(at), true)), 2],
        ['control bytes', spoiled((at) => rig.view.setBigUint64(at + 40, 16n, true)), 2],
        [
          'bytes',
          spoiled((at) => {
            const part = Number(rig.view.getBigUint64(at + 16, true) - rig.base)
            rig.view.setBigUint64(part + 8, 1n << 40n, true)
          }),
          2,
        ],
        ['headers', rig.bytes.length - MMSGHDR_BYTES, 2],
        ['headers at an odd place', batch(rig, [{ text: 'odd', to: a.address }]) + 4, 1],
        ['headers beyond', 0xffff_fff8, 1],
        ['too many headers', batch(rig, [{ text: 'many', to: a.address }]), 0xffff_ffff],
      ]
      for (const [what, at, b] of cases) {
        expect([what, name(rig.call({ op: abi.CALL_SENDMMSG, fd: sender.fd, a: at, b }))]).toEqual([what, 'EFAULT'])
      }
      rig.submit({ op: abi.OP_RECV, fd: a.fd, addr: rig.address(rig.alloc(64)), len: 64 })
      expect(rig.settle(5)).toEqual([])
    },
  )

  prove('connect gives a socket of datagrams its peer; what is refused there comes back', (rig) => {
    const [ours, peer] = [bound(rig), bound(rig)]
    expect(rig.call({ op: abi.CALL_CONNECT, fd: ours.fd, a: peer.address, b: NAME_BYTES })).toBe(0)
    expect(rig.call({ op: abi.CALL_SENDMMSG, fd: ours.fd, a: batch(rig, [{ text: 'hi', to: 0 }]), b: 1 })).toBe(1)
    expect(texts(rig, peer.fd, 1)).toEqual(['hi'])
    expect(rig.shut(peer.fd)).toBe(0)
    const send = (): string | number =>
      name(rig.call({ op: abi.CALL_SENDMMSG, fd: ours.fd, a: batch(rig, [{ text: 'hi', to: 0 }]), b: 1 }))
    expect(send()).toBe(1)
    expect(send()).toBe('ECONNREFUSED')
    expect(name(rig.call({ op: abi.CALL_CONNECT, fd: ours.fd, a: rig.bytes.length - 4, b: 16 }))).toBe('EFAULT')
    expect(name(rig.call({ op: abi.CALL_CONNECT, fd: ours.fd, a: peer.address, b: 3 }))).toBe('EINVAL')
  })

  prove('setsockopt with a value in the memory', (rig) => {
    const { fd } = bound(rig)
    const value = rig.alloc(4)
    rig.view.setUint32(value, 7, true)
    const set = { op: abi.CALL_SETSOCKOPT_AT, fd, a: (IPPROTO_IP << 16) | IP_TTL, b: 4 }
    expect(rig.call({ ...set, c: value })).toBe(0)
    expect(rig.call({ op: abi.CALL_GETSOCKOPT, fd, a: IPPROTO_IP, b: IP_TTL })).toBe(7)
    expect(name(rig.call({ ...set, c: rig.bytes.length - 2 }))).toBe('EFAULT')
    expect(name(rig.call({ ...set, c: -4 }))).toBe('EFAULT')
    expect(name(rig.call({ ...set, c: 2 ** 32 }))).toBe('EFAULT')
    expect(name(rig.call({ ...set, b: 0, c: value }))).toBe('EINVAL')
  })
}
