// The echo service, in the core and as a handler: what a client sends comes back, in order and exactly once, as far as
// its connection lives.
import * as abi from '../../assembly/abi.ts'
import type { Channel } from '../../dist/src/channel/channel.js'
import { raw } from '../../dist/src/core/codec/raw.js'
import { listenOn } from '../../dist/src/reactor/listen.js'
import { Listener } from '../../dist/src/reactor/listener.js'
import { EchoClient } from './echo-client.ts'
import { HARMFUL } from './faults.ts'
import { Peer } from './peer.ts'
import type { Play, Scenario, World } from './world.ts'

const PORT = 7
const CLIENTS_MAX = 12

interface Service {
  close(): Promise<void>
  /** The endpoint's record, and what it says when everybody is gone. */
  readonly endpoint?: number
}

class Echo implements Play {
  readonly #world: World
  readonly #service: Service
  #clients: EchoClient[] = []
  #connected = 0
  /** Over all clients that are gone. */
  #sent = 0
  #received = 0
  #cut = 0
  #left = 0

  constructor(world: World, service: Service) {
    this.#world = world
    this.#service = service
  }

  act(calm: boolean): void {
    const { random, kernel } = this.#world
    if (!calm && this.#clients.length < CLIENTS_MAX && random.chance(0.1)) {
      const peer = kernel.connect(PORT)
      if (peer >= 0) this.#clients.push(new EchoClient(this.#world, new Peer(this.#world, peer), this.#connected++))
    }
    for (const client of this.#clients) {
      client.act(calm)
      if (client.done) this.#gone(client)
    }
    this.#clients = this.#clients.filter((client) => !client.done || !client.peer.closed)
  }

  #gone(client: EchoClient): void {
    client.peer.close()
    this.#sent += client.sent
    this.#received += client.received
    if (client.left) this.#left++
    else if (!client.whole) {
      this.#cut++
      const harm = this.#world.injected(...HARMFUL)
      this.#world.check(this.#cut <= harm, () => {
        const how = client.peer.broken ? 'was reset' : 'ended'
        return `a connection ${how} at ${client.received} of ${client.sent} bytes; faults that explain it: ${harm}`
      })
    }
  }

  done(): boolean {
    return this.#clients.length === 0
  }

  waiting(): string {
    return this.#clients.map((client) => client.progress).join('; ')
  }

  async finish(): Promise<void> {
    const world = this.#world
    const endpoint = this.#service.endpoint
    if (endpoint !== undefined) {
      await this.#quiet(endpoint)
      const u64 = (offset: number): number => Number(world.loop.view.getBigUint64(endpoint + offset, true))
      const [came, went] = [u64(abi.ENDPOINT_BYTES_IN), u64(abi.ENDPOINT_BYTES_OUT)]
      const accepted = u64(abi.ENDPOINT_ACCEPTED)
      const says = `${came} came and ${went} went, of ${this.#sent} sent and ${this.#received} received`
      world.check(came <= this.#sent && went <= came && this.#received <= went, () => `the endpoint says: ${says}`)
      if (this.#left + this.#cut === 0) world.check(came === this.#sent && went === came, () => `lost bytes: ${says}`)
      world.check(accepted <= this.#connected, () => `${accepted} accepted of ${this.#connected}`)
    }
    await world.settle(this.#service.close(), 'closing the server')
  }

  /** Turns until the service has seen the ends of all. */
  async #quiet(endpoint: number): Promise<void> {
    const world = this.#world
    const open = (): number => world.loop.view.getUint32(endpoint + abi.ENDPOINT_CHANNELS, true)
    for (let i = 0; open() > 0; i++) {
      if (i === 2000) world.fail(`${open()} channels are open though every client is gone`)
      await world.step(1_000_000)
    }
  }
}

const marks = (world: World): { high: number; low: number } => {
  const high = world.random.pick([64, 1000, 65536])
  return { high, low: world.random.below(high + 1) }
}

/** SERVICE_ECHO: no byte comes up to JavaScript. */
export const echo: Scenario = {
  name: 'echo',
  async start(world) {
    const loop = world.adopt()
    const listener = await Listener.open(
      loop,
      { host: '127.0.0.1', port: PORT },
      {
        service: abi.SERVICE_ECHO,
        ...marks(world),
        limit: world.random.pick([3, 300, 1500]),
        handler: { upcall: () => undefined },
      },
    )
    return new Echo(world, { close: () => listener.close(5000), endpoint: listener.endpoint })
  },
}

/** A connection may break while what came by it is being handled; any other error is one. */
export function write(channel: Channel, message: Parameters<Channel['write']>[0]): void {
  try {
    channel.write(message)
  } catch (error) {
    if ((error as { code?: string }).code !== 'EPIPE') throw error
  }
}

/** A handler that writes what comes, pauses by chance and goes on later. */
export const handler: Scenario = {
  name: 'handler',
  async start(world) {
    const loop = world.adopt()
    const { random, host } = world
    const { high, low } = marks(world)
    const pauses = random.pick([0, 0.02, 0.3])
    const server = await listenOn(loop, {
      port: PORT,
      codec: raw(),
      highWaterMark: high,
      lowWaterMark: low,
      maxChannels: random.pick([3, 300, 1500]),
      handler: {
        frame(channel: Channel, frame) {
          write(channel, frame)
          if (!random.chance(pauses)) return
          channel.pause()
          if (random.chance(0.5)) host.soon(() => channel.resume())
          else host.after(random.below(20), () => channel.resume())
        },
      },
    })
    return new Echo(world, { close: () => server.close() })
  },
}
