// The order of measuring: every subject once per round, round after round, so that a disturbance of the machine meets
// all of them alike; the result of a case is the median over its rounds, that of a comparison the median of the rounds'
// ratios.

/** How often and how long: ROUNDS (at least 5 for figures worth quoting) and EFFORT (a factor on each measurement). */
export const ROUNDS = positive('ROUNDS', 5)
export const EFFORT = positive('EFFORT', 1)

/** So little effort shows that a benchmark works and no more: its figures go to build/bench, and not into documents. */
export const TRIAL = EFFORT < 0.1

function positive(name, otherwise) {
  const value = Number(process.env[name] || otherwise)
  if (!(value > 0)) throw new Error(`${name} must be a positive number, not ${process.env[name]}`)
  return value
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * Calls `measure(subject)` for every subject in every round. Resolves to a map from the subject's name to
 * `{ metric: { value, samples } }`, value being the median and samples one figure per round. A subject whose
 * measurement fails takes no further part: it is not in the map, and `lost` of the map says why.
 */
export async function alternate(caseName, subjects, measure) {
  const samples = new Map(subjects.map((subject) => [subject.name, []]))
  const lost = new Map()
  for (let round = 1; round <= ROUNDS; round++) {
    for (const subject of subjects.filter(({ name }) => !lost.has(name))) {
      progress(`${caseName}: round ${round} of ${ROUNDS}, ${subject.name}`)
      try {
        samples.get(subject.name).push(await measure(subject))
      } catch (error) {
        lost.set(subject.name, error.message)
        process.exitCode = 1
      }
    }
  }
  progress('')
  const results = new Map([...samples].filter(([name]) => !lost.has(name)).map(([name, all]) => [name, summarize(all)]))
  return Object.assign(results, { lost })
}

function summarize(samples) {
  return Object.fromEntries(
    Object.keys(samples[0]).map((metric) => {
      const values = samples.map((sample) => sample[metric])
      return [metric, { value: median(values), samples: values }]
    }),
  )
}

export function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}
