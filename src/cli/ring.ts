// `millrace ring`: which server owns a key, and how the keys are shared out, without any server running.

import type { HashRing, RingStats } from '../core/hash-ring.ts'
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import { provideCore } from '../core/load.ts'
import type { RingMigration } from '../core/ring-migration.ts'
import { readCore } from '../kernel/core-file.ts'
import { moveTable, shareChart, shareTable } from './ring-chart.ts'
import { makeRing, parseRing, RING_HELP, type RingCommand } from './ring-options.ts'

const EXIT_OK = 0
const EXIT_USAGE = 2

/** Runs the command and returns its exit code. */
export async function ring(argv: string[]): Promise<number> {
  let command: RingCommand
  let made: HashRing
  let next: HashRing | undefined
  let replicas: number
  let migration: RingMigration | undefined
  try {
    command = parseRing(argv)
    const { values } = command
    if (values.help) {
      process.stdout.write(RING_HELP)
      return EXIT_OK
    }
    provideCore(readCore)
    made = makeRing(values.servers, values)
    replicas = parseReplicas(values.replicas)
    next = values.migrate === undefined ? undefined : makeRing(values.migrate, values)
    migration = next && made.migration(next)
  } catch (error) {
    if (!isUsageFault(error)) throw error
    process.stderr.write(`millrace ring: ${error.message}\nTry \`millrace ring --help\`.\n`)
    return EXIT_USAGE
  }
  process.stdout.on('error', () => {}) // print hears of it too
  const { values, positionals } = command
  const stats = made.stats()
  warn(stats)
  if (next !== undefined) warn(next.stats())
  const line = values.json ? jsonLine : textLine
  const answer = (key: Buffer): Buffer => line(key, made, replicas)
  if (positionals.length > 0) {
    await print(positionals.map((key) => answer(Buffer.from(key))))
  } else if (!values.stats && migration === undefined) {
    if (process.stdin.isTTY) process.stderr.write('Reading keys from standard input, one per line.\n')
    for await (const keys of linesOf(process.stdin)) {
      if (!(await print(keys.map(answer)))) break
    }
  }
  if (values.stats) await print([Buffer.from(values.json ? `${JSON.stringify(stats)}\n` : draw(stats))])
  if (migration !== undefined) {
    await print([Buffer.from(values.json ? `${JSON.stringify(migration, plainly)}\n` : moveTable(migration))])
  }
  return EXIT_OK
}

/** How many servers to print for a key; 0: its own alone. */
function parseReplicas(text: string | undefined): number {
  if (text === undefined) return 0
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < 1) throw new InvalidArgumentError('--replicas', 'an integer from 1', text)
  return count
}

/** JSON has no bigints: positions of 64 bits are written as text. */
function plainly(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

function isUsageFault(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  return error instanceof InvalidArgumentError || (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS_'))
}

function warn(stats: RingStats): void {
  const only = stats.servers.find(({ share }) => share === 1)
  if (only !== undefined && stats.hash === 'crc32' && stats.servers.length > 1) {
    process.stderr.write(`millrace ring: ${only.id} gets every key: crc32 has only 15 bits; it is for modula\n`)
    return
  }
  for (const { id, weight, points } of stats.servers) {
    if (points > 0) continue
    process.stderr.write(`millrace ring: ${id} gets no keys: its weight ${weight} is too small beside the others\n`)
  }
}

function draw(stats: RingStats): string {
  if (!process.stdout.isTTY) return shareTable(stats)
  return shareChart(stats, { columns: process.stdout.columns || 80, colour: !process.env.NO_COLOR })
}

function textLine(key: Buffer, ring: HashRing, replicas: number): Buffer {
  const servers = replicas === 0 ? [ring.lookup(key)] : ring.replicas(key, replicas)
  return Buffer.concat([key, Buffer.from(`\t${servers.join('\t')}\n`)])
}

function jsonLine(key: Buffer, ring: HashRing, replicas: number): Buffer {
  const found = replicas === 0 ? { server: ring.lookup(key) } : { servers: ring.replicas(key, replicas) }
  return Buffer.from(`${JSON.stringify({ key: key.toString(), ...found })}\n`)
}

/** Writes the lines; false once nobody reads them any more. */
async function print(lines: readonly Buffer[]): Promise<boolean> {
  if (lines.length === 0) return true
  return new Promise((resolve, reject) => {
    process.stdout.write(Buffer.concat(lines), (error) => {
      if (!error) resolve(true)
      else if ((error as NodeJS.ErrnoException).code === 'EPIPE') resolve(false)
      else reject(error)
    })
  })
}

const NEWLINE = 10

/** The lines of each chunk, without their newlines and bytes untouched. */
async function* linesOf(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer[]> {
  let rest: Buffer[] = []
  for await (const chunk of input) {
    const lines: Buffer[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      lines.push(Buffer.concat([...rest, chunk.subarray(start, end)]))
      rest = []
      start = end + 1
    }
    if (start < chunk.length) rest.push(chunk.subarray(start))
    yield lines
  }
  if (rest.length > 0) yield [Buffer.concat(rest)]
}
