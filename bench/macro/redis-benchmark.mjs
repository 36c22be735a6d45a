// Driving Redis's own load generator: one command, one figure of CPU per request for the process that answers.
import { spawnSync } from 'node:child_process'
import { cpuNs } from './machine.mjs'
import { runLoad, which } from './process.mjs'

export const CLIENTS = 50
export const KEYS = 100_000
const SAMPLE = 64 // keys looked up afterwards, to see that the values really are there

export const missingGenerator = which('redis-benchmark') ? undefined : 'apt-get install redis-tools'

/** Runs redis-benchmark; an error reply is an error here too. Only CONFIG, which it asks for first, may be refused. */
export async function redisBenchmark(port, args) {
  const output = await runLoad([which('redis-benchmark'), '-h', '127.0.0.1', '-p', port, '-c', CLIENTS, ...args])
  if (/^error/im.test(output.replace(/^.*failed to fetch CONFIG.*$/gim, ''))) throw new Error(output)
  return output
}

async function run({ port, test, depth, bytes, requests }) {
  const load = ['-t', test, '-n', requests, '-P', depth, '-r', KEYS, '-d', bytes]
  const output = await redisBenchmark(port, [...load, '--csv'])
  const fields = new RegExp(`^"${test}","(.*)"$`, 'im').exec(output)?.[1].split('","').map(Number)
  if (!(fields?.[0] > 0)) throw new Error(`redis-benchmark said nothing of ${test}: ${output}`)
  const [requestsPerSecond, , , , , p99Ms] = fields
  return { requestsPerSecond, p99Us: p99Ms * 1000 }
}

/** Runs one load against a server, and returns what it cost the server. */
export async function measure({ pid, port }, load) {
  const before = cpuNs(pid)
  const { requestsPerSecond, p99Us } = await run({ port, ...load })
  return {
    'cpu µs/request': (cpuNs(pid) - before) / 1000 / load.requests,
    'requests/s': requestsPerSecond,
    'p99 µs': p99Us,
  }
}

/** Fills the server with every key, and sees by a sample that each has a value of the right size. */
export async function fill({ name, port }, bytes) {
  await run({ port, test: 'set', depth: 16, bytes, requests: KEYS * 14 }) // leaves one key in a million unset
  const keys = Array.from({ length: SAMPLE }, (_, i) => `key:${String((i * 1561) % KEYS).padStart(12, '0')}`)
  const input = keys.map((key) => `GET ${key}\n`).join('')
  const { stdout } = spawnSync(which('redis-cli'), ['-p', String(port)], { input, encoding: 'utf8', timeout: 10_000 })
  const values = stdout.trimEnd().split('\n')
  const wrong = values.findIndex((value) => value.length !== bytes)
  if (values.length === SAMPLE && wrong < 0) return
  throw new Error(`${name}: of ${SAMPLE} keys ${values.length} came back, ${keys[wrong]} with "${values[wrong]}"`)
}
