// Statistics and metrics of servers with real clients, read through a real prom-client registry.
import { once } from 'node:events'
import { connect } from 'node:net'
import { type OpenMetricsContentType, Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { type Channel, line, listen, loopStats, type Server } from '../../dist/src/index.js'
import { quantile } from '../../dist/src/loop/turn-times.js'
import { registerMetrics } from '../../dist/src/metrics/index.js'
import { poll } from './harness.ts'

const LINE = `${'x'.repeat(99)}\n`

async function serve(work: () => void = () => {}): Promise<Server> {
  const handler = {
    frame(channel: Channel, frame: Parameters<Channel['write']>[0]) {
      work()
      channel.write(frame)
    },
  }
  const server = await listen({ port: 0, codec: line({ maxLength: 1000 }), handler })
  onTestFinished(() => server.close({ drain: 0 }))
  return server
}

/** Sends so many lines, one after the other, and waits for each answer, and until the last one is booked as sent. */
async function talk(server: Server, lines: number): Promise<ReturnType<typeof connect>> {
  const socket = connect(server.address().port)
  const before = server.stats().bytesOut
  onTestFinished(() => void socket.destroy())
  for (let i = 0; i < lines; i++) {
    socket.write(LINE)
    for (let bytes = 0; bytes < LINE.length; ) bytes += ((await once(socket, 'data')) as [Buffer])[0].length
  }
  await poll(() => server.stats().bytesOut === before + lines * LINE.length, 'all is booked')
  return socket
}

test('stats count bytes of channels that are open and of those that are closed, and those that failed', async () => {
  const server = await serve()
  expect(server.stats()).toMatchObject({ channels: 0, accepted: 0, bytesIn: 0, bytesOut: 0, refused: 0, errors: 0 })
  const first = await talk(server, 3)
  expect(server.stats()).toMatchObject({ channels: 1, accepted: 1, bytesIn: 300, bytesOut: 300, errors: 0 })
  first.resetAndDestroy()
  await poll(() => server.stats().channels === 0, 'the channel closes')
  expect(server.stats()).toMatchObject({ bytesIn: 300, bytesOut: 300, errors: 1 })
  await talk(server, 2)
  expect(server.stats()).toMatchObject({ channels: 1, accepted: 2, bytesIn: 500, bytesOut: 500 })
})

test('turns are counted, and a slow handler is seen in the histograms', async () => {
  const server = await serve(() => {
    const until = performance.now() + 20
    while (performance.now() < until);
  })
  const [before] = loopStats()
  await talk(server, 5)
  const [after] = loopStats()
  if (before === undefined || after === undefined) throw new Error('no loop')
  expect(after.turns - before.turns).toBeGreaterThanOrEqual(5)
  expect(after.turnTime.sumMicros - before.turnTime.sumMicros).toBeGreaterThan(5 * 20_000)
  for (const times of ['turnTime', 'latency'] as const) {
    const slow = after[times].buckets.map((count, i) => count - (before[times].buckets[i] ?? 0))
    const counted = slow.reduce((sum, count) => sum + count, 0)
    expect(counted).toBe(after.turns - before.turns)
    const long = slow.slice(15).reduce((sum, count) => sum + count, 0) // 2^14 µs and more
    expect(long).toBeGreaterThanOrEqual(5)
    expect(quantile(slow, 1)).toBeGreaterThanOrEqual(2 ** 15)
  }
})

test('a prom-client registry says what the counters say', async () => {
  const server = await serve()
  const registry = new Registry()
  registerMetrics(registry, { servers: { lines: server } })
  await talk(server, 4)
  const text = await registry.metrics()
  expect(text).toContain('# TYPE millrace_channels gauge')
  expect(text).toContain('millrace_channels{server="lines"} 1')
  expect(text).toContain('# TYPE millrace_received_bytes_total counter')
  expect(text).toContain('millrace_received_bytes_total{server="lines"} 400')
  expect(text).toContain('millrace_sent_bytes_total{server="lines"} 400')

  const labels = /millrace_turn_seconds_count(\{.*\})/.exec(text)?.[1] ?? ''
  const cells = [...text.matchAll(/^millrace_turn_seconds_bucket\{.*le="(.*)"\} (\d+)$/gm)]
  const counts = cells.map(([, , count]) => Number(count))
  expect(cells.at(-1)?.[1]).toBe('+Inf')
  expect([...counts].sort((a, b) => a - b)).toEqual(counts)
  expect(text).toContain(`millrace_turn_seconds_count${labels} ${counts.at(-1)}`)
  expect(counts.at(-1)).toBeGreaterThanOrEqual(4)

  await talk(server, 1)
  expect(await registry.getSingleMetricAsString('millrace_accepted_total')).toContain('{server="lines"} 2')
  expect(() => registerMetrics(registry, { servers: { lines: server } })).toThrow('already been registered')
})

test('an OpenMetrics registry takes them too, and loops can be left out', async () => {
  const server = await serve()
  const registry = new Registry<OpenMetricsContentType>()
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
  registerMetrics(registry, { servers: { lines: server }, loop: false })
  const text = await registry.metrics()
  expect(text).toContain('millrace_accepted_total{server="lines"} 0')
  expect(text).not.toContain('millrace_turn_seconds')
  expect(text.trimEnd().endsWith('# EOF')).toBe(true)
})
