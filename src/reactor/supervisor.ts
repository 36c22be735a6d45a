// `supervise`: worker processes that share listening sockets, under a supervisor that starts, reloads and ends them.
import { closeSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { TcpAddress } from '../channel/address.ts'
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import { claimPidFile } from './pid-file.ts'
import { Pool } from './process-pool.ts'
import { holdShared, type SharedAddress } from './shared-sockets.ts'

export interface SuperviseOptions {
  /** The module that every worker imports; it has started when the import has resolved. */
  readonly module: URL | string
  /** Processes; as many as there are cores by default. */
  readonly workers?: number
  /**
   * Addresses that the workers share; port 0: any free one, the same for all. A module that calls `listen` with exactly
   * such an address and `reusePort: true` is given the worker's own socket, which outlives the worker: at a reload no
   * connection in its backlog is lost.
   */
  readonly listen?: TcpAddress | readonly TcpAddress[]
  /** What workers find in process.argv. */
  readonly args?: readonly string[]
  /** What workers find in process.env beside the supervisor's. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Milliseconds in which a worker must have loaded its module. 10,000 by default. */
  readonly start?: number
  /** Milliseconds after which a worker that does not answer is killed and replaced. 5,000 by default. */
  readonly heartbeat?: number
  /** Milliseconds that workers have to send what they owe, when all ends. 5,000 by default. */
  readonly drain?: number
  /** Milliseconds that clients have to end by themselves after a reload; then workers drain. 30,000 by default. */
  readonly linger?: number
  /** Starts in succession that come to nothing before the supervisor gives up. 10 by default. */
  readonly attempts?: number
  /** Holds the supervisor's pid while it runs. */
  readonly pidFile?: string
  /** Where output of supervisor and workers goes instead of stdout and stderr; SIGUSR1 opens it anew. */
  readonly log?: string
  /** Told what happens, a sentence each; stderr or the log by default. */
  readonly say?: (text: string) => void
}

/** Processes that run. Signals act on them: see `supervise`. */
export interface Supervisor {
  /** Where workers listen, for every address of `listen`. */
  readonly addresses: readonly (TcpAddress & { family: 'IPv4' | 'IPv6' })[]
  /** Of the workers that serve. */
  readonly pids: readonly number[]
  /** Replaces all workers by new ones; rejects, and keeps the old ones, where the new ones do not start. */
  reload(): Promise<void>
  /** Drains all and ends. */
  stop(): Promise<number>
  /** Resolves with the exit code when all has ended: 0 after a stop, 1 when workers do not come up any more. */
  readonly ended: Promise<number>
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const

/**
 * Starts the workers and resolves when all are ready; rejects where one does not start. From then on:
 *
 * - SIGTERM, SIGINT: workers drain, and process.exitCode is set; a second signal ends all at once;
 * - SIGHUP: reload; SIGUSR1: logs are opened anew, here and by each worker's own SIGUSR1 listeners;
 * - SIGUSR2: statistics of every worker go to stderr, a line of JSON each;
 * - a worker that ends is replaced, after 100 ms … 30 s, as one that does not answer is;
 * - workers whose supervisor is gone drain and end.
 */
export async function supervise(options: SuperviseOptions): Promise<Supervisor> {
  const { workers = availableParallelism(), listen = [], pidFile, drain = 5000 } = options
  range('workers', workers, 1, 1024)
  range('start', options.start ?? 1, 1, 2 ** 31 - 1)
  range('heartbeat', options.heartbeat ?? 100, 100, 2 ** 31 - 1)
  range('drain', drain, 0, 2 ** 30)
  range('linger', options.linger ?? 0, 0, 2 ** 30)
  range('attempts', options.attempts ?? 1, 1, 1_000_000)
  const module = options.module instanceof URL ? options.module.href : options.module
  if (typeof module !== 'string' || module === '') throw new InvalidArgumentError('module', 'a URL or a path', module)
  const release = pidFile === undefined ? () => {} : claimPidFile(pidFile)
  const addresses: SharedAddress[] = []
  let pool: Pool | undefined
  try {
    for (const asked of 'port' in listen ? [listen] : listen) addresses.push(await holdShared(asked))
    pool = new Pool(module, addresses, workers, options)
    await pool.start()
  } catch (error) {
    await pool?.abandon()
    for (const { holder } of addresses) closeSync(holder)
    release()
    throw error
  }
  return supervisor(pool, addresses, drain, release)
}

function supervisor(pool: Pool, shared: readonly SharedAddress[], drainMs: number, release: () => void): Supervisor {
  let stopping = false
  const stop = (): Promise<number> => {
    stopping = true
    pool.stop(drainMs)
    return ended
  }
  const reload = (): Promise<void> => pool.reload()
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGHUP')
      reload().catch(() => {}) // the pool has said why
    else if (signal === 'SIGUSR1') pool.reopen()
    else if (signal === 'SIGUSR2') void pool.report()
    else if (!stopping) {
      pool.say(`${signal}: draining`)
      void stop()
    } else {
      pool.killAll('a second signal has come')
      process.exit(signal === 'SIGINT' ? 130 : 143)
    }
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  const ended = pool.ended.then((code) => {
    for (const signal of SIGNALS) process.removeListener(signal, onSignal)
    for (const { holder } of shared) closeSync(holder)
    release()
    process.exitCode = code
    return code
  })
  return {
    addresses: shared.map(({ address }) => address),
    get pids() {
      return pool.pids
    },
    reload,
    stop,
    ended,
  }
}

function range(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return
  const error = new RangeError(`${name} must be an integer from ${min} to ${max}; received ${String(value)}`)
  throw Object.assign(error, { code: 'ERR_OUT_OF_RANGE' })
}
