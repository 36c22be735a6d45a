// The first lines of a tool that serves: where it listens, on what, and what to try. Data goes to stdout, line by line.
import { formatAddress, type TcpAddress } from '../channel/address.ts'
import type { Loop } from '../loop/loop.ts'

/** Prints them and returns the voice for what comes later. */
export function banner(
  tool: string,
  loop: Loop,
  address: TcpAddress,
  json: boolean,
  lines: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
): (text: string) => void {
  const { kernel, wait } = loop
  if (json) {
    const { host, port } = address
    print({ listening: { host, port }, kernel: kernel.name, reason: kernel.reason, wait: wait.name, ...more })
    return (message) => print({ message })
  }
  const why = `kernel ${kernel.name} (${kernel.reason}), ${WAITS[wait.name]}`
  const examples = lines.length === 0 ? '' : `try:\n${lines.map((line) => `  ${line}\n`).join('')}`
  // one write: whoever has read the first line can read them all
  process.stdout.write(`${tool} listening on ${formatAddress(address)}\n${why}\n${examples}`)
  return (text) => void process.stdout.write(`${text}\n`)
}

const WAITS = {
  prepare: "one wait with the host's loop",
  poll: "a poll handle in the host's loop",
} as const

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
