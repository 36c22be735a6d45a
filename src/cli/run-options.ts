// What the tools that serve have in common: how many processes, in the background or not, and how they end.
import { resolve } from 'node:path'
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import { integerOption } from './options.ts'

export const RUN_HELP = `
  --workers N                 processes that share the port, under a supervisor (1)
  --drain MS                  at SIGTERM, most time to send what clients are owed (5000)
  --pid-file PATH             holds the process id while it runs
  --log FILE                  where output goes instead of stdout and stderr; SIGUSR1 opens it anew
  --daemon                    run in the background; returns when it is ready`.slice(1)

export const RUN_OPTIONS = {
  workers: { type: 'string' },
  drain: { type: 'string' },
  'pid-file': { type: 'string' },
  log: { type: 'string' },
  daemon: { type: 'boolean' },
} as const

export interface RunOptions {
  readonly workers: number
  readonly drainMs: number
  readonly pidFile: string | undefined
  readonly log: string | undefined
  readonly daemon: boolean
}

type Values = Readonly<Partial<Record<keyof typeof RUN_OPTIONS, string | boolean | undefined>>>

const text = (value: string | boolean | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined

/** `whole`: why only one process can serve, as the end of a sentence; undefined: several can. */
export function runOptions(values: Values, whole: string | undefined): RunOptions {
  const workers = integerOption('--workers', text(values.workers), 1, 1, 1024)
  if (workers > 1 && whole !== undefined) {
    throw new InvalidArgumentError('--workers', `1 here, since ${whole}`, workers)
  }
  const [pidFile, log] = [text(values['pid-file']), text(values.log)]
  return {
    workers,
    drainMs: integerOption('--drain', text(values.drain), 5000, 0, 3_600_000),
    pidFile: pidFile === undefined ? undefined : resolve(pidFile),
    log: log === undefined ? undefined : resolve(log),
    daemon: values.daemon === true,
  }
}
