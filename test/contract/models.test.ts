// What the I/O models have of their own beside the contract: signals and their queue, descriptors that a set cannot
// hold, and mechanisms that nobody outside can wait on.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { KERNEL_MODELS, kernelModel } from '../../src/kernel/models.ts'
import { native } from '../../src/kernel/native.ts'
import { close, dupFrom, eventfd, limitSignals, write } from './fixtures/libc.ts'
import { name, RECEIVE, Rig } from './rig.ts'
import { withRig } from './with-rig.ts'

const EFD_NONBLOCK = 0x800
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer)
const ACCEPTS = { op: abi.OP_ACCEPT, opFlags: abi.SOCK_CLOEXEC, ioprio: abi.ACCEPT_MULTISHOT } as const
const FD_SETSIZE = 1024

describe('the table of models', () => {
  test('names each kernel once, and says where each ends', () => {
    const names = KERNEL_MODELS.map((model) => model.name)
    expect(new Set(names).size).toBe(names.length)
    expect(new Set(KERNEL_MODELS.map((model) => model.kernel)).size).toBe(names.length)
    expect(KERNEL_MODELS.filter((model) => model.cost === 'O(n)').map((model) => model.name)).toEqual([
      'poll',
      'select',
      'spin',
    ])
  })

  test.each(['epoll', 'epoll-edge', 'poll', 'select', 'signal', 'spin'].map((each) => kernelModel(each)!))(
    'is what the shim does: $name',
    ({ kernel, descriptors, waitsOutside }) => {
      const rig = new Rig(kernel)
      expect(rig.u32(abi.CONTROL_FD_LIMIT)).toBe(descriptors ?? 0)
      const fd = native().waitFd(rig.loop)
      if (waitsOutside) expect(fd).toBeGreaterThan(2)
      else expect(name(fd)).toBe('ENOSYS')
      rig.close()
    },
  )
})

/** Signals that this thread blocks, as a mask. */
const blocked = (): bigint =>
  BigInt(`0x${/SigBlk:\s*([0-9a-f]+)/.exec(readFileSync(`/proc/self/task/${process.pid}/status`, 'utf8'))![1]}`)

describe('signal', () => {
  test('blocks two signals of its thread while it is open, and no longer', () => {
    const before = blocked()
    const [one, two] = [new Rig(abi.KERNEL_SIGNAL), new Rig(abi.KERNEL_SIGNAL)]
    const added = blocked() & ~before
    const bit = (signal: bigint): bigint => 1n << (signal - 1n)
    expect(added).toBe(bit(64n) | bit(63n) | bit(29n)) // two of SIGRTMAX down, and SIGIO once
    one.close()
    expect(blocked() & ~before).toBe(bit(63n) | bit(29n))
    two.close()
    expect(blocked()).toBe(before)
  })

  test('survives the end of a loop whose sockets still signal, and of one with signals in its queue', () => {
    for (let i = 0; i < 5; i++) {
      const rig = new Rig(abi.KERNEL_SIGNAL)
      const [ours, peer] = rig.pair()
      rig.provideAll()
      rig.receive(ours)
      rig.enter()
      rig.send(peer, 'queued')
      rig.disown(ours)
      rig.disown(peer)
      rig.close()
      write(peer, ONE, 8) // would end the process by the signal's default
      close(ours)
      close(peer)
    }
  })

  test(
    'a full queue of signals loses nothing: everything is looked at once',
    withRig(
      abi.KERNEL_SIGNAL,
      (rig) => {
        rig.provideAll()
        const pairs = Array.from({ length: 300 }, (_, i) => {
          const [ours, peer] = rig.pair()
          rig.receive(ours, 10_000 + i)
          rig.enter()
          return { peer, id: 10_000 + i }
        })
        const former = limitSignals(0)
        try {
          for (const { peer } of pairs) rig.send(peer, 'lost?')
        } finally {
          limitSignals(former)
        }
        const seen = new Set<number>()
        while (seen.size < pairs.length) {
          for (const cqe of rig.wait()) {
            expect(rig.received(cqe).toString()).toBe('lost?')
            rig.provide(cqe.buffer!)
            seen.add(cqe.id)
          }
        }
        expect(rig.settle(5)).toEqual([])
      },
      { cqEntries: 64, buffers: 64, bufferBytes: 64 },
    ),
  )

  test('two loops of a thread: an overflow that one reads is not lost for the other', async () => {
    const rigs = [new Rig(abi.KERNEL_SIGNAL), new Rig(abi.KERNEL_SIGNAL)]
    const peers = rigs.map((rig) => {
      const [ours, peer] = rig.pair()
      rig.provideAll()
      rig.receive(ours)
      rig.enter()
      return peer
    })
    const former = limitSignals(0)
    for (const [i, rig] of rigs.entries()) rig.send(peers[i]!, 'both')
    limitSignals(former)
    for (const rig of rigs) expect(rig.received(rig.wait()[0]!).toString()).toBe('both')
    for (const rig of rigs) rig.close()
  })

  test(
    'what raises no signals, an eventfd, is waited for all the same',
    withRig(abi.KERNEL_SIGNAL, (rig) => {
      const fds = Array.from({ length: 5 }, () => rig.own(eventfd(0, EFD_NONBLOCK)))
      const at = rig.alloc(8)
      for (const fd of fds) rig.submit({ op: abi.OP_READ, fd, addr: rig.address(at), len: 8, off: -1, id: fd })
      rig.enter()
      for (const fd of fds) {
        write(fd, ONE, 8)
        expect(rig.wait()).toEqual([{ id: fd, res: 8, more: false, buffer: undefined }])
      }
    }),
  )
})

describe('select', () => {
  test(
    'an op that has to wait on a descriptor beyond its sets is -EMFILE, and counted',
    withRig(abi.KERNEL_SELECT, (rig) => {
      const fd = rig.own(eventfd(0, EFD_NONBLOCK))
      const high = rig.own(dupFrom(fd, FD_SETSIZE))
      expect(name(rig.one({ op: abi.OP_POLL_ADD, fd: high, opFlags: abi.POLLIN }).res)).toBe('EMFILE')
      const [ours, peer] = rig.pair()
      const far = rig.own(dupFrom(ours, FD_SETSIZE))
      rig.provideAll()
      rig.send(peer, 'here')
      const at = rig.alloc(8)
      expect(rig.one({ op: abi.OP_RECV, fd: far, addr: rig.address(at), len: 8 }).res).toBe(4) // no wait, no limit
      expect(name(rig.one({ op: abi.OP_RECV, fd: far, addr: rig.address(at), len: 8 }).res)).toBe('EMFILE')
      expect(rig.view.getBigUint64(abi.CONTROL_FDS_REFUSED, true)).toBe(2n)
      expect(rig.one({ op: abi.OP_POLL_ADD, fd: peer, opFlags: abi.POLLOUT }).res).toBe(abi.POLLOUT)
    }),
  )

  test(
    'a connection accepted beyond them waits as if in the backlog, and gets the next free number',
    withRig(
      abi.KERNEL_SELECT,
      (rig) => {
        const { fd: listener, port } = rig.listen()
        const dials = Array.from({ length: 3 }, () => rig.socket())
        rig.submit({ ...ACCEPTS, fd: listener })
        rig.enter()
        const fill: number[] = []
        while ((fill.at(-1) ?? 0) < FD_SETSIZE - 1) fill.push(dupFrom(listener, 0))
        for (const fd of dials) {
          rig.submit({ ...rig.connecting(fd, port), flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
        }
        expect(rig.wait().map((cqe) => [name(cqe.res), cqe.more])).toEqual([['EMFILE', false]])
        rig.submit({ ...ACCEPTS, fd: listener })
        expect(rig.wait().map((cqe) => name(cqe.res))).toEqual(['EMFILE'])
        for (const fd of fill.splice(0, 2)) close(fd)
        rig.submit({ ...ACCEPTS, fd: listener })
        const cqes = rig.wait(3)
        expect(cqes.map((cqe) => name(cqe.res) === 'EMFILE')).toEqual([false, false, true])
        for (const fd of fill) close(fd)
        rig.submit({ ...ACCEPTS, fd: listener })
        const accepted = [...cqes.slice(0, 2), ...rig.wait()].map((cqe) => rig.own(cqe.res))
        expect(Math.max(...accepted)).toBeLessThan(FD_SETSIZE)
        for (const [i, fd] of dials.entries()) rig.send(fd, `client ${i}`)
        rig.provideAll()
        for (const fd of accepted) rig.receive(fd)
        const texts: string[] = []
        while (texts.length < 3) texts.push(...rig.wait().map((cqe) => rig.received(cqe).toString()))
        expect(texts.sort()).toEqual(['client 0', 'client 1', 'client 2'])
        expect(rig.view.getBigUint64(abi.CONTROL_FDS_REFUSED, true)).toBe(3n)
      },
      { cqEntries: 64 },
    ),
  )
})

describe('a descriptor that somebody else closes', () => {
  test.each(['poll', 'select'])('ends its ops with -EBADF: %s', (each) => {
    const rig = new Rig(kernelModel(each)!.kernel)
    const fd = eventfd(0, EFD_NONBLOCK)
    const [ours] = rig.pair()
    rig.provideAll()
    const receive = rig.receive(ours)
    const poll = rig.submit({ op: abi.OP_POLL_ADD, fd, opFlags: abi.POLLIN })
    rig.enter()
    close(fd)
    expect(rig.wait().map((cqe) => [cqe.id, name(cqe.res)])).toEqual([[poll, 'EBADF']])
    expect(rig.settle(5)).toEqual([])
    rig.submit({ op: abi.OP_ASYNC_CANCEL, addr: receive, flags: abi.SQE_FLAG_CQE_SKIP_SUCCESS })
    expect(rig.wait()).toHaveLength(1)
    rig.close()
  })
})

describe.each(['poll', 'spin', 'signal', 'epoll-edge'])('more descriptors than one wait reports: %s', (each) => {
  test(
    'every one has its turn',
    withRig(
      kernelModel(each)!.kernel,
      (rig) => {
        rig.provideAll()
        const peers = Array.from({ length: 600 }, (_, i) => {
          const [ours, peer] = rig.pair()
          rig.submit({ ...RECEIVE, fd: ours, id: 1000 + i })
          rig.enter()
          return peer
        })
        for (let round = 0; round < 3; round++) {
          for (const peer of peers) rig.send(peer, 'hello')
          const seen = new Set<number>()
          while (seen.size < peers.length) {
            for (const cqe of rig.wait()) {
              seen.add(cqe.id)
              rig.provide(cqe.buffer!)
            }
          }
        }
        expect(rig.settle(5)).toEqual([])
      },
      { cqEntries: 256, buffers: 256, bufferBytes: 16 },
    ),
  )
})
