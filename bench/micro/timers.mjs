// Timers: add and cancel with a million pending, in the core and through TimingWheel, against Node's own.
import { TimingWheel } from '../../dist/src/core/index.js'
import { measure } from './bench.mjs'
import { rowsAgainst } from './peers.mjs'
import { core } from './wasm.mjs'

const PENDING = 1_000_000
const PAIRS = 10_000
const NODE = 'setTimeout + clearTimeout'

/** Delays between a second and an hour, so that every level of the wheel is in use. */
const delays = Array.from({ length: PAIRS }, (_, i) => 1000 + ((i * 7919) % 3_600_000))

export async function timerRows() {
  const wheel = new TimingWheel({ core })
  for (let i = 0; i < PENDING; i++) wheel.add(1000 + ((i * 104_729) % 3_600_000), i)
  const { exports } = core
  const timers = exports.timersOpen(0) >>> 0
  for (let i = 0; i < PENDING; i++) exports.timersAdd(timers, 1000 + ((i * 104_729) % 3_600_000), i)
  const noop = () => undefined
  const nodeTimers = Array.from({ length: PENDING }, (_, i) =>
    setTimeout(noop, 1_000_000 + ((i * 104_729) % 3_600_000)),
  )
  const results = await measure(`timers, ${PENDING} pending`, [
    {
      name: 'core',
      units: PAIRS,
      run() {
        for (let i = 0; i < PAIRS; i++) exports.timersCancel(timers, exports.timersAdd(timers, delays[i], i))
        return PAIRS
      },
    },
    {
      name: 'TimingWheel',
      units: PAIRS,
      run() {
        for (let i = 0; i < PAIRS; i++) wheel.cancel(wheel.add(delays[i], i))
        return PAIRS
      },
    },
    {
      name: NODE,
      units: PAIRS,
      run() {
        for (let i = 0; i < PAIRS; i++) clearTimeout(setTimeout(noop, 1_000_000 + delays[i]))
        return PAIRS
      },
    },
  ])
  for (const timer of nodeTimers) clearTimeout(timer)
  wheel.dispose()
  exports.timersFree(timers)
  const name = 'timer add + cancel, one million pending'
  const against = (subject, bounds) =>
    rowsAgainst(new Map([subject, NODE].map((each) => [each, results.get(each)])), {
      case: name,
      subject,
      metric: 'ns/pair',
      ...bounds,
    })
  return [...against('core', { limit: 50, floors: { [NODE]: 10 } }), ...against('TimingWheel')]
}
