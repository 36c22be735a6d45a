// A rig on the simulated kernel: its machine is simulated too.
import * as abi from '../../assembly/abi.ts'
import { check } from '../../src/kernel/errors.ts'
import { sim } from './fixtures/sim.ts'
import type { Machine } from './machine.ts'
import { Rig, type RigOptions } from './rig.ts'

const FILE_BYTES_MAX = 65_536

export class SimRig extends Rig {
  constructor(options?: RigOptions) {
    super(abi.KERNEL_SIM, options)
  }

  override readonly machine = (): Machine => {
    const { loop } = this
    return {
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
      fileText: (path) => this.fileText(path, false),
      removeFolder: () => {}, // the disk ends with the loop
    }
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
