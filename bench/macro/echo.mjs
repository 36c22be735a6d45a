// Echo servers side by side: small messages one by one, small messages in pipelines, larger messages; 50 connections.
import { requirePinning, runLoad } from './process.mjs'
import { compare, publish } from './report.mjs'
import { alternate, EFFORT } from './rounds.mjs'
import { echoBun, echoEpoll, echoMillrace, echoNet, LOAD, startAll, stopAll } from './subjects.mjs'

const CONNECTIONS = 50
const WINDOW_MS = Math.ceil(2000 * EFFORT)
const CASES = [
  { name: 'echo 64 B', bytes: 64, depth: 1, floors: { 'node:net': 1.5, 'C epoll': 0.85, 'Bun.listen': 0.95 } },
  { name: 'echo 64 B × 16', bytes: 64, depth: 16, floors: {} },
  { name: 'echo 4 KiB', bytes: 4096, depth: 1, floors: {} },
]

requirePinning()
const subject = echoMillrace
const peers = [echoNet, echoEpoll, echoBun]
const servers = await startAll([subject, ...peers])
const rows = []
for (const { name, bytes, depth, floors } of CASES) {
  const results = await alternate(name, servers, async ({ port, pid }) => {
    const result = JSON.parse(await runLoad([LOAD, port, CONNECTIONS, bytes, depth, WINDOW_MS, pid]))
    return {
      'cpu µs/request': result.cpuNs / 1000 / result.requests,
      'requests/s': result.requestsPerSecond,
      'p99 µs': result.p99Us,
    }
  })
  rows.push(...compare({ case: name, subject, results, peers, floors }))
}
await stopAll(servers)
publish('echo', rows)
