// The core against plain JavaScript, the packages people use, and C: one table, bench/results/core.json.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../macro/machine.mjs'
import { missingRow, publish, row } from '../macro/report.mjs'
import { median, progress, ROUNDS } from '../macro/rounds.mjs'
import { measureOnce } from './bench.mjs'
import { frameRows, frameTwinsOfC } from './frames.mjs'
import { httpRows, respRows, respTwinOfC } from './protocols.mjs'
import { ringRows } from './rings.mjs'
import { timerRows } from './timers.mjs'

const rows = [
  ...(await frameRows()),
  ...(await respRows()),
  ...(await httpRows()),
  ...(await ringRows()),
  ...(await timerRows()),
]
rows.push(...(await cRows()))
publish(
  'core',
  rows.map((each) => (each.missing ? missingRow({ ...each, reason: each.missing }) : row(each))),
  'one process',
)

/** What the same decoders take in C, in the same round: here at most twice as long. */
async function cRows() {
  const program = join(ROOT, 'bench/peers/build/decoders')
  const [metric, peer] = ['ns/frame', 'the same in C, gcc -O2']
  const subjects = [...frameTwinsOfC(), respTwinOfC()]
  const common = ({ name }) => ({ case: `${name}, beside C`, subject: 'millrace', metric, peer, floor: 0.5 })
  if (!existsSync(program)) {
    return subjects.map((subject) => ({ ...common(subject), missing: 'make bench-peers builds it' }))
  }
  const own = new Map(subjects.map(({ name }) => [name, []]))
  const inC = new Map(subjects.map(({ name }) => [name, []]))
  for (let round = 1; round <= ROUNDS; round++) {
    progress(`the same in C: round ${round} of ${ROUNDS}`)
    for (const subject of subjects) own.get(subject.name).push(await measureOnce(subject))
    for (const each of execFileSync(program, { encoding: 'utf8' }).trim().split('\n')) {
      const [name, ns] = each.split('\t')
      inC.get(name).push(Number(ns))
    }
  }
  progress('')
  return subjects.map((subject) => ({
    ...common(subject),
    value: median(own.get(subject.name)),
    peerValue: median(inC.get(subject.name)),
  }))
}
