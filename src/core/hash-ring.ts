// HashRing: which of many servers owns a key, and what changes when the servers do. Keys and points live in WASM.

import {
  RING_BITS,
  RING_COUNTS,
  RING_ENTRIES,
  RING_ENTRY_BYTES,
  RING_POINT_COUNT,
  RING_SERVER_BITS,
} from '../../assembly/abi.ts'
import { InvalidArgumentError } from './invalid-argument.ts'
import { type Core, sharedCore } from './load.ts'
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
import { compareRings, type RingMap, type RingMigration } from './ring-migration.ts'

export interface HashRingOptions extends RingOptions {
  /** The instance of the core that holds the ring; the shared one unless given. */
  readonly core?: Core | undefined
}

export interface RingStats {
  readonly compat: RingCompat
  readonly hash: RingHash
  readonly points: number
  readonly servers: readonly RingServerStats[]
}

export interface RingServerStats {
  readonly id: string
  readonly weight: number
  readonly points: number
  /** The part of all positions that this server owns, 0 … 1. */
  readonly share: number
}

/** Frees the rings that nobody disposed of. */
const forgotten = new FinalizationRegistry<{ exports: RingExports; ring: number }>(({ exports, ring }) => {
  exports.ringFree(ring)
})

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
  #ring: number

  constructor(servers: readonly RingServer[], options: HashRingOptions = {}) {
    this.#plan = planRing(servers, options)
    this.#ids = this.#plan.servers.map((server) => server.id)
    this.#core = options.core ?? sharedCore()
    this.#ring = buildRing(this.#core, this.#plan)
    forgotten.register(this, { exports: this.#core.exports, ring: this.#ring }, this)
  }

  /** The server that owns a key. */
  lookup(key: string | Uint8Array): string {
    const length = this.#core.put(key)
    return this.#ids[this.#core.exports.ringLookup(this.#alive(), this.#core.stage, length)]!
  }

  /** The servers that own the keys, in their order. */
  lookupMany(keys: Iterable<string | Uint8Array>): string[] {
    return Array.from(keys, (key) => this.lookup(key))
  }

  /** `count` different servers that follow the key's place on the ring, its owner first; fewer if there are fewer. */
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

  /** Where the key lies on the ring, an integer: the unit of `migration().ranges`. */
  position(key: string | Uint8Array): number {
    const length = this.#core.put(key)
    return this.#core.exports.ringPosition(this.#alive(), this.#core.stage, length)
  }

  /** What moves when `next` takes this ring's place. Both must hash keys alike. */
  migration(next: HashRing): RingMigration {
    const [a, b] = [this.#plan, next.#plan]
    if (a.compat !== b.compat || a.hash !== b.hash || a.hashTag !== b.hashTag) {
      throw new InvalidArgumentError('next', `a ring that hashes keys alike (${describe(a)})`, describe(b))
    }
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
    this.#core.exports.ringFree(this.#ring)
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

  #map(): RingMap {
    const entries = this.#head(RING_ENTRIES)
    const words = (this.#head(RING_POINT_COUNT) * RING_ENTRY_BYTES) / 4
    return {
      ids: this.#ids,
      bits: this.#head(RING_BITS),
      serverBits: RING_SERVER_BITS,
      entries: new Uint32Array(this.#core.memory.buffer, entries, words),
    }
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

function describe({ compat, hash, hashTag }: RingPlan): string {
  return `${compat}, ${hash}${hashTag === '' ? '' : `, hash tag ${hashTag}`}`
}
