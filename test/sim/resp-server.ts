// A remote server that speaks RESP behind the proxy: it keeps its data, answers in order, late and in pieces, and now
// and then it closes connections, resets them, or is gone for a while.
import { bulk, latin1, parse, replyEnd, show } from '../system/wire.ts'
import { Peer } from './peer.ts'
import type { World } from './world.ts'

interface Connection {
  readonly peer: Peer
  in: Buffer
  out: Buffer
  quietUntil: number
  /** The newest write of each key's client that came by here. */
  readonly newest: Map<string, number>
}

export interface Temper {
  /** Per turn and connection: it is closed, or reset. */
  readonly hangUp: number
  /** Per turn: it stops listening, with all its connections. */
  readonly goAway: number
  /** Per request: the connection is silent for a while. */
  readonly dawdle: number
}

export class RespServer {
  readonly port: number
  readonly data = new Map<string, string>()
  /** What it did that excuses an error reply. */
  misdeeds = 0
  readonly #world: World
  readonly #temper: Temper
  #connections: Connection[] = []
  #awayUntil = 0
  #listening = true
  /** A server that answers something else, to see that it is noticed. */
  answer: (words: readonly string[], plain: string | Buffer) => string | Buffer = (_, plain) => plain

  constructor(world: World, port: number, temper: Temper) {
    this.#world = world
    this.port = port
    this.#temper = temper
    world.kernel.listen(port)
  }

  act(calm: boolean): void {
    const { kernel, random, turn } = this.#world
    if (!this.#listening) {
      if (!calm && turn < this.#awayUntil) return
      kernel.listen(this.port)
      this.#listening = true
    }
    for (let peer = kernel.accept(this.port); peer >= 0; peer = kernel.accept(this.port)) {
      const newest = new Map<string, number>()
      const empty = Buffer.alloc(0)
      this.#connections.push({ peer: new Peer(this.#world, peer), in: empty, out: empty, quietUntil: 0, newest })
    }
    if (!calm && random.chance(this.#temper.goAway)) this.#goAway()
    for (const connection of this.#connections) this.#serve(connection, calm)
    this.#connections = this.#connections.filter(({ peer }) => !peer.closed)
  }

  #goAway(): void {
    const { kernel, random, turn } = this.#world
    this.misdeeds++
    kernel.unlisten(this.port)
    for (const { peer } of this.#connections) peer.close()
    this.#connections = []
    this.#listening = false
    this.#awayUntil = turn + random.below(200)
  }

  #serve(connection: Connection, calm: boolean): void {
    const { random, turn } = this.#world
    const { peer } = connection
    if (!calm && random.chance(this.#temper.hangUp)) {
      this.misdeeds++
      if (random.chance(0.5)) peer.reset()
      peer.close()
      return
    }
    if (!calm && turn < connection.quietUntil) return
    const bytes = peer.receive(calm ? 65536 : random.pick([7, 1000, 65536]))
    if (bytes.length > 0) connection.in = Buffer.concat([connection.in, bytes])
    this.#answerAll(connection, calm)
    const most = calm ? 65536 : random.pick([3, 500, 65536])
    connection.out = connection.out.subarray(peer.send(connection.out.subarray(0, most)))
    if (peer.over || peer.broken) peer.close()
  }

  #answerAll(connection: Connection, calm: boolean): void {
    const { random, turn } = this.#world
    const replies = [connection.out]
    while (connection.in.length > 0 && (calm || turn >= connection.quietUntil)) {
      const end = replyEnd(connection.in, 0)
      if (end < 0) break
      const words = parse(connection.in.subarray(0, end)) as string[]
      connection.in = connection.in.subarray(end)
      this.#order(connection, words)
      replies.push(latin1(this.answer(words, this.#execute(words))))
      if (!calm && random.chance(this.#temper.dawdle)) connection.quietUntil = turn + random.below(100)
    }
    if (replies.length > 1) connection.out = Buffer.concat(replies)
  }

  /** Writes of one key come in the order in which their client asked for them. */
  #order(connection: Connection, words: readonly string[]): void {
    const [name, key = '', value = ''] = words
    if (name !== 'SET') return
    const sequence = Number(value.split('.')[1])
    const before = connection.newest.get(key) ?? -1
    this.#world.check(sequence > before, () => `server ${this.port}: write ${sequence} of ${key} came behind ${before}`)
    connection.newest.set(key, sequence)
  }

  #execute(words: readonly string[]): string | Buffer {
    const [name = '', ...args] = words
    const value = (key: string): Buffer | string => {
      const found = this.data.get(key)
      return found === undefined ? '$-1\r\n' : bulk(found)
    }
    switch (name.toUpperCase()) {
      case 'GET':
        return value(args[0] ?? '')
      case 'SET':
        this.data.set(args[0] ?? '', args[1] ?? '')
        return '+OK\r\n'
      case 'MSET':
        for (let i = 0; i < args.length; i += 2) this.data.set(args[i] ?? '', args[i + 1] ?? '')
        return '+OK\r\n'
      case 'MGET':
        return Buffer.concat([latin1(`*${args.length}\r\n`), ...args.map((key) => latin1(value(key)))])
      case 'DEL':
        return `:${args.filter((key) => this.data.delete(key)).length}\r\n`
      default:
        return this.#world.fail(`server ${this.port} is asked for ${show(words.join(' '))}`)
    }
  }

  stop(): void {
    if (this.#listening) this.#world.kernel.unlisten(this.port)
    for (const { peer } of this.#connections) peer.close()
    this.#connections = []
  }
}
