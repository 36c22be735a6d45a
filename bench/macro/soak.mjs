// Hours in minutes: the kv service and the proxy under load, churning and silent connections, again and again. After
// every lap the connections must be gone, and from the second quarter of the time on, memory must not grow any more.
import { openFiles, residentBytes } from './machine.mjs'
import { pause, release, requirePinning, startHolder } from './process.mjs'
import { KEYS, missingGenerator, redisBenchmark } from './redis-benchmark.mjs'
import { IDLE, millraceKv, millraceProxy, start, stopAll } from './subjects.mjs'

const SECONDS = Number(process.env.SOAK_TIME || 600)
const GROWTH_MAX = 1.1
const LAPS_MIN = 4
const CLOSE_MS = 10_000
const IDLE_CONNECTIONS = 1000
const LAP = [
  ['-t', 'set,get,incr,mset', '-n', 200_000, '-P', 16, '-d', 64],
  ['-t', 'set,get', '-n', 5_000, '-P', 4, '-d', 70_000],
  ['-t', 'get', '-n', 20_000, '-k', 0], // a connection per request
]

async function lap({ name, port, pid }, before) {
  const holder = await startHolder([IDLE, port, IDLE_CONNECTIONS], `open ${IDLE_CONNECTIONS}`)
  for (const load of LAP) await redisBenchmark(port, [...load, '-r', KEYS / 100, '-q'])
  await release(holder)
  for (const deadline = Date.now() + CLOSE_MS; openFiles(pid) > before; await pause(100)) {
    if (Date.now() > deadline)
      throw new Error(`${name} kept ${openFiles(pid) - before} descriptors of dead connections`)
  }
  return residentBytes(pid)
}

requirePinning()
if (missingGenerator) throw new Error(`the soak needs redis-benchmark: ${missingGenerator}`)
const shards = [await start(millraceKv), await start(millraceKv)]
const proxy = await start(millraceProxy(shards.map(({ port }) => port)))
const watched = [{ server: shards[0] }, { server: proxy }]
for (const each of watched) each.samples = [await lap(each.server, Number.POSITIVE_INFINITY)]
await pause(1000)
for (const each of watched) each.files = openFiles(each.server.pid)

const end = Date.now() + SECONDS * 1000
const settledAt = Date.now() + SECONDS * 250
let settled
while (Date.now() < end) {
  for (const each of watched) each.samples.push(await lap(each.server, each.files))
  if (settled === undefined && Date.now() >= settledAt) settled = watched.map(({ samples }) => samples.at(-1))
}
for (const [index, { server, samples }] of watched.entries()) {
  const growth = samples.at(-1) / (settled?.[index] ?? samples[0])
  const mib = samples.map((bytes) => (bytes / 2 ** 20).toFixed(1))
  console.log(
    `  ${server.name}: ${samples.length} laps, resident ${mib[0]} … ${mib.at(-1)} MiB, growth × ${growth.toFixed(3)}`,
  )
  if (samples.length < LAPS_MIN)
    throw new Error(`${samples.length} laps are too few to tell; give it more than ${SECONDS} s`)
  if (!(growth <= GROWTH_MAX)) process.exitCode = 1
}
await stopAll([proxy, ...shards])
console.log(process.exitCode ? 'memory grew: not passed' : 'passed')
