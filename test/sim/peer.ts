// The far end of a simulated connection: it sends and receives in pieces by chance, and knows how it ended.
import * as abi from '../../assembly/abi.ts'
import type { SimKernel } from '../../dist/src/kernel/sim.js'
import type { World } from './world.ts'

const ENOTCONN = 107

export class Peer {
  readonly id: number
  readonly #world: World
  readonly #kernel: SimKernel
  /** Our side has ended: by `shutdown`, or by a fault. */
  ended = false
  /** The other side's end has come. */
  over = false
  /** The connection was reset. */
  broken = false
  closed = false

  constructor(world: World, id: number) {
    this.#world = world
    this.#kernel = world.kernel
    this.id = id
  }

  get alive(): boolean {
    return !this.closed && !this.broken
  }

  /** → bytes taken. */
  send(bytes: Uint8Array): number {
    if (this.ended || !this.alive || bytes.length === 0) return 0
    const result = this.#kernel.send(this.id, bytes)
    if (result >= 0) return result
    if (result === -abi.EPIPE) this.ended = true
    else if (result === -abi.ECONNRESET || result === -ENOTCONN) this.broken = true
    else if (result !== -abi.EAGAIN) this.#world.fail(`a peer's send answers ${result}`)
    return 0
  }

  /** → what has come; nothing where there is nothing, or no more. */
  receive(capacity: number): Uint8Array {
    if (this.over || !this.alive) return NOTHING
    const result = this.#kernel.receive(this.id, capacity)
    if (typeof result === 'number') {
      if (result === -abi.ECONNRESET || result === -ENOTCONN) this.broken = true
      else if (result !== -abi.EAGAIN) this.#world.fail(`a peer's receive answers ${result}`)
      return NOTHING
    }
    if (result.length === 0) this.over = true
    return result
  }

  shutdown(): void {
    if (!this.alive || this.ended) return
    this.#kernel.shutdown(this.id)
    this.ended = true
  }

  reset(): void {
    if (!this.alive) return
    this.#kernel.reset(this.id)
    this.broken = true
  }

  close(): void {
    if (this.closed) return
    this.#kernel.closePeer(this.id)
    this.closed = true
  }
}

const NOTHING = new Uint8Array(0)
