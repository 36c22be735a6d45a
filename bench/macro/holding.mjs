// Silent connections to a server under measurement, held by another process, and what the server's memory is with them.
import { openFiles, residentBytes } from './machine.mjs'
import { pause, release, startHolder } from './process.mjs'
import { IDLE } from './subjects.mjs'

const WARM_UP = 200
const ACCEPT_MS = 60_000
const SETTLE_MS = 15_000

async function until(condition, ms, complaint) {
  for (const deadline = Date.now() + ms; !(await condition()); await pause(50)) {
    if (Date.now() > deadline) throw new Error(complaint())
  }
}

/** Resident memory once it has not changed for a second. */
export async function settled(pid) {
  let bytes = residentBytes(pid)
  let since = Date.now()
  for (const deadline = since + SETTLE_MS; Date.now() < deadline && Date.now() - since < 1000; await pause(100)) {
    const now = residentBytes(pid)
    if (now !== bytes) since = Date.now()
    bytes = now
  }
  return bytes
}

/** Holds `count` more connections, which the server has accepted when this resolves. */
export async function hold(server, count) {
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

/** Opens some and closes them again, so that code and pools of first use are not counted. */
export async function warmUp(server) {
  await settled(server.pid)
  const idle = openFiles(server.pid)
  await release(await hold(server, WARM_UP))
  await until(
    () => openFiles(server.pid) <= idle,
    ACCEPT_MS,
    () => `${server.name} does not close connections that ended`,
  )
}
