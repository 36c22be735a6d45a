// The key-value service on io_uring and on epoll against redis-server: SET and GET of random keys, pipelined and one by
// one.
import { requirePinning } from './process.mjs'
import { fill, KEYS, measure, missingGenerator } from './redis-benchmark.mjs'
import { compare, publish } from './report.mjs'
import { alternate, EFFORT } from './rounds.mjs'
import { millraceKv, NOT_WORSE, onKernel, redisServer, startAll, stopAll } from './subjects.mjs'

const DEPTHS = [
  { depth: 16, requests: 1_600_000, floor: 1.7 },
  { depth: 1, requests: 200_000, floor: 1.0 },
]
const SIZES = [
  { bytes: 3, hasFloor: true },
  { bytes: 64, hasFloor: false },
]

requirePinning()
const onUring = onKernel(millraceKv, 'uring')
const onEpoll = onKernel(millraceKv, 'epoll')
if (missingGenerator) redisServer.missing = onUring.missing = onEpoll.missing = missingGenerator
const servers = await startAll([onUring, onEpoll, redisServer])
const rows = []
for (const { bytes, hasFloor } of SIZES) {
  for (const server of servers) await fill(server, bytes)
  for (const { depth, requests, floor } of DEPTHS) {
    for (const test of ['set', 'get']) {
      const name = `${test.toUpperCase()} ${bytes} B, pipeline ${depth}`
      const load = { test, depth, bytes, requests: Math.max(KEYS / 10, Math.ceil(requests * EFFORT)) }
      const results = await alternate(name, servers, (server) => measure(server, load))
      const ofRedis = hasFloor ? { [redisServer.name]: floor } : {}
      const common = { case: name, results }
      const floors = { ...ofRedis, [onEpoll.name]: NOT_WORSE }
      rows.push(...compare({ ...common, subject: onUring, peers: [redisServer, onEpoll], floors }))
      rows.push(...compare({ ...common, subject: onEpoll, peers: [redisServer], floors: ofRedis }))
    }
  }
}
await stopAll(servers)
publish('kv', rows)
