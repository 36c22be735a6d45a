// The real HAProxy as an oracle: both hash types, every hash function with and without avalanche, random sets of
// servers with random weights and numbers; no miss allowed. Its servers are its own: they answer the address asked.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HashRing } from '../../src/core/hash-ring.ts'
import { type Core, instantiateCore } from '../../src/core/load.ts'
import type { RingHash } from '../../src/core/ring-build.ts'
import { readCore } from '../../src/kernel/core-file.ts'
import { freePort, lacking, Program, poll, titled } from './harness.ts'
import { Random, SEED } from './random.ts'
import { addresses, ask, differences, headerKeys } from './ring-oracle.ts'

const KEYS = 2_000
const SERVERS_MAX = 12
const WEIGHT_MAX = 20
const NUMBER_MAX = 5000
const PORTS = 4
const TIMEOUT_MS = 120_000

const NO_HAPROXY = lacking('haproxy', 'haproxy', '-v')
const random = new Random(SEED)

interface Pool {
  readonly compat: 'haproxy' | 'haproxy-map'
  readonly hash: RingHash
  readonly avalanche: boolean
  /** `name` is the number that HAProxy's `id` sets. */
  readonly servers: readonly { readonly id: string; readonly weight: number; readonly name?: string }[]
}

const HASHES: readonly RingHash[] = ['sdbm', 'djb2', 'wt6', 'crc32'] // `none` came later than Debian's version

function somePools(ports: readonly number[]): Pool[] {
  return (['haproxy', 'haproxy-map'] as const).flatMap((compat) =>
    HASHES.flatMap((hash) =>
      [true, false].map((avalanche) => {
        const numbers = new Set<number>()
        const isNumbered = compat === 'haproxy' && random.chance(0.5)
        const servers = addresses(random, ports, random.between(2, SERVERS_MAX)).map((id) => {
          let number = random.between(1, NUMBER_MAX)
          while (numbers.has(number)) number++
          numbers.add(number)
          const weight = random.between(1, WEIGHT_MAX)
          return isNumbered ? { id, weight, name: String(number) } : { id, weight }
        })
        return { compat, hash, avalanche, servers }
      }),
    ),
  )
}

function config(port: number, ports: readonly number[], pools: readonly Pool[]): string {
  const backends = pools.map(({ compat, hash, avalanche, servers }, i) => {
    const list = servers.map(({ id, weight, name }, at) => {
      return `  server s${at} ${id} weight ${weight}${name === undefined ? '' : ` id ${name}`}`
    })
    const type = `${compat === 'haproxy' ? 'consistent' : 'map-based'} ${hash}${avalanche ? ' avalanche' : ''}`
    return `backend pool${i}\n  balance hdr(k)\n  hash-type ${type}\n${list.join('\n')}\n`
  })
  return `
global
  nbthread 2
  maxconn 4000
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend asked
  bind 127.0.0.1:${port}
  use_backend %[path,field(2,/)]
${backends.join('')}
frontend servers
${ports.map((each) => `  bind :${each}`).join('\n')}
  http-request return status 200 content-type text/plain lf-string "%[dst]:%[dst_port]"
`
}

describe.skipIf(NO_HAPROXY)(titled('rings against HAProxy', NO_HAPROXY), () => {
  let core: Core
  let haproxy: Program | undefined
  let folder = ''
  let port = 0
  let pools: Pool[] = []

  beforeAll(async () => {
    core = instantiateCore(readCore())
    folder = mkdtempSync(join(tmpdir(), 'millrace-haproxy-'))
    port = await freePort()
    const ports: number[] = []
    while (ports.length < PORTS) ports.push(await freePort())
    pools = somePools(ports)
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(file, config(port, ports, pools))
    haproxy = new Program('haproxy', 'haproxy', ['-db', '-f', file])
    const program = haproxy
    const answers = (): Promise<unknown> => ask(port, 'pool0', [Buffer.from('a')]).catch(() => program.exit)
    await poll(answers, 'haproxy answers')
    if (haproxy.exit) throw new Error(`haproxy does not start: ${haproxy.stderr}`)
  })

  afterAll(async () => {
    await haproxy?.kill() // a soft stop would wait for idle connections
    rmSync(folder, { recursive: true, force: true })
  })

  it(
    `agrees on ${KEYS} random keys in each of many pools (MILLRACE_SEED=${SEED})`,
    async () => {
      for (const [i, { compat, hash, avalanche, servers }] of pools.entries()) {
        using ring = new HashRing(servers, { compat, hash, avalanche, core })
        const keys = headerKeys(random, KEYS)
        const asked = await ask(port, `pool${i}`, keys)
        const wrong = differences(keys, asked, ring.lookupMany(keys))
        const set = servers.map(({ id, weight, name }) => `${id}×${weight} ${name ?? ''}`).join(', ')
        const title = `${compat} ${hash} ${avalanche}, seed ${SEED}, ${set}`
        expect(wrong.slice(0, 5), `${title}: ${wrong.length} of ${KEYS} differ`).toEqual([])
        expect(new Set(asked).size, title).toBeGreaterThan(1)
      }
    },
    TIMEOUT_MS,
  )
})
