// HashRing: which of many servers owns a key, and what changes when the servers do. Keys and points live in WASM.

import { RING_BITS, RING_COUNTS, RING_KIND, RING_KIND_RANDOM, RING_POINT_COUNT } from '../../assembly/ring/abi.ts'
import { InvalidArgumentError } from './invalid-argument.ts'
import { type Core, sharedCore } from './load.ts'
import { lookupBatch } from './ring-batch.ts'
import {
  buildRing,
  planRing,
  type RingCompat,
  type RingExports,
  type RingHash,
  type RingOptions,
  type RingPlan,
  type RingServer,
} from './ring-build.ts'
import { type RingLoad, RingLoads } from './ring-loads.ts'
import { mapRing } from './ring-map.ts'
import { compareRings, type RingMigration, type RingPosition } from './ring-migration.ts'

export interface HashRingOptions extends RingOptions {
  /** The instance of the core that holds the ring; the shared one unless given. */
  readonly core?: Core | undefined
}

export interface RingStats {
  readonly compat: RingCompat
  readonly hash: RingHash
  /** Points of a circle, slots of a table. */
  readonly points: number
  readonly servers: readonly RingServerStats[]
}

export interface RingServerStats {
  readonly id: string
  readonly weight: number
  readonly points: number
  /** The part of all keys that this server owns, 0 … 1. */
  readonly share: number
}

interface Held {
  readonly exports: RingExports
  readonly ring: number
  readonly loads: RingLoads | undefined
}

/** Frees the rings that nobody disposed of. */
const forgotten = new FinalizationRegistry<Held>(release)

function release({ exports, ring, loads }: Held): void {
  loads?.dispose()
  exports.ringFree(ring)
}

/**
 * A consistent-hash ring. Immutable: a change of servers is a new ring, and `migration` tells what moves.
 *
 *     const ring = new HashRing([{ id: '10.0.0.1:6379' }, { id: '10.0.0.2:6379', weight: 2 }], { compat: 'ketama' })
 *     ring.lookup('key') // → '10.0.0.2:6379'
 */
export class HashRing {
  readonly #core: Core
  readonly #plan: RingPlan
  readonly #ids: readonly string[]
  readonly #held: Held
  #ring: number

  constructor(servers: readonly RingServer[], options: HashRingOptions = {}) {
    this.#plan = planRing(servers, options)
    this.#ids = this.#plan.servers.map((server) => server.id)
    this.#core = options.core ?? sharedCore()
    this.#ring = buildRing(this.#core, this.#plan)
    const { exports } = this.#core
    const loads = this.#makeLoads()
    this.#held = { exports, ring: this.#ring, loads }
    forgotten.register(this, this.#held, this)
    if (this.#isRandom()) exports.ringSeed(BigInt(Math.floor(Math.random() * Number.MAX_SAFE_INTEGER)))
  }

  /** The server that owns a key. */
  lookup(key: string | Uint8Array): string {
    const length = this.#core.put(key)
    return this.#ids[this.#core.exports.ringLookup(this.#alive(), this.#core.stage, length)]!
  }

  /** The servers that own the keys, in their order. */
  lookupMany(keys: Iterable<string | Uint8Array>): string[] {
    return lookupBatch(this.#core, this.#alive(), keys).map((index) => this.#ids[index]!)
  }

  /** `count` different servers, the key's owner first, then those that take over; fewer if fewer own anything. */
  replicas(key: string | Uint8Array, count: number): string[] {
    if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('count', 'an integer from 1', count)
    const core = this.#core
    const length = core.put(key)
    const wanted = Math.min(count, this.#ids.length)
    return this.#scratch(wanted * 4 + Math.ceil(this.#ids.length / 8), (out) => {
      const found = core.exports.ringReplicas(this.#alive(), core.stage, length, wanted, out)
      return Array.from(new Uint32Array(core.memory.buffer, out, found), (index) => this.#ids[index]!)
    })
  }

  /** Where the key lies on the ring, or its slot: the unit of `migration().ranges`. A bigint in an envoy ring. */
  position(key: string | Uint8Array): RingPosition {
    const length = this.#core.put(key)
    const position = this.#core.exports.ringPosition(this.#alive(), this.#core.stage, length)
    return this.#head(RING_BITS) === 64 && this.#plan.compat === 'envoy'
      ? BigInt.asUintN(64, position)
      : Number(position)
  }

  /**
   * The server for one request with a key, of a ring made with `balanceFactor`: the key's owner, unless it has that
   * much more than its fair share of what is not yet released; then the first of its replicas that has room.
   */
  acquire(key: string | Uint8Array): string {
    const ring = this.#alive()
    return this.#ids[this.#bounded().acquire(ring, key)]!
  }

  /** Says that requests of a server are done; false if it has not so many, or is not of this ring. */
  release(id: string, requests = 1): boolean {
    return this.#bounded().release(id, requests)
  }

  /** What each server has that is not released, and how much it may have when the next request comes. */
  loads(): RingLoad[] {
    const ring = this.#alive()
    return this.#bounded().list(ring)
  }

  /** Takes over what is not released on the ring that this one replaces. */
  adopt(previous: HashRing): void {
    for (const { id, requests } of previous.loads()) this.#bounded().add(id, requests)
  }

  /** What moves when `next` takes this ring's place. Both must hash keys alike, and not by chance. */
  migration(next: HashRing): RingMigration {
    const [a, b] = [describe(this.#plan), describe(next.#plan)]
    if (a !== b) throw new InvalidArgumentError('next', `a ring that hashes keys alike (${a})`, b)
    if (this.#isRandom()) throw new InvalidArgumentError('next', 'a ring where keys have a place', b)
    return compareRings(this.#map(), next.#map())
  }

  /** Points and share of every server. One without points gets no keys: its weight is too small beside the others. */
  stats(): RingStats {
    const { compat, hash, servers } = this.#plan
    const shares = this.#scratch(servers.length * 8, (out) => {
      this.#core.exports.ringShares(this.#alive(), out)
      return new Float64Array(this.#core.memory.buffer.slice(out, out + servers.length * 8))
    })
    const counts = new Uint32Array(this.#core.memory.buffer, this.#head(RING_COUNTS), servers.length)
    return {
      compat,
      hash,
      points: this.#head(RING_POINT_COUNT),
      servers: servers.map(({ id, weight }, i) => ({ id, weight, points: counts[i]!, share: shares[i]! })),
    }
  }

  /** Gives the ring's memory back; it cannot be used any more. */
  dispose(): void {
    if (this.#ring === 0) return
    forgotten.unregister(this)
    release(this.#held)
    this.#ring = 0
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #alive(): number {
    if (this.#ring === 0) throw Object.assign(new Error('this ring was disposed of'), { code: 'ERR_INVALID_STATE' })
    return this.#ring
  }

  #head(field: number): number {
    return new DataView(this.#core.memory.buffer).getUint32(this.#alive() + field, true)
  }

  #isRandom(): boolean {
    return this.#head(RING_KIND) === RING_KIND_RANDOM
  }

  #map(): ReturnType<typeof mapRing> {
    return mapRing(this.#core.memory, this.#alive(), this.#ids)
  }

  #makeLoads(): RingLoads | undefined {
    if (this.#plan.balanceFactor === 0) return undefined
    try {
      return new RingLoads(this.#core, this.#ring, this.#ids, this.#plan.balanceFactor)
    } catch (error) {
      this.#core.exports.ringFree(this.#ring)
      throw error
    }
  }

  #bounded(): RingLoads {
    this.#alive()
    if (this.#held.loads !== undefined) return this.#held.loads
    throw Object.assign(new Error('this ring was made without `balanceFactor`'), { code: 'ERR_INVALID_STATE' })
  }

  #scratch<T>(bytes: number, use: (at: number) => T): T {
    const at = this.#core.exports.alloc(bytes) >>> 0
    if (at === 0) throw new RangeError(`the core has no room for ${bytes} bytes`)
    try {
      return use(at)
    } finally {
      this.#core.exports.free(at)
    }
  }
}

function describe({ compat, distribution, hash, hashTag, avalanche }: RingPlan): string {
  const mode = distribution === 'ketama' ? compat : `${compat} ${distribution}`
  return `${mode}, ${hash}${avalanche ? ' and avalanche' : ''}${hashTag === '' ? '' : `, hash tag ${hashTag}`}`
}
