// Servers of several threads in one process: which models there are, and what the caller holds of one.
import * as abi from '../../assembly/abi.ts'
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import { threadLoop } from '../loop/loop.ts'
import type { SharedQueue } from '../loop/shared-queue.ts'
import { underSignal } from './abort.ts'
import { type Balance, Boss, connectionQueue, type Member } from './boss.ts'
import { portableCodec } from './handler-module.ts'
import type { ListenOptions, ServerStats } from './listen.ts'
import { LoopView } from './loop-view.ts'
import { PoolServer } from './pool.ts'
import { type Address, Thread, type ThreadEnd, type ThreadReady, type ThreadRole, type ThreadStart } from './thread.ts'

/** Threads that listen each for themselves at one port (SO_REUSEPORT): the kernel spreads connections over them. */
export interface ReuseportReactor {
  readonly model: 'reuseport'
  readonly threads: number
}

/** The caller's loop accepts, and hands connections to the loops of other threads. */
export interface BossReactor {
  readonly model: 'boss'
  readonly threads: number
  /** 'round-robin' by default. */
  readonly balance?: Balance
}

/**
 * The caller's loop serves the sockets, and other threads run the handler: those of a channel always the same one, so
 * that its frames stay in order. Frames and answers cross in shared memory. Handlers see a channel without `sendFile`
 * and `writableLength`, whose verbs take effect a little later.
 */
export interface PoolReactor {
  readonly model: 'pool'
  readonly threads: number
}

export type Reactor = ReuseportReactor | BossReactor | PoolReactor

/** How a thread has ended unasked. Its connections are closed. */
export interface WorkerExit {
  /** Which one, from 0. */
  readonly thread: number
  readonly code: number
  /** What it did not catch. */
  readonly error: Error | undefined
  /** Whether another is started in its place. */
  readonly restarting: boolean
}

export interface ThreadListenOptions extends Omit<ListenOptions<unknown>, 'handler' | 'maxChannels'> {
  /** A module: see importHandler. Each thread imports it for itself. */
  readonly handler: URL
  /** 'single', the default: this thread alone. */
  readonly reactor?: 'single' | Reactor
  /** Most channels of all threads together. 65,000 by default; with 'reuseport' each thread has an equal share. */
  readonly maxChannels?: number
  /** Starts another thread where one ends unasked, at once and then after ever longer pauses. False by default. */
  readonly restart?: boolean
  /** Without it, what a thread did not catch is an uncaught exception of this one, as Node has it. */
  readonly workerExit?: (exit: WorkerExit) => void
}

export interface ThreadStats {
  readonly thread: number
  /** Node's number of it; 0: it has ended. */
  readonly threadId: number
  readonly channels: number
  readonly accepted: number
}

export interface ThreadServerStats extends Omit<ServerStats, 'bytesIn' | 'bytesOut' | 'refused' | 'errors'> {
  readonly threads: readonly ThreadStats[]
}

const THREADS_MAX = 256
const MAX_CHANNELS = 65_000
/** The first pause before a thread that failed at its start is started again; doubled up to the last. */
const RESTART_MS = 100
const RESTART_MAX_MS = 5000

/** @internal */
export async function listenThreads(options: ThreadListenOptions, reactor: Reactor): Promise<ThreadServer> {
  const { model, threads } = reactor
  if (model !== 'reuseport' && model !== 'boss' && model !== 'pool') {
    throw new InvalidArgumentError('reactor.model', "'single', 'reuseport', 'boss' or 'pool'", model)
  }
  if (!Number.isInteger(threads) || threads < 1 || threads > THREADS_MAX) {
    const error = new RangeError(`reactor.threads must be an integer from 1 to ${THREADS_MAX}; it is ${threads}`)
    throw Object.assign(error, { code: 'ERR_OUT_OF_RANGE' })
  }
  const balance = model === 'boss' ? (reactor.balance ?? 'round-robin') : 'round-robin'
  if (balance !== 'round-robin' && balance !== 'least-connections') {
    throw new InvalidArgumentError('reactor.balance', "'round-robin' or 'least-connections'", balance)
  }
  return underSignal(options.signal, async () => {
    const server = model === 'pool' ? new PoolServer(options, threads) : new LoopServer(options, reactor, balance)
    await server.start()
    return server
  })
}

/** One of the server's threads, or the place of one that is to come. */
class Post implements Member {
  readonly connections: SharedQueue = connectionQueue()
  thread: Thread<ThreadReady> | undefined
  view: LoopView | undefined
  /** Of threads that had this place before. */
  accepted = 0
  failures = 0

  channels(): number | undefined {
    return this.view?.channels
  }
}

/** A server whose handlers run in several threads. */
export interface ThreadServer extends AsyncDisposable {
  address(): Address
  stats(): ThreadServerStats
  /** Stops accepting, lets every thread send what its channels owe, and ends them after `drain` milliseconds. */
  close(options?: { drain?: number }): Promise<void>
}

/** One whose threads have loops of their own. */
class LoopServer implements ThreadServer {
  readonly #options: ThreadListenOptions
  readonly #posts: readonly Post[]
  readonly #boss: Boss | undefined
  readonly #limit: number
  #address: Address | undefined
  #closing: Promise<void> | undefined
  #restarts = new Set<NodeJS.Timeout>()

  /** @internal */
  constructor(options: ThreadListenOptions, reactor: Reactor, balance: Balance) {
    this.#options = options
    this.#posts = Array.from({ length: reactor.threads }, () => new Post())
    this.#limit = options.maxChannels ?? MAX_CHANNELS
    if (reactor.model === 'boss') {
      this.#boss = new Boss(threadLoop(options.kernel), this.#posts, balance, this.#limit)
    }
  }

  /** @internal Rejects with what the first thread that fails throws; then nothing is left. */
  async start(): Promise<void> {
    try {
      if (this.#boss !== undefined) {
        // accepted connections wait in the threads' queues
        this.#address = (await this.#boss.listen(this.#options, this.#limit)).address
      } else {
        // the first chooses the port where it is 0
        await this.#fill(0)
      }
      const rest = [...this.#posts.keys()].filter((index) => this.#posts[index]?.thread === undefined)
      const started = await Promise.allSettled(rest.map((index) => this.#fill(index)))
      const failed = started.find((result) => result.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    } catch (error) {
      await this.close({ drain: 0 })
      throw error
    }
  }

  address(): Address {
    return this.#address as Address
  }

  stats(): ThreadServerStats {
    const threads = this.#posts.map((post, thread) => ({
      thread,
      threadId: post.thread?.id ?? 0,
      channels: post.view?.channels ?? 0,
      accepted: post.accepted + (post.view?.accepted ?? 0),
    }))
    const sum = (of: (index: number) => number): number => threads.reduce((all, _, index) => all + of(index), 0)
    const first = this.#posts.find((post) => post.thread !== undefined)?.thread
    return {
      channels: sum((index) => threads[index]?.channels ?? 0),
      accepted: sum((index) => threads[index]?.accepted ?? 0),
      kernel: first?.ready.kernel ?? this.#options.kernel ?? '',
      maxChannels: this.#boss ? this.#limit : sum((index) => this.#posts[index]?.thread?.ready.maxChannels ?? 0),
      refusedDescriptors: sum((index) => this.#posts[index]?.view?.refusedDescriptors ?? 0),
      threads,
    }
  }

  close({ drain = 5000 }: { drain?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(drain)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(drain: number): Promise<void> {
    for (const timer of this.#restarts) clearTimeout(timer)
    await this.#boss?.close()
    await Promise.all(this.#posts.map((post) => post.thread?.close(drain)))
    for (const post of this.#posts) this.#retire(post)
    const left = new Int32Array(1)
    const loop = threadLoop(this.#options.kernel)
    for (const { connections } of this.#posts) {
      while (connections.take(left)) loop.call(abi.CALL_CLOSE, left[0] as number)
    }
  }

  /** Puts a thread in a place. */
  async #fill(index: number): Promise<void> {
    const post = this.#posts[index] as Post
    const { handler, codec, reactor: _, restart: __, workerExit: ___, signal: ____, ...rest } = this.#options
    const share = this.#boss ? this.#limit : Math.ceil(this.#limit / this.#posts.length)
    const role: ThreadRole = this.#boss
      ? {
          name: 'adopt',
          address: this.address(),
          connections: post.connections.handle,
          board: this.#boss.board.memory,
        }
      : { name: 'listen' }
    const start: ThreadStart = {
      role,
      thread: index,
      threads: this.#posts.length,
      handler: handler.href,
      codec: portableCodec(codec),
      options: { ...rest, port: this.#address?.port ?? rest.port, maxChannels: share },
    }
    let view: LoopView | undefined
    const thread = await Thread.start<ThreadReady>(start, (end, asked) => {
      view?.clear()
      if (!asked) this.#gone(index, end)
    })
    view = new LoopView(thread.ready)
    if (this.#closing !== undefined) return thread.close(0)
    post.thread = thread
    post.view = view
    post.failures = 0
    this.#address ??= thread.ready.address
  }

  /** A thread has ended unasked, or did not start again. */
  #gone(index: number, end: ThreadEnd): void {
    const post = this.#posts[index] as Post
    this.#retire(post)
    const restarting = this.#options.restart === true && this.#closing === undefined
    if (restarting) this.#startLater(index, post)
    reportExit(this.#options, index, end, restarting)
  }

  /** Takes a thread that has ended out of its place; connections it had not adopted yet go to others. */
  #retire(post: Post): void {
    const { view } = post
    if (view === undefined) return
    post.thread = undefined
    post.view = undefined
    post.accepted += view.accepted
    if (this.#boss === undefined || this.#closing !== undefined) return
    this.#boss.board.closed(view.channels)
    const record = new Int32Array(1)
    while (post.connections.take(record)) this.#boss.hand(record[0] as number, false)
  }

  #startLater(index: number, post: Post): void {
    const ms = restartPause(post.failures++)
    const timer = setTimeout(() => {
      this.#restarts.delete(timer)
      this.#fill(index).catch((error: Error) => this.#gone(index, { code: 1, error }))
    }, ms)
    this.#restarts.add(timer)
  }
}

/** @internal Tells of a thread that has ended unasked. */
export function reportExit(options: ThreadListenOptions, thread: number, end: ThreadEnd, restarting: boolean): void {
  const { code, error } = end
  if (options.workerExit !== undefined) {
    options.workerExit({ thread, code, error, restarting })
  } else if (error !== undefined) {
    process.nextTick(() => {
      throw error
    })
  }
}

/** @internal Milliseconds before a thread is started again that has failed to start so many times in a row. */
export function restartPause(failures: number): number {
  return failures === 0 ? 0 : Math.min(RESTART_MS * 2 ** (failures - 1), RESTART_MAX_MS)
}
