// `millrace up`: a sharding proxy in front of four embedded shards, with nothing to configure.
import { parseServers } from '../service/servers.ts'
import { runProxy } from './proxy.ts'
import { RUN_HELP } from './run-options.ts'

const HELP = `Usage: millrace up [options]

A sharding proxy over the Redis protocol in front of four embedded shards, all in this process.

  --listen PORT|HOST:PORT     where to listen (127.0.0.1:6380); port 0: any free one
  --hash-tag XY               hash only what stands between X and Y in a key, as in '{}'
  --maxclients N              most connections at a time (20000)
  --maxmemory SIZE            for all shards together (1gb)
  --maxmemory-policy POLICY   when it is used up: noeviction (default) or allkeys-lru
  --kernel NAME               how it waits: uring, epoll, epoll-edge, poll, select, signal or spin (the best)
${RUN_HELP}
  --json                      say what happens in JSON, one object a line
  -h, --help                  print this
`

const SHARDS = 'embedded/1,embedded/2,embedded/3,embedded/4'

/** Runs the tool and returns its exit code. */
export function up(argv: string[]): Promise<number> {
  return runProxy('up', HELP, argv, parseServers(SHARDS))
}
