// A client that sends a stream whose every byte says where it belongs, and expects the same stream back.
import type { Peer } from './peer.ts'
import type { World } from './world.ts'

/** What the byte at `position` of the stream of connection `id` is. */
export function byteAt(id: number, position: number): number {
  return Math.imul(Math.imul(position + 1, 0x9e3779b1) ^ (id << 13), 0x85ebca6b) >>> 24
}

const CHUNKS = [1, 3, 50, 700, 9000, 40_000]

export class EchoClient {
  readonly peer: Peer
  readonly #world: World
  readonly #goal: number
  readonly #chunk: number
  readonly #number: number
  sent = 0
  received = 0
  #quietUntil = 0
  /** It has given up by itself. */
  left = false

  constructor(world: World, peer: Peer, number: number) {
    this.#world = world
    this.peer = peer
    this.#number = number
    this.#goal = Math.min(world.random.pick([0, 1, 300, 5000, 60_000]), 300 * world.window)
    this.#chunk = world.random.pick(CHUNKS)
  }

  act(calm: boolean): void {
    const { random } = this.#world
    const { peer } = this
    if (!calm) {
      if (this.#world.turn < this.#quietUntil) return
      if (random.chance(0.02)) this.#quietUntil = this.#world.turn + random.below(60)
      if (random.chance(0.0007)) {
        this.#leave(random.chance(0.5))
        return
      }
      if (random.chance(0.002)) peer.shutdown()
    }
    if (calm || random.chance(0.6)) this.#send()
    if (this.sent >= this.#goal) peer.shutdown()
    if (calm || random.chance(0.6)) this.#receive(calm ? 65536 : 1 + random.below(2 * this.#chunk))
  }

  #leave(rudely: boolean): void {
    this.left = true
    if (rudely) this.peer.reset()
    this.peer.close()
  }

  #send(): void {
    const most = this.#world.calm ? 65536 : 1 + this.#world.random.below(this.#chunk)
    const length = Math.min(most, this.#goal - this.sent)
    if (length <= 0) return
    const bytes = Uint8Array.from({ length }, (_, i) => byteAt(this.#number, this.sent + i))
    this.sent += this.peer.send(bytes)
  }

  #receive(capacity: number): void {
    const bytes = this.peer.receive(capacity)
    for (let i = 0; i < bytes.length; i++) {
      const at = this.received + i
      if (bytes[i] !== byteAt(this.#number, at)) {
        this.#world.fail(`connection ${this.#number}: byte ${at} of the echo is ${bytes[i]}, of ${this.sent} sent`)
      }
    }
    this.received += bytes.length
    this.#world.check(this.received <= this.sent, () => `connection ${this.#number} got more than it sent`)
  }

  /** For a message. */
  get progress(): string {
    const { ended, over, broken } = this.peer
    const state = `${ended ? ', has ended' : ''}${over ? ', is over' : ''}${broken ? ', is reset' : ''}`
    return `connection ${this.#number} with ${this.received} of ${this.sent} bytes, to send ${this.#goal}${state}`
  }

  /** It has got all that it can get. */
  get done(): boolean {
    return this.peer.closed || this.peer.over || this.peer.broken
  }

  /** Ended in order, with everything echoed. */
  get whole(): boolean {
    return this.peer.over && !this.peer.broken && this.received === this.sent
  }
}
