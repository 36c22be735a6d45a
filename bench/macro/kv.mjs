// The key-value service against redis-server: SET and GET of random keys, pipelined and one by one.
import { requirePinning } from './process.mjs'
import { fill, KEYS, measure, missingGenerator } from './redis-benchmark.mjs'
import { compare, publish } from './report.mjs'
import { alternate, EFFORT } from './rounds.mjs'
import { millraceKv, redisServer, startAll, stopAll } from './subjects.mjs'

const DEPTHS = [
  { depth: 16, requests: 1_600_000, floor: 1.7 },
  { depth: 1, requests: 200_000, floor: 1.0 },
]
const SIZES = [
  { bytes: 3, hasFloor: true },
  { bytes: 64, hasFloor: false },
]

requirePinning()
if (missingGenerator) redisServer.missing = millraceKv.missing = missingGenerator
const subject = millraceKv
const peers = [redisServer]
const servers = await startAll([subject, ...peers])
const rows = []
for (const { bytes, hasFloor } of SIZES) {
  for (const server of servers) await fill(server, bytes)
  for (const { depth, requests, floor } of DEPTHS) {
    for (const test of ['set', 'get']) {
      const name = `${test.toUpperCase()} ${bytes} B, pipeline ${depth}`
      const load = { test, depth, bytes, requests: Math.max(KEYS / 10, Math.ceil(requests * EFFORT)) }
      const results = await alternate(name, servers, (server) => measure(server, load))
      const floors = hasFloor ? { [redisServer.name]: floor } : {}
      rows.push(...compare({ case: name, subject, results, peers, floors }))
    }
  }
}
await stopAll(servers)
publish('kv', rows)
