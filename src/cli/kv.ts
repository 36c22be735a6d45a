// `millrace kv`: one shard alone.
import { parseArgs } from 'node:util'
import { parseListen } from '../channel/address.ts'
import { parseBytes } from '../service/bytes.ts'
import { type KvOptions, KvServer, MAXMEMORY_MAX, MAXMEMORY_MIN } from '../service/kv.ts'
import { banner } from './banner.ts'
import { integerOption, isUsageFault, kernelOption, usageFault } from './options.ts'
import { parsePolicy } from './policy.ts'
import { RUN_HELP, RUN_OPTIONS, type RunOptions, runOptions } from './run-options.ts'
import { runTool } from './run-tool.ts'

const HELP = `Usage: millrace kv [options]

Strings with expiry over the Redis protocol, in one process, all in memory.

  --listen PORT|HOST:PORT     where to listen (127.0.0.1:6379); port 0: any free one
  --maxmemory SIZE            bytes for keys and values, as in 100mb or 1gb (1gb)
  --maxmemory-policy POLICY   when it is used up: noeviction (default) or allkeys-lru
  --requirepass PASSWORD      clients must AUTH first
  --maxclients N              most connections at a time (20000)
  --kernel NAME               how it waits: uring, epoll, epoll-edge, poll, select, signal or spin (the best)
${RUN_HELP}
  --json                      say what happens in JSON, one object a line
  -h, --help                  print this
`

const OPTIONS = {
  ...RUN_OPTIONS,
  listen: { type: 'string', default: '127.0.0.1:6379' },
  maxmemory: { type: 'string', default: '1gb' },
  'maxmemory-policy': { type: 'string', default: 'noeviction' },
  requirepass: { type: 'string' },
  maxclients: { type: 'string' },
  kernel: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h' },
} as const

/** Runs the tool and returns its exit code. */
export async function kv(argv: string[]): Promise<number> {
  let options: KvOptions
  let json: boolean
  let run: RunOptions
  try {
    const { values } = parseArgs({ args: argv, options: OPTIONS })
    if (values.help) {
      process.stdout.write(HELP)
      return 0
    }
    json = values.json
    run = runOptions(values, "a keyspace is one process's; `millrace proxy` spreads keys over several of them")
    options = {
      listen: parseListen(values.listen),
      maxmemory: parseBytes('--maxmemory', values.maxmemory, MAXMEMORY_MIN, MAXMEMORY_MAX),
      policy: parsePolicy(values['maxmemory-policy']),
      password: values.requirepass,
      maxClients: integerOption('--maxclients', values.maxclients, 20_000, 1, 1_000_000),
      kernel: kernelOption(values.kernel),
    }
  } catch (error) {
    if (!isUsageFault(error)) throw error
    return usageFault('kv', error)
  }
  const start = async () => {
    const service = await KvServer.start(options)
    const port = String(service.listener.address.port)
    const say = banner('millrace kv', service.listener, json, [
      `redis-cli -p ${port} set a 1`,
      `redis-cli -p ${port} get a`,
      `redis-benchmark -p ${port} -P 16 -q -t set,get`,
    ])
    return { service, say }
  }
  return runTool({ name: 'kv', argv, json, listen: options.listen, start }, run)
}
