// The tables of README.md, from what the benchmarks left in bench/results.
import { circumstances, figure, results, table, write } from './document.mjs'

const README = 'README.md'
const MATRICES = [
  { name: 'echo', metric: 'cpu µs/request', head: 'CPU µs per request' },
  { name: 'kv', metric: 'cpu µs/request', head: 'CPU µs per request' },
  { name: 'proxy', metric: 'cpu µs/request', head: 'CPU µs per request' },
  { name: 'memory', metric: 'bytes/connection', head: 'bytes per connection' },
]

/** A line per case, a column for each of those that were measured, in the order in which they come. */
function matrix({ rows }, metric, head) {
  const figures = new Map()
  for (const row of rows.filter((each) => each.metric === metric)) {
    for (const [name, value] of [
      [row.subject, row.value],
      [row.peer, row.peerValue],
    ]) {
      if (value !== null) figures.set(row.case, new Map(figures.get(row.case)).set(name, value))
    }
  }
  const names = [...new Set(rows.flatMap(({ subject }) => [subject]).concat(rows.map(({ peer }) => peer)))]
  const columns = names.filter((name) => [...figures.values()].some((of) => of.has(name)))
  const lines = [...figures].map(([name, of]) => [
    name,
    ...columns.map((column) => (of.has(column) ? figure(of.get(column)) : '')),
  ])
  return table([head, ...columns], lines)
}

/** A line per comparison, for cases whose peers differ. */
function comparisons({ rows }) {
  const times = rows.filter(({ metric, ratio }) => ratio !== null && /^(ns|ms)\b/.test(metric))
  const lines = times.map((row) => [
    ...[row.case, row.subject, row.peer],
    ...[`${figure(row.value)} ${row.metric.slice(0, 2)}`, figure(row.peerValue), row.ratio.toFixed(2)],
  ])
  return table(['case', 'subject', 'peer', 'time', "the peer's", 'ratio'], lines, 3)
}

function section(name, draw) {
  const measured = results(name)
  if (measured === undefined) return
  const missing = new Set(measured.rows.filter((row) => row.missing).map(({ missing }) => missing))
  const lacks = missing.size > 0 ? ['', `Not measured: ${[...missing].join('; ')}.`] : []
  write(README, name, [draw(measured), '', circumstances(measured), ...lacks].join('\n'))
}

for (const { name, metric, head } of MATRICES) section(name, (measured) => matrix(measured, metric, head))
section('core', comparisons)
