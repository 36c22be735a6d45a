// From files to sockets: the immediate calls of every way to send a file, with files of the machine.
import { closeSync, openSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import { dropCache } from '../fixtures/libc.ts'
import type { Contract } from '../kernel.contract.ts'
import { type Call, name, type Rig } from '../rig.ts'
import { countPipeSignals } from '../signals.ts'

const SO_SNDBUF = 7
const MIB = 1 << 20
const GIB = 2 ** 30
const { CALL_LINK, CALL_SEND, CALL_SENDFILE, CALL_MMAP_SEND, CALL_SPLICE, CALL_PREAD, CALL_RESIDENT } = abi
/** The calls that take bytes from a file to a socket in one go. */
const DIRECTLY = { sendfile: CALL_SENDFILE, 'mmap and send': CALL_MMAP_SEND } as const

/** `length` bytes of which no two stretches are alike. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32LE(Math.imul(i, 0x9e3779b1) >>> 0, i)
  return bytes
}

type FileBody = (fd: number, path: string) => unknown

/** A file of `bytes`, open to be read, in a folder of its own. */
async function withFile(rig: Rig, bytes: Buffer, body: FileBody, root?: string): Promise<void> {
  const machine = rig.machine()
  const folder = machine.folder(root)
  const path = `${folder}/file`
  machine.putFile(path, bytes)
  const a = rig.store(Buffer.from(`${path}\0`))
  const fd = rig.own(rig.call({ op: abi.CALL_OPEN, fd: abi.AT_FDCWD, a, b: abi.O_RDONLY }))
  try {
    await body(fd, path)
  } finally {
    rig.shut(fd)
    machine.removeFolder(folder)
  }
}

/** Exactly `length` bytes that lie in a socket. */
function taken(rig: Rig, fd: number, length: number): Buffer {
  const at = rig.alloc(length)
  const whole = { op: abi.OP_RECV, fd, addr: rig.address(at), len: length, opFlags: abi.MSG_WAITALL } as const
  expect(rig.one(whole).res).toBe(length)
  const bytes = Buffer.from(rig.bytes.slice(at, at + length))
  rig.rewind(at)
  return bytes
}

/** Runs calls in one list → their results, by name. */
function list(rig: Rig, ...calls: Call[]): (string | number)[] {
  rig.queueCalls(...calls)
  rig.enter(0, 0, calls.length)
  return rig.takeCalls().map(name)
}

/** Fills the socket until it takes no more. */
function fill(rig: Rig, fd: number): void {
  expect(rig.call({ op: abi.CALL_SETSOCKOPT, fd, a: abi.SOL_SOCKET, b: SO_SNDBUF, c: 4096 })).toBe(0)
  const at = rig.alloc(MIB)
  let r = 0
  while (r >= 0) r = rig.call({ op: CALL_SEND, fd, a: at, b: MIB })
  expect(name(r)).toBe('EAGAIN')
}

/** Asks what of a file lies in memory: `a` bytes needed, `b` looked at, from `c` on. */
const resident = (rig: Rig, fd: number, c: number, a: number, b: number): number =>
  rig.call({ op: CALL_RESIDENT, fd, a, b, c })

const ignore = (): void => undefined

export function transferring({ prove }: Contract): void {
  prove('a file is opened, looked at and read by calls', async (rig) => {
    const bytes = pattern(10_000)
    await withFile(rig, bytes, (_, path) => {
      const a = rig.store(Buffer.from(`${path}\0`))
      const fd = rig.own(rig.call({ op: abi.CALL_OPEN, fd: abi.AT_FDCWD, a, b: abi.O_RDONLY }))
      const about = rig.alloc(abi.STATX_BYTES)
      expect(rig.call({ op: abi.CALL_FSTAT, fd, a: about })).toBe(0)
      expect(rig.view.getUint16(about + abi.STATX_MODE, true) & abi.S_IFMT).toBe(abi.S_IFREG)
      expect(rig.view.getBigUint64(about + abi.STATX_SIZE, true)).toBe(10_000n)
      const to = rig.alloc(4096)
      expect(rig.call({ op: CALL_PREAD, fd, a: to, b: 4096, c: 9000 })).toBe(1000)
      expect(rig.text(to, 1000)).toBe(bytes.toString('latin1', 9000))
      expect(rig.call({ op: CALL_PREAD, fd, a: to, b: 4096, c: 10_000 })).toBe(0)
      const other = rig.call({ op: abi.CALL_REOPEN, fd })
      expect(other === -abi.EINVAL || rig.own(other) !== fd).toBe(true) // not every file system reads directly
    })
  })

  prove('what cannot be opened says why', async (rig) => {
    const open = (path: string): string | number => {
      const a = rig.store(Buffer.from(path))
      return name(rig.call({ op: abi.CALL_OPEN, fd: abi.AT_FDCWD, a }))
    }
    expect(open('/nowhere/at/all\0')).toBe('ENOENT')
    await withFile(rig, pattern(8), (_, path) => expect(open(`${path}/below\0`)).toBe('ENOTDIR'))
    expect(open(`${'/x'.repeat(3000)}\0`)).toBe('ENAMETOOLONG')
    const end = rig.bytes.length
    rig.bytes.fill(65, end - 16)
    const outside = { op: abi.CALL_OPEN, fd: abi.AT_FDCWD, a: end - 16 } as const
    expect(name(rig.call(outside))).toBe('EFAULT')
    expect(name(rig.call({ op: abi.CALL_FSTAT, fd: 1, a: end - 16 }))).toBe('EFAULT')
    expect(name(rig.call({ op: CALL_PREAD, fd: 1, a: end - 16, b: 17 }))).toBe('EFAULT')
    expect(name(rig.call({ op: abi.CALL_FSTAT, fd: 9999, a: rig.alloc(256) }))).toBe('EBADF')
    expect(name(rig.call({ op: CALL_RESIDENT, fd: 9999, a: 1, b: 1 }))).toBe('EBADF')
  })

  for (const [way, op] of Object.entries(DIRECTLY)) {
    prove(`${way}: bytes from any place, 0 at the end of the file`, async (rig) => {
      const bytes = pattern(200_001)
      const [ours, peer] = rig.pair()
      await withFile(rig, bytes, (a) => {
        for (const [c, b] of [
          [0, 1],
          [1, 4095],
          [4095, 3],
          [4097, 8192],
          [100_003, 30_000],
          [200_000, 1],
        ] as const) {
          expect(rig.call({ op, fd: peer, a, b, c })).toBe(b)
          expect(taken(rig, ours, b).equals(bytes.subarray(c, c + b))).toBe(true)
        }
        expect(rig.call({ op, fd: peer, a, b: 10, c: 200_001 })).toBe(0)
        expect(rig.call({ op, fd: peer, a, b: 10, c: 300_000 })).toBe(0)
      })
    })

    prove(`${way}: places beyond 4 GiB`, async (rig) => {
      const [ours, peer] = rig.pair()
      await withFile(rig, Buffer.alloc(0), (fd, path) => {
        const place = 5 * GIB + 123
        const writer = openSync(path, 'r+')
        writeSync(writer, Buffer.from('far away'), 0, 8, place)
        closeSync(writer)
        expect(rig.call({ op, fd: peer, a: fd, b: 12, c: place - 4 })).toBe(12)
        expect(taken(rig, ours, 12).toString()).toBe('\0\0\0\0far away')
      })
    })

    prove(`${way}: a full socket says -EAGAIN, a closed one -EPIPE without a signal`, async (rig) => {
      const [, full] = rig.pair()
      fill(rig, full)
      const [ours, peer] = rig.pair()
      await withFile(rig, pattern(MIB), async (a) => {
        let r = 0
        while (r >= 0) r = rig.call({ op, fd: full, a, b: MIB, c: 0 }) // the peer's kernel may take a little more
        expect(name(r)).toBe('EAGAIN')
        rig.shut(ours)
        rig.settle(5)
        process.on('SIGPIPE', ignore) // until now Node ignored it, which is believed for a tenth of a second
        await new Promise((resolve) => setTimeout(resolve, 150))
        const signals = await countPipeSignals(() => {
          rig.send(peer, 'x')
          rig.settle(5)
          for (let i = 0; i < 2; i++) rig.call({ op, fd: peer, a, b: 10, c: 0 })
          expect(name(rig.call({ op, fd: peer, a, b: 10, c: 0 }))).toBe('EPIPE')
        })
        process.off('SIGPIPE', ignore)
        expect(signals).toBe(0)
      })
    })

    prove(`${way}: a file that has become shorter never yields bytes it does not have`, async (rig) => {
      const [, peer] = rig.pair()
      await withFile(rig, pattern(64 * 1024), (fd, path) => {
        rig.machine().truncateFile(path, 5000)
        // how a send that meets the end is cut is Linux's business (tcp_sendmsg counts whole chunks), so that it is
        // gone on with. A mapping is zero up to the end of its page, and whoever has sent such zeros says 0: the end.
        let sent = 0
        for (let r = 1; r > 0; sent += r) r = rig.call({ op, fd: peer, a: fd, b: 32 * 1024, c: sent })
        if (op === CALL_SENDFILE) expect(sent).toBe(5000)
        expect(sent).toBeLessThanOrEqual(5000)
        expect(rig.call({ op, fd: peer, a: fd, b: 4096, c: 8192 })).toBe(0)
        rig.machine().truncateFile(path, 0)
        expect(rig.call({ op, fd: peer, a: fd, b: 4096, c: 0 })).toBe(0)
      })
    })
  }

  prove('splice: file, pipe, socket; what the socket does not take stays in the pipe', async (rig) => {
    const bytes = pattern(200_001)
    const [ours, peer] = rig.pair()
    await withFile(rig, bytes, (a) => {
      const ends = rig.alloc(8)
      const capacity = rig.call({ op: abi.CALL_PIPE, a: ends, b: 256 * 1024 })
      expect(capacity).toBeGreaterThanOrEqual(4096)
      const [out, into] = [rig.own(rig.view.getInt32(ends, true)), rig.own(rig.view.getInt32(ends + 4, true))]
      const count = Math.min(capacity, 16_384)
      expect(rig.call({ op: CALL_SPLICE, fd: into, a, b: count, c: 8192 })).toBe(count)
      expect(rig.call({ op: CALL_SPLICE, fd: peer, a: out, b: count, c: -1 })).toBe(count)
      expect(taken(rig, ours, count).equals(bytes.subarray(8192, 8192 + count))).toBe(true)
      expect(name(rig.call({ op: CALL_SPLICE, fd: peer, a: out, b: 1, c: -1 }))).toBe('EAGAIN') // it is empty
      expect(rig.call({ op: CALL_SPLICE, fd: into, a, b: count, c: 200_001 })).toBe(0)
      fill(rig, peer)
      let left = 0
      for (let r = 1; r > 0; left -= Math.max(r, 0)) {
        if (left === 0) left = rig.call({ op: CALL_SPLICE, fd: into, a, b: 4096, c: 0 })
        r = rig.call({ op: CALL_SPLICE, fd: peer, a: out, b: left, c: -1 }) // the peer's kernel may take a little more
        if (r < 0) expect(name(r)).toBe('EAGAIN')
      }
      const rest = Buffer.alloc(left)
      expect(rig.machine().read(out, rest)).toBe(left)
      expect(rest.equals(bytes.subarray(4096 - left, 4096))).toBe(true)
    })
    expect(name(rig.call({ op: abi.CALL_PIPE, a: rig.bytes.length - 4, b: 4096 }))).toBe('EFAULT')
  })

  prove('a linked call runs only behind a whole success', async (rig) => {
    const [ours, peer] = rig.pair()
    const head = rig.store(Buffer.from('head'))
    await withFile(rig, pattern(1000), (a) => {
      const send = { op: CALL_SEND, fd: peer, a: head, b: 4 } as const
      const file = { op: CALL_SENDFILE | CALL_LINK, fd: peer, a, b: 1000 } as const
      expect(list(rig, { ...send, op: CALL_SEND | abi.CALL_MORE }, file)).toEqual([4, 1000])
      expect(taken(rig, ours, 1004).subarray(0, 4).toString()).toBe('head')
      expect(list(rig, { ...send, fd: 9999 }, file, { ...send, op: CALL_SEND | CALL_LINK }, send)).toEqual([
        'EBADF',
        'ECANCELED',
        'ECANCELED',
        4,
      ])
      // a file that is shorter than asked for is no whole success
      expect(list(rig, { ...file, op: CALL_SENDFILE, b: 1001 }, { ...send, op: CALL_SEND | CALL_LINK })).toEqual([
        1000,
        'ECANCELED',
      ])
      taken(rig, ours, 1004)
      fill(rig, peer)
      const whole = { ...send, a: rig.alloc(MIB), b: MIB }
      expect(list(rig, whole, file)[1]).toBe('ECANCELED')
    })
  })

  prove('residency: what lies in memory, and what has no pages at all', async (rig) => {
    await withFile(rig, pattern(MIB), (fd) => {
      expect(resident(rig, fd, 0, 4096, MIB)).toBe(MIB)
      expect(resident(rig, fd, MIB, 0, 0)).toBe(0)
      expect(resident(rig, fd, 2 * MIB, 1, 4096)).toBe(4096) // nothing to wait for behind the end
      expect(name(resident(rig, fd, 0, 10, 5))).toBe('EINVAL')
    })
    const [reader] = rig
      .machine()
      .pipe()
      .map((fd) => rig.own(fd))
    expect(resident(rig, reader!, 0, 1, 4096)).toBe(4096) // cannot be told, so that the attempt must
  })

  prove('residency: what does not lie in memory yet is fetched; a hole is nothing to fetch', async (rig) => {
    await withFile(
      rig,
      pattern(4 * MIB),
      async (fd) => {
        dropCache(fd)
        const to = rig.alloc(4096)
        const first = rig.call({ op: CALL_PREAD, fd, a: to, b: 4096, c: 3 * MIB })
        expect([4096, -abi.EAGAIN]).toContain(first) // some file systems cannot drop pages
        expect(rig.call({ op: abi.CALL_PREAD_WAIT, fd, a: to, b: 4096, c: 2 * MIB })).toBe(4096)
        const end = performance.now() + 10_000
        while (resident(rig, fd, 0, 4 * MIB, 4 * MIB) !== 4 * MIB) {
          expect(performance.now()).toBeLessThan(end) // the answer 0 has begun to read
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      },
      join(import.meta.dirname, '..', '..', '..', 'build'),
    )
    await withFile(rig, Buffer.alloc(0), async (fd, path) => {
      truncateSync(path, 5 * GIB)
      for (let i = 0; i < 100 && resident(rig, fd, 4 * GIB, MIB, 2 * MIB) === 0; i++) {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      expect(resident(rig, fd, 4 * GIB, MIB, 2 * MIB)).toBe(2 * MIB)
    })
  })
}
