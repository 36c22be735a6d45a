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

/**
 * Puts `text` between the markers of a document, which come to its end where it has none yet. A document that is not
 * there is not made.
 */
export function write(document, name, text) {
  const path = join(ROOT, document)
  if (TRIAL || !existsSync(path)) {
    const why = TRIAL ? 'a trial' : `there is no ${document}`
    process.stdout.write(`\n${name}, not written (${why}):\n\n${text}\n\n`)
    return
  }
  const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`]
  let whole = readFileSync(path, 'utf8')
  if (!whole.includes(open)) whole += `\n## Measured\n\n${open}\n${close}\n`
  const [from, to] = [whole.indexOf(open) + open.length, whole.indexOf(close)]
  if (to < from) throw new Error(`${document}: ${open} is not followed by ${close}`)
  writeFileSync(path, `${whole.slice(0, from)}\n${text}\n${whole.slice(to)}`)
}
