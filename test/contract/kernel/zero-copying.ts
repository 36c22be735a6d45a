// Zero-copy sends: a result with F_MORE, then a notification that the memory is free; whoever copies says so if asked.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import { socketpair } from '../fixtures/libc.ts'
import type { Contract } from '../kernel.contract.ts'
import { type Cqe, name, type Rig, type Sqe } from '../rig.ts'
import { message } from './sending.ts'

const WHOLE = abi.MSG_NOSIGNAL | abi.MSG_WAITALL

/** The CQEs of one send, in order. */
function story(cqes: readonly Cqe[], id: number): (readonly [string | number, boolean, boolean])[] {
  return cqes.filter((cqe) => cqe.id === id).map((cqe) => [name(cqe.res), cqe.more, cqe.notification === true])
}

function both(rig: Rig, fd: number, text: string): Sqe[] {
  const at = rig.store(Buffer.from(text))
  const part = message(rig, [[at, text.length]])
  return [
    { op: abi.OP_SEND_ZC, fd, addr: rig.address(at), len: text.length, opFlags: WHOLE },
    { op: abi.OP_SENDMSG_ZC, fd, addr: rig.address(part), len: 1, opFlags: WHOLE },
  ]
}

/** Waits for both CQEs of one send. */
function two(rig: Rig, sqe: Sqe): (readonly [string | number, boolean, boolean])[] {
  const id = rig.submit(sqe)
  return story(rig.wait(2), id)
}

export function zeroCopying({ prove }: Contract): void {
  prove('a result with F_MORE, then a notification without; the bytes arrive', (rig) => {
    const [ours, peer] = rig.pair()
    rig.provideAll()
    for (const sqe of both(rig, ours, 'hello')) {
      expect(two(rig, sqe)).toEqual([
        [5, true, false],
        [0, false, true],
      ])
      const id = rig.receive(peer)
      expect(rig.received(rig.wait()[0]!).toString()).toBe('hello')
      rig.submit({ op: abi.OP_ASYNC_CANCEL, addr: id, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
      rig.wait()
    }
    expect(rig.settle(5)).toEqual([])
  })

  prove('asked how it went, the notification says that this machine copied: loopback always does', (rig) => {
    const [ours] = rig.pair()
    for (const sqe of both(rig, ours, 'hello')) {
      const id = rig.submit({ ...sqe, ioprio: abi.SEND_ZC_REPORT_USAGE })
      const cqes = rig.wait(2)
      expect(cqes.map((cqe) => [cqe.id, cqe.res >>> 0, cqe.notification === true])).toEqual([
        [id, 5, false],
        [id, abi.NOTIF_COPIED, true],
      ])
    }
  })

  prove('a failure notifies too', (rig) => {
    const [ours] = rig.pair()
    rig.call({ op: abi.CALL_SHUTDOWN, fd: ours, a: abi.SHUT_WR })
    for (const [fd, error] of [
      [ours, 'EPIPE'],
      [99_999, 'EBADF'],
    ] as const) {
      for (const sqe of both(rig, fd, 'hello')) {
        expect(two(rig, sqe)).toEqual([
          [error, true, false],
          [0, false, true],
        ])
      }
    }
  })

  prove('a socket that cannot send without copying: -EOPNOTSUPP, and the notification', (rig) => {
    const [unix] = socketpair(abi.SOCK_STREAM).map((fd) => rig.own(fd))
    for (const sqe of both(rig, unix!, 'hello')) {
      expect(two(rig, sqe)).toEqual([
        ['ENOTSUP', true, false],
        [0, false, true],
      ])
    }
  })

  prove('it cannot be silent, nor take a provided buffer', (rig) => {
    const [ours] = rig.pair()
    for (const sqe of both(rig, ours, 'hello')) {
      expect(name(rig.one({ ...sqe, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS }).res)).toBe('EINVAL')
    }
    expect(rig.settle(5)).toEqual([])
  })

  prove(
    'what does not fit waits, and is sent whole before its notification',
    (rig) => {
      const [ours, peer] = rig.narrowPair()
      const length = 3 << 20
      const at = rig.alloc(length)
      for (let i = 0; i < length; i += 4096) rig.view.setUint32(at + i, i, true)
      const id = rig.submit({ op: abi.OP_SEND_ZC, fd: ours, addr: rig.address(at), len: length, opFlags: WHOLE })
      rig.enter()
      rig.provideAll()
      let [receiving, have] = [rig.receive(peer), 0]
      const [mine, parts]: [Cqe[], Buffer[]] = [[], []]
      while (have < length || mine.length < 2) {
        for (const cqe of rig.wait()) {
          if (cqe.id === id) mine.push(cqe)
          else {
            if (cqe.buffer !== undefined) {
              parts.push(rig.received(cqe))
              have += cqe.res
              rig.provide(cqe.buffer)
            }
            if (!cqe.more && have < length) receiving = rig.receive(peer)
          }
        }
      }
      expect(receiving).toBeGreaterThan(0)
      expect(story(mine, id)).toEqual([
        [length, true, false],
        [0, false, true],
      ])
      expect(Buffer.concat(parts).equals(rig.bytes.subarray(at, at + length))).toBe(true)
    },
    { buffers: 16, bufferBytes: 65536 },
  )

  prove('a linked op runs after the result, without waiting for the notification', (rig) => {
    const [ours] = rig.pair()
    const [sqe] = both(rig, ours, 'hello') as [Sqe]
    const id = rig.submit({ ...sqe, flags: abi.SQE_FLAG_IO_LINK })
    const next = rig.submit({ op: abi.OP_NOP })
    const cqes = rig.wait(3)
    expect(cqes.findIndex((cqe) => cqe.id === id)).toBeLessThan(cqes.findIndex((cqe) => cqe.id === next))
    expect(story(cqes, id)).toHaveLength(2)
  })
}
