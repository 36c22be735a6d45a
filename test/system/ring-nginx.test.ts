// The real nginx as an oracle, with and without `consistent`: random sets of servers with random weights, thousands of
// random keys each; no miss allowed. Its servers are its own: they answer the address that was asked.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HashRing } from '../../src/core/hash-ring.ts'
import { type Core, instantiateCore } from '../../src/core/load.ts'
import { readCore } from '../../src/kernel/core-file.ts'
import { freePort, lacking, Program, poll, titled } from './harness.ts'
import { Random, SEED } from './random.ts'
import { addresses, ask, differences, headerKeys } from './ring-oracle.ts'

/** How many sets of servers, and keys for each. */
const ROUNDS = { nginx: [20, 10_000], 'nginx-plain': [8, 5_000] } as const
const SERVERS_MAX = 12
const WEIGHT_MAX = 10
const PORTS = 4
const TIMEOUT_MS = 180_000

const NO_NGINX = lacking('nginx', 'nginx-light', '-v')
const random = new Random(SEED)

interface Pool {
  readonly compat: 'nginx' | 'nginx-plain'
  readonly servers: readonly { readonly id: string; readonly weight: number }[]
}

function config(folder: string, port: number, ports: readonly number[], pools: readonly Pool[]): string {
  const upstreams = pools.map(({ compat, servers }, i) => {
    const list = servers.map(({ id, weight }) => `    server ${id} weight=${weight} max_fails=0;`)
    const hash = `hash $http_k${compat === 'nginx' ? ' consistent' : ''};`
    return `  upstream pool${i} {\n    ${hash}\n${list.join('\n')}\n    keepalive 64;\n  }`
  })
  const locations = pools.map((_, i) => `    location = /pool${i} { proxy_pass http://pool${i}; }`)
  return `
daemon off; worker_processes 2; pid ${folder}/pid; error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000; ignore_invalid_headers off; server_tokens off;
  client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
${upstreams.join('\n')}
  server {
    listen 127.0.0.1:${port};
    proxy_http_version 1.1; proxy_set_header Connection "";
${locations.join('\n')}
  }
  server {
${ports.map((each) => `    listen ${each};`).join('\n')}
    location / { return 200 "$server_addr:$server_port"; }
  }
}
`
}

describe.skipIf(NO_NGINX)(titled('rings against nginx', NO_NGINX), () => {
  let core: Core
  let nginx: Program | undefined
  let folder = ''
  let port = 0
  let pools: Pool[] = []

  beforeAll(async () => {
    core = instantiateCore(readCore())
    folder = mkdtempSync(join(tmpdir(), 'millrace-nginx-'))
    port = await freePort()
    const ports: number[] = []
    while (ports.length < PORTS) ports.push(await freePort())
    pools = (['nginx', 'nginx-plain'] as const).flatMap((compat) =>
      Array.from({ length: ROUNDS[compat][0] }, (_, i) => ({
        compat,
        servers: addresses(random, ports, random.between(2, SERVERS_MAX)).map((id) => ({
          id,
          weight: i < 2 ? 1 : random.between(1, WEIGHT_MAX),
        })),
      })),
    )
    const file = join(folder, 'nginx.conf')
    writeFileSync(file, config(folder, port, ports, pools))
    nginx = new Program('nginx', 'nginx', ['-c', file, '-p', folder, '-e', 'stderr'])
    const program = nginx
    const answers = (): Promise<unknown> => ask(port, 'pool0', [Buffer.from('a')]).catch(() => program.exit)
    await poll(answers, 'nginx answers')
    if (nginx.exit) throw new Error(`nginx does not start: ${nginx.stderr}`)
  })

  afterAll(async () => {
    await nginx?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it.each(['nginx', 'nginx-plain'] as const)(
    `%s: random sets of servers and random keys (MILLRACE_SEED=${SEED})`,
    async (compat) => {
      const [, count] = ROUNDS[compat]
      for (const [i, pool] of pools.entries()) {
        if (pool.compat !== compat) continue
        using ring = new HashRing(pool.servers, { compat, core })
        const keys = headerKeys(random, count)
        const asked = await ask(port, `pool${i}`, keys)
        const wrong = differences(keys, asked, ring.lookupMany(keys))
        const set = pool.servers.map(({ id, weight }) => `${id}×${weight}`).join(' ')
        expect(wrong.slice(0, 5), `seed ${SEED}, ${set}: ${wrong.length} of ${count} differ`).toEqual([])
        expect(new Set(asked).size).toBeGreaterThan(1)
      }
    },
    TIMEOUT_MS,
  )
})
