// docs/transfer.svg and the tables of docs/files.md: CPU time and throughput of a file's way into a socket, by size.
import { COLOURS, draw, logAxis, title } from './chart.mjs'
import { circumstances, figure, results, table, write } from './document.mjs'

const [CPU, RATE] = ['cpu ms/GB', 'GB/s']
const [WIDTH, HEIGHT] = [1080, 480]

const measured = results('transfer')
if (measured === undefined) {
  console.log('nothing drawn: there are no results of bench-transfer yet')
  process.exit()
}
const { senders } = measured
const names = [...new Set(senders.map(({ size }) => size))]
const at = (metric, sender, size) => senders.find((each) => each.sender === sender && each.size === size)?.[metric]
const seen = [...new Set(senders.filter((each) => each[CPU] !== undefined).map(({ sender }) => sender))]

const tableOf = (metric, head) =>
  table(
    [head, ...names],
    seen.map((sender) => [
      sender,
      ...names.map((size) => (at(metric, sender, size) === undefined ? '' : figure(at(metric, sender, size)))),
    ]),
  )
/** Why senders were not measured, and with which sizes. */
const reasons = new Map()
for (const { sender, size, missing } of senders) {
  if (missing === undefined) continue
  const reason = `${sender}: ${missing}`
  reasons.set(reason, [...(reasons.get(reason) ?? []), size])
}
const missing = [...reasons].map(([reason, of]) => reason + (of.length < names.length ? ` (${of.join(', ')})` : ''))
const text = [
  '![CPU time per gigabyte and throughput by size of the file](transfer.svg)',
  '',
  tableOf(CPU, 'CPU ms per GB'),
  '',
  tableOf(RATE, 'GB per second'),
  '',
  circumstances(measured),
  ...(missing.length > 0 ? ['', `Not measured: ${missing.join('; ')}.`] : []),
].join('\n')
write('docs/files.md', 'transfer', text)

const OURS = /^millrace/
const series = (metric, index) =>
  seen.map((sender, i) => ({
    type: 'line',
    name: sender,
    color: COLOURS[i % COLOURS.length],
    symbolSize: 6,
    lineStyle: { width: 2, type: OURS.test(sender) ? 'solid' : 'dashed' },
    xAxisIndex: index,
    yAxisIndex: index,
    data: names.map((size) => at(metric, sender, size) ?? null),
  }))
const xAxis = (gridIndex) => ({
  type: 'category',
  gridIndex,
  data: names,
  axisLabel: { color: '#222222', rotate: 40, interval: 0 },
  axisLine: { lineStyle: { color: '#222222' } },
})
draw(
  'transfer.svg',
  'CPU time and throughput of files into sockets',
  { width: WIDTH, height: HEIGHT },
  {
    title: [title('CPU time per GB', 8, 'less is better'), title('Throughput', 480, 'more is better')],
    grid: [
      { left: 84, top: 64, width: 360, bottom: 68 },
      { left: 540, top: 64, width: 370, bottom: 68 },
    ],
    legend: { left: WIDTH - 160, top: 64, orient: 'vertical', data: seen, textStyle: { color: '#222222' } },
    xAxis: [xAxis(0), xAxis(1)],
    yAxis: [
      logAxis('ms per GB', {
        gridIndex: 0,
        nameGap: 44,
        min: ({ min }) => min * 0.8,
        axisLabel: { showMinLabel: false },
      }),
      logAxis('GB per second', {
        gridIndex: 1,
        nameGap: 44,
        min: ({ min }) => min * 0.8,
        axisLabel: { showMinLabel: false },
      }),
    ],
    series: [...series(CPU, 0), ...series(RATE, 1)],
  },
)
