// Every way to wait for sockets: what a request costs while more and more connections are open and silent. Each model
// with each number of silent connections is a server of its own; all live at once, and every round visits them all.
import { release, requirePinning, runLoad, startHolder, stopServer } from './process.mjs'
import { missingRow, publish, row } from './report.mjs'
import { alternate, EFFORT, TRIAL } from './rounds.mjs'
import { blockingEcho, descriptorLimit, echoMillrace, IDLE, LOAD, onKernel, start, workerEcho } from './subjects.mjs'

const ACTIVE = 50
const BYTES = 64
const WINDOW_MS = Math.ceil(1000 * EFFORT)
const WARM_UP_MS = Math.ceil(500 * EFFORT)
const FLOOR = { idle: 10_000, ratio: 1 / 1.1, models: new Set(['epoll', 'io_uring']) }
const SPARE_FILES = 500 // of a server: listener, active connections, Node's own
const MOST = Math.min(20_000, Math.floor((descriptorLimit() - SPARE_FILES) / 500) * 500)
const SIZES = [0, 100, 500, 1000, 5000, 10_000, MOST].filter((size, i, all) => size <= MOST && all.indexOf(size) === i)

const kernel = (name, rest = {}) => ({
  name,
  subject: onKernel(echoMillrace, rest.kernel ?? name),
  sizes: SIZES,
  ...rest,
})
const MODELS = [
  kernel('io_uring', { kernel: 'uring' }),
  kernel('io_uring, mapped', { kernel: 'uring-mapped' }),
  kernel('epoll'),
  kernel('epoll, edge', { kernel: 'epoll-edge' }),
  kernel('signal'),
  kernel('poll'),
  kernel('select', { sizes: [0, 100, 500, 900] }), // descriptors end at 1024
  kernel('spin', { spins: true }),
  { name: 'process per connection', subject: blockingEcho('process'), sizes: [0, 100, 500, 1000] },
  { name: 'thread per connection', subject: blockingEcho('thread'), sizes: [0, 100, 500, 1000, 5000] },
  { name: 'worker per connection', subject: workerEcho, sizes: [0, 100] },
]

/** A server with its silent connections, or the reason why there is none in `missing`. */
async function prepare({ name, subject, spins = false, sizes }, size) {
  const idle = TRIAL ? Math.ceil(size * EFFORT) : size
  const each = { name: `${name}, ${idle} idle`, model: name, idle, spins, missing: subject.missing }
  if (each.missing !== undefined) return each
  try {
    each.server = await start(subject)
    if (idle > 0) each.holder = await startHolder([IDLE, each.server.port, idle, 'echo'], `open ${idle}`)
    await load(each, WARM_UP_MS)
    if (spins) each.server.child.kill('SIGSTOP') // it would take the core from all the others
  } catch (error) {
    each.missing = error.message
    await dismiss(each)
    if (size === sizes[0]) subject.missing = each.missing // what does not work at all is not tried again
    if (!subject.mayBeMissing) process.exitCode = 1
  }
  return each
}

async function load({ server: { port, pid } }, windowMs) {
  return JSON.parse(await runLoad([LOAD, port, ACTIVE, BYTES, 1, windowMs, pid]))
}

async function measure(each) {
  const { child } = each.server
  if (each.spins) child.kill('SIGCONT')
  const result = await load(each, WINDOW_MS)
  if (each.spins) child.kill('SIGSTOP')
  return {
    'cpu µs/request': result.cpuNs / 1000 / result.requests,
    'requests/s': result.requestsPerSecond,
    'p99 µs': result.p99Us,
  }
}

async function dismiss({ server, holder, spins }) {
  if (spins) server?.child.kill('SIGCONT')
  if (holder && holder.exitCode === null) await release(holder)
  if (server) await stopServer(server)
}

/** The rows of one model: each number of silent connections against none, in the same rounds. */
function rowsOf(results, subjects) {
  const silence = results.get(subjects[0].name)
  return (silence ? subjects : subjects.slice(0, 1)).flatMap((each) => {
    const { name, model, idle, missing } = each
    const bounded = FLOOR.models.has(model) && each.size === FLOOR.idle
    const common = { case: `${ACTIVE} connections, ${BYTES} B, ${idle} idle`, subject: model, idle }
    const peer = each === subjects[0] ? null : `${model}, 0 idle`
    const result = results.get(name)
    if (!result) {
      const reason = missing ?? results.lost.get(name)
      return [missingRow({ ...common, metric: 'cpu µs/request', peer, reason })]
    }
    return Object.entries(result).map(([metric, { value, samples }], index) =>
      row({
        ...common,
        metric,
        value,
        samples,
        ...(peer && silence ? { peer, peerValue: silence[metric].value, peerSamples: silence[metric].samples } : {}),
        ...(bounded && index === 0 ? { floor: FLOOR.ratio } : {}),
      }),
    )
  })
}

requirePinning()
const models = []
for (const model of MODELS) {
  const subjects = []
  for (const size of model.sizes) subjects.push({ ...(await prepare(model, size)), size })
  models.push(subjects)
}
const able = models.flat().filter(({ missing }) => missing === undefined)
const results = await alternate('models', able, measure)
for (const each of able) await dismiss(each)
const how = 'server on one core, load on the other; each against itself without idle connections'
publish(
  'models',
  models.flatMap((subjects) => rowsOf(results, subjects)),
  how,
)
