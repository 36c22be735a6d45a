// Kernels that tell a change once: nothing that one event left, merged or found nobody for is ever lost.
import { describe, expect, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { native, pollFd } from '../../src/kernel/native.ts'
import { dup } from './fixtures/libc.ts'
import { type Cqe, name, type Rig } from './rig.ts'
import { withRig } from './with-rig.ts'

/** All bytes of multishot receives until `bytes` are there, giving buffers back. */
function collect(rig: Rig, bytes: number): string {
  let text = ''
  while (text.length < bytes) {
    for (const cqe of rig.wait()) {
      expect(cqe.more).toBe(true)
      text += rig.received(cqe).toString('latin1')
      rig.provide(cqe.buffer!)
    }
  }
  return text
}

describe.each([
  ['epoll-edge', abi.KERNEL_EPOLL_EDGE],
  ['signal', abi.KERNEL_SIGNAL],
])('%s, which tells once', (_name, kernel) => {
  test(
    'goes on with what one event left, without another event',
    withRig(
      kernel,
      (rig) => {
        const [ours, peer] = rig.pair()
        rig.provideAll()
        rig.receive(ours)
        rig.enter()
        const text = Array.from({ length: 4000 }, (_, i) => String.fromCharCode(97 + (i % 26))).join('')
        rig.send(peer, text)
        expect(collect(rig, text.length)).toBe(text)
      },
      { buffers: 64, bufferBytes: 16 },
    ),
  )

  test(
    'data and the end in one event: both are told',
    withRig(kernel, (rig) => {
      for (let i = 0; i < 20; i++) {
        const [ours, peer] = rig.pair()
        rig.provideAll()
        const id = rig.receive(ours)
        rig.enter()
        rig.send(peer, 'last')
        rig.shut(peer)
        const [data, end] = rig.wait(2) as [Cqe, Cqe]
        expect([data.id, data.res, data.more]).toEqual([id, 4, true])
        expect([end.id, end.res, end.more]).toEqual([id, 0, false])
        rig.shut(ours)
      }
    }),
  )

  test(
    'a receive that is armed again, on an interest that never changed, sees what came in between',
    withRig(kernel, (rig) => {
      const [ours, peer] = rig.pair()
      rig.provideAll()
      const first = rig.receive(ours)
      rig.send(peer, 'one')
      expect(rig.received(rig.wait()[0]!).toString()).toBe('one')
      rig.submit({ op: abi.OP_ASYNC_CANCEL, addr: first, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
      expect(name(rig.wait()[0]!.res)).toBe('ECANCELED')
      rig.send(peer, 'two') // its event finds nobody
      expect(rig.settle(5)).toEqual([])
      rig.receive(ours)
      expect(rig.received(rig.wait()[0]!).toString()).toBe('two')
      const poll = rig.submit({ op: abi.OP_POLL_ADD, fd: ours, opFlags: abi.POLLOUT })
      expect(rig.wait()[0]).toMatchObject({ id: poll, res: abi.POLLOUT })
      expect(rig.one({ op: abi.OP_POLL_ADD, fd: ours, opFlags: abi.POLLOUT }).res).toBe(abi.POLLOUT)
    }),
  )

  test(
    'a waiting receive is not told that buffers lack where there are no bytes either',
    withRig(
      kernel,
      (rig) => {
        const [ours, peer] = rig.pair()
        rig.provide(0)
        rig.receive(ours)
        rig.enter()
        rig.send(peer, 'x'.repeat(64)) // fills the only buffer to its end
        expect(rig.wait()).toHaveLength(1)
        expect(rig.settle(10)).toEqual([])
        rig.send(peer, 'y')
        expect(rig.wait().map((cqe) => name(cqe.res))).toEqual(['ENOBUFS'])
      },
      { bufferBytes: 64 },
    ),
  )

  test(
    'an op linked behind one descriptor leaves the others of that descriptor their event',
    withRig(kernel, (rig) => {
      const [ours, peer] = rig.pair()
      const at = rig.address(rig.alloc(64))
      const link = abi.SQE_FLAG_IO_LINK
      const first = rig.submit({ op: abi.OP_RECV, fd: ours, addr: at, len: 1, flags: link })
      const linked = rig.submit({ op: abi.OP_NOP })
      const second = rig.submit({ op: abi.OP_RECV, fd: ours, addr: at, len: 1 })
      const poll = rig.submit({ op: abi.OP_POLL_ADD, fd: ours, opFlags: abi.POLLIN })
      rig.enter()
      rig.send(peer, 'abc')
      const ids = rig.wait(4).map((cqe) => cqe.id)
      expect(ids.sort()).toEqual([first, linked, second, poll].sort())
    }),
  )

  test(
    'a number that is used again is a new file',
    withRig(kernel, (rig) => {
      rig.provideAll()
      for (let i = 0; i < 20; i++) {
        const [ours, peer] = rig.pair()
        rig.receive(ours)
        rig.enter()
        rig.send(peer, String(i))
        const copy = rig.own(dup(ours)) // keeps the file open, and must not go on telling of the old number
        expect(rig.received(rig.wait()[0]!).toString()).toBe(String(i))
        rig.provideAll()
        rig.shut(ours)
        rig.send(peer, 'into the copy')
        expect(rig.wait().map((cqe) => name(cqe.res))).toEqual(['ECANCELED'])
        expect(rig.settle(1)).toEqual([])
        rig.shut(copy)
        rig.shut(peer)
      }
    }),
  )
})

describe('epoll-edge behind a poll handle', () => {
  test(
    'its descriptor is readable while something is hot, though epoll has told it',
    withRig(
      abi.KERNEL_EPOLL_EDGE,
      async (rig) => {
        const [ours, peer] = rig.pair()
        rig.provideAll()
        rig.receive(ours)
        rig.enter()
        let wake = (): void => {}
        const poll = pollFd(native().waitFd(rig.loop), () => setImmediate(() => wake()))
        rig.send(peer, 'x'.repeat(2000))
        rig.enter() // a budget of receives, and then no more from outside
        expect(rig.take().length).toBeGreaterThan(0)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        poll.close()
      },
      { buffers: 128, bufferBytes: 16 },
    ),
  )
})
