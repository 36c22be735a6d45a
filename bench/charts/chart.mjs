// How our charts look, and how they become SVG: on white, so that they can be read on a dark page too.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import * as echarts from 'echarts'
import { ROOT } from '../macro/machine.mjs'
import { RESULTS } from '../macro/report.mjs'
import { TRIAL } from '../macro/rounds.mjs'

/** Colours that people who see few of them can tell apart (Okabe and Ito), without the yellow, and two greys. */
export const COLOURS = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#56b4e9',
  '#e69f00',
  '#000000',
  '#777777',
  '#aaaaaa',
]

const TEXT = '#222222'

/** The title of a part of a chart. */
export function title(text, left, subtext) {
  const style = { fontSize: 14, color: TEXT, fontWeight: 'bold' }
  return { text, subtext, left, top: 8, itemGap: 4, textStyle: style, subtextStyle: { fontSize: 12, color: '#555555' } }
}

/** A logarithmic axis. */
export function logAxis(name, rest) {
  return {
    type: 'log',
    name,
    nameLocation: 'middle',
    nameTextStyle: { color: TEXT },
    axisLabel: { color: TEXT, ...rest.axisLabel },
    axisLine: { show: true, lineStyle: { color: TEXT } },
    splitLine: { lineStyle: { color: '#cccccc' } },
    minorTick: { show: true, splitNumber: 9 },
    minorSplitLine: { show: true, lineStyle: { color: '#f0f0f0' } },
    ...Object.fromEntries(Object.entries(rest).filter(([key]) => key !== 'axisLabel')),
  }
}

/** Draws `option` into the document folder's `name`, or beside the results where these are of a trial. */
export function draw(name, description, { width, height }, option) {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height })
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'sans-serif', color: TEXT },
    ...option,
  })
  const path = TRIAL ? join(RESULTS, name) : join(ROOT, 'docs', name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${chart.renderToSVGString().replace('>', `><title>${description}</title>`)}\n`)
  chart.dispose() // its timer would keep the process
  console.log(`drawn: ${relative(ROOT, path)}`)
}
