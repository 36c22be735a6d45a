// The proxy: clients that pipeline, remote servers that fail and come back, shards in the process. No reply is lost,
// doubled or crossed; once everybody is well again, every request succeeds.

import { ProxyServer } from '../../dist/src/service/proxy.js'
import { parseServers } from '../../dist/src/service/servers.js'
import type { Random } from '../system/random.ts'
import { HARMFUL } from './faults.ts'
import { Peer } from './peer.ts'
import { RespClient } from './resp-client.ts'
import { type Command, del, get, mget, mset, ping, set } from './resp-model.ts'
import { RespServer, type Temper } from './resp-server.ts'
import type { Play, Scenario, World } from './world.ts'

const PORT = 22121
const SERVER_PORT = 6001
const CLIENTS_MAX = 10
const KEYS = 12
const TIMEOUT_MS = 20_000
/** Requests of the last client, which must all succeed. */
const LAST = 60

class ProxyPlay implements Play {
  readonly servers: readonly RespServer[]
  readonly #world: World
  readonly #proxy: ProxyServer
  readonly #calmTemper: boolean
  #clients: RespClient[] = []
  #connected = 0
  #cut = 0
  #last: RespClient | undefined

  constructor(world: World, proxy: ProxyServer, servers: readonly RespServer[], calmTemper: boolean) {
    this.#world = world
    this.#proxy = proxy
    this.servers = servers
    this.#calmTemper = calmTemper
  }

  act(calm: boolean): void {
    for (const server of this.servers) server.act(calm)
    const { random } = this.#world
    if (!calm && this.#clients.length < CLIENTS_MAX && random.chance(0.05)) {
      this.#connect(Math.min(random.pick([1, 20, 300]), 3 * this.#world.window), (message) => this.#mayFail(message))
    }
    for (const client of this.#clients) {
      client.act(calm)
      if (client.done) this.#gone(client)
    }
    this.#clients = this.#clients.filter((client) => !client.done)
    if (calm && this.#clients.length === 0 && this.#last === undefined && this.#wellAgain()) {
      this.#last = this.#connect(LAST)
      if (this.#last === undefined) this.#world.fail('nobody listens any more')
    }
  }

  #connect(goal: number, mayFail?: (message: string) => boolean): RespClient | undefined {
    const world = this.#world
    const peer = world.kernel.connect(PORT)
    if (peer < 0) return undefined
    const options = mayFail === undefined ? {} : { mayFail }
    const client = new RespClient(world, new Peer(world, peer), this.#connected++, {
      goal,
      command: (of, sequence) => command(world, of.number, sequence),
      ...options,
    })
    this.#clients.push(client)
    return client
  }

  /** An error reply has a cause: a server that failed, or a fault that looks like it. */
  #mayFail(message: string): boolean {
    const causes = this.#world.injected(...HARMFUL, 'partition', 'delay', 'again')
    const misdeeds = this.servers.reduce((sum, server) => sum + server.misdeeds, 0)
    return /^(ERR|PROXY|TIMEOUT|\w+) /.test(message) && (causes > 0 || misdeeds > 0 || !this.#calmTemper)
  }

  #gone(client: RespClient): void {
    client.peer.close()
    if (client.left || client.whole) return
    this.#cut++
    const harm = this.#world.injected(...HARMFUL)
    this.#world.check(this.#cut <= harm, () => {
      const how = client.peer.broken ? 'was reset' : 'ended'
      return `${client.progress} ${how}; faults that explain it: ${harm}`
    })
  }

  #wellAgain(): boolean {
    return this.#proxy.servers().every(({ state }) => state === 'up' || state === 'embedded')
  }

  done(): boolean {
    return this.#last?.peer.closed === true
  }

  waiting(): string {
    return this.#clients.map((client) => client.progress).join('; ')
  }

  async finish(): Promise<void> {
    const world = this.#world
    for (const { id, pending } of this.#proxy.servers()) {
      world.check(pending === 0, () => `${id} still owes ${pending} replies`)
    }
    world.before = () => {
      for (const server of this.servers) server.act(true)
    }
    await world.settle(this.#proxy.close(5000), 'closing the proxy')
    for (let i = 0; world.loop.stats().channels > 0; i++) {
      for (const server of this.servers) server.act(true)
      if (i === 2000) world.fail('connections to servers stay open when the proxy is closed')
      await world.step(1_000_000)
    }
    for (const server of this.servers) server.stop()
  }
}

/** One command of a client over its own keys; every value is written once. */
export function command({ random, window }: World, client: number, sequence: number): Command {
  const key = (): string => `c${client}:${random.below(KEYS)}`
  const fill = 'x'.repeat(
    Math.min(random.pick([0, 1, 10, 10, 200, 3000, random.chance(0.1) ? 80_000 : 50]), 3 * window),
  )
  const value = `v${client}.${sequence}.${fill}`
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      return set(key(), value)
    case 3:
    case 4:
      return get(key())
    case 5:
      return del(key())
    case 6:
      return random.chance(0.5) ? mget(some(random, key)) : mset(some(random, key).map((name) => [name, value]))
    default:
      return ping(`p${client}.${sequence}`)
  }
}

const some = (random: Random, key: () => string): string[] => [
  ...new Set(Array.from({ length: random.between(1, 6) }, key)),
]

const TEMPERS: readonly Temper[] = [
  { hangUp: 0, goAway: 0, dawdle: 0 },
  { hangUp: 0, goAway: 0, dawdle: 0.1 },
  { hangUp: 0.003, goAway: 0, dawdle: 0.01 },
  { hangUp: 0.001, goAway: 0.002, dawdle: 0.02 },
]

export const proxy: Scenario = {
  name: 'proxy',
  async start(world) {
    const { random } = world
    const temper = random.pick(TEMPERS)
    const remote = random.between(1, 4)
    const embedded = random.pick([0, 0, 1, 2])
    const list = [
      ...Array.from({ length: remote }, (_, i) => `127.0.0.1:${SERVER_PORT + i}`),
      ...Array.from({ length: embedded }, (_, i) => `embedded/${i}`),
    ]
    const timeoutMs = random.pick([0, TIMEOUT_MS])
    const starting = ProxyServer.start({
      listen: { host: '127.0.0.1', port: PORT },
      servers: parseServers(list.join(',')),
      ring: { points: 40 },
      timeoutMs,
      connectTimeoutMs: 1000,
      maxClients: 100,
      maxInFlight: random.pick([1, 8, 1024]),
      maxmemory: 32 << 20,
      policy: 'noeviction',
      loop: world.loopOptions,
    })
    await world.awaitLoop()
    const servers = Array.from({ length: remote }, (_, i) => new RespServer(world, SERVER_PORT + i, temper))
    for (const server of servers) world.mutant?.server?.(server)
    world.before = () => {
      for (const server of servers) server.act(true)
    }
    const service = await world.settle(starting, 'starting the proxy')
    world.before = () => undefined
    world.adopt(service.listener.loop)
    // a timeout may pass while a server dawdles, or while time is let pass
    return new ProxyPlay(world, service, servers, timeoutMs === 0)
  },
}
