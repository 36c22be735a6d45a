// Packages that the core is measured against, from bench/peers/node_modules. One that is not there has its row, which
// says so.
import { createRequire } from 'node:module'

const require = createRequire(new URL('../peers/package.json', import.meta.url))

/** The subject that `make` makes of a module, or one that says what is missing. */
export function peerSubject(name, module, units, make) {
  let loaded
  try {
    loaded = require(module)
  } catch {
    return { name, missing: `npm has no ${module} in bench/peers` }
  }
  return { name, units, run: make(loaded) }
}

/** A Node stream that is given the whole block and counts what it emits. */
export function streamRun(transform, bytes, units) {
  let seen = 0
  transform.on('data', () => {
    seen++
  })
  return async () => {
    seen = 0
    transform.write(bytes)
    while (seen < units) await new Promise(setImmediate)
    return seen
  }
}

/** A row of the subject against each peer of `results`, as `measure` gives them. */
export function rowsAgainst(results, { case: name, subject, metric, limit, floors = {} }) {
  const value = results.get(subject).ns
  return [...results]
    .filter(([peer]) => peer !== subject)
    .map(([peer, { ns: peerValue, missing }]) => {
      const common = { case: name, subject, metric, value, peer, limit, floor: floors[peer] }
      return missing === undefined ? { ...common, peerValue } : { ...common, missing }
    })
}
