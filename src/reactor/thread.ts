// One thread of a server: starting it, looking into its loop's memory, ending it, and clearing up behind it.
import { Worker } from 'node:worker_threads'
import * as abi from '../../assembly/abi.ts'
import type { TcpAddress } from '../channel/address.ts'
import { threadLoop } from '../loop/loop.ts'
import type { SharedQueueHandle } from '../loop/shared-queue.ts'
import type { PortableCodec } from './handler-module.ts'

export type Address = TcpAddress & { family: 'IPv4' | 'IPv6' }

/** What a thread does: listens itself, or adopts what a boss accepts. */
export type ThreadRole =
  | { readonly name: 'listen' }
  | {
      readonly name: 'adopt'
      readonly address: Address
      /** Descriptors, one a record. */
      readonly connections: SharedQueueHandle
      /** See Board. */
      readonly board: SharedArrayBuffer
    }

/** What a thread is started with. */
export interface ThreadStart {
  readonly role: ThreadRole
  readonly thread: number
  readonly threads: number
  readonly handler: string
  readonly codec: PortableCodec | undefined
  readonly options: {
    readonly port: number
    readonly host?: string
    readonly highWaterMark?: number
    readonly lowWaterMark?: number
    readonly maxChannels?: number
    readonly kernel?: string
  }
}

/** What it says once it serves: where everything lies in its loop's memory. */
export interface ThreadReady {
  readonly address: Address
  readonly kernel: string
  readonly maxChannels: number
  readonly memory: SharedArrayBuffer
  readonly control: number
  readonly endpoint: number
  readonly table: number
  readonly slots: number
}

export type ThreadMessage = { readonly ready: ThreadReady } | { readonly closed: true }
export type ThreadOrder = { readonly close: number }

/** How a thread has ended before it was asked to. */
export interface ThreadEnd {
  readonly code: number
  /** What it did not catch. */
  readonly error: Error | undefined
}

const ENTRY = new URL('./worker.js', import.meta.url)

export class Thread {
  readonly ready: ThreadReady
  readonly id: number
  readonly #worker: Worker
  readonly #view: DataView
  #closing = false
  #gone: Promise<void>

  private constructor(worker: Worker, ready: ThreadReady, gone: (end: ThreadEnd) => void) {
    this.ready = ready
    this.id = worker.threadId
    this.#worker = worker
    this.#view = new DataView(ready.memory)
    let failure: Error | undefined
    worker.on('error', (error) => {
      failure = error as Error
    })
    this.#gone = new Promise((resolve) => {
      worker.once('exit', (code) => {
        this.#clear()
        resolve()
        if (!this.#closing) gone({ code, error: failure })
      })
    })
  }

  /** Starts one; rejects with what it throws before it serves. `gone`: it has ended unasked, and is cleared up. */
  static start(data: ThreadStart, gone: (end: ThreadEnd) => void): Promise<Thread> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(ENTRY, { workerData: data, name: `millrace ${data.thread}` })
      const early = (code: number): void => reject(new Error(`the thread exited with ${code} before it served`))
      worker.once('error', reject)
      worker.once('exit', early)
      worker.once('message', (message: ThreadMessage) => {
        worker.off('error', reject)
        worker.off('exit', early)
        if ('ready' in message) resolve(new Thread(worker, message.ready, gone))
      })
    })
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

  /** Lets it drain for at most `drainMs`, then ends it; one that does not answer is ended all the same. */
  async close(drainMs: number): Promise<void> {
    if (this.#closing) return this.#gone
    this.#closing = true
    const order: ThreadOrder = { close: drainMs }
    this.#worker.postMessage(order)
    let timer: NodeJS.Timeout | undefined
    await Promise.race([
      this.#gone,
      new Promise<void>((resolve) => this.#worker.once('message', () => resolve())),
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, Math.min(drainMs + PATIENCE_MS, 2 ** 31 - 1))
      }),
    ])
    clearTimeout(timer)
    await this.#worker.terminate()
    await this.#gone
  }

  /** Closes the sockets that an ended thread has left: descriptors are the process's, and peers would wait for ever. */
  #clear(): void {
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

/** What a thread that drains may take beyond its time. */
const PATIENCE_MS = 2000
