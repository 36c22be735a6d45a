// What one idle connection costs: growth of the process's resident memory from a warmed-up server to the same server
// with thousands of connections that are silent, divided by their number. Every sample is a fresh process.
import { openFiles, residentBytes } from './machine.mjs'
import { killAll, pause, release, requirePinning, startHolder, stopServer } from './process.mjs'
import { compare, publish } from './report.mjs'
import { alternate, EFFORT } from './rounds.mjs'
import { echoBun, echoMillrace, echoNet, IDLE, millraceKv, start } from './subjects.mjs'

const CONNECTIONS = Math.ceil(15_000 * Math.min(1, EFFORT))
const WARM_UP = 200 // opened and closed again before, so that code and pools of first use are not counted
const LIMIT_BYTES = 512
const ACCEPT_MS = 30_000
const SETTLE_MS = 15_000

async function until(condition, ms, complaint) {
  for (const deadline = Date.now() + ms; !(await condition()); await pause(50)) {
    if (Date.now() > deadline) throw new Error(complaint())
  }
}

/** Resident memory once it has not changed for a second. */
async function settled(pid) {
  let bytes = residentBytes(pid)
  let since = Date.now()
  for (const deadline = since + SETTLE_MS; Date.now() < deadline && Date.now() - since < 1000; await pause(100)) {
    const now = residentBytes(pid)
    if (now !== bytes) since = Date.now()
    bytes = now
  }
  return bytes
}

async function hold(server, count) {
  const before = openFiles(server.pid)
  const holder = await startHolder([IDLE, server.port, count], `open ${count}`)
  const accepted = () => openFiles(server.pid) - before
  await until(
    () => accepted() >= count,
    ACCEPT_MS,
    () => `${server.name} holds ${accepted()} of ${count} connections; is its limit, or ulimit -n, too low?`,
  )
  return holder
}

async function measure(subject) {
  const server = await start(subject)
  await settled(server.pid)
  const idle = openFiles(server.pid)
  await release(await hold(server, WARM_UP))
  await until(
    () => openFiles(server.pid) <= idle,
    ACCEPT_MS,
    () => `${server.name} does not close connections that ended`,
  )
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
