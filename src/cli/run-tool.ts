// How a tool that serves runs: here or in the background, alone or as workers under a supervisor, until a signal.
import { formatAddress, type TcpAddress } from '../channel/address.ts'
import { claimPidFile } from '../reactor/pid-file.ts'
import { processStats } from '../reactor/stats.ts'
import { supervise } from '../reactor/supervisor.ts'
import { daemonize, isDaemon, redirectOutput } from './daemon.ts'
import { type Running, untilStopped } from './options.ts'
import type { RunOptions } from './run-options.ts'

export interface Tool {
  readonly name: string
  readonly argv: readonly string[]
  readonly json: boolean
  readonly listen: TcpAddress
  /** Starts the service in this process and says where it listens. */
  start(): Promise<{ readonly service: Running; readonly say: (text: string) => void }>
}

/** Runs the tool and returns its exit code. */
export async function runTool(tool: Tool, run: RunOptions): Promise<number> {
  if (run.daemon && !isDaemon()) return daemonize(run.log)
  // it serves until it is told to stop, whoever logs out
  if (run.daemon) process.on('SIGHUP', () => {})
  const output = redirectOutput(run.log)
  return run.workers > 1 ? runWorkers(tool, run, output) : runAlone(tool, run, output)
}

type Output = ReturnType<typeof redirectOutput>

async function runAlone(tool: Tool, run: RunOptions, output: Output): Promise<number> {
  const release = run.pidFile === undefined ? () => {} : claimPidFile(run.pidFile)
  const { service, say } = await tool.start()
  if (run.log !== undefined) process.on('SIGUSR1', () => output.reopen())
  process.on('SIGUSR2', () => void process.stderr.write(`${JSON.stringify(processStats())}\n`))
  output.ready()
  const code = await untilStopped(service, say, run.drainMs)
  release()
  return code
}

async function runWorkers(tool: Tool, run: RunOptions, output: Output): Promise<number> {
  const { name, argv, json, listen } = tool
  const say = (text: string): void => {
    process.stdout.write(json ? `${JSON.stringify({ message: text })}\n` : `${text}\n`)
  }
  const supervisor = await supervise({
    module: new URL('./run-worker.js', import.meta.url),
    workers: run.workers,
    listen,
    args: argv,
    drain: run.drainMs,
    say,
    ...(run.pidFile === undefined ? {} : { pidFile: run.pidFile }),
    ...(run.log === undefined ? {} : { log: run.log }),
  })
  const { addresses, pids } = supervisor
  const address = addresses[0] ?? listen
  if (json) {
    const { host, port } = address
    process.stdout.write(`${JSON.stringify({ listening: { host, port }, workers: pids })}\n`)
  } else {
    process.stdout.write(`millrace ${name} listening on ${formatAddress(address)}\n${pids.length} workers\n`)
  }
  if (run.log !== undefined) process.on('SIGUSR1', () => output.reopen())
  output.ready()
  return supervisor.ended
}
