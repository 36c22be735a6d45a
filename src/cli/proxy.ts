// `millrace proxy`: sharding in front of Redis servers, embedded shards, or both.
import { parseArgs } from 'node:util'
import { parseListen } from '../channel/address.ts'
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import { planRing, RING_COMPATS, type RingCompat } from '../core/ring-build.ts'
import { parseBytes } from '../service/bytes.ts'
import { MAXMEMORY_MAX, MAXMEMORY_MIN } from '../service/kv.ts'
import { type ProxyOptions, ProxyServer } from '../service/proxy.ts'
import { parseServers, ringServers, type Server } from '../service/servers.ts'
import { banner } from './banner.ts'
import { integerOption, isUsageFault, kernelOption, usageFault } from './options.ts'
import { parsePolicy } from './policy.ts'
import { RUN_HELP, RUN_OPTIONS, type RunOptions, runOptions } from './run-options.ts'
import { runTool } from './run-tool.ts'

const HELP = `Usage: millrace proxy --servers LIST [options]

A sharding proxy: clients speak the Redis protocol to it as to one server; each key has its place on a hash ring.

  --servers LIST              host:port[:weight][ name], [ipv6]:port[:weight], /path[:weight] or
                              embedded[/NAME][:weight] (a shard in this process), separated by commas
  --listen PORT|HOST:PORT     where to listen (127.0.0.1:6380); port 0: any free one
  --compat MODE               whose ring: native (default), ketama (libketama), twemproxy or any other that
                              \`millrace ring --help\` lists
  --hash-tag XY               hash only what stands between X and Y in a key, as in '{}'
  --timeout MS                most time for a reply of a server (5000); 0: no limit
  --connect-timeout MS        most time for a connect (2000)
  --maxclients N              most connections at a time (20000)
  --max-in-flight N           most requests of one client that wait for replies (1024)
  --maxmemory SIZE            for embedded shards, all together (1gb)
  --maxmemory-policy POLICY   for embedded shards: noeviction (default) or allkeys-lru
  --kernel NAME               how it waits: uring, epoll, epoll-edge, poll, select, signal or spin (the best)
${RUN_HELP}
  --json                      say what happens in JSON, one object a line
  -h, --help                  print this
`

/** What `up` has too. */
const COMMON = {
  ...RUN_OPTIONS,
  listen: { type: 'string', default: '127.0.0.1:6380' },
  'hash-tag': { type: 'string' },
  maxclients: { type: 'string' },
  kernel: { type: 'string' },
  maxmemory: { type: 'string', default: '1gb' },
  'maxmemory-policy': { type: 'string', default: 'noeviction' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h' },
} as const

const OPTIONS = {
  ...COMMON,
  servers: { type: 'string' },
  compat: { type: 'string' },
  timeout: { type: 'string' },
  'connect-timeout': { type: 'string' },
  'max-in-flight': { type: 'string' },
} as const

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

/** Runs the tool and returns its exit code. */
export function proxy(argv: string[]): Promise<number> {
  return runProxy('proxy', HELP, argv, undefined)
}

/** `proxy` and `up` differ only in where their servers come from. */
export async function runProxy(
  tool: string,
  help: string,
  argv: string[],
  servers: readonly Server[] | undefined,
): Promise<number> {
  let options: ProxyOptions
  let json: boolean
  let run: RunOptions
  try {
    const values = parse(argv, servers)
    if (values.help) {
      process.stdout.write(help)
      return 0
    }
    json = values.json
    options = proxyOptions(values, servers)
    const embedded = options.servers.some(({ kind }) => kind === 'embedded')
    run = runOptions(values, embedded ? "an embedded shard is one process's" : undefined)
    // what the ring's plan refuses (a weight, a tag of three characters) is the caller's fault too
    if (run.workers > 1) planRing(ringServers(options.servers, options.ring.compat ?? 'native'), options.ring)
    return await runTool(
      { name: tool, argv, json, listen: options.listen, start: () => start(tool, options, json) },
      run,
    )
  } catch (error) {
    if (!isUsageFault(error)) throw error
    return usageFault(tool, error)
  }
}

/** In a worker: the tool's arguments, on a port that is shared. */
export async function startProxy(argv: readonly string[]): Promise<void> {
  const values = parse(argv, undefined)
  const options = proxyOptions(values, undefined)
  const say = (text: string): void => {
    process.stdout.write(values.json ? `${JSON.stringify({ message: text })}\n` : `${text}\n`)
  }
  const listen = { ...options.listen, reusePort: true }
  await ProxyServer.start({ ...options, listen, onServer: ({ id }, up) => say(`server ${id} is ${upOrDown(up)}`) })
}

function parse(argv: readonly string[], servers: readonly Server[] | undefined): Values {
  return parseArgs({ args: [...argv], options: servers === undefined ? OPTIONS : COMMON }).values as Values
}

function proxyOptions(values: Values, servers: readonly Server[] | undefined): ProxyOptions {
  return {
    servers: servers ?? parseServers(values.servers ?? ''),
    listen: parseListen(values.listen),
    ring: { compat: parseCompat(values.compat), hashTag: values['hash-tag'] },
    timeoutMs: integerOption('--timeout', values.timeout, 5000, 0, 3_600_000),
    connectTimeoutMs: integerOption('--connect-timeout', values['connect-timeout'], 2000, 1, 3_600_000),
    maxClients: integerOption('--maxclients', values.maxclients, 20_000, 1, 1_000_000),
    kernel: kernelOption(values.kernel),
    maxInFlight: integerOption('--max-in-flight', values['max-in-flight'], 1024, 1, 1_000_000),
    maxmemory: parseBytes('--maxmemory', values.maxmemory, MAXMEMORY_MIN, MAXMEMORY_MAX),
    policy: parsePolicy(values['maxmemory-policy']),
  }
}

const upOrDown = (up: boolean): string => (up ? 'up' : 'down')

async function start(tool: string, options: ProxyOptions, json: boolean) {
  const early: string[] = []
  let report = (server: Server, up: boolean, error: number): void => {
    if (!up) early.push(`server ${server.id} is down (${error})`)
  }
  const onServer: ProxyOptions['onServer'] = (server, up, error) => report(server, up, error)
  const service = await ProxyServer.start({ ...options, onServer })
  const port = String(service.listener.address.port)
  const say = banner(`millrace ${tool}`, service.listener, json, [
    `redis-cli -p ${port} set a 1`,
    `redis-cli -p ${port} mget a b c`,
    `redis-benchmark -p ${port} -P 16 -q -t set,get`,
  ])
  for (const line of early) say(line)
  report = (server, up) => say(`server ${server.id} is ${upOrDown(up)}`)
  return { service, say }
}

function parseCompat(text: string | undefined): RingCompat | undefined {
  if (text === undefined) return undefined
  const compat = RING_COMPATS.find((name) => name === text)
  if (compat === undefined) throw new InvalidArgumentError('--compat', RING_COMPATS.join(', '), text)
  return compat
}
