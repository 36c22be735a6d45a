// What is made of results for people: tables and charts between the markers of a document, `<!-- bench:NAME -->` and
// `<!-- /bench:NAME -->`. Figures of a trial are printed instead.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../macro/machine.mjs'
import { RESULTS } from '../macro/report.mjs'
import { TRIAL } from '../macro/rounds.mjs'

/** What a benchmark left behind, or undefined where it never ran. */
export function results(name) {
  const path = join(RESULTS, `${name}.json`)
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

/** A Markdown table; all columns but the first `texts` hold numbers. */
export function table(heads, rows, texts = 1) {
  const rule = heads.map((_, column) => (column < texts ? '---' : '--:'))
  return [heads, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** Three digits, as figures are quoted. */
export function figure(value) {
  return value >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))
}

/** How and where the figures were measured, as a sentence. */
export function circumstances({ machine, rounds, effort }) {
  const length = effort === 1 ? '' : ` at ${effort} of the length`
  const system = `Linux ${machine.kernel.split('-')[0]}, Node ${machine.node.slice(1)}`
  const where = `${machine.cpu}, ${machine.cores} cores, ${system}`
  const busy = machine.busyBefore > 0.1 ? `; others used ${Math.round(machine.busyBefore * 100)} % of the machine` : ''
  const when = `${machine.date.slice(0, 10)}, commit ${machine.commit}`
  return `${where}; ${when}; medians of ${rounds} rounds${length}${busy}.`
}

/** Puts `text` between the markers of a document. One that does not have them, or does not exist, is left alone. */
export function write(document, name, text) {
  const path = join(ROOT, document)
  const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`]
  const whole = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const [from, to] = [whole.indexOf(open), whole.indexOf(close)]
  if (TRIAL || from < 0 || to < from) {
    const why = TRIAL ? 'a trial' : `${document} has no ${open}`
    process.stdout.write(`\n${name}, not written (${why}):\n\n${text}\n\n`)
    return
  }
  writeFileSync(path, `${whole.slice(0, from + open.length)}\n${text}\n${whole.slice(to)}`)
}
