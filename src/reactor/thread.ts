// One thread of a server: what is said to it and by it, starting and ending it.
import { Worker } from 'node:worker_threads'
import type { TcpAddress } from '../channel/address.ts'
import type { SharedQueueHandle } from '../loop/shared-queue.ts'
import type { RemoteHandle } from './handle-thread.ts'
import type { PortableCodec } from './handler-module.ts'
import type { ListenOptions } from './listen.ts'

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
  | { readonly name: 'handle'; readonly loop: RemoteHandle }

/** What a thread is started with. */
export interface ThreadStart {
  readonly role: ThreadRole
  readonly thread: number
  readonly threads: number
  readonly handler: string
  readonly codec: PortableCodec | undefined
  /** Those of the server that are plain values. */
  readonly options: Omit<ListenOptions<unknown>, 'handler' | 'codec' | 'signal'>
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

/** … where it only runs a handler: the codec of its module. */
export interface HandlingReady {
  readonly codec: PortableCodec | undefined
}

export type ThreadMessage = { readonly ready: ThreadReady | HandlingReady } | { readonly closed: true }
export type ThreadOrder = { readonly close: number }

/** How a thread has ended before it was asked to. */
export interface ThreadEnd {
  readonly code: number
  /** What it did not catch. */
  readonly error: Error | undefined
}

const ENTRY = new URL('./worker.js', import.meta.url)

/** A thread, from when it has said what is `ready`. */
export class Thread<R> {
  readonly ready: R
  readonly id: number
  readonly #worker: Worker
  #closing = false
  #gone: Promise<void>

  private constructor(worker: Worker, ready: R, gone: (end: ThreadEnd, asked: boolean) => void) {
    this.ready = ready
    this.id = worker.threadId
    this.#worker = worker
    let failure: Error | undefined
    worker.on('error', (error) => {
      failure = error as Error
    })
    this.#gone = new Promise((resolve) => {
      worker.once('exit', (code) => {
        gone({ code, error: failure }, this.#closing)
        resolve()
      })
    })
  }

  /** Starts one; rejects with what it throws before it is ready. `gone`: it has ended, `asked` to or not. */
  static start<R>(data: ThreadStart, gone: (end: ThreadEnd, asked: boolean) => void): Promise<Thread<R>> {
    return new Promise((resolve, reject) => {
      // a program given as text (node --input-type=module -e …) says nothing about this file
      const execArgv = process.execArgv.filter((argument) => !argument.startsWith('--input-type='))
      const worker = new Worker(ENTRY, { workerData: data, name: `millrace ${data.thread}`, execArgv })
      const early = (code: number): void => reject(new Error(`the thread exited with ${code} before it served`))
      worker.once('error', reject)
      worker.once('exit', early)
      worker.once('message', (message: ThreadMessage) => {
        worker.off('error', reject)
        worker.off('exit', early)
        if ('ready' in message) resolve(new Thread(worker, message.ready as R, gone))
      })
    })
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
}

/** What a thread that drains may take beyond its time. */
const PATIENCE_MS = 2000
