// The core against plain JavaScript, the packages people use, and C: one table, bench/results/core.json.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../macro/machine.mjs'
import { missingRow, publish, row } from '../macro/report.mjs'
import { median, progress, ROUNDS } from '../macro/rounds.mjs'
import { frameRows } from './frames.mjs'
import { httpRows, respRows } from './protocols.mjs'
import { ringRows } from './rings.mjs'
import { timerRows } from './timers.mjs'

const rows = [
  ...(await frameRows()),
  ...(await respRows()),
  ...(await httpRows()),
  ...(await ringRows()),
  ...(await timerRows()),
]
rows.push(...cRows(rows))
publish(
  'core',
  rows.map((each) => (each.missing ? missingRow({ ...each, reason: each.missing }) : row(each))),
  'one process',
)

/** What the same decoders take in C, beside what they take here: at most twice as long. */
function cRows(measured) {
  const program = join(ROOT, 'bench/peers/build/decoders')
  const metric = 'ns/frame'
  if (!existsSync(program)) {
    return [
      { case: 'the same in C', subject: 'millrace', metric, peer: 'gcc -O2', missing: 'make bench-peers builds it' },
    ]
  }
  const samples = new Map()
  for (let round = 1; round <= ROUNDS; round++) {
    progress(`the same in C: round ${round} of ${ROUNDS}`)
    for (const each of execFileSync(program, { encoding: 'utf8' }).trim().split('\n')) {
      const [name, ns] = each.split('\t')
      samples.set(name, [...(samples.get(name) ?? []), Number(ns)])
    }
  }
  progress('')
  return [...samples].map(([name, list]) => ({
    case: name,
    subject: 'millrace',
    metric,
    value: measured.find((each) => each.case === name && each.metric.startsWith('ns/')).value,
    peer: 'the same in C, gcc -O2',
    peerValue: median(list),
    floor: 0.5,
  }))
}
