// What only measurement can settle about io_uring: how receive buffers are handed over and how many there are, how
// sends go out, where the loop waits, who maps the rings. Every choice against the loop as it is, by echo.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './machine.mjs'
import { requirePinning, runLoad } from './process.mjs'
import { compare, publish } from './report.mjs'
import { alternate, EFFORT } from './rounds.mjs'
import { echoMillrace, LOAD, onKernel, startAll, stopAll } from './subjects.mjs'

const WINDOW_MS = Math.ceil(600 * EFFORT)
const WARM_UP_MS = Math.ceil(1000 * EFFORT)
const CASES = [
  { shape: '64 B', connections: 50, bytes: 64, depth: 1 },
  { shape: '64 B × 16', connections: 50, bytes: 64, depth: 16 },
  { shape: '4 KiB', connections: 50, bytes: 4096, depth: 1 },
  { shape: '16 KiB', connections: 50, bytes: 16384, depth: 1 },
  { shape: '64 B', connections: 500, bytes: 64, depth: 1 },
  { shape: '16 KiB', connections: 500, bytes: 16384, depth: 1 },
]
const KIB = 1024
const POOLS = [
  [16, 64],
  [64, 16],
  [16, 16],
  [256, 16],
  [256, 4],
  [4, 256],
]

/** `needs` is a word of the loop's own code without which the choice would silently be the default. */
const VARIANTS = [
  { name: 'sends as immediate calls', environment: { MILLRACE_SEND: 'direct' }, needs: 'MILLRACE_SEND' },
  { name: 'sends as SQEs', environment: { MILLRACE_SEND: 'sqe' }, needs: 'MILLRACE_SEND' },
  { name: 'waiting on the poll handle', environment: { MILLRACE_WAIT: 'poll' }, needs: 'MILLRACE_WAIT' },
  { name: 'rings mapped by the kernel', kernel: 'uring-mapped' },
  { name: 'bundles', loop: { bundles: true }, needs: 'bundles' },
  { name: 'bundles, plain', loop: { bundles: true, bufferMode: 'plain' }, needs: 'bundles' },
  ...['plain', 'incremental'].flatMap((bufferMode) =>
    POOLS.map(([buffers, kib]) => ({
      name: `${buffers} × ${kib} KiB, ${bufferMode}`,
      loop: { buffers, bufferBytes: kib * KIB, bufferMode },
      needs: 'bufferMode',
    })),
  ),
]

const built = ['dist/src/loop', 'dist/src/kernel']
  .map((folder) => join(ROOT, folder))
  .filter((folder) => existsSync(folder))
  .flatMap((folder) => readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8')))
  .join('\n')

function variant({ name, kernel = 'uring', loop, environment = {}, needs }) {
  const options = { BENCH_LOOP: JSON.stringify(loop ?? {}) }
  const subject = onKernel(echoMillrace, kernel, { ...environment, ...options })
  const lacking = needs !== undefined && !built.includes(needs)
  return { ...subject, name, ...(lacking ? { missing: `this version has no ${needs}` } : {}) }
}

requirePinning()
const asItIs = variant({ name: 'as it is' })
const variants = VARIANTS.map(variant)
const servers = await startAll([asItIs, ...variants])

async function measure({ port, pid }, { connections, bytes, depth, windowMs = WINDOW_MS }) {
  const result = JSON.parse(await runLoad([LOAD, port, connections, bytes, depth, windowMs, pid]))
  return { 'cpu µs/request': result.cpuNs / 1000 / result.requests, 'requests/s': result.requestsPerSecond }
}

for (const server of servers) await measure(server, { ...CASES[0], windowMs: WARM_UP_MS })
const rows = []
for (const each of CASES) {
  const name = `echo ${each.shape}, ${each.connections} connections`
  const results = await alternate(name, servers, (server) => measure(server, each))
  for (const subject of variants) rows.push(...compare({ case: name, subject, results, peers: [asItIs] }))
}
await stopAll(servers)
publish('options', rows)
