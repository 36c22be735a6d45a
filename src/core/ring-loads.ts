// Bounded loads of a ring: which requests are not released yet, kept in WASM beside the ring they belong to.

import { RING_LOADS_SERVERS } from '../../assembly/ring/abi.ts'
import { InvalidArgumentError } from './invalid-argument.ts'
import type { Core } from './load.ts'

export interface RingLoad {
  readonly id: string
  /** Acquired and not released. */
  readonly requests: number
  /** With so many it gets no further one. */
  readonly cap: number
}

export class RingLoads {
  readonly #core: Core
  readonly #at: number
  readonly #ids: readonly string[]
  readonly #places: ReadonlyMap<string, number>

  constructor(core: Core, ring: number, ids: readonly string[], factor: number) {
    this.#core = core
    this.#ids = ids
    this.#places = new Map(ids.map((id, i) => [id, i]))
    this.#at = core.exports.loadsCreate(ring, factor) >>> 0
    if (this.#at === 0) throw new RangeError(`the core has no room for the loads of ${ids.length} servers`)
  }

  acquire(ring: number, key: string | Uint8Array): number {
    const length = this.#core.put(key)
    return this.#core.exports.loadsAcquire(this.#at, ring, this.#core.stage, length)
  }

  release(id: string, requests: number): boolean {
    if (!Number.isInteger(requests) || requests < 1 || requests > 0xffffffff) {
      throw new InvalidArgumentError('requests', 'an integer from 1', requests)
    }
    const server = this.#places.get(id)
    return server !== undefined && this.#core.exports.loadsRelease(this.#at, server, requests) !== 0
  }

  /** Adds requests of a server, if it is one of these. */
  add(id: string, requests: number): void {
    const server = this.#places.get(id)
    if (server !== undefined) this.#core.exports.loadsAdd(this.#at, server, requests)
  }

  list(ring: number): RingLoad[] {
    const requests = new Uint32Array(this.#core.memory.buffer, this.#at + RING_LOADS_SERVERS, this.#ids.length)
    return this.#ids.map((id, i) => ({
      id,
      requests: requests[i]!,
      cap: this.#core.exports.loadsCap(this.#at, ring, i) >>> 0,
    }))
  }

  dispose(): void {
    this.#core.exports.free(this.#at)
  }
}
