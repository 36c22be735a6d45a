// Frames through a handler in JavaScript: length-prefixed echo against node:net with a framer, Netty's decoder, Bun and
// an echo in C that does not look; and lines in one direction against node:net with split2.
import { requirePinning, runLoad } from './process.mjs'
import { compare, publish } from './report.mjs'
import { alternate, EFFORT } from './rounds.mjs'
import * as subjects from './subjects.mjs'

const { LOAD, POUR, echoEpoll, framedBun, framedMillrace, framedNet, framedNetty, onKernel, startAll, stopAll } =
  subjects

const WINDOW_MS = Math.ceil(1500 * EFFORT)
const WARM_UP_MS = Math.ceil(2000 * EFFORT) // of each server, for those that compile while they run
const CONNECTIONS = 50
const POURING = 10
const ECHOES = [
  { shape: '64 B', bytes: 64, depth: 1, floors: {} },
  {
    shape: '64 B × 16',
    bytes: 64,
    depth: 16,
    floors: { [framedNet('echo').name]: 1.6, [framedNetty.name]: 1.25, [echoEpoll.name]: 1 / 1.4 },
  },
  { shape: '1 KiB × 16', bytes: 1024, depth: 16, floors: {} },
]
const OF_SPLIT = 3

async function echo({ port, pid }, { bytes, depth, windowMs = WINDOW_MS }) {
  const result = JSON.parse(await runLoad([LOAD, port, CONNECTIONS, bytes, depth, windowMs, pid, 'length4']))
  return {
    'cpu µs/message': result.cpuNs / 1000 / result.requests,
    'requests/s': result.requestsPerSecond,
    'p99 µs': result.p99Us,
  }
}

async function pour({ port, pid }, { bytes, windowMs = WINDOW_MS }) {
  const result = JSON.parse(await runLoad([POUR, port, POURING, bytes, windowMs, pid]))
  return { 'cpu µs/line': result.cpuNs / 1000 / result.requests, 'requests/s': result.requestsPerSecond }
}

async function both(what, peers, measure, cases) {
  const own = [onKernel(framedMillrace(what), 'uring'), onKernel(framedMillrace(what), 'epoll')]
  const servers = await startAll([...own, ...peers])
  for (const server of servers) await measure(server, { bytes: 64, depth: 16, windowMs: WARM_UP_MS })
  const rows = []
  for (const { name, floors, ...load } of cases) {
    const results = await alternate(name, servers, (server) => measure(server, load))
    for (const subject of own) rows.push(...compare({ case: name, results, subject, peers, floors }))
  }
  await stopAll(servers)
  return rows
}

requirePinning()
const echoes = ECHOES.map(({ shape, ...rest }) => ({
  name: `framed echo ${shape}, ${CONNECTIONS} connections`,
  ...rest,
}))
const split = framedNet('lines')
const rows = await both('echo', [framedNet('echo'), framedNetty, framedBun, echoEpoll], echo, echoes)
const lines = [{ name: `lines of 64 B, ${POURING} connections`, bytes: 64, floors: { [split.name]: OF_SPLIT } }]
rows.push(...(await both('lines', [split], pour, lines)))
publish('framed', rows)
