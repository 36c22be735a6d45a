// A client that pipelines commands with values nobody else writes, and holds every reply against its model.
import { encode, parse, ReplyError, replyEnd } from '../system/wire.ts'
import type { Peer } from './peer.ts'
import { type Command, RespModel } from './resp-model.ts'
import type { World } from './world.ts'

const CHUNKS = [1, 5, 60, 1500, 30_000]
const DEPTHS = [1, 3, 16, 100]

export interface RespClientOptions {
  readonly goal: number
  /** The next command of this client. */
  command(client: RespClient, sequence: number): Command
  /** Errors that replies may be; undefined: none. */
  readonly mayFail?: (message: string) => boolean
}

export class RespClient {
  readonly peer: Peer
  readonly number: number
  readonly #world: World
  readonly #options: RespClientOptions
  readonly #model = new RespModel()
  readonly #chunk: number
  readonly #depth: number
  readonly #waiting: Command[] = []
  #out: Buffer = Buffer.alloc(0)
  #in: Buffer = Buffer.alloc(0)
  #need = { bytes: 0 }
  #asked = 0
  #quietUntil = 0
  answered = 0
  errors = 0
  left = false

  constructor(world: World, peer: Peer, number: number, options: RespClientOptions) {
    this.#world = world
    this.peer = peer
    this.number = number
    this.#options = options
    this.#chunk = world.random.pick(CHUNKS)
    this.#depth = world.random.pick(DEPTHS)
  }

  act(calm: boolean): void {
    const { random, turn } = this.#world
    if (!calm) {
      if (turn < this.#quietUntil) return
      if (random.chance(0.02)) this.#quietUntil = turn + random.below(60)
      if (random.chance(0.0005)) {
        this.#leave(random.chance(0.5))
        return
      }
    }
    if (calm || random.chance(0.7)) this.#ask()
    if (calm || random.chance(0.7)) this.#listen(calm ? 65536 : 1 + random.below(2 * this.#chunk))
  }

  #leave(rudely: boolean): void {
    this.left = true
    if (rudely) this.peer.reset()
    this.peer.close()
  }

  #ask(): void {
    const parts = [this.#out]
    while (this.#asked < this.#options.goal && this.#waiting.length < this.#depth) {
      const command = this.#options.command(this, this.#asked++)
      this.#waiting.push(command)
      parts.push(encode(...command.words))
    }
    if (parts.length > 1) this.#out = Buffer.concat(parts)
    const most = this.#world.calm ? 65536 : 1 + this.#world.random.below(this.#chunk)
    this.#out = this.#out.subarray(this.peer.send(this.#out.subarray(0, most)))
    if (this.#asked === this.#options.goal && this.#out.length === 0) this.peer.shutdown()
  }

  #listen(capacity: number): void {
    const bytes = this.peer.receive(capacity)
    if (bytes.length === 0) return
    this.#in = Buffer.concat([this.#in, bytes])
    while (this.#in.length >= this.#need.bytes) {
      this.#need.bytes = 0
      const end = this.#end()
      if (end < 0) break
      this.#take(this.#in.subarray(0, end))
      this.#in = this.#in.subarray(end)
      this.#need.bytes = 0
    }
  }

  #end(): number {
    if (this.#in.length === 0) return -1
    try {
      return replyEnd(this.#in, 0, this.#need)
    } catch (error) {
      return this.#fail(`got what is no reply: ${(error as Error).message}`)
    }
  }

  #take(bytes: Buffer): void {
    const command = this.#waiting.shift()
    const reply = parse(bytes)
    if (command === undefined) this.#fail(`got a reply to nothing: ${bytes.toString('latin1', 0, 60)}`)
    this.answered++
    if (reply instanceof ReplyError) {
      this.errors++
      const { mayFail } = this.#options
      if (!mayFail?.(reply.message)) this.#fail(`${command.words[0]} failed: ${reply.message}`)
    }
    const wrong = this.#model.reply(command, reply)
    if (wrong !== undefined) this.#fail(`reply ${this.answered}: ${wrong}`)
  }

  #fail(message: string): never {
    return this.#world.fail(`client ${this.number} ${message}`)
  }

  /** The connection has ended, one way or another. */
  get done(): boolean {
    return this.peer.closed || this.peer.over || this.peer.broken
  }

  /** Everything asked was answered, once each, and then the end came. */
  get whole(): boolean {
    const all = this.#asked === this.#options.goal && this.#out.length === 0
    return this.peer.over && !this.peer.broken && all && this.#waiting.length === 0 && this.#in.length === 0
  }

  /** For a message. */
  get progress(): string {
    return `client ${this.number} with ${this.answered} replies to ${this.#asked} of ${this.#options.goal} commands`
  }
}
