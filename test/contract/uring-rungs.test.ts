// What both rungs of io_uring do beyond the contract: overflow counted, wakes from outside, incremental buffers, and a
// close after which nothing writes to the memory.
import { describe, expect, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { native } from '../../src/kernel/native.ts'
import { pipe, read, readable, write } from './fixtures/libc.ts'
import { absence, URING_KERNELS } from './kernels.ts'
import { name, RECEIVE, Rig, type RigOptions } from './rig.ts'

const FORCE_ASYNC = 16 // IOSQE_ASYNC: a thread of the kernel's executes it, blocking

test('a rung that is not there says why', () => {
  expect(absence('uring', 99)).toMatch(/^uring cannot be used here \(ENOSYS\): .+; .+/)
})

describe.each(URING_KERNELS)('%s', (_, kernel) => {
  const withRig = (options: RigOptions, body: (rig: Rig) => void): void => {
    const rig = new Rig(kernel, options)
    try {
      body(rig)
    } finally {
      rig.close()
    }
  }
  const overflows = (rig: Rig): number => Number(rig.view.getBigUint64(abi.CONTROL_OVERFLOWS, true))

  test('says that sends and files belong into SQEs', () => {
    withRig({}, (rig) => {
      const wanted = abi.FEATURE_SEND_SQE | abi.FEATURE_ASYNC_FILES
      expect(rig.u32(abi.CONTROL_FEATURES) & wanted).toBe(wanted)
      expect(rig.u32(abi.CONTROL_BUFFER_MODE)).toBe(abi.BUFFERS_PLAIN)
      expect([rig.ready(), rig.enter()]).toEqual([0, 0])
    })
  })

  test('counts the enters that held completions back', () => {
    withRig({ sqEntries: 4, cqEntries: 4 }, (rig) => {
      for (let i = 0; i < 3; i++) {
        for (let j = 0; j < 4; j++) rig.submit({ op: abi.OP_NOP })
        rig.enter()
      }
      expect(overflows(rig)).toBe(2)
      for (let i = 0; i < 3; i++) {
        expect(rig.take()).toHaveLength(4)
        rig.enter()
      }
      expect([rig.ready(), overflows(rig)]).toEqual([0, 3])
      rig.enter()
      expect(overflows(rig)).toBe(3)
    })
  })

  test('its descriptor is readable while there is something to deliver, and not when there is not', () => {
    withRig({ buffers: 256, bufferBytes: 64, sqEntries: 256, cqEntries: 512 }, (rig) => {
      // more than the 20 items of deferred work that Linux does in one enter
      const pairs = Array.from({ length: 60 }, () => rig.pair())
      rig.provideAll()
      for (const [ours] of pairs) rig.receive(ours)
      rig.enter()
      const fd = native().waitFd(rig.loop)
      expect(native().waitFd(rig.loop)).toBe(fd)
      expect(readable(fd)).toBe(true) // nobody knows what came before
      rig.enter()
      expect(readable(fd)).toBe(false)
      for (let round = 0; round < 20; round++) {
        for (const [, peer] of pairs) rig.send(peer, 'x')
        let seen = 0
        for (let looks = 0; seen < pairs.length && looks < 100; looks++) {
          expect(readable(fd)).toBe(true)
          rig.enter()
          for (const cqe of rig.take()) {
            seen++
            rig.provide(cqe.buffer!)
          }
        }
        expect(seen).toBe(pairs.length)
        rig.enter()
        expect(readable(fd)).toBe(false)
      }
    })
  })

  test('its descriptor stays readable while a full CQ holds something back', () => {
    withRig({ sqEntries: 4, cqEntries: 4 }, (rig) => {
      const fd = native().waitFd(rig.loop)
      for (let i = 0; i < 2; i++) {
        for (let j = 0; j < 4; j++) rig.submit({ op: abi.OP_NOP })
        rig.enter()
      }
      expect(readable(fd)).toBe(true)
      rig.take()
      rig.enter()
      expect([rig.ready(), readable(fd)]).toEqual([4, false])
    })
  })

  test('receives continue in a buffer where that is wished for', () => {
    withRig({ mode: abi.BUFFERS_INCREMENTAL, buffers: 4, bufferBytes: 16 }, (rig) => {
      if (rig.u32(abi.CONTROL_BUFFER_MODE) === abi.BUFFERS_PLAIN) return // a Linux before 6.12 has said so
      const [ours, peer] = rig.pair()
      rig.provide(2, 1)
      rig.receive(ours)
      const flags: number[] = []
      for (const text of ['abcdef', 'ghij', 'klmnopqrst']) {
        rig.send(peer, text)
        for (let left = text.length; left > 0; ) {
          expect(rig.enter(1)).toBeGreaterThan(0)
          const head = rig.u32(rig.u32(abi.CONTROL_CQ_HEAD))
          const at = rig.u32(abi.CONTROL_CQES) + (head % rig.u32(abi.CONTROL_CQ_ENTRIES)) * abi.CQE_BYTES
          flags.push(rig.u32(at + abi.CQE_FLAGS) & abi.CQE_FLAG_BUF_MORE)
          left -= rig.take(1)[0]!.res
        }
      }
      expect(rig.text(rig.bufferAt(2), 16)).toBe('abcdefghijklmnop')
      expect(rig.text(rig.bufferAt(1), 4)).toBe('qrst')
      const more = abi.CQE_FLAG_BUF_MORE
      expect(flags).toEqual([more, more, 0, more])
    })
  })

  test('after a close nothing writes to the memory, and no byte is swallowed', () => {
    const rig = new Rig(kernel)
    const other = new Rig(abi.KERNEL_EPOLL) // owns the sockets, which live on
    const [ours, peer] = other.pair()
    const [once, oncePeer] = other.pair()
    const [reader, writer] = pipe()
    const [asyncReader, asyncWriter] = pipe()
    rig.provideAll()
    const at = rig.alloc(64)
    rig.submit({ ...RECEIVE, fd: ours })
    rig.submit({ op: abi.OP_RECV, fd: once, addr: rig.address(at), len: 16 })
    rig.submit({ op: abi.OP_READ, fd: reader, addr: rig.address(at + 16), len: 16 })
    rig.submit({ op: abi.OP_READ, fd: asyncReader, addr: rig.address(at + 32), len: 16, flags: FORCE_ASYNC })
    rig.submit({ op: abi.OP_POLL_ADD, fd: ours, opFlags: abi.POLLIN, len: abi.POLL_MULTISHOT })
    expect(name(rig.enter(1, 20))).toBe('ETIME')
    const before = Buffer.from(rig.bytes)
    rig.close()
    for (const fd of [peer, oncePeer]) expect(other.send(fd, 'late')).toBe(4)
    for (const fd of [writer, asyncWriter]) expect(write(fd, Buffer.from('late'), 4)).toBe(4)
    const text = new Uint8Array(8)
    for (const fd of [ours, once, reader, asyncReader]) expect(read(fd, text, 8)).toBe(4)
    const stamps = abi.CONTROL_BYTES // of clocks and counters, and the rings behind it with what was cancelled
    const rings = abi.RINGS_BYTES_FIXED + 256 * abi.CQE_BYTES
    expect(Buffer.from(rig.bytes.subarray(stamps + rings)).equals(before.subarray(stamps + rings))).toBe(true)
    const closed = Buffer.from(rig.bytes)
    for (const fd of [peer, oncePeer]) other.send(fd, 'later')
    expect(Buffer.from(rig.bytes).equals(closed)).toBe(true)
    for (const fd of [reader, writer, asyncReader, asyncWriter]) other.own(fd)
    other.close()
  })

  test('a close with completions that nobody took, and some held back, ends as well', () => {
    const rig = new Rig(kernel, { sqEntries: 4, cqEntries: 4 })
    for (let i = 0; i < 5; i++) {
      for (let j = 0; j < 4; j++) rig.submit({ op: abi.OP_NOP })
      rig.enter()
    }
    for (let j = 0; j < 4; j++) rig.submit({ op: abi.OP_NOP }) // never entered
    rig.close()
  })

  test('loops come and go, and leave no descriptor behind', () => {
    const before = new Rig(kernel)
    const first = before.own(before.socket())
    before.close()
    for (let i = 0; i < 5; i++) new Rig(kernel).close()
    const after = new Rig(kernel)
    expect(after.socket()).toBe(first)
    after.close()
  })
})
