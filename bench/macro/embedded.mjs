// What a loop at full load does to the rest of its process: the latency of node:http, asked by wrk on one connection,
// while an echo server of the same process gets all the load it can bear; by millrace, and by node:net for comparison.
import { spawn } from 'node:child_process'
import { LOAD_CORE } from './machine.mjs'
import { pause, requirePinning, runLoad } from './process.mjs'
import { publish, row } from './report.mjs'
import { alternate, EFFORT } from './rounds.mjs'
import { embedded, LOAD, onKernel, startAll, stopAll, WRK } from './subjects.mjs'

const WINDOW_MS = Math.ceil(2000 * EFFORT)
const SECONDS = Math.max(1, Math.ceil(WINDOW_MS / 1000))
const CONNECTIONS = 50
const ADDED_MS = 2
const UNITS = { us: 1e-3, ms: 1, s: 1e3 }

/** Latencies of node:http in milliseconds. */
async function ask({ port }) {
  const url = `http://127.0.0.1:${port}/`
  const text = await runLoad([WRK, '-t', 1, '-c', 1, '-d', `${SECONDS}s`, '--latency', url])
  const of = (percent) => {
    const [, value, unit] = new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(text)
    return Number(value) * UNITS[unit]
  }
  return { p50: of(50), p99: of(99) }
}

/** As ask, while the echo is loaded: by a process of low priority, so that it is not the asker who waits for a core. */
async function askUnderLoad(server) {
  const args = [server.port + 1, CONNECTIONS, 64, 1, SECONDS * 1000 + 600]
  const load = spawn('taskset', ['-c', LOAD_CORE, 'nice', '-n', 19, LOAD, ...args].map(String), { stdio: 'ignore' })
  const ended = new Promise((resolve) => load.once('exit', resolve))
  await pause(300)
  const asked = await ask(server)
  await ended
  if (load.exitCode !== 0) throw new Error(`${server.name}: the load ended with ${load.exitCode}`)
  return asked
}

async function measure(server) {
  const quiet = await ask(server)
  const loaded = await askUnderLoad(server)
  return { 'p99 ms added': Math.max(0, loaded.p99 - quiet.p99), 'p50 ms added': Math.max(0, loaded.p50 - quiet.p50) }
}

requirePinning()
if (WRK === undefined) throw new Error('wrk is missing: apt-get install wrk')
const own = [onKernel(embedded('millrace'), 'uring'), onKernel(embedded('millrace'), 'epoll')]
const peer = embedded('net')
const servers = await startAll([...own, peer])
for (const server of servers) await measure(server)
const name = `node:http beside an echo at full load, ${CONNECTIONS} connections`
const results = await alternate(name, servers, measure)
const rows = []
for (const { name: subject } of own) {
  for (const [metric, { value, samples }] of Object.entries(results.get(subject) ?? {})) {
    const theirs = results.get(peer.name)?.[metric]
    const bounds = metric.startsWith('p99') ? { limit: ADDED_MS } : {}
    rows.push(
      row({ case: name, subject, metric, value, samples, peer: peer.name, peerValue: theirs?.value, ...bounds }),
    )
  }
}
await stopAll(servers)
publish('embedded', rows, 'server on one core; wrk, and behind it the load, on the other')
