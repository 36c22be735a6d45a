// The worker processes of a supervisor: a slot for each, which keeps its sockets while workers come and go.
import { closeSync } from 'node:fs'
import { Backoff } from './backoff.ts'
import { LogFile } from './log-file.ts'
import { bindShared, type Inherited, type SharedAddress } from './shared-sockets.ts'
import type { SuperviseOptions } from './supervisor.ts'
import { describeEnd, type Ended, WorkerProcess } from './worker-process.ts'

interface Slot {
  readonly index: number
  readonly backoff: Backoff
  /** Its sockets, in the order of the addresses. */
  fds: number[]
  worker: WorkerProcess | undefined
  restart: NodeJS.Timeout | undefined
}

/** Clients that wait for a worker to come back: longer than this, and the other workers take them. */
const KEEP_SOCKETS_MS = 1000

export class Pool {
  readonly say: (text: string) => void
  /** Resolves with the exit code when no process is left. */
  readonly ended: Promise<number>
  readonly #module: string
  readonly #addresses: readonly SharedAddress[]
  readonly #options: SuperviseOptions
  readonly #log: LogFile | undefined
  readonly #slots: readonly Slot[]
  /** All that have not ended, those that drain included. */
  readonly #alive = new Set<WorkerProcess>()
  #end: (code: number) => void = () => {}
  #stopping: { readonly drainMs: number; readonly code: number } | undefined
  #reloading: Promise<void> | undefined
  #reloadAgain: Promise<void> | undefined

  constructor(module: string, addresses: readonly SharedAddress[], workers: number, options: SuperviseOptions) {
    this.#module = module
    this.#addresses = addresses
    this.#options = options
    this.#log = options.log === undefined ? undefined : new LogFile(options.log)
    this.say = options.say ?? ((text) => (this.#log ?? process.stderr).write(`millrace: ${text}\n`))
    const attempts = options.attempts ?? 10
    this.#slots = Array.from({ length: workers }, (_, index) => ({
      index,
      backoff: new Backoff(attempts),
      fds: [],
      worker: undefined,
      restart: undefined,
    }))
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  get pids(): number[] {
    return this.#slots.flatMap(({ worker }) => (worker === undefined ? [] : [worker.pid]))
  }

  /** Starts a worker in every slot; rejects with the first one's reason when one does not start. */
  async start(): Promise<void> {
    for (const slot of this.#slots) slot.fds = await bindShared(this.#addresses)
    const workers = this.#slots.map((slot) => this.#spawn(slot))
    await Promise.all(workers.map(({ ready }) => ready))
    this.#slots.forEach((slot, i) => {
      slot.worker = workers[i]
    })
    for (const slot of this.#slots) this.#watch(slot)
    this.say(`${workers.length} workers are ready: ${this.pids.join(', ')}`)
  }

  /** After a start that came to nothing. */
  async abandon(): Promise<void> {
    this.killAll('the start has failed')
    await Promise.all([...this.#alive].map(({ ended }) => ended))
    this.#close()
  }

  /** One that is asked for during another follows it, since code may have changed meanwhile. */
  reload(): Promise<void> {
    if (this.#reloading === undefined) {
      this.#reloading = this.#reload().finally(() => {
        this.#reloading = undefined
      })
      return this.#reloading
    }
    this.#reloadAgain ??= this.#reloading
      .catch(() => {})
      .then(() => {
        this.#reloadAgain = undefined
        return this.reload()
      })
    return this.#reloadAgain
  }

  stop(drainMs: number, code = 0): void {
    this.#stopping ??= { drainMs, code }
    for (const slot of this.#slots) clearTimeout(slot.restart)
    for (const worker of this.#alive) worker.drain(0, drainMs)
    this.#finish()
  }

  killAll(reason: string): void {
    for (const worker of this.#alive) worker.kill(reason)
  }

  reopen(): void {
    this.#log?.reopen()
    for (const worker of this.#alive) worker.send({ type: 'reopen' })
  }

  /** Statistics of every worker to stderr; null for one that does not answer. */
  async report(): Promise<void> {
    const workers = [...this.#alive]
    const all = await Promise.all(workers.map((worker) => worker.stats()))
    all.forEach((stats, i) => {
      const { slot, pid } = workers[i] as WorkerProcess
      process.stderr.write(`${JSON.stringify({ worker: slot, pid, stats: stats ?? null })}\n`)
    })
  }

  async #reload(): Promise<void> {
    if (this.#stopping !== undefined) return
    this.say('reloading')
    try {
      await Promise.all(this.#slots.map((slot) => this.#equip(slot)))
    } catch (error) {
      this.say(`reload failed, the old workers go on: ${(error as Error).message}`)
      throw error
    }
    const fresh = this.#slots.map((slot) => this.#spawn(slot))
    try {
      await Promise.all(fresh.map(({ ready }) => ready))
    } catch (error) {
      for (const worker of fresh) worker.kill('the reload has failed')
      this.say(`reload failed, the old workers go on: ${(error as Error).message}`)
      throw error
    }
    if (this.#stopping !== undefined) return
    this.#slots.forEach((slot, i) => {
      const old = slot.worker
      clearTimeout(slot.restart)
      slot.worker = fresh[i]
      old?.drain(this.#options.linger ?? 30_000, this.#options.drain ?? 5000)
      // they share a socket: what woke the old one while it stopped, the new one has not heard of
      void old?.retired.then(() => slot.worker?.send({ type: 'look' }))
      this.#watch(slot)
    })
    this.say(`reloaded: ${this.pids.join(', ')}`)
  }

  /** Gives a slot sockets where it has let go of them. */
  async #equip(slot: Slot): Promise<void> {
    if (slot.fds.length === 0) slot.fds = await bindShared(this.#addresses)
  }

  #spawn(slot: Slot): WorkerProcess {
    const { args = [], env = {}, start = 10_000, heartbeat = 5000 } = this.#options
    const sockets = this.#addresses.map(({ asked }, i): Inherited => ({ ...asked, fd: slot.fds[i] as number }))
    const output = this.#log === undefined ? 'inherit' : 'pipe'
    const options = { module: this.#module, args, env, startMs: start, heartbeatMs: heartbeat, output } as const
    const worker = new WorkerProcess(slot.index, sockets, options)
    worker.child.stdout?.on('data', (chunk: Buffer) => this.#log?.write(chunk))
    worker.child.stderr?.on('data', (chunk: Buffer) => this.#log?.write(chunk))
    this.#alive.add(worker)
    void worker.ended.then(() => {
      this.#alive.delete(worker)
      this.#finish()
    })
    if (this.#stopping !== undefined) worker.drain(0, this.#stopping.drainMs)
    return worker
  }

  /** The slot's worker is replaced when it ends unasked. */
  #watch(slot: Slot): void {
    const { worker } = slot
    void worker?.ended.then((ended) => {
      if (slot.worker !== worker) return // it has given way to another one
      slot.worker = undefined
      if (this.#stopping === undefined) this.#crashed(slot, worker.pid, ended)
    })
  }

  #crashed(slot: Slot, pid: number, ended: Ended): void {
    const delay = slot.backoff.next(ended.livedMs)
    const what = `worker ${slot.index} (${pid}) has ended: ${describeEnd(ended)}`
    if (delay === undefined) {
      this.say(`${what}; it does not come up any more: the end`)
      this.stop(this.#options.drain ?? 5000, 1)
      return
    }
    this.say(`${what}; another one starts in ${delay} ms`)
    if (delay > KEEP_SOCKETS_MS) closeAll(slot)
    slot.restart = setTimeout(() => void this.#restart(slot, pid), delay)
  }

  async #restart(slot: Slot, pid: number): Promise<void> {
    try {
      await this.#equip(slot)
    } catch (error) {
      const reason = (error as Error).message
      this.#crashed(slot, pid, { code: null, signal: null, reason, livedMs: undefined })
      return
    }
    if (this.#stopping !== undefined || slot.worker !== undefined) return
    slot.worker = this.#spawn(slot)
    this.#watch(slot)
  }

  /** The last process has ended after a stop. */
  #finish(): void {
    if (this.#stopping === undefined || this.#alive.size > 0) return
    this.#close()
    this.#end(this.#stopping.code)
  }

  #close(): void {
    for (const slot of this.#slots) closeAll(slot)
    this.#log?.close()
  }
}

function closeAll(slot: Slot): void {
  for (const fd of slot.fds.splice(0)) closeSync(fd)
}
