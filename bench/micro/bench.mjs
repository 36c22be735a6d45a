// How the core is measured: functions of one process in tinybench, subject and peers of a case in turn, round after
// round; the result of each is the median of its rounds' medians, in nanoseconds per unit (a frame, a lookup, a timer).
import { Bench } from 'tinybench'
import { EFFORT, median, progress, ROUNDS } from '../macro/rounds.mjs'

/** Milliseconds of one measurement. */
const TIME_MS = 150 * EFFORT

/**
 * Measures `subjects` — { name, units, run }, or { name, missing } — and returns a map from name to { ns } per unit, or
 * { missing }. `run` handles `units` units; what it returns must be `units` again, or the case does not measure what it
 * says.
 */
export async function measure(caseName, subjects) {
  const present = subjects.filter(({ missing }) => missing === undefined)
  const samples = new Map(present.map((subject) => [subject.name, []]))
  for (const { name, units, run } of present) {
    const done = await run()
    if (done !== units) throw new Error(`${caseName}: ${name} handled ${done} of ${units} units`)
  }
  for (let round = 1; round <= ROUNDS; round++) {
    for (const { name, units, run } of present) {
      progress(`${caseName}: round ${round} of ${ROUNDS}, ${name}`)
      samples.get(name).push(await measureOnce({ name, units, run }))
    }
  }
  progress('')
  return new Map(
    subjects.map(({ name, missing }) => [
      name,
      missing === undefined ? { ns: median(samples.get(name)) } : { missing },
    ]),
  )
}

/** Nanoseconds per unit, once. */
export async function measureOnce({ name, units, run }) {
  const bench = new Bench({ time: TIME_MS, warmupTime: TIME_MS / 3, timestampProvider: 'hrtimeNow' })
  bench.add(name, run)
  await bench.run()
  const { result } = bench.tasks[0]
  if (result.state !== 'completed') throw result.error ?? new Error(`${name} ${result.state}`)
  return (result.latency.p50 * 1e6) / units
}
