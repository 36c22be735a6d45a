// A sharding proxy behind a listener: what `millrace proxy` and `millrace up` run.

import * as abi from '../../assembly/abi.ts'
import { resolveTcp, type SocketAddress, type TcpAddress, unixSocketAddress } from '../channel/address.ts'
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import { buildRing, planRing, type RingOptions } from '../core/ring-build.ts'
import { systemError } from '../kernel/errors.ts'
import type { Loop, LoopOptions } from '../loop/loop.ts'
import { createEndpoint, Listener } from '../reactor/listener.ts'
import { answerCommand } from './command.ts'
import { Keyspace } from './keyspace.ts'
import { CLIENT_HIGH, CLIENT_LOW, kvLoop } from './kv.ts'
import type { AdminPolicy as Policy } from './kv-admin.ts'
import { kvCommander } from './kv-context.ts'
import { ringServers, type Server } from './servers.ts'

export interface ProxyOptions {
  readonly listen: TcpAddress
  readonly servers: readonly Server[]
  readonly ring: RingOptions
  /** Milliseconds a server may take for a reply; 0: for ever. */
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  readonly maxClients: number
  /** Which kernel serves it, by name; by default the best. */
  readonly kernel?: string | undefined
  /** Requests of one client that may be waiting for replies. */
  readonly maxInFlight: number
  /** For embedded shards: bytes of all of them together. */
  readonly maxmemory: number
  readonly policy: Policy
  /** A server went up or down. */
  readonly onServer?: (server: Server, up: boolean, error: number) => void
  /** How the loop differs from `kvLoop`'s choice. */
  readonly loop?: LoopOptions
}

/** Most bytes, and most requests, that wait for one server; more is backpressure. */
const SERVER_BYTES = 4 * 1024 * 1024
const SERVER_REQUESTS = 65536
/** Each takes two of the loop's server records. */
const SERVERS_MAX = 2048
const LOCAL_BYTES = 65536
const FIRST_CONNECT_MS = 1000

const STATES = ['down', 'connecting', 'connecting', 'up', 'embedded', 'stopped', 'idle'] as const

export interface ServerState {
  readonly id: string
  readonly state: (typeof STATES)[number]
  readonly pending: number
  readonly requests: number
  readonly disconnects: number
  readonly timeouts: number
}

export class ProxyServer {
  readonly listener: Listener
  readonly shards: readonly Keyspace[]
  readonly #loop: Loop
  readonly #proxy: number
  readonly #servers: readonly Server[]

  private constructor(
    loop: Loop,
    listener: Listener,
    proxy: number,
    servers: readonly Server[],
    shards: readonly Keyspace[],
  ) {
    this.#loop = loop
    this.listener = listener
    this.#proxy = proxy
    this.#servers = servers
    this.shards = shards
  }

  static async start(options: ProxyOptions): Promise<ProxyServer> {
    const { servers, listen, maxClients, maxmemory, policy, kernel } = options
    if (servers.length > SERVERS_MAX) {
      throw new InvalidArgumentError('the list of servers', `at most ${SERVERS_MAX} long`, servers.length)
    }
    const plan = planRing(ringServers(servers, options.ring.compat ?? 'native'), options.ring)
    const addresses = await Promise.all(servers.map(addressOf))
    const embedded = servers.filter((server) => server.kind === 'embedded').length
    const own = { ...(kernel === undefined ? {} : { kernel }), ...options.loop }
    const loop = kvLoop(embedded > 0 ? maxmemory : 0, maxClients, own)
    const { core } = loop
    const ring = buildRing({ memory: loop.memory, exports: core }, plan)
    const local = Keyspace.create(loop, LOCAL_BYTES, 'noeviction', 1)
    const proxy = core.proxyCreate(ring, servers.length, local.kv) >>> 0
    if (proxy === 0) throw systemError(-abi.ENOMEM, 'proxy')
    const { timeoutMs, connectTimeoutMs, maxInFlight } = options
    core.proxyLimits(proxy, maxInFlight, SERVER_BYTES, SERVER_REQUESTS, timeoutMs * 1e6, connectTimeoutMs * 1e6)
    const shards = embed(loop, proxy, servers, maxmemory, policy)
    const first = connect(loop, proxy, servers, addresses, options.onServer)
    const listener: Listener = await Listener.open(loop, listen, {
      service: abi.SERVICE_PROXY,
      target: proxy,
      high: CLIENT_HIGH,
      low: CLIENT_LOW,
      limit: maxClients,
      reserve: 2 * (servers.length - embedded),
      handler: {
        upcall(kind, slot, generation, at, _length, extra) {
          if (kind === abi.UP_COMMAND) answerCommand(loop, commander, slot, generation, at, extra)
        },
      },
    })
    const server = new ProxyServer(loop, listener, proxy, servers, shards)
    const commander = kvCommander(loop, listener, shards, {
      maxClients: listener.limit.limit,
      password: '',
      setInfo: true,
      commands: () => core.proxyRequests(proxy),
      sections: () => ({ Proxy: server.info() }),
    })
    await first
    return server
  }

  /** Each server's state and counters. */
  servers(): ServerState[] {
    const { core } = this.#loop
    return this.#servers.map(({ id }, i) => {
      const [state, pending, requests, disconnects, timeouts] = [0, 1, 2, 3, 4].map((stat) =>
        core.serverStat(this.#proxy, i, stat),
      ) as [number, number, number, number, number]
      return { id, state: STATES[state] ?? 'down', pending, requests, disconnects, timeouts }
    })
  }

  /** The Proxy section of INFO. */
  info(): [string, string | number][] {
    const servers = this.servers()
    const rows = servers.map(({ id, state, pending, requests, disconnects, timeouts }, i): [string, string] => [
      `server${i}`,
      `id=${id},state=${state},pending=${pending},requests=${requests},disconnects=${disconnects},timeouts=${timeouts}`,
    ])
    return [['servers', servers.length], ['error_replies', this.#loop.core.proxyErrors(this.#proxy)], ...rows]
  }

  async close(drainMs: number): Promise<void> {
    await this.listener.close(drainMs)
    this.#loop.core.proxyStop(this.#proxy)
    this.#loop.touch()
  }
}

async function addressOf(server: Server): Promise<SocketAddress | undefined> {
  if (server.kind === 'embedded') return undefined
  return server.kind === 'unix' ? unixSocketAddress(server.path) : resolveTcp(server.host, server.port)
}

function embed(loop: Loop, proxy: number, servers: readonly Server[], maxmemory: number, policy: Policy): Keyspace[] {
  const shards: Keyspace[] = []
  servers.forEach((server, i) => {
    if (server.kind !== 'embedded') return
    const shard = shards[0]?.share() ?? Keyspace.create(loop, maxmemory, policy, 1)
    shards.push(shard)
    const length = putName(loop, server.id)
    if (!loop.core.proxyEmbed(proxy, i, shard.kv, loop.stage, length)) throw systemError(-abi.ENOMEM, 'proxy')
  })
  return shards
}

/** Starts connecting to every real server; resolves when each has answered for the first time, or after a second. */
function connect(
  loop: Loop,
  proxy: number,
  servers: readonly Server[],
  addresses: readonly (SocketAddress | undefined)[],
  onServer: ProxyOptions['onServer'],
): Promise<void> {
  const waiting = new Set<number>()
  let settle = (): void => undefined
  const settled = new Promise<void>((resolve) => {
    settle = resolve
  })
  servers.forEach((server, i) => {
    const address = addresses[i]
    if (address === undefined) return
    waiting.add(i)
    const endpoint = createEndpoint(loop, {
      service: abi.SERVICE_UPSTREAM,
      high: SERVER_BYTES,
      low: SERVER_BYTES >> 1,
      limit: 1,
    })
    loop.register(endpoint, {
      upcall(kind, _slot, _generation, _at, length, extra) {
        if (kind !== abi.UP_SERVER) return
        onServer?.(server, length === 1, extra | 0)
        if (waiting.delete(i) && waiting.size === 0) settle()
      },
    })
    const length = putName(loop, server.id)
    const place = loop.stage + NAME_MAX
    loop.bytes.set(address.bytes, place)
    const { core, stage } = loop
    if (!core.proxyServer(proxy, i, endpoint, stage, length, address.family, place, address.bytes.length)) {
      throw systemError(-abi.ENOMEM, 'proxy')
    }
  })
  if (waiting.size === 0) return Promise.resolve()
  loop.touch()
  return settled.then(loop.schedule.after(FIRST_CONNECT_MS, settle))
}

const NAME_MAX = 1024

function putName(loop: Loop, name: string): number {
  const text = Buffer.from(name).subarray(0, NAME_MAX)
  loop.bytes.set(text, loop.stage)
  return text.length
}
