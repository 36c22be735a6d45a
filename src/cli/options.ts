// What the tools have in common: usage faults, the line that says where one listens, and the way a tool ends.
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import { KERNEL_MODELS } from '../kernel/models.ts'

export const EXIT_OK = 0
export const EXIT_FAILURE = 1
export const EXIT_USAGE = 2

/** Whether an error is the caller's: unknown options, wrong values. */
export function isUsageFault(error: unknown): error is Error {
  if (error instanceof InvalidArgumentError) return true
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS')
}

/** Says on stderr what was wrong, and returns the exit code for it. */
export function usageFault(tool: string, error: Error): number {
  process.stderr.write(`millrace ${tool}: ${error.message}\nTry \`millrace ${tool} --help\`.\n`)
  return EXIT_USAGE
}

/** An integer option. */
export function integerOption(
  name: string,
  text: string | undefined,
  fallback: number,
  min: number,
  max: number,
): number {
  if (text === undefined) return fallback
  const value = /^\d{1,10}$/.test(text) ? Number(text) : -1
  if (value < min || value > max) throw new InvalidArgumentError(name, `an integer from ${min} to ${max}`, text)
  return value
}

/** `--kernel`: one of the models, by name. */
export function kernelOption(text: string | undefined): string | undefined {
  const names = KERNEL_MODELS.map(({ name }) => name)
  if (text !== undefined && !names.includes(text)) throw new InvalidArgumentError('--kernel', names.join(', '), text)
  return text
}

/** A service that runs until it is told to stop. */
export interface Running {
  close(drainMs: number): Promise<void>
}

/** Waits for SIGINT or SIGTERM, drains for `drainMs`, and returns the exit code. A second signal ends at once. */
export async function untilStopped(service: Running, say: (text: string) => void, drainMs: number): Promise<number> {
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  process.once('SIGINT', () => process.exit(130))
  process.once('SIGTERM', () => process.exit(143))
  say(`${signal}: draining`)
  await service.close(drainMs)
  return EXIT_OK
}
