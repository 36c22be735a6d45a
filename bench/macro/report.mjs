// What a benchmark leaves behind: rows of a subject against a peer, as bench/results/NAME.json and as a table in which
// every row with a floor says whether it was reached.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BUSY_TOLERATED, describeMachine, ROOT } from './machine.mjs'
import { EFFORT, median, ROUNDS, TRIAL } from './rounds.mjs'

/** Where results are kept. */
export const RESULTS = join(ROOT, TRIAL ? 'build/bench' : 'bench/results')

/** Metrics of which more is better; of all others less is. */
const MORE_IS_BETTER = new Set(['requests/s', 'GB/s'])

function ratioOf(metric, value, peerValue) {
  return MORE_IS_BETTER.has(metric) ? value / peerValue : peerValue / value
}

/**
 * One comparison; a ratio above 1 means that the subject is better than the peer. Given both sides' samples, one per
 * round, it is the median of the rounds' ratios, which a slow round of the machine does not move. Of the bounds,
 * `floor` is the ratio to reach, `limit` the value not to exceed, `least` the value to reach. A row may stand without a
 * peer.
 */
export function row({ case: name, subject, metric, value, samples, peer, peerValue, peerSamples, ...bounds }) {
  const ratios = (samples ?? [value]).map((each, i) => ratioOf(metric, each, (peerSamples ?? [peerValue])[i]))
  const ratio = median(ratios)
  return {
    case: name,
    subject,
    metric,
    value: significant(value),
    peer: peer ?? null,
    peerValue: peerValue === undefined ? null : significant(peerValue),
    ratio: Number.isFinite(ratio) ? Math.round(ratio * 1000) / 1000 : null,
    ...bounds,
  }
}

/** A comparison that could not be made, and what to do about it. */
export function missingRow({ case: name, subject, metric, value, samples: _, peer, reason, ...bounds }) {
  return {
    case: name,
    subject,
    metric,
    value: value === undefined ? null : significant(value),
    peer,
    peerValue: null,
    ratio: null,
    missing: reason,
    ...bounds,
  }
}

/** The rows of one case: each metric of `subject` against each peer; `floors` are for the first metric, by peer. */
export function compare({ case: name, subject, results, peers, floors = {}, limit }) {
  const own = results.get(subject.name)
  return peers.flatMap((peer) => {
    const theirs = results.get(peer.name)
    const metrics = Object.keys(own ?? theirs ?? { '-': undefined })
    return metrics.flatMap((metric, index) => {
      const floor = floors[peer.name]
      const bounds = index > 0 ? {} : { ...(floor && { floor }), ...(limit && { limit }) }
      const common = {
        case: name,
        subject: subject.name,
        metric,
        value: own?.[metric].value,
        samples: own?.[metric].samples,
        peer: peer.name,
        ...bounds,
      }
      if (own && theirs) {
        return [row({ ...common, peerValue: theirs[metric].value, peerSamples: theirs[metric].samples })]
      }
      return index === 0 ? [missingRow({ ...common, reason: whyMissing(results, own ? peer : subject) })] : []
    })
  })
}

function whyMissing(results, { name, missing }) {
  return missing ?? results.lost?.get(name) ?? 'not measured'
}

function significant(value) {
  return Number(value.toPrecision(4))
}

/** Writes the results and prints them; `how` says how they were measured, and `facts` go with them into the file. */
export function publish(name, rows, how = 'subject on one core, load on the other', facts = {}) {
  const machine = describeMachine()
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(
    join(RESULTS, `${name}.json`),
    `${JSON.stringify({ machine, rounds: ROUNDS, effort: EFFORT, ...facts, rows }, null, 2)}\n`,
  )

  console.log(`\n${name}: ${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, Node ${machine.node}`)
  console.log(`millrace's own choice of kernel: ${machine.defaultKernel}`)
  const rounds = facts.rounds === 1 ? 'one round' : `medians of ${ROUNDS} alternating rounds`
  console.log(`${how}; ${rounds}; ratio > 1: better`)
  if (machine.busyBefore > BUSY_TOLERATED) {
    console.log(
      `others used ${Math.round(machine.busyBefore * 100)} % of the machine just before: do not quote these figures`,
    )
  }
  console.log()
  const heads = ['case', 'subject', 'metric', 'value', 'peer', 'peer value', 'ratio', 'bound', '']
  const numbers = new Set([3, 5, 6, 7])
  const lines = [heads, ...rows.map(cells)]
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  for (const line of lines) {
    const padded = line.map((cell, i) => (numbers.has(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
    console.log(`  ${padded.join('  ').trimEnd()}`)
  }
  const bounded = rows.filter((each) => bound(each) !== '')
  const below = bounded.filter((each) => verdict(each) !== 'ok').length
  if (bounded.length > 0) console.log(`\n  ${bounded.length - below} of ${bounded.length} bounds are reached`)
  console.log()
}

/** 'ok', 'BELOW' or '' when the row has no bound or no result. */
function verdict({ value, ratio, floor, limit, least }) {
  const checks = []
  if (least !== undefined && value !== null) checks.push(value >= least)
  if (limit !== undefined && value !== null) checks.push(value <= limit)
  if (floor !== undefined && ratio !== null) checks.push(ratio >= floor)
  if (checks.length === 0) return ''
  return checks.every(Boolean) ? 'ok' : 'BELOW'
}

function cells(each) {
  const { missing, ratio } = each
  const figure = (value) => (value === null ? '-' : String(value))
  return [
    each.case,
    each.subject,
    each.metric,
    figure(each.value),
    each.peer ?? '',
    each.peer === null ? '' : figure(each.peerValue),
    ratio === null ? '' : ratio.toFixed(2),
    bound(each),
    [verdict(each), missing === undefined ? '' : `missing: ${missing}`].filter(Boolean).join(', '),
  ]
}

/** What was to be reached, in words; a row may have a limit and a floor. */
function bound({ floor, limit, least }) {
  const bounds = []
  if (least !== undefined) bounds.push(`≥ ${least}`)
  if (limit !== undefined) bounds.push(`≤ ${limit}`)
  if (floor !== undefined) bounds.push(`ratio ≥ ${floor.toFixed(2)}`)
  return bounds.join(', ')
}
