// One worker process as its supervisor sees it: started, ready, looked after, told to drain, gone.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type FromWorker, type ToWorker, WORKER } from './process-protocol.ts'
import { INHERITANCE, type Inherited } from './shared-sockets.ts'

export interface WorkerOptions {
  readonly module: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly startMs: number
  readonly heartbeatMs: number
  /** Where stdout and stderr go: the supervisor's own, or pipes that it reads. */
  readonly output: 'inherit' | 'pipe'
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Why the supervisor has killed it, or why it did not start. */
  readonly reason: string | undefined
  /** Milliseconds since it was ready; undefined: it never was. */
  readonly livedMs: number | undefined
}

/** A worker misses its heartbeat when so many questions in a row have no answer. */
const PINGS = 4
const STATS_MS = 1000
const FIRST_FD = 4 // behind stdio and the IPC channel

export class WorkerProcess {
  readonly slot: number
  readonly child: ChildProcess
  /** Resolves when the module is loaded; rejects when the process ends before. */
  readonly ready: Promise<void>
  readonly ended: Promise<Ended>
  /** Resolves when it accepts no more. */
  readonly retired: Promise<void>
  #readyAt: number | undefined
  #reason: string | undefined
  #asked = 0
  #answered = 0
  #deadline: NodeJS.Timeout | undefined
  #isRetired: () => void = () => {}
  #onStats: ((stats: unknown) => void) | undefined

  /** `sockets` are inherited; their descriptors stay the caller's. */
  constructor(slot: number, sockets: readonly Inherited[], options: WorkerOptions) {
    this.slot = slot
    const { module, args, startMs, heartbeatMs, output } = options
    const inherited = sockets.map(({ host, port }, i): Inherited => ({ host, port, fd: FIRST_FD + i }))
    const env = { ...process.env, ...options.env, [WORKER]: String(slot), [INHERITANCE]: JSON.stringify(inherited) }
    const entry = fileURLToPath(new URL('./process-worker.js', import.meta.url))
    this.child = spawn(process.execPath, [entry, module, ...args], {
      env,
      stdio: ['ignore', output, output, 'ipc', ...sockets.map(({ fd }) => fd)],
    })
    const { child } = this
    let isReady = (): void => {}
    let isNot = (_: Error): void => {}
    this.ready = new Promise<void>((resolve, reject) => {
      isReady = resolve
      isNot = reject
    })
    this.ready.catch(() => {}) // whoever waits hears of it; at a restart that is nobody
    child.on('message', (message: FromWorker) => {
      if (message.type === 'ready') {
        this.#readyAt = performance.now()
        isReady()
      } else this.#heard(message)
    })
    const start = setTimeout(() => this.kill(`it was not ready within ${startMs} ms`), startMs)
    const heart = setInterval(() => this.#ping(heartbeatMs), heartbeatMs / PINGS)
    this.ended = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        clearTimeout(start)
        clearInterval(heart)
        clearTimeout(this.#deadline)
        const livedMs = this.#readyAt === undefined ? undefined : performance.now() - this.#readyAt
        const ended = { code, signal, reason: this.#reason, livedMs }
        isNot(new Error(describeEnd(ended)))
        resolve(ended)
      }
      child.once('error', (error) => {
        this.#reason ??= error.message
        if (child.pid === undefined) end(null, null)
      })
      child.once('exit', end)
    })
    this.retired = new Promise((resolve) => {
      this.#isRetired = resolve
    })
    void this.ended.then(() => this.#isRetired())
    this.ready.then(
      () => clearTimeout(start),
      () => {},
    )
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  send(message: ToWorker): void {
    // where the channel is closed, `ended` follows
    if (this.child.connected) this.child.send(message, () => {})
  }

  kill(reason: string): void {
    this.#reason ??= reason
    this.child.kill('SIGKILL')
  }

  /** It accepts no more and exits; a second after the time it has it is killed. */
  drain(lingerMs: number, drainMs: number): void {
    this.send({ type: 'drain', lingerMs, drainMs })
    clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => this.kill('it did not drain in time'), lingerMs + drainMs + 1000)
  }

  /** undefined where no answer comes within a second. */
  stats(): Promise<unknown> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), STATS_MS)
      this.#onStats = (stats) => {
        clearTimeout(timer)
        resolve(stats)
      }
      this.send({ type: 'stats' })
    })
  }

  /** Questions are counted, and time is not: a supervisor that was stopped itself must not blame its workers. */
  #ping(heartbeatMs: number): void {
    if (this.#readyAt === undefined) return
    if (this.#asked - this.#answered >= PINGS) this.kill(`it was blocked for ${heartbeatMs} ms`)
    else this.send({ type: 'ping', n: ++this.#asked })
  }

  #heard(message: FromWorker): void {
    if (message.type === 'pong') this.#answered = message.n
    else if (message.type === 'retired') this.#isRetired()
    else if (message.type === 'stats') this.#onStats?.(message.stats)
    else if (message.type === 'failed') this.#reason ??= message.reason
  }
}

/** Why it has ended, in words. */
export function describeEnd({ code, signal, reason }: Pick<Ended, 'code' | 'signal' | 'reason'>): string {
  return reason ?? (signal === null ? `it exited with code ${code}` : `${signal} has ended it`)
}
