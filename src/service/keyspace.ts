// A kv in the core, as the host sees it.
import * as abi from '../../assembly/abi.ts'
import { systemError } from '../kernel/errors.ts'
import type { Loop } from '../loop/loop.ts'
import type { AdminPolicy as Policy } from './kv-admin.ts'

// kvStat's numbers, in the order of assembly/service/kv/kv.ts
const STATS = [
  'commands',
  'hits',
  'misses',
  'expired',
  'evicted',
  'used',
  'peak',
  'maxmemory',
  'policy',
  'databases',
] as const

export type KeyspaceStats = Readonly<Record<(typeof STATS)[number], number>>

export class Keyspace {
  readonly kv: number
  readonly #loop: Loop

  private constructor(loop: Loop, kv: number) {
    this.#loop = loop
    this.kv = kv
    if (kv === 0 || !loop.core.storesAdd(kv)) throw systemError(-abi.ENOMEM, 'kv')
  }

  /** Takes `maxmemory` bytes from the loop's heap; they are touched as the keyspace fills. */
  static create(loop: Loop, maxmemory: number, policy: Policy, databases: number): Keyspace {
    return new Keyspace(loop, loop.core.kvCreate(maxmemory, policy === 'allkeys-lru' ? 1 : 0, databases) >>> 0)
  }

  /** Another keyspace over the same bytes. */
  share(): Keyspace {
    return new Keyspace(this.#loop, this.#loop.core.kvShare(this.kv) >>> 0)
  }

  stats(): KeyspaceStats {
    const values = STATS.map((name, i) => [name, this.#loop.core.kvStat(this.kv, i)])
    return Object.fromEntries(values) as KeyspaceStats
  }

  keys(database: number): number {
    return this.#loop.core.kvKeys(this.kv, database)
  }

  expires(database: number): number {
    return this.#loop.core.kvExpires(this.kv, database)
  }

  resetStats(): void {
    this.#loop.core.kvResetStats(this.kv)
  }

  setPassword(password: string): void {
    const { bytes, stage, core } = this.#loop
    const text = Buffer.from(password)
    bytes.set(text, stage)
    if (!core.kvSetPassword(this.kv, stage, text.length)) throw systemError(-abi.ENOMEM, 'kv')
  }

  /** False where it is more than the keyspace was created with. */
  setMaxmemory(bytes: number): boolean {
    return this.#loop.core.kvSetMaxmemory(this.kv, bytes) !== 0
  }

  setPolicy(policy: Policy): void {
    this.#loop.core.kvSetPolicy(this.kv, policy === 'allkeys-lru' ? 1 : 0)
  }
}
