// The first lines of a tool that serves: where it listens, on what, and what to try. Data goes to stdout, line by line.
import { formatAddress } from '../channel/address.ts'
import type { Listener } from '../reactor/listener.ts'

/** Prints them and returns the voice for what comes later. */
export function banner(
  tool: string,
  listener: Listener,
  json: boolean,
  lines: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
): (text: string) => void {
  const { address, loop, limit } = listener
  const { kernel, wait } = loop
  if (json) {
    const { host, port } = address
    const limited = limit.reason === undefined ? {} : { limit: limit.reason }
    const facts = { kernel: kernel.name, reason: kernel.reason, wait: wait.name }
    print({ listening: { host, port }, ...facts, ...limited, ...more })
    return (message) => print({ message })
  }
  const limited = limit.reason === undefined ? '' : `\n${limit.reason}`
  const why = `kernel ${kernel.name} (${kernel.reason}), ${WAITS[wait.name]}${limited}`
  const examples = lines.length === 0 ? '' : `try:\n${lines.map((line) => `  ${line}\n`).join('')}`
  // one write: whoever has read the first line can read them all
  process.stdout.write(`${tool} listening on ${formatAddress(address)}\n${why}\n${examples}`)
  return (text) => void process.stdout.write(`${text}\n`)
}

const WAITS = {
  prepare: "one wait with the host's loop",
  poll: "a poll handle in the host's loop",
  simulation: 'turns taken one by one',
} as const

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
