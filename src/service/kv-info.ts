// INFO: the state of the service in Redis's form, so that clients and tools which read it go on working. Only fields
// that are true of this service are there.
import { release, totalmem } from 'node:os'
import type { AdminContext } from './kv-admin.ts'
import { type Reply, Verbatim } from './kv-reply.ts'

type Fields = readonly (readonly [string, string | number])[]

const REDIS_VERSION = '7.0.15'
const DAY_SECONDS = 86400

/** Bytes as people read them. */
export function humanBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`
  const units = ['K', 'M', 'G', 'T']
  let value = bytes / 1024
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${value.toFixed(2)}${units[unit]}`
}

function server({ version, kernel, startedMs, nowMs, settings }: AdminContext): Fields {
  const uptime = Math.floor((nowMs - startedMs) / 1000)
  return [
    ['redis_version', REDIS_VERSION],
    ['redis_mode', 'standalone'],
    ['millrace_version', version],
    ['os', `Linux ${release()} ${process.arch}`],
    ['arch_bits', 32],
    ['multiplexing_api', kernel],
    ['process_id', process.pid],
    ['tcp_port', settings.port],
    ['server_time_usec', nowMs * 1000],
    ['uptime_in_seconds', uptime],
    ['uptime_in_days', Math.floor(uptime / DAY_SECONDS)],
    ['executable', process.execPath],
    ['config_file', ''],
    ['io_threads_active', 0],
  ]
}

function clients({ clients, settings }: AdminContext): Fields {
  const all = [...clients]
  return [
    ['connected_clients', all.length],
    ['cluster_connections', 0],
    ['maxclients', settings.clientsMax],
    ['client_recent_max_input_buffer', Math.max(0, ...all.map((client) => client.inputBytes))],
    ['client_recent_max_output_buffer', Math.max(0, ...all.map((client) => client.outputBytes))],
    ['blocked_clients', 0],
    ['tracking_clients', 0],
  ]
}

function memory({ stats, settings }: AdminContext): Fields {
  const rss = process.memoryUsage.rss()
  const share = stats.peakBytes > 0 ? (stats.usedBytes / stats.peakBytes) * 100 : 0
  return [
    ['used_memory', stats.usedBytes],
    ['used_memory_human', humanBytes(stats.usedBytes)],
    ['used_memory_rss', rss],
    ['used_memory_rss_human', humanBytes(rss)],
    ['used_memory_peak', stats.peakBytes],
    ['used_memory_peak_human', humanBytes(stats.peakBytes)],
    ['used_memory_peak_perc', `${share.toFixed(2)}%`],
    ['total_system_memory', totalmem()],
    ['total_system_memory_human', humanBytes(totalmem())],
    ['maxmemory', settings.maxmemory],
    ['maxmemory_human', humanBytes(settings.maxmemory)],
    ['maxmemory_policy', settings.policy],
    ['mem_allocator', 'tlsf'],
  ]
}

function persistence(): Fields {
  return [
    ['loading', 0],
    ['async_loading', 0],
    ['rdb_bgsave_in_progress', 0],
    ['aof_enabled', 0],
    ['aof_rewrite_in_progress', 0],
  ]
}

function stats({ stats: counted }: AdminContext): Fields {
  return [
    ['total_connections_received', counted.connections],
    ['total_commands_processed', counted.commands],
    ['total_net_input_bytes', counted.inputBytes],
    ['total_net_output_bytes', counted.outputBytes],
    ['rejected_connections', counted.rejected],
    ['expired_keys', counted.expired],
    ['evicted_keys', counted.evicted],
    ['keyspace_hits', counted.hits],
    ['keyspace_misses', counted.misses],
    ['pubsub_channels', 0],
    ['pubsub_patterns', 0],
  ]
}

function replication(): Fields {
  return [
    ['role', 'master'],
    ['connected_slaves', 0],
  ]
}

function cpu(): Fields {
  const { system, user } = process.cpuUsage()
  return [
    ['used_cpu_sys', (system / 1e6).toFixed(6)],
    ['used_cpu_user', (user / 1e6).toFixed(6)],
  ]
}

function keyspace({ keyspace: databases }: AdminContext): Fields {
  return databases.flatMap(({ keys, expires }, index): Fields => {
    return keys > 0 ? [[`db${index}`, `keys=${keys},expires=${expires},avg_ttl=0`]] : []
  })
}

const SECTIONS = new Map<string, readonly [title: string, fields: (context: AdminContext) => Fields]>([
  ['server', ['Server', server]],
  ['clients', ['Clients', clients]],
  ['memory', ['Memory', memory]],
  ['persistence', ['Persistence', persistence]],
  ['stats', ['Stats', stats]],
  ['replication', ['Replication', replication]],
  ['cpu', ['CPU', cpu]],
  ['modules', ['Modules', () => []]],
  ['errorstats', ['Errorstats', () => []]],
  ['cluster', ['Cluster', () => [['cluster_enabled', 0]]]],
  ['keyspace', ['Keyspace', keyspace]],
])
const EVERYTHING = new Set(['all', 'default', 'everything'])

export function infoReply(words: readonly string[], context: AdminContext): Reply {
  const wanted = new Set(words.slice(1).map((word) => word.toLowerCase()))
  const all = wanted.size === 0 || [...wanted].some((word) => EVERYTHING.has(word))
  const parts: string[] = []
  const more = Object.entries(context.sections ?? {}).map(
    ([title, fields]) => [title.toLowerCase(), [title, () => fields]] as const,
  )
  for (const [name, [title, fields]] of [...SECTIONS, ...more]) {
    if (!all && !wanted.has(name)) continue
    const lines = fields(context).map(([key, value]) => `${key}:${value}\r\n`)
    parts.push(`# ${title}\r\n${lines.join('')}`)
  }
  return new Verbatim(parts.join('\r\n'))
}
