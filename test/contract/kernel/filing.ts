// Files: open, write, read, sync, stat, close, with links as a write-ahead log uses them.
import { expect } from 'vitest'
import * as abi from '../../../assembly/abi.ts'
import type { Contract } from '../kernel.contract.ts'
import { name, type Rig } from '../rig.ts'
import { countPipeSignals } from '../signals.ts'

const AT_FDCWD = -100
const O_RDWR_CREAT = 0o102
const STATX_SIZE = 0x200
const STATX_BYTES = 256
const STATX_SIZE_AT = 40
const LINK = abi.SQE_FLAG_IO_LINK
const DATASYNC = 1

function withFile(rig: Rig, body: (path: string, fd: number) => void): void {
  const { folder: makeFolder, removeFolder } = rig.machine()
  const folder = makeFolder()
  try {
    const path = `${folder}/log`
    const addr = rig.address(rig.store(Buffer.from(`${path}\0`)))
    const opened = rig.one({ op: abi.OP_OPENAT, fd: AT_FDCWD, addr, opFlags: O_RDWR_CREAT, len: 0o600 })
    body(path, rig.own(opened.res))
  } finally {
    removeFolder(folder)
  }
}

export function filing({ prove }: Contract): void {
  prove('open, write, sync, stat, read, close', (rig) => {
    withFile(rig, (path, fd) => {
      const data = rig.store(Buffer.from('hello, file'))
      expect(rig.one({ op: abi.OP_WRITE, fd, addr: rig.address(data), len: 11, off: 3 }).res).toBe(11)
      expect(rig.one({ op: abi.OP_FSYNC, fd, opFlags: DATASYNC }).res).toBe(0)
      expect(rig.one({ op: abi.OP_FSYNC, fd }).res).toBe(0)
      expect(rig.machine().fileText(path)).toBe('\0\0\0hello, file')
      const pathAt = rig.address(rig.store(Buffer.from(`${path}\0`)))
      const stat = rig.alloc(STATX_BYTES)
      const statx = { op: abi.OP_STATX, fd: AT_FDCWD, addr: pathAt, len: STATX_SIZE, off: rig.address(stat) } as const
      expect(rig.one(statx).res).toBe(0)
      expect(rig.view.getBigUint64(stat + STATX_SIZE_AT, true)).toBe(14n)
      const back = rig.alloc(32)
      expect(rig.one({ op: abi.OP_READ, fd, addr: rig.address(back), len: 32, off: 10 }).res).toBe(4)
      expect(rig.text(back, 4)).toBe('file')
      expect(rig.one({ op: abi.OP_CLOSE, fd }).res).toBe(0)
      rig.disown(fd)
      expect(name(rig.one({ op: abi.OP_CLOSE, fd }).res)).toBe('EBADF')
    })
  })

  prove('offset -1 is the position of the file, and moves it', (rig) => {
    withFile(rig, (path, fd) => {
      for (const text of ['one ', 'two']) {
        const addr = rig.address(rig.store(Buffer.from(text)))
        expect(rig.one({ op: abi.OP_WRITE, fd, addr, len: text.length, off: -1 }).res).toBe(text.length)
      }
      expect(rig.machine().fileText(path)).toBe('one two')
    })
  })

  prove('write, then sync, linked: a short read in the place of the write breaks the chain', (rig) => {
    withFile(rig, (_, fd) => {
      const addr = rig.address(rig.store(Buffer.from('0123456789')))
      rig.submit({ op: abi.OP_WRITE, fd, addr, len: 10, flags: LINK })
      rig.submit({ op: abi.OP_FSYNC, fd, opFlags: DATASYNC })
      expect(rig.wait(2).map((cqe) => cqe.res)).toEqual([10, 0])
      rig.submit({ op: abi.OP_READ, fd, addr, len: 10, off: 5, flags: LINK })
      rig.submit({ op: abi.OP_FSYNC, fd, opFlags: DATASYNC })
      expect(rig.wait(2).map((cqe) => name(cqe.res))).toEqual([5, 'ECANCELED'])
    })
  })

  prove('a file that is missing: -ENOENT', (rig) => {
    const addr = rig.address(rig.store(Buffer.from('/nowhere/at/all\0')))
    expect(name(rig.one({ op: abi.OP_OPENAT, fd: AT_FDCWD, addr }).res)).toBe('ENOENT')
    const stat = rig.address(rig.alloc(STATX_BYTES))
    expect(name(rig.one({ op: abi.OP_STATX, fd: AT_FDCWD, addr, len: 1, off: stat }).res)).toBe('ENOENT')
  })

  prove('a read of a pipe waits, its end is 0', (rig) => {
    const [reader, writer] = rig.machine().pipe()
    rig.own(reader)
    rig.own(writer)
    const at = rig.alloc(16)
    const read = { op: abi.OP_READ, fd: reader, addr: rig.address(at), len: 16 } as const
    const id = rig.submit(read)
    expect(rig.settle(5)).toEqual([])
    rig.machine().write(writer, Buffer.from('through'))
    expect(rig.wait()).toEqual([{ id, res: 7, more: false, buffer: undefined }])
    expect(rig.text(at, 7)).toBe('through')
    rig.submit(read)
    rig.enter()
    rig.shut(writer)
    expect(rig.wait()[0]!.res).toBe(0)
  })

  prove('a write to a full pipe waits for a reader', (rig) => {
    const [reader, writer] = rig.machine().pipe()
    rig.own(reader)
    rig.own(writer)
    const addr = rig.address(rig.alloc(1 << 20))
    const whole = { op: abi.OP_WRITE, fd: writer, addr, len: 1 << 16 } as const
    expect(rig.one(whole).res).toBe(1 << 16)
    const id = rig.submit(whole)
    expect(rig.settle(5)).toEqual([])
    const read = rig.submit({ op: abi.OP_READ, fd: reader, addr, len: 1 << 16 })
    const results = new Map(rig.wait(2).map((cqe) => [cqe.id, cqe.res]))
    expect([results.get(read), results.get(id)]).toEqual([1 << 16, 1 << 16])
  })

  prove('a write to a pipe nobody reads: -EPIPE', async (rig) => {
    const [reader, writer] = rig.machine().pipe()
    rig.own(writer)
    rig.shut(reader)
    const addr = rig.address(rig.alloc(8))
    // Linux raises the signal as well, as for write(2); Node ignores it, until somebody has listened to it
    await countPipeSignals(() => {
      expect(name(rig.one({ op: abi.OP_WRITE, fd: writer, addr, len: 8 }).res)).toBe('EPIPE')
    })
  })

  prove('a poll of a file says ready', (rig) => {
    withFile(rig, (_, fd) => {
      expect(rig.one({ op: abi.OP_POLL_ADD, fd, opFlags: abi.POLLIN }).res).toBe(abi.POLLIN)
    })
  })
}
