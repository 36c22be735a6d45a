// The order of measuring: every subject once per round, round after round, so that a disturbance of the machine meets
// all of them alike; the result of a case is the median over its rounds.

/** How often and how long: ROUNDS (at least 5 for figures worth quoting) and EFFORT (a factor on each measurement). */
export const ROUNDS = positive('ROUNDS', 5)
export const EFFORT = positive('EFFORT', 1)

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
 * `{ metric: { value, min, max } }`, value being the median.
 */
export async function alternate(caseName, subjects, measure) {
  const samples = new Map(subjects.map((subject) => [subject.name, []]))
  for (let round = 1; round <= ROUNDS; round++) {
    for (const subject of subjects) {
      progress(`${caseName}: round ${round} of ${ROUNDS}, ${subject.name}`)
      samples.get(subject.name).push(await measure(subject))
    }
  }
  progress('')
  return new Map([...samples].map(([name, list]) => [name, summarize(list)]))
}

function summarize(samples) {
  return Object.fromEntries(
    Object.keys(samples[0]).map((metric) => {
      const values = samples.map((sample) => sample[metric])
      return [metric, { value: median(values), min: Math.min(...values), max: Math.max(...values) }]
    }),
  )
}

export function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}
