// The sharding proxy on io_uring and on epoll against twemproxy, all in front of the same two redis-servers, which
// share the core of the load.
import { LOAD_CORE } from './machine.mjs'
import { requirePinning } from './process.mjs'
import { fill, KEYS, measure, missingGenerator } from './redis-benchmark.mjs'
import { compare, publish } from './report.mjs'
import { alternate, EFFORT } from './rounds.mjs'
import { millraceProxy, NOT_WORSE, onKernel, redisServer, start, startAll, stopAll, twemproxy } from './subjects.mjs'

const BYTES = 3
const DEPTHS = [
  { depth: 16, requests: 600_000, floor: 2.5 },
  { depth: 1, requests: 100_000, floor: 1.1 },
]

requirePinning()
const missing = missingGenerator ?? redisServer.missing
const behind = missing ? [] : [await start(redisServer, LOAD_CORE), await start(redisServer, LOAD_CORE)]
const ports = behind.map(({ port }) => port)
const onUring = onKernel(millraceProxy(ports), 'uring')
const onEpoll = onKernel(millraceProxy(ports), 'epoll')
const peer = twemproxy(ports)
if (missing) onUring.missing = onEpoll.missing = peer.missing = missing
const servers = await startAll([onUring, onEpoll, peer])
for (const server of servers) await fill(server, BYTES)

const rows = []
for (const { depth, requests, floor } of DEPTHS) {
  for (const test of ['set', 'get']) {
    const name = `${test.toUpperCase()} through a proxy, pipeline ${depth}`
    const load = { test, depth, bytes: BYTES, requests: Math.max(KEYS / 10, Math.ceil(requests * EFFORT)) }
    const results = await alternate(name, servers, (server) => measure(server, load))
    const common = { case: name, results }
    const floors = { [peer.name]: floor, [onEpoll.name]: NOT_WORSE }
    rows.push(...compare({ ...common, subject: onUring, peers: [peer, onEpoll], floors }))
    rows.push(...compare({ ...common, subject: onEpoll, peers: [peer], floors }))
  }
}
await stopAll([...servers, ...behind])
publish('proxy', rows)
