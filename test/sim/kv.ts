// The keyspace: each connection sees its own keys change by its own commands and by nothing else, and a counter that
// all connections raise has lost none of them.
import { KvServer } from '../../dist/src/service/kv.js'
import { encode, parse, replyEnd } from '../system/wire.ts'
import { HARMFUL } from './faults.ts'
import { Peer } from './peer.ts'
import { command } from './proxy.ts'
import { RespClient } from './resp-client.ts'
import { append, type Command, incr } from './resp-model.ts'
import type { Play, Scenario, World } from './world.ts'

const PORT = 6379
const CLIENTS_MAX = 10

class Kv implements Play {
  readonly #world: World
  readonly #service: KvServer
  #clients: RespClient[] = []
  #connected = 0
  #cut = 0
  /** INCRs of the shared counter that were asked for, and answered. */
  #asked = 0
  #answered = 0
  #highest = 0

  constructor(world: World, service: KvServer) {
    this.#world = world
    this.#service = service
  }

  act(calm: boolean): void {
    const { random, kernel } = this.#world
    if (!calm && this.#clients.length < CLIENTS_MAX && random.chance(0.05)) {
      const peer = kernel.connect(PORT)
      if (peer >= 0) this.#clients.push(this.#client(peer))
    }
    for (const client of this.#clients) {
      client.act(calm)
      if (client.done) this.#gone(client)
    }
    this.#clients = this.#clients.filter((client) => !client.done)
  }

  #client(peer: number): RespClient {
    return new RespClient(this.#world, new Peer(this.#world, peer), this.#connected++, {
      goal: Math.min(this.#world.random.pick([1, 20, 300]), 3 * this.#world.window),
      command: ({ number }, sequence) => this.#command(number, sequence),
    })
  }

  #command(client: number, sequence: number): Command {
    const { random } = this.#world
    switch (random.below(6)) {
      case 0:
        return incr(`n${client}:${random.below(3)}`)
      case 1:
        return append(`a${client}`, `${sequence},`)
      case 2:
        return this.#raise()
      default:
        return command(this.#world, client, sequence)
    }
  }

  /** INCR of a key of all clients: its reply is one more than some number before, and none comes twice. */
  #raise(): Command {
    this.#asked++
    const seen = this.#raised
    const world = this.#world
    return {
      words: ['INCR', 'everyone'],
      steps: [],
      reply: 'one',
      judge: (reply) => {
        const count = Number(reply)
        this.#answered++
        this.#highest = Math.max(this.#highest, count)
        if (!(count >= 1 && count <= this.#asked) || seen.has(count)) {
          world.fail(`INCR of the common counter answers ${String(reply)}, after ${seen.size} answers`)
        }
        seen.add(count)
      },
    }
  }
  readonly #raised = new Set<number>()

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

  done(): boolean {
    return this.#clients.length === 0
  }

  waiting(): string {
    return this.#clients.map((client) => client.progress).join('; ')
  }

  async finish(): Promise<void> {
    const world = this.#world
    const total = await this.#total()
    world.check(total >= this.#answered && total >= this.#highest && total <= this.#asked, () => {
      return `the common counter is at ${total} after ${this.#answered} answers to ${this.#asked} commands`
    })
    await world.settle(this.#service.close(5000), 'closing the server')
  }

  /** What the common counter says in the end. */
  async #total(): Promise<number> {
    const world = this.#world
    const peer = new Peer(world, world.kernel.connect(PORT))
    let out: Buffer = encode('GET', 'everyone')
    let bytes: Buffer = Buffer.alloc(0)
    for (let i = 0; bytes.length === 0 || replyEnd(bytes, 0) < 0; i++) {
      if (i === 2000 || !peer.alive) world.fail('the last GET is not answered')
      out = out.subarray(peer.send(out))
      await world.step(1_000_000)
      bytes = Buffer.concat([bytes, peer.receive(65536)])
    }
    peer.close()
    return Number(parse(bytes))
  }
}

export const kv: Scenario = {
  name: 'kv',
  async start(world) {
    const starting = KvServer.start({
      listen: { host: '127.0.0.1', port: PORT },
      maxmemory: 48 << 20,
      policy: 'noeviction',
      maxClients: 100,
      loop: world.loopOptions,
    })
    await world.awaitLoop()
    const service = await world.settle(starting, 'starting the server')
    world.adopt(service.listener.loop)
    return new Kv(world, service)
  },
}
