// `millrace ring`: which server owns a key, and how the keys are shared out, without any server running.

import { parseArgs } from 'node:util'
import { HashRing, type RingStats } from '../core/hash-ring.ts'
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import { provideCore } from '../core/load.ts'
import { RING_COMPATS, RING_HASHES, type RingCompat, type RingHash } from '../core/ring-build.ts'
import { readCore } from '../kernel/core-file.ts'
import { parseServers, ringServers } from '../service/servers.ts'
import { shareChart, shareTable } from './ring-chart.ts'

const HELP = `Usage: millrace ring --servers LIST [options] [key…]

Prints «key<TAB>server» for each key. Without keys, they are read from standard input, one per line.

  --servers LIST     host:port[:weight][ name], [ipv6]:port[:weight], /path[:weight] or embedded[/NAME][:weight],
                     separated by commas; the weight is 1 unless given
  --compat MODE      whose ring: native (default), ketama (libketama) or twemproxy
  --hash NAME        key hash of a twemproxy ring, fnv1a_64 unless given:
                     ${RING_HASHES.twemproxy.slice(0, 6).join(', ')},
                     ${RING_HASHES.twemproxy.slice(6).join(', ')}
  --hash-tag XY      hash only what stands between X and Y in a key, as in '{}'
  --points N         points per unit of weight of a native ring (1024)
  --stats            print each server's share of the ring; no keys are read from standard input
  --json             one JSON object per key, and one for --stats
  -h, --help         print this

millrace ring --compat twemproxy --servers 10.0.0.1:6379:1,10.0.0.2:6379:2 user:1 user:2
millrace ring --servers 10.0.0.1:6379,10.0.0.2:6379,10.0.0.3:6379 --stats
`

const OPTIONS = {
  servers: { type: 'string' },
  compat: { type: 'string' },
  hash: { type: 'string' },
  'hash-tag': { type: 'string' },
  points: { type: 'string' },
  stats: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

const EXIT_OK = 0
const EXIT_USAGE = 2

/** Runs the command and returns its exit code. */
export async function ring(argv: string[]): Promise<number> {
  let command: ReturnType<typeof parse>
  let made: HashRing
  try {
    command = parse(argv)
    if (command.values.help) {
      process.stdout.write(HELP)
      return EXIT_OK
    }
    made = makeRing(command.values)
  } catch (error) {
    if (!isUsageFault(error)) throw error
    process.stderr.write(`millrace ring: ${error.message}\nTry \`millrace ring --help\`.\n`)
    return EXIT_USAGE
  }
  process.stdout.on('error', () => {}) // print hears of it too
  const { values, positionals } = command
  const stats = made.stats()
  warn(stats)
  const answer = values.json ? jsonLine : textLine
  if (positionals.length > 0) {
    await print(positionals.map((key) => answer(Buffer.from(key), made.lookup(key))))
  } else if (!values.stats) {
    if (process.stdin.isTTY) process.stderr.write('Reading keys from standard input, one per line.\n')
    for await (const keys of linesOf(process.stdin)) {
      if (!(await print(keys.map((key) => answer(key, made.lookup(key)))))) break
    }
  }
  if (values.stats) await print([Buffer.from(values.json ? `${JSON.stringify(stats)}\n` : draw(stats))])
  return EXIT_OK
}

function parse(argv: string[]) {
  return parseArgs({ args: argv, options: OPTIONS, allowPositionals: true })
}

function makeRing(values: ReturnType<typeof parse>['values']): HashRing {
  if (values.servers === undefined) throw new InvalidArgumentError('--servers', 'given', undefined)
  const compat = (values.compat ?? RING_COMPATS[0]) as RingCompat // planRing checks it, as all the rest
  const points = values.points === undefined ? undefined : Number(values.points)
  provideCore(readCore)
  return new HashRing(ringServers(parseServers(values.servers), compat), {
    compat,
    hash: values.hash as RingHash | undefined,
    hashTag: values['hash-tag'],
    points,
  })
}

function isUsageFault(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  return error instanceof InvalidArgumentError || (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS_'))
}

function warn(stats: RingStats): void {
  for (const { id, weight, points } of stats.servers) {
    if (points > 0) continue
    process.stderr.write(`millrace ring: ${id} gets no keys: its weight ${weight} is too small beside the others\n`)
  }
}

function draw(stats: RingStats): string {
  if (!process.stdout.isTTY) return shareTable(stats)
  return shareChart(stats, { columns: process.stdout.columns || 80, colour: !process.env.NO_COLOR })
}

function textLine(key: Buffer, server: string): Buffer {
  return Buffer.concat([key, Buffer.from(`\t${server}\n`)])
}

function jsonLine(key: Buffer, server: string): Buffer {
  return Buffer.from(`${JSON.stringify({ key: key.toString(), server })}\n`)
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
