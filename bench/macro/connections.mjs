// Very many connections, nearly all of them silent: `make connections N=100000`. They come from 127.0.0.0/8 and are
// spread over as many processes as the limit of descriptors demands, on both sides. What one costs in a process and in
// the kernel, and what an echo costs and how long it takes beside them all.
import { readFileSync } from 'node:fs'
import { hold, settled, warmUp } from './holding.mjs'
import { release, requirePinning, runLoad, stopServer } from './process.mjs'
import { publish, row } from './report.mjs'
import { descriptorLimit, echoMillrace, LOAD, start } from './subjects.mjs'

const TOTAL = Number(process.env.N || 15_000)
if (!Number.isInteger(TOTAL) || TOTAL < 1)
  throw new Error(`N must be a whole number of connections, not ${process.env.N}`)
const RESERVED = 500 // descriptors of a process for other things, and for the load
const MOST = Math.min(descriptorLimit() - RESERVED, 60_000)
const ECHO = [50, 64, 1, 3000] // connections, bytes, depth, milliseconds
/** Bytes of resident memory that a channel with a handler may cost. */
const LIMIT_BYTES = 800

/** Bytes of the kernel's own objects: slabs, and the pages of sockets. */
function kernelBytes() {
  const kib = Number(/^Slab:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))[1])
  const pages = Number(/^TCP: .* mem (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))[1])
  return kib * 1024 + pages * 4096
}

async function echo({ port, pid }) {
  const { cpuNs, requests, p50Us, p99Us } = JSON.parse(await runLoad([LOAD, port, ...ECHO, pid]))
  return { 'cpu µs/request': cpuNs / 1000 / requests, 'p50 µs': p50Us, 'p99 µs': p99Us }
}

requirePinning()
const processes = Math.ceil(TOTAL / MOST)
const shares = Array.from(
  { length: processes },
  (_, i) => Math.floor(TOTAL / processes) + (i < TOTAL % processes ? 1 : 0),
)
const servers = []
for (const _ of shares) servers.push(await start(echoMillrace))
const quiet = await echo(servers[0])
for (const server of servers) await warmUp(server)
const resident = await Promise.all(servers.map(({ pid }) => settled(pid)))
const kernel = kernelBytes()
const holders = []
for (const [i, server] of servers.entries()) holders.push(await hold(server, shares[i]))
const held = await Promise.all(servers.map(({ pid }) => settled(pid)))
const grown = held.reduce((sum, bytes, i) => sum + bytes - resident[i], 0)
const kernelGrown = kernelBytes() - kernel
const crowded = await echo(servers[0])

const name = `${TOTAL} connections, ${processes} process${processes === 1 ? '' : 'es'}`
const common = { case: name, subject: echoMillrace.name }
const rows = [
  row({ ...common, metric: 'bytes/connection', value: grown / TOTAL, limit: LIMIT_BYTES }),
  row({ ...common, metric: 'kernel bytes/connection, both ends', value: kernelGrown / TOTAL }),
  ...Object.entries(crowded).map(([metric, value]) =>
    row({ ...common, metric: `echo ${metric}`, value, peer: 'without them', peerValue: quiet[metric] }),
  ),
]
for (const holder of holders) await release(holder)
for (const server of servers) await stopServer(server)
publish('connections', rows, 'servers on one core, the other ends on the other', { rounds: 1 })
