// The options of `millrace ring`: what can be asked for, its help, and the ring that comes of it.

import { parseArgs } from 'node:util'
import { HashRing } from '../core/hash-ring.ts'
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import {
  RING_ABOUT,
  RING_COMPATS,
  RING_HASHES,
  type RingCompat,
  type RingDistribution,
  type RingHash,
  type RingOptions,
} from '../core/ring-build.ts'
import { parseServers, ringServers } from '../service/servers.ts'

const COLUMNS = 110
const MODE_COLUMNS = 20

export const RING_HELP = `Usage: millrace ring --servers LIST [options] [key…]

Prints «key<TAB>server» for each key. Without keys, they are read from standard input, one per line.

  --servers LIST       host:port[:weight][ name], [ipv6]:port[:weight], /path[:weight] or embedded[/NAME][:weight],
                       separated by commas; the weight is 1 unless given
  --compat MODE        whose ring, see below; native unless given
  --hash NAME          key hash, where the mode leaves a choice, see below; the first one unless given
  --hash-tag XY        hash only what stands between X and Y in a key, as in '{}'; '' for none
  --replicas N         print N servers for each key, those that take over behind its own
  --stats              print each server's share of all keys; no keys are read from standard input
  --migrate LIST       print which share of all keys moves where when LIST takes the servers' place; likewise
  --json               one JSON object per key, one for --stats, one for --migrate
  -h, --help           print this

Of some modes only:
  --points N           native: points per unit of weight (1024)
  --vnodes N           node-hashring, hash_ring: digests per server (40)
  --distribution NAME  twemproxy: ketama (default), modula or random
  --ring-size MIN[-MAX]
                       envoy: fewest and most points (1024)
  --point-hash NAME    envoy: xxh64 (default) or murmur2
  --table-size N       maglev: slots, a prime number (65537)
  --avalanche on|off   haproxy, haproxy-map: mix key hashes once more (on in haproxy unless --hash is given)

Modes:
${RING_COMPATS.map(modeLine).join('\n')}

millrace ring --compat twemproxy --servers 10.0.0.1:6379:1,10.0.0.2:6379:2 user:1 user:2
millrace ring --servers 10.0.0.1:6379,10.0.0.2:6379,10.0.0.3:6379 --stats
millrace ring --servers 10.0.0.1:6379,10.0.0.2:6379 --migrate 10.0.0.1:6379,10.0.0.2:6379,10.0.0.3:6379
`

/** A mode, what it is, and its hashes if there are several. */
function modeLine(compat: RingCompat): string {
  const hashes = RING_HASHES[compat]
  const lines = [`  ${compat.padEnd(MODE_COLUMNS)} ${RING_ABOUT[compat]}`]
  if (hashes.length > 1) {
    let line = ' '.repeat(MODE_COLUMNS + 5)
    for (const [i, hash] of hashes.entries()) {
      if (line.length + hash.length + 1 > COLUMNS) {
        lines.push(line.trimEnd())
        line = ' '.repeat(MODE_COLUMNS + 5)
      }
      line += i === hashes.length - 1 ? hash : `${hash}, `
    }
    lines.push(line)
  }
  return lines.join('\n')
}

const OPTIONS = {
  servers: { type: 'string' },
  compat: { type: 'string' },
  hash: { type: 'string' },
  'hash-tag': { type: 'string' },
  points: { type: 'string' },
  vnodes: { type: 'string' },
  distribution: { type: 'string' },
  'ring-size': { type: 'string' },
  'point-hash': { type: 'string' },
  'table-size': { type: 'string' },
  avalanche: { type: 'string' },
  replicas: { type: 'string' },
  migrate: { type: 'string' },
  stats: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

export type RingCommand = ReturnType<typeof parseRing>
type Values = RingCommand['values']

export function parseRing(argv: string[]) {
  return parseArgs({ args: argv, options: OPTIONS, allowPositionals: true })
}

/** The ring over a list of servers, as the options want it. planRing checks what they say. */
export function makeRing(list: string | undefined, values: Values): HashRing {
  if (list === undefined) throw new InvalidArgumentError('--servers', 'given', undefined)
  const options = ringOptions(values)
  return new HashRing(ringServers(parseServers(list), options.compat ?? 'native'), options)
}

function ringOptions(values: Values): RingOptions {
  const [minimum, maximum] = values['ring-size']?.split('-') ?? []
  return {
    compat: values.compat as RingCompat | undefined,
    hash: values.hash as RingHash | undefined,
    hashTag: values['hash-tag'],
    points: numeric(values.points),
    vnodes: numeric(values.vnodes),
    distribution: values.distribution as RingDistribution | undefined,
    minimumRingSize: numeric(minimum),
    maximumRingSize: numeric(maximum),
    pointHash: values['point-hash'] as RingOptions['pointHash'],
    tableSize: numeric(values['table-size']),
    avalanche: switched(values.avalanche),
  }
}

function numeric(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}

function switched(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined
  if (text !== 'on' && text !== 'off') throw new InvalidArgumentError('--avalanche', 'on or off', text)
  return text === 'on'
}
