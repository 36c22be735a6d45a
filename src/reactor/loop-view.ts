// A look into the loop of another thread, by the memory it shares: its counters, and what it leaves when it ends.
import * as abi from '../../assembly/abi.ts'
import { threadLoop } from '../loop/loop.ts'
import type { ThreadReady } from './thread.ts'

export class LoopView {
  readonly ready: ThreadReady
  readonly #view: DataView

  constructor(ready: ThreadReady) {
    this.ready = ready
    this.#view = new DataView(ready.memory)
  }

  /** Channels open now. */
  get channels(): number {
    return this.#view.getUint32(this.ready.endpoint + abi.ENDPOINT_CHANNELS, true)
  }

  get accepted(): number {
    return Number(this.#view.getBigUint64(this.ready.endpoint + abi.ENDPOINT_ACCEPTED, true))
  }

  get refusedDescriptors(): number {
    return Number(this.#view.getBigUint64(this.ready.control + abi.CONTROL_FDS_REFUSED, true))
  }

  /** Closes the sockets that an ended thread has left: descriptors are the process's, and peers would wait for ever. */
  clear(): void {
    const { control, table, slots } = this.ready
    const view = this.#view
    const loop = threadLoop(this.ready.kernel)
    const close = (fd: number): void => {
      loop.call(abi.CALL_SHUTDOWN, fd, abi.SHUT_RDWR)
      loop.call(abi.CALL_CLOSE, fd)
    }
    for (let slot = 0; slot < slots; slot++) {
      const ch = table + slot * abi.CHANNEL_BYTES
      // the core forgets a descriptor as it asks for its close
      const fd = view.getInt32(ch + abi.CHANNEL_FD, true)
      if (view.getUint32(ch + abi.CHANNEL_STATE, true) !== abi.STATE_FREE && fd >= 0) close(fd)
    }
    // … which may not have been carried out
    const calls = view.getUint32(control + abi.CONTROL_CALLS, true)
    const count = view.getUint32(control + abi.CONTROL_CALL_COUNT, true)
    for (let i = 0; i < count; i++) {
      const call = calls + i * abi.CALL_BYTES
      if (view.getUint32(call + abi.CALL_OP, true) === abi.CALL_CLOSE) close(view.getInt32(call + abi.CALL_FD, true))
    }
  }
}
