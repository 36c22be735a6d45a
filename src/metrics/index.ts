// `millrace/metrics`: servers and loops in a prom-client registry, which the caller brings. Nothing is copied until
// somebody scrapes: the registry is given objects of the shape of its own metrics that read counters when asked.
import type { TimeHistogram } from '../loop/turn-times.ts'
import type { Server } from '../reactor/listen.ts'
import { type LoopSample, loopStats } from '../reactor/stats.ts'

interface Value {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  readonly metricName?: string
}

/** What a registry asks of a metric (prom-client 14 and 15). */
export interface Metric {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly aggregator: 'sum'
  get(): Promise<Metric & { readonly values: readonly Value[] }>
  reset(): void
}

/** As much of prom-client's Registry as is needed. */
export interface MetricRegistry {
  // biome-ignore lint/suspicious/noExplicitAny: prom-client's own type of a metric, which is not ours to import
  registerMetric(metric: any): void
}

export interface MetricSources {
  /** Servers, by the name that their label has. */
  readonly servers?: Readonly<Record<string, Pick<Server, 'stats'>>>
  /** Whether the loops of this thread are told of too. True by default. */
  readonly loop?: boolean
}

/** Registers everything; throws what the registry throws, where a name is taken. */
export function registerMetrics(registry: MetricRegistry, sources: MetricSources): void {
  const { servers, loop = true } = sources
  if (servers !== undefined) for (const metric of serverMetrics(servers)) registry.registerMetric(metric)
  if (loop) for (const metric of loopMetrics()) registry.registerMetric(metric)
}

function metric(type: Metric['type'], name: string, help: string, read: () => readonly Value[]): Metric {
  const facts = { name: `millrace_${name}`, help, type, aggregator: 'sum' } as const
  const itself: Metric = {
    ...facts,
    // `this` has the name that the registry has given it meanwhile, as it does for OpenMetrics
    get: async () => ({ ...itself, values: read() }),
    reset: () => {}, // what is counted is the loop's
  }
  return itself
}

function serverMetrics(servers: NonNullable<MetricSources['servers']>): Metric[] {
  const read = (pick: (stats: ReturnType<Server['stats']>) => number) => (): Value[] =>
    Object.entries(servers).map(([server, one]) => ({ labels: { server }, value: pick(one.stats()) }))
  return [
    metric(
      'gauge',
      'channels',
      'Channels open now.',
      read(({ channels }) => channels),
    ),
    metric(
      'gauge',
      'channels_max',
      'Most channels at a time.',
      read(({ maxChannels }) => maxChannels),
    ),
    metric(
      'counter',
      'accepted_total',
      'Channels accepted.',
      read(({ accepted }) => accepted),
    ),
    metric(
      'counter',
      'received_bytes_total',
      'Bytes received.',
      read(({ bytesIn }) => bytesIn),
    ),
    metric(
      'counter',
      'sent_bytes_total',
      'Bytes sent.',
      read(({ bytesOut }) => bytesOut),
    ),
    metric(
      'counter',
      'refused_total',
      'Connections closed at once for want of room.',
      read(({ refused }) => refused),
    ),
    metric(
      'counter',
      'errors_total',
      'Connections that have failed.',
      read(({ errors }) => errors),
    ),
  ]
}

function loopMetrics(): Metric[] {
  const read = (pick: (stats: LoopSample) => number) => (): Value[] =>
    loopStats().map((stats) => ({ labels: { kernel: stats.kernel }, value: pick(stats) }))
  const times = (name: string, help: string, pick: (stats: LoopSample) => TimeHistogram): Metric =>
    metric('histogram', name, help, () =>
      loopStats().flatMap((stats) => histogram(`millrace_${name}`, { kernel: stats.kernel }, pick(stats))),
    )
  return [
    metric(
      'counter',
      'turns_total',
      'Turns that had something to do.',
      read(({ turns }) => turns),
    ),
    metric(
      'counter',
      'enters_total',
      'Times the kernel was entered.',
      read(({ enters }) => enters),
    ),
    metric(
      'counter',
      'starved_total',
      'Receives that found no buffer.',
      read(({ starved }) => starved),
    ),
    metric(
      'gauge',
      'loop_heap_bytes',
      "Heap bytes in use in the loop's memory.",
      read(({ heapUsed }) => heapUsed),
    ),
    times('turn_seconds', 'What a turn takes, handlers included.', ({ turnTime }) => turnTime),
    times('latency_seconds', "From the kernel's report to the end of its turn.", ({ latency }) => latency),
  ]
}

/** Prometheus wants cumulative buckets with upper bounds in seconds, and the last one without a bound. */
function histogram(name: string, labels: Value['labels'], { sumMicros, buckets }: TimeHistogram): Value[] {
  let total = 0
  const values = buckets.map((count, i): Value => {
    total += count
    const le = i === buckets.length - 1 ? '+Inf' : 2 ** i / 1e6
    return { labels: { ...labels, le }, value: total, metricName: `${name}_bucket` }
  })
  return [
    ...values,
    { labels, value: sumMicros / 1e6, metricName: `${name}_sum` },
    { labels, value: total, metricName: `${name}_count` },
  ]
}
