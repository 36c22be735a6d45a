// A rig on the simulated kernel: its machine is simulated too.
import { expect } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { check } from '../../src/kernel/errors.ts'
import { sim } from './fixtures/sim.ts'
import type { Machine } from './machine.ts'
import { Rig, type RigOptions } from './rig.ts'

const FILE_BYTES_MAX = 65_536
const O_WRONLY = 1
const O_TRUNC = 0o1000

export class SimRig extends Rig {
  constructor(options?: RigOptions) {
    super(abi.KERNEL_SIM, options)
  }

  override readonly machine = (): Machine => {
    const { loop } = this
    return {
      datagrams: false,
      clock: () => this.view.getBigUint64(abi.CONTROL_MONOTONIC_NS, true),
      eventfd: (value) => sim.eventfd(loop, value),
      pipe: () => {
        const at = this.alloc(8)
        check(sim.pipe(loop, at), 'pipe')
        return [this.view.getInt32(at, true), this.view.getInt32(at + 4, true)]
      },
      read: (fd, bytes) => {
        const at = this.alloc(bytes.length)
        const n = check(sim.read(loop, fd, at, bytes.length), 'read')
        bytes.set(this.bytes.subarray(at, at + n))
        return n
      },
      write: (fd, bytes) => check(sim.write(loop, fd, this.store(bytes), bytes.length), 'write'),
      resetOnClose: (fd) => {
        check(sim.linger(loop, fd), 'linger')
      },
      limitFiles: (limit) => check(sim.limit(loop, limit), 'limit'),
      folder: () => '/simulated',
      putFile: (path, bytes) => this.putFile(path, bytes),
      truncateFile: (path, length) => this.truncateFile(path, length),
      fileText: (path) => this.fileText(path, false),
      removeFolder: () => {}, // the disk ends with the loop
    }
  }

  private putFile(path: string, bytes: Uint8Array): void {
    const name = Buffer.from(path)
    const start = this.alloc(0)
    check(sim.file(this.loop, this.store(name), name.length, this.store(bytes), bytes.length), 'open')
    this.rewind(start)
  }

  /** There is no such call: what shall stay is read, and written to the emptied file. */
  private truncateFile(path: string, length: number): void {
    const at = this.alloc(length)
    const name = this.store(Buffer.from(`${path}\0`))
    const open = { op: abi.CALL_OPEN, fd: abi.AT_FDCWD, a: name } as const
    const source = this.own(check(this.call({ ...open, b: abi.O_RDONLY }), 'open'))
    expect(this.call({ op: abi.CALL_PREAD, fd: source, a: at, b: length, c: 0 })).toBe(length)
    this.shut(source)
    const target = this.own(check(this.call({ ...open, b: O_WRONLY | O_TRUNC }), 'open'))
    const write = { op: abi.OP_WRITE, fd: target, addr: this.address(at), len: length, off: 0 } as const
    expect(this.one(write).res).toBe(length)
    this.shut(target)
  }

  /** What a file of the simulated disk holds, now or after a crash. */
  fileText(path: string, durable: boolean): string {
    const name = Buffer.from(path)
    const at = this.alloc(FILE_BYTES_MAX)
    const n = check(sim.readFile(this.loop, this.store(name), name.length, at, FILE_BYTES_MAX, durable ? 1 : 0), 'open')
    return this.text(at, n)
  }

  /** 16 digits that say all that happened so far. */
  digest(): string {
    const at = this.alloc(8)
    check(sim.digest(this.loop, at), 'digest')
    return this.view.getBigUint64(at, true).toString(16).padStart(16, '0')
  }

  stat(which: number): number {
    return check(sim.stat(this.loop, which), 'stat')
  }
}
