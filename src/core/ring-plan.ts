// From what a caller wants to a plan with nothing left open: every option and every server checked.

import {
  RING_LOADS_FACTOR_MAX,
  RING_LOADS_FACTOR_MIN,
  RING_NAME_BYTES_MAX,
  RING_POINTS_MAX,
  RING_POINTS_PER_WEIGHT,
  RING_SERVERS_MAX,
  RING_TABLE_MAX,
  RING_WEIGHT_MAX,
} from '../../assembly/ring/abi.ts'
import { InvalidArgumentError } from './invalid-argument.ts'
import {
  defaultName,
  defaultTag,
  RING_COMPATS,
  RING_DISTRIBUTIONS,
  RING_HASHES,
  RING_OPTIONS,
  type RingCompat,
  type RingDistribution,
  type RingHash,
} from './ring-modes.ts'
import { planSlots } from './ring-slots.ts'

export interface RingServer {
  /** What a lookup answers; `host:port` by custom. */
  readonly id: string
  /** 1 unless given; 0 keeps the server in the list but gives it no keys. */
  readonly weight?: number | undefined
  /**
   * The text that places the server on the ring, if it is not the id: twemproxy and libmemcached leave out `:11211`,
   * spymemcached writes `/host:port`, and HAProxy wants the server's number, counted from 1 unless given.
   */
  readonly name?: string | undefined
  /** In a node-hashring or hash_ring ring: how many points it has, in place of its weight. */
  readonly vnodes?: number | undefined
  /** In a redis-slots ring: the slots it has, as in '0-5460,5462'; shared out by weight if no server has any. */
  readonly slots?: string | undefined
}

export interface RingOptions {
  readonly compat?: RingCompat | undefined
  /** The key hash, where the mode leaves a choice. */
  readonly hash?: RingHash | undefined
  /** Two characters, such as `{}`: of a key with both, only the part between them is hashed. */
  readonly hashTag?: string | undefined
  /** native: points per unit of weight. */
  readonly points?: number | undefined
  /** node-hashring, hash_ring: digests per server, 40 unless given. */
  readonly vnodes?: number | undefined
  /** twemproxy: ketama unless given. */
  readonly distribution?: RingDistribution | undefined
  /** envoy: 1024 unless given. */
  readonly minimumRingSize?: number | undefined
  /** envoy: as many as there can be unless given. */
  readonly maximumRingSize?: number | undefined
  /** envoy: the hash of points, xxh64 (XX_HASH) unless given, or murmur2 (MURMUR_HASH_2). */
  readonly pointHash?: 'xxh64' | 'murmur2' | undefined
  /** maglev: a prime, 65537 unless given. */
  readonly tableSize?: number | undefined
  /** haproxy: whether key hashes are mixed once more; as in HAProxy, in a consistent ring if `hash` is not given. */
  readonly avalanche?: boolean | undefined
  /** Percent of its fair share that no server may exceed: for `acquire` and `release`. */
  readonly balanceFactor?: number | undefined
}

/** A server as it will be placed. */
export interface PlannedServer {
  readonly id: string
  readonly weight: number
  readonly name: string
  readonly vnodes: number
}

/** A ring as it will be built. */
export interface RingPlan {
  readonly compat: RingCompat
  readonly distribution: RingDistribution
  readonly hash: RingHash
  readonly hashTag: string
  /** What the mode counts: points per weight, vnodes, fewest points, slots. */
  readonly points: number
  readonly pointsMax: number
  readonly pointHash: RingHash
  readonly avalanche: boolean
  /** 0: loads are not bounded. */
  readonly balanceFactor: number
  readonly slots: Uint16Array | undefined
  readonly servers: readonly PlannedServer[]
}

const TOTAL_WEIGHT_MAX = 0xffffffff
const HAPROXY_WEIGHT_MAX = 256
const HAPROXY_NUMBER_MAX = 2147483647
const VNODES = 40
const RING_SIZE_MIN = 1024
const TABLE_SIZE = 65537
const VNODES_MAX = 65536

const encoder = new TextEncoder()

/** Checks servers and options; what is not given gets its default. Throws ERR_INVALID_ARG_VALUE. */
export function planRing(servers: readonly RingServer[], options: RingOptions = {}): RingPlan {
  const compat = options.compat ?? 'native'
  if (!RING_COMPATS.includes(compat)) throw new InvalidArgumentError('compat', oneOf(RING_COMPATS), compat)
  const hash = options.hash ?? RING_HASHES[compat][0]!
  if (!RING_HASHES[compat].includes(hash)) {
    throw new InvalidArgumentError('hash', `${oneOf(RING_HASHES[compat])} in a ${compat} ring`, hash)
  }
  for (const [name, modes] of Object.entries(RING_OPTIONS) as [keyof typeof RING_OPTIONS, readonly RingCompat[]][]) {
    if (options[name] === undefined || modes.includes(compat)) continue
    throw new InvalidArgumentError(name, `left out: only ${modes.join(' and ')} rings have it`, options[name])
  }
  const distribution = options.distribution ?? 'ketama'
  if (!RING_DISTRIBUTIONS.includes(distribution)) {
    throw new InvalidArgumentError('distribution', oneOf(RING_DISTRIBUTIONS), distribution)
  }
  const pointHash = options.pointHash ?? 'xxh64'
  if (!RING_HASHES.envoy.includes(pointHash))
    throw new InvalidArgumentError('pointHash', oneOf(RING_HASHES.envoy), pointHash)
  const hashTag = options.hashTag ?? defaultTag(compat)
  if (hashTag !== '' && !/^[\x20-\x7e]{2}$/.test(hashTag)) {
    throw new InvalidArgumentError('hashTag', "two printable ASCII characters such as '{}', or ''", hashTag)
  }
  const balanceFactor = options.balanceFactor ?? 0
  if (
    options.balanceFactor !== undefined &&
    !isIntegerIn(balanceFactor, RING_LOADS_FACTOR_MIN, RING_LOADS_FACTOR_MAX)
  ) {
    const rule = `a percentage from ${RING_LOADS_FACTOR_MIN} to ${RING_LOADS_FACTOR_MAX}`
    throw new InvalidArgumentError('balanceFactor', rule, balanceFactor)
  }
  if (!Array.isArray(servers) || servers.length === 0 || servers.length > RING_SERVERS_MAX) {
    throw new InvalidArgumentError('servers', `an array of 1 to ${RING_SERVERS_MAX} servers`, servers)
  }
  const planned = servers.map((server, i) => planServer(server, i, compat))
  const sizes = planSizes(compat, options)
  checkTogether(planned, compat, sizes.points)
  const slots = compat === 'redis-slots' ? planSlots(servers.map(withSlots)) : undefined
  const avalanche = options.avalanche ?? (compat === 'haproxy' && options.hash === undefined)
  return { compat, distribution, hash, hashTag, ...sizes, pointHash, avalanche, balanceFactor, slots, servers: planned }
}

function withSlots({ id, weight = 1, slots }: RingServer): { id: string; weight: number; slots: string | undefined } {
  return { id, weight, slots }
}

/** What the mode counts, and the most of it. */
function planSizes(compat: RingCompat, options: RingOptions): { points: number; pointsMax: number } {
  const integer = (name: 'points' | 'vnodes' | 'minimumRingSize' | 'maximumRingSize', base: number, max: number) => {
    const value = options[name] ?? base
    if (!isIntegerIn(value, 1, max)) throw new InvalidArgumentError(name, `an integer from 1 to ${max}`, value)
    return value
  }
  const pointsMax = integer('maximumRingSize', RING_POINTS_MAX, RING_POINTS_MAX)
  if (compat === 'envoy') {
    return { points: integer('minimumRingSize', Math.min(RING_SIZE_MIN, pointsMax), pointsMax), pointsMax }
  }
  if (compat === 'node-hashring' || compat === 'hash_ring')
    return { points: integer('vnodes', VNODES, VNODES_MAX), pointsMax }
  if (compat !== 'maglev')
    return { points: integer('points', RING_POINTS_PER_WEIGHT, RING_POINTS_PER_WEIGHT), pointsMax }
  const points = options.tableSize ?? TABLE_SIZE
  if (!isIntegerIn(points, 2, RING_TABLE_MAX) || !isPrime(points)) {
    throw new InvalidArgumentError('tableSize', `a prime number up to ${RING_TABLE_MAX}`, points)
  }
  return { points, pointsMax }
}

function planServer(server: RingServer, i: number, compat: RingCompat): PlannedServer {
  const { id, weight = 1, vnodes = 0, slots } = server
  if (typeof id !== 'string' || id === '') throw new InvalidArgumentError(`servers[${i}].id`, 'a text', id)
  const name = server.name ?? defaultName(id, i, compat)
  const weightMax = compat === 'haproxy' || compat === 'haproxy-map' ? HAPROXY_WEIGHT_MAX : RING_WEIGHT_MAX
  if (!isIntegerIn(weight, 0, weightMax)) {
    throw new InvalidArgumentError(`servers[${i}].weight`, `an integer from 0 to ${weightMax}`, weight)
  }
  const bytes = typeof name === 'string' ? byteLength(name) : 0
  if (bytes === 0 || bytes > RING_NAME_BYTES_MAX) {
    const argument = server.name === undefined ? 'id' : 'name'
    throw new InvalidArgumentError(`servers[${i}].${argument}`, `1 to ${RING_NAME_BYTES_MAX} bytes of text`, name)
  }
  if (compat === 'haproxy' && !(/^[1-9]\d{0,9}$/.test(name) && Number(name) <= HAPROXY_NUMBER_MAX)) {
    throw new InvalidArgumentError(`servers[${i}].name`, "the number that is the server's `id` in HAProxy", name)
  }
  if (vnodes !== 0 && !(RING_OPTIONS.vnodes as readonly RingCompat[]).includes(compat)) {
    throw new InvalidArgumentError(`servers[${i}].vnodes`, 'left out: only node-hashring rings have it', vnodes)
  }
  if (!isIntegerIn(vnodes, 0, VNODES_MAX)) {
    throw new InvalidArgumentError(`servers[${i}].vnodes`, `an integer from 1 to ${VNODES_MAX}`, vnodes)
  }
  if (slots !== undefined && (compat !== 'redis-slots' || typeof slots !== 'string')) {
    throw new InvalidArgumentError(`servers[${i}].slots`, 'left out, or a text in a redis-slots ring', slots)
  }
  return { id, weight, name, vnodes }
}

/** The bytes of a text in UTF-8; names are ASCII nearly always. */
function byteLength(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return encoder.encode(text).length
  return text.length
}

/** The rules that no server keeps or breaks alone. */
function checkTogether(servers: readonly PlannedServer[], compat: RingCompat, points: number): void {
  for (const key of ['id', 'name'] as const) {
    const seen = new Map<string, number>()
    for (const [i, server] of servers.entries()) {
      const first = seen.get(server[key])
      if (first !== undefined) {
        const rule = `another one than that of servers[${first}]`
        throw new InvalidArgumentError(`servers[${i}].${key}`, rule, server[key])
      }
      seen.set(server[key], i)
    }
  }
  const total = servers.reduce((sum, server) => sum + server.weight, 0)
  if (total === 0 || total > TOTAL_WEIGHT_MAX) {
    throw new InvalidArgumentError('the sum of all weights', `from 1 to ${TOTAL_WEIGHT_MAX}`, total)
  }
  if (compat === 'native' && total * points > RING_POINTS_MAX) {
    const most = Math.floor(RING_POINTS_MAX / points)
    const ring = `a native ring of ${points} points per unit of weight`
    const rule = `from 1 to ${most} in ${ring} (lower \`points\` or the weights)`
    throw new InvalidArgumentError('the sum of all weights', rule, total)
  }
}

function isPrime(value: number): boolean {
  for (let factor = 2; factor * factor <= value; factor++) if (value % factor === 0) return false
  return value > 1
}

function isIntegerIn(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
}

function oneOf(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : `one of ${names.join(', ')}`
}
