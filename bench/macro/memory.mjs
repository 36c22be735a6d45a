// What one idle connection costs: growth of the process's resident memory from a warmed-up server to the same server
// with thousands of connections that are silent, divided by their number. Every sample is a fresh process.
import { hold, settled, warmUp } from './holding.mjs'
import { killAll, release, requirePinning, stopServer } from './process.mjs'
import { compare, publish } from './report.mjs'
import { alternate, EFFORT } from './rounds.mjs'
import { echoBun, echoMillrace, echoNet, millraceKv, start } from './subjects.mjs'

const CONNECTIONS = Math.ceil(15_000 * Math.min(1, EFFORT))
const LIMIT_BYTES = 512

async function measure(subject) {
  const server = await start(subject)
  await warmUp(server)
  const before = await settled(server.pid)
  const holder = await hold(server, CONNECTIONS)
  const after = await settled(server.pid)
  await release(holder)
  await stopServer(server)
  return { 'bytes/connection': (after - before) / CONNECTIONS, 'resident MiB': after / 2 ** 20 }
}

requirePinning()
const subjects = [millraceKv, echoMillrace]
const peers = [echoNet, echoBun]
const name = `${CONNECTIONS} idle connections`
const results = new Map()
for (const each of [...subjects, ...peers].filter(({ missing }) => missing === undefined)) {
  try {
    await measure(each) // one that does not work is found before the rounds, and named in its rows
  } catch (error) {
    killAll()
    each.missing = error.message
    process.exitCode = 1
  }
}
const able = [...subjects, ...peers].filter(({ missing }) => missing === undefined)
for (const [subject, result] of await alternate(name, able, measure)) results.set(subject, result)
const rows = subjects.flatMap((subject) => compare({ case: name, subject, results, peers, limit: LIMIT_BYTES }))
publish('memory', rows)
