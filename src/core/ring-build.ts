// From a list of servers to a ring in a WASM memory: checking what the caller wants, writing the records, building.
// Works with any instance that exports the ring functions, the host-neutral core or a loop's runtime.

import {
  HASH_CRC16,
  HASH_CRC32,
  HASH_CRC32A,
  HASH_FNV1_32,
  HASH_FNV1_64,
  HASH_FNV1A_32,
  HASH_FNV1A_64,
  HASH_HSIEH,
  HASH_JENKINS,
  HASH_MD5,
  HASH_MURMUR,
  HASH_ONE_AT_A_TIME,
  HASH_XXH64,
  RING_ERROR_MEMORY,
  RING_ERROR_POINTS,
  RING_ERROR_WEIGHT,
  RING_ERRORS_END,
  RING_KETAMA,
  RING_NAME_BYTES_MAX,
  RING_NATIVE,
  RING_POINTS_MAX,
  RING_POINTS_PER_WEIGHT,
  RING_SERVER_BYTES,
  RING_SERVER_INDEX,
  RING_SERVER_NAME,
  RING_SERVER_NAME_BYTES,
  RING_SERVER_WEIGHT,
  RING_SERVERS_MAX,
  RING_TAG_CLOSE_SHIFT,
  RING_TWEMPROXY,
  RING_WEIGHT_MAX,
} from '../../assembly/abi.ts'
import { InvalidArgumentError } from './invalid-argument.ts'

const MODES = { native: RING_NATIVE, ketama: RING_KETAMA, twemproxy: RING_TWEMPROXY } as const

const HASHES = {
  one_at_a_time: HASH_ONE_AT_A_TIME,
  md5: HASH_MD5,
  crc16: HASH_CRC16,
  crc32: HASH_CRC32,
  crc32a: HASH_CRC32A,
  fnv1_64: HASH_FNV1_64,
  fnv1a_64: HASH_FNV1A_64,
  fnv1_32: HASH_FNV1_32,
  fnv1a_32: HASH_FNV1A_32,
  hsieh: HASH_HSIEH,
  murmur: HASH_MURMUR,
  jenkins: HASH_JENKINS,
  xxh64: HASH_XXH64,
} as const

export type RingCompat = keyof typeof MODES
export type RingHash = keyof typeof HASHES

export const RING_COMPATS: readonly RingCompat[] = ['native', 'ketama', 'twemproxy']

/** The key hashes of each mode, its default first. */
export const RING_HASHES: Readonly<Record<RingCompat, readonly RingHash[]>> = {
  native: ['xxh64'],
  ketama: ['md5'],
  twemproxy: [
    'fnv1a_64',
    ...(Object.keys(HASHES) as RingHash[]).filter((name) => name !== 'fnv1a_64' && name !== 'xxh64'),
  ],
}

export interface RingServer {
  /** What a lookup answers; `host:port` by custom. */
  readonly id: string
  /** 1 unless given; 0 keeps the server in the list but gives it no keys. */
  readonly weight?: number | undefined
  /** The text that places the server on the ring, if it is not the id (in twemproxy: the id without `:11211`). */
  readonly name?: string | undefined
}

export interface RingOptions {
  readonly compat?: RingCompat | undefined
  /** The key hash, where the mode leaves a choice. */
  readonly hash?: RingHash | undefined
  /** Two characters, such as `{}`: of a key with both, only the part between them is hashed. */
  readonly hashTag?: string | undefined
  /** Points per unit of weight of a native ring. */
  readonly points?: number | undefined
}

/** A ring as it will be built: nothing left open, everything checked. */
export interface RingPlan {
  readonly compat: RingCompat
  readonly hash: RingHash
  readonly hashTag: string
  readonly points: number
  readonly servers: readonly Required<{ [K in keyof RingServer]: NonNullable<RingServer[K]> }>[]
}

/** What building needs of an instance. */
export interface RingHost {
  readonly memory: WebAssembly.Memory
  readonly exports: Pick<RingExports, 'alloc' | 'free' | 'ringBuild'>
}

export interface RingExports {
  alloc(bytes: number): number
  free(at: number): void
  ringBuild(mode: number, hash: number, tag: number, perWeight: number, servers: number, count: number): number
  ringFree(ring: number): void
  ringLookup(ring: number, key: number, length: number): number
  ringLocate(ring: number, key: number, length: number): number
  ringPosition(ring: number, key: number, length: number): number
  ringReplicas(ring: number, key: number, length: number, wanted: number, out: number): number
  ringShares(ring: number, out: number): void
  ringHash(hash: number, key: number, length: number): bigint
}

const TWEMPROXY_PORT = ':11211' // the port that its names leave out
const TOTAL_WEIGHT_MAX = 0xffffffff

const encoder = new TextEncoder()

/** Checks servers and options; what is not given gets its default. Throws ERR_INVALID_ARG_VALUE. */
export function planRing(servers: readonly RingServer[], options: RingOptions = {}): RingPlan {
  const compat = options.compat ?? 'native'
  if (!Object.hasOwn(MODES, compat)) throw new InvalidArgumentError('compat', oneOf(RING_COMPATS), compat)
  const hash = options.hash ?? RING_HASHES[compat][0]!
  if (!RING_HASHES[compat].includes(hash)) {
    throw new InvalidArgumentError('hash', `${oneOf(RING_HASHES[compat])} in a ${compat} ring`, hash)
  }
  const points = options.points ?? RING_POINTS_PER_WEIGHT
  if (!isIntegerIn(points, 1, RING_POINTS_PER_WEIGHT)) {
    throw new InvalidArgumentError('points', `an integer from 1 to ${RING_POINTS_PER_WEIGHT}`, points)
  }
  const hashTag = options.hashTag ?? ''
  if (hashTag !== '' && !/^[\x20-\x7e]{2}$/.test(hashTag)) {
    throw new InvalidArgumentError('hashTag', "two printable ASCII characters such as '{}', or ''", hashTag)
  }
  if (!Array.isArray(servers) || servers.length === 0 || servers.length > RING_SERVERS_MAX) {
    throw new InvalidArgumentError('servers', `an array of 1 to ${RING_SERVERS_MAX} servers`, servers)
  }
  const plan = { compat, hash, hashTag, points, servers: servers.map((server, i) => planServer(server, i, compat)) }
  checkTogether(plan)
  return plan
}

function planServer(server: RingServer, i: number, compat: RingCompat): RingPlan['servers'][number] {
  const { id, weight = 1, name = defaultName(id, compat) } = server
  if (typeof id !== 'string' || id === '') throw new InvalidArgumentError(`servers[${i}].id`, 'a text', id)
  if (!isIntegerIn(weight, 0, RING_WEIGHT_MAX)) {
    throw new InvalidArgumentError(`servers[${i}].weight`, `an integer from 0 to ${RING_WEIGHT_MAX}`, weight)
  }
  const bytes = typeof name === 'string' ? encoder.encode(name).length : 0
  if (bytes === 0 || bytes > RING_NAME_BYTES_MAX) {
    const argument = server.name === undefined ? 'id' : 'name'
    throw new InvalidArgumentError(`servers[${i}].${argument}`, `1 to ${RING_NAME_BYTES_MAX} bytes of text`, name)
  }
  return { id, weight, name }
}

function defaultName(id: string, compat: RingCompat): string {
  if (compat !== 'twemproxy' || typeof id !== 'string' || !id.endsWith(TWEMPROXY_PORT)) return id
  return id.slice(0, -TWEMPROXY_PORT.length)
}

/** The rules that no server keeps or breaks alone. */
function checkTogether({ servers, compat, points }: RingPlan): void {
  for (const key of ['id', 'name'] as const) {
    const seen = new Map<string, number>()
    for (const [i, server] of servers.entries()) {
      const first = seen.get(server[key])
      if (first !== undefined) {
        throw new InvalidArgumentError(
          `servers[${i}].${key}`,
          `another one than that of servers[${first}]`,
          server[key],
        )
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

/** Builds the ring in the host's memory and returns its address; `ringFree` gives it back. */
export function buildRing(host: RingHost, plan: RingPlan): number {
  const names = plan.servers.map((server) => encoder.encode(server.name))
  const bytes = names.reduce((sum, name) => sum + name.length, plan.servers.length * RING_SERVER_BYTES)
  const records = host.exports.alloc(bytes) >>> 0
  if (records === 0) throw outOfMemory(plan)
  writeRecords(host.memory, records, plan, names)
  const [open = 0, close = 0] = encoder.encode(plan.hashTag)
  const tag = open | (close << RING_TAG_CLOSE_SHIFT)
  const { compat, hash, points, servers } = plan
  const ring = host.exports.ringBuild(MODES[compat], HASHES[hash], tag, points, records, servers.length) >>> 0
  host.exports.free(records)
  if (ring >= RING_ERRORS_END) return ring
  if (ring === RING_ERROR_MEMORY) throw outOfMemory(plan)
  if (ring === RING_ERROR_POINTS) {
    throw new InvalidArgumentError('servers', `few enough for ${RING_POINTS_MAX} points`, plan.servers)
  }
  if (ring === RING_ERROR_WEIGHT) throw new InvalidArgumentError('servers', 'servers that get points', plan.servers)
  throw new Error(`a checked plan could not be built: ring error ${ring}`)
}

function writeRecords(memory: WebAssembly.Memory, records: number, plan: RingPlan, names: Uint8Array[]): void {
  const view = new DataView(memory.buffer)
  const bytes = new Uint8Array(memory.buffer)
  let record = records
  let text = records + names.length * RING_SERVER_BYTES
  for (const i of recordOrder(plan.compat, names)) {
    const name = names[i]!
    view.setUint32(record + RING_SERVER_NAME, text, true)
    view.setUint32(record + RING_SERVER_NAME_BYTES, name.length, true)
    view.setUint32(record + RING_SERVER_WEIGHT, plan.servers[i]!.weight, true)
    view.setUint32(record + RING_SERVER_INDEX, i, true)
    bytes.set(name, text)
    record += RING_SERVER_BYTES
    text += name.length
  }
}

/** The earlier record wins a point that two servers share: nutcracker sorts by the length of names, then by name. */
function recordOrder(compat: RingCompat, names: readonly Uint8Array[]): number[] {
  const order = names.map((_, i) => i)
  return compat === 'twemproxy' ? order.sort((a, b) => compareNames(names[a]!, names[b]!)) : order
}

function compareNames(a: Uint8Array, b: Uint8Array): number {
  const differing = a.length === b.length ? a.findIndex((byte, i) => byte !== b[i]) : -1
  return differing < 0 ? a.length - b.length : a[differing]! - b[differing]!
}

function outOfMemory(plan: RingPlan): Error {
  const error = new Error(`no memory left for a ring of ${plan.servers.length} servers`)
  return Object.assign(error, { code: 'ERR_MEMORY_ALLOCATION_FAILED' })
}

function isIntegerIn(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
}

function oneOf(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : `one of ${names.join(', ')}`
}
