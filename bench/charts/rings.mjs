// The figures and the chart of docs/rings.md, computed from exact shares: how evenly each mode spreads keys, and what
// moves when a server comes. Prints the tables as Markdown, and draws docs/rings.svg.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as echarts from 'echarts'
import { HashRing } from '../../dist/src/core/hash-ring.js'
import { loadCore } from '../../dist/src/core/load.js'

const SVG = fileURLToPath(new URL('../../docs/rings.svg', import.meta.url))
const COUNTS = [3, 5, 10, 50, 100]
const SETS = 5 // of names, whose figures are averaged: one list of names may be lucky
const POINTS = [40, 100, 160, 400, 1000, 4000]
const CHART_SERVERS = 50
const [WIDTH, HEIGHT] = [960, 400]

const MODES = [
  ['native, 1024 points', { compat: 'native' }],
  ['native, 160 points', { compat: 'native', points: 160 }],
  ['ketama', { compat: 'ketama' }],
  ['twemproxy', { compat: 'twemproxy' }],
  ['nginx', { compat: 'nginx' }],
  ['envoy, 1024 in all', { compat: 'envoy' }],
  ['haproxy, weight 1', { compat: 'haproxy' }],
  ['haproxy, weight 10', { compat: 'haproxy' }, 10],
  ['maglev', { compat: 'maglev' }],
  ['jump', { compat: 'jump' }],
]

const host = (set, i) => `10.${set}.${i >> 8}.${i & 255}:11211`
const list = (set, count, weight = 1) => Array.from({ length: count }, (_, i) => ({ id: host(set, i), weight }))
const percent = (part, digits = 1) => `${(part * 100).toFixed(digits)} %`

/** Spread of the shares of equal servers: standard deviation and the largest, both relative to the mean. */
function balance(options, count, weight) {
  const all = Array.from({ length: SETS }, (_, set) => {
    const ring = new HashRing(list(set, count, weight), options)
    const stats = ring.stats()
    ring.dispose()
    const relative = stats.servers.map(({ share }) => share * count)
    const variance = relative.reduce((sum, share) => sum + (share - 1) ** 2, 0) / count
    return { deviation: Math.sqrt(variance), worst: Math.max(...relative) }
  })
  const mean = (pick) => all.reduce((sum, each) => sum + pick(each), 0) / SETS
  return { deviation: mean(({ deviation }) => deviation), worst: mean(({ worst }) => worst) }
}

/** The share that moves when one server more comes, and the part of it that goes between servers that stay. */
function growth(options, count, weight) {
  const before = new HashRing(list(0, count, weight), options)
  const after = new HashRing(list(0, count + 1, weight), options)
  const { share, moves } = before.migration(after)
  before.dispose()
  after.dispose()
  const between = moves.filter(({ to }) => to !== host(0, count)).reduce((sum, move) => sum + move.share, 0)
  return { share, between }
}

function table(head, rows) {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  process.stdout.write(`${lines.join('\n')}\n\n`)
}

await loadCore()

table(
  ['deviation, worst server', ...COUNTS.map((count) => `${count} servers`)],
  MODES.map(([name, options, weight]) => [
    name,
    ...COUNTS.map((count) => {
      const { deviation, worst } = balance(options, count, weight)
      return `${percent(deviation)}, ${worst.toFixed(2)}`
    }),
  ]),
)

// more points than one unit of weight may have come with more weight
const byPoints = POINTS.map((points) => {
  const weight = points > 1000 ? points / 1000 : 1
  return { points, ...balance({ compat: 'native', points: points / weight }, CHART_SERVERS, weight) }
})
table(
  ['points per server', ...POINTS.map(String)],
  [
    ['deviation', ...byPoints.map(({ deviation }) => percent(deviation))],
    ['worst server', ...byPoints.map(({ worst }) => worst.toFixed(2))],
  ],
)

const GROWTH = [
  ...MODES,
  ['twemproxy, modula', { compat: 'twemproxy', distribution: 'modula' }],
  ['redis-slots', { compat: 'redis-slots' }],
]
table(
  ['one server comes to', '4', '10', '50'],
  [
    ['ideal', ...[4, 10, 50].map((count) => percent(1 / (count + 1)))],
    ...GROWTH.map(([name, options, weight]) => [
      name,
      ...[4, 10, 50].map((count) => {
        const { share, between } = growth(options, count, weight)
        return between > 0.0005 ? `${percent(share)} (${percent(between)})` : percent(share)
      }),
    ]),
  ],
)

const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT })
const bars = MODES.map(([name, options, weight]) => [name, balance(options, CHART_SERVERS, weight).worst - 1]).reverse()
chart.setOption({
  animation: false,
  backgroundColor: '#ffffff',
  textStyle: { fontFamily: 'sans-serif' },
  title: [
    {
      text: `Hottest of ${CHART_SERVERS} equal servers, above its fair share`,
      left: 8,
      top: 8,
      textStyle: { fontSize: 14 },
    },
    { text: 'Deviation by points per server (native)', left: 560, top: 8, textStyle: { fontSize: 14 } },
  ],
  grid: [
    { left: 150, top: 48, width: 350, bottom: 40 },
    { left: 610, top: 48, width: 320, bottom: 40 },
  ],
  xAxis: [
    { type: 'value', gridIndex: 0, axisLabel: { formatter: (value) => `${Math.round(value * 100)} %` } },
    { type: 'log', gridIndex: 1, min: 40, max: 4000, name: 'points', nameLocation: 'middle', nameGap: 24 },
  ],
  yAxis: [
    { type: 'category', gridIndex: 0, data: bars.map(([name]) => name) },
    { type: 'log', gridIndex: 1, min: 0.01, axisLabel: { formatter: (value) => `${Math.round(value * 100)} %` } },
  ],
  series: [
    {
      type: 'bar',
      xAxisIndex: 0,
      yAxisIndex: 0,
      data: bars.map(([, excess]) => excess),
      itemStyle: { color: '#2f6f9f' },
      label: { show: true, position: 'right', formatter: ({ value }) => percent(value, 0) },
    },
    {
      type: 'line',
      name: 'measured',
      xAxisIndex: 1,
      yAxisIndex: 1,
      data: byPoints.map(({ points, deviation }) => [points, deviation]),
      symbolSize: 7,
      color: '#2f6f9f',
    },
    {
      type: 'line',
      name: '1/√points',
      xAxisIndex: 1,
      yAxisIndex: 1,
      data: POINTS.map((points) => [points, 1 / Math.sqrt(points)]),
      symbol: 'none',
      lineStyle: { type: 'dashed' },
      color: '#999999',
    },
  ],
  legend: { left: 780, top: 56, orient: 'vertical', data: ['measured', '1/√points'] },
})
const titled = chart.renderToSVGString().replace('>', '><title>Balance of hash rings</title>')
writeFileSync(SVG, `${titled}\n`)
chart.dispose() // its timer would keep the process
