// docs/models.svg and the table of docs/io-models.md: the cost of a request by I/O model, while silent connections
// grow.
import { COLOURS, draw, logAxis, title } from './chart.mjs'
import { circumstances, figure, results, table, write } from './document.mjs'

const METRIC = 'cpu µs/request'
const NONE_AT = 10 // where 0 stands on a logarithmic axis
const [WIDTH, HEIGHT] = [960, 520]

const measured = results('models')
if (measured === undefined) {
  console.log('nothing drawn: there are no results of bench-models yet')
  process.exit()
}
const rows = measured.rows.filter(({ metric }) => metric === METRIC)
const models = [...new Set(rows.map(({ subject }) => subject))]
const sizes = [...new Set(rows.map(({ idle }) => idle))].sort((a, b) => a - b)
const at = (model, idle) => rows.find((row) => row.subject === model && row.idle === idle)

const works = models.filter((model) => at(model, 0)?.value)

const missing = rows
  .filter(({ missing }) => missing !== undefined)
  .map(({ subject, idle, missing }) => `${subject}${works.includes(subject) ? ` with ${idle}` : ''}: ${missing}`)
const text = [
  '![CPU time of a request against the number of silent connections](models.svg)',
  '',
  table(
    ['CPU µs per request, silent connections', ...sizes.map(String)],
    works.map((model) => [
      model,
      ...sizes.map((idle) => (at(model, idle)?.value ? figure(at(model, idle).value) : '')),
    ]),
  ),
  '',
  circumstances(measured),
  ...(missing.length > 0 ? ['', `Not measured: ${missing.join('; ')}.`] : []),
].join('\n')
write('docs/io-models.md', 'models', text)

const byCost = (model) => Math.max(...rows.filter(({ subject }) => subject === model).map(({ value }) => value ?? 0))
const drawn = [...works].sort((a, b) => byCost(b) - byCost(a))
const colourOf = (model) => COLOURS[models.indexOf(model) % COLOURS.length]
draw(
  'models.svg',
  'Cost of a request by I/O model',
  { width: WIDTH, height: HEIGHT },
  {
    title: title(
      'CPU time of a request while silent connections grow',
      8,
      '50 active connections, echo of 64 B; less is better',
    ),
    grid: { left: 64, top: 64, right: 210, bottom: 52 },
    legend: { left: WIDTH - 200, top: 64, orient: 'vertical', data: drawn, textStyle: { color: '#222222' } },
    xAxis: logAxis('silent connections', {
      min: NONE_AT,
      max: Math.max(...sizes, 100),
      nameGap: 30,
      axisLabel: { showMaxLabel: false, formatter: (value) => (value === NONE_AT ? '0' : value.toLocaleString('en')) },
    }),
    yAxis: logAxis('CPU µs per request', {
      nameGap: 44,
      min: ({ min }) => min * 0.8,
      axisLabel: { showMinLabel: false },
    }),
    series: drawn.map((model) => ({
      type: 'line',
      name: model,
      color: colourOf(model),
      symbolSize: 6,
      symbol: models.indexOf(model) < COLOURS.length ? 'circle' : 'triangle',
      lineStyle: { width: 2, type: /connection$/.test(model) ? 'dashed' : 'solid' },
      data: sizes.flatMap((idle) => (at(model, idle)?.value ? [[Math.max(idle, NONE_AT), at(model, idle).value]] : [])),
    })),
  },
)
