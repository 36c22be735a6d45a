// Echo servers side by side: millrace on io_uring and on epoll against C, node:net, Bun and Netty; small messages one
// by one and in pipelines, larger ones, few connections and many.
import { requirePinning, runLoad } from './process.mjs'
import { compare, publish } from './report.mjs'
import { alternate, EFFORT } from './rounds.mjs'
import * as subjects from './subjects.mjs'

const { echoBun, echoEpoll, echoNet, echoNetty, echoUring, LOAD, onKernel, startAll, stopAll } = subjects

const CONNECTIONS = [50, 500]
const WINDOW_MS = Math.ceil(1500 * EFFORT)
const WARM_UP_MS = Math.ceil(2000 * EFFORT) // of each server, for those that compile while they run
const SHAPES = [
  { shape: '64 B', bytes: 64, depth: 1, ofC: 1.0 },
  { shape: '64 B × 16', bytes: 64, depth: 16, ofC: 1 / 1.1 },
  { shape: '4 KiB', bytes: 4096, depth: 1, ofC: 1 / 0.95 },
  { shape: '16 KiB', bytes: 16384, depth: 1, ofC: 1 / 1.1 },
]
const OF_NET = 1.7
const EPOLL_OF_C = 1 / 1.15

requirePinning()
const onUring = onKernel(subjects.echoMillrace, 'uring')
const onEpoll = onKernel(subjects.echoMillrace, 'epoll')
const peers = [echoEpoll, echoNet, echoBun, echoNetty, echoUring]
const servers = await startAll([onUring, onEpoll, ...peers])

async function measure({ port, pid }, { connections, bytes, depth, windowMs = WINDOW_MS }) {
  const result = JSON.parse(await runLoad([LOAD, port, connections, bytes, depth, windowMs, pid]))
  return {
    'cpu µs/request': result.cpuNs / 1000 / result.requests,
    'requests/s': result.requestsPerSecond,
    'p99 µs': result.p99Us,
  }
}

for (const server of servers) await measure(server, { connections: 50, bytes: 64, depth: 1, windowMs: WARM_UP_MS })
const rows = []
for (const connections of CONNECTIONS) {
  for (const { shape, bytes, depth, ofC } of SHAPES) {
    const name = `echo ${shape}, ${connections} connections`
    const results = await alternate(name, servers, (server) => measure(server, { connections, bytes, depth }))
    const common = { case: name, results }
    const floors = { [echoEpoll.name]: ofC, [echoNet.name]: OF_NET }
    rows.push(...compare({ ...common, subject: onUring, peers: [...peers, onEpoll], floors }))
    rows.push(...compare({ ...common, subject: onEpoll, peers, floors: { [echoEpoll.name]: EPOLL_OF_C } }))
  }
}
await stopAll(servers)
publish('echo', rows)
