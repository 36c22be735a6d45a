// Whose ring it is: the modes, the key hashes and options of each, and the text that places a server by default.

import {
  HASH_CRC16,
  HASH_CRC32,
  HASH_CRC32A,
  HASH_DECIMAL,
  HASH_DJB2,
  HASH_FNV1_32,
  HASH_FNV1_64,
  HASH_FNV1A_32,
  HASH_FNV1A_64,
  HASH_HSIEH,
  HASH_JENKINS,
  HASH_MD5,
  HASH_MURMUR,
  HASH_MURMUR2_64,
  HASH_ONE_AT_A_TIME,
  HASH_SDBM,
  HASH_WT6,
  HASH_XXH64,
  RING_ENVOY,
  RING_HAPROXY,
  RING_HAPROXY_MAP,
  RING_HASHRING,
  RING_JUMP,
  RING_KETAMA,
  RING_LIBMEMCACHED,
  RING_LIBMEMCACHED_PLAIN,
  RING_MAGLEV,
  RING_MODULA,
  RING_NATIVE,
  RING_NGINX,
  RING_RANDOM,
  RING_SLOTS,
  RING_TWEMPROXY,
} from '../../assembly/ring/abi.ts'

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
  murmur2: HASH_MURMUR2_64,
  sdbm: HASH_SDBM,
  djb2: HASH_DJB2,
  wt6: HASH_WT6,
  none: HASH_DECIMAL,
} as const

const MODES = {
  native: RING_NATIVE,
  ketama: RING_KETAMA,
  libmemcached: RING_LIBMEMCACHED,
  'libmemcached-spy': RING_LIBMEMCACHED,
  'libmemcached-plain': RING_LIBMEMCACHED_PLAIN,
  twemproxy: RING_TWEMPROXY,
  'node-hashring': RING_HASHRING,
  hash_ring: RING_HASHRING,
  nginx: RING_NGINX,
  'nginx-plain': RING_MODULA,
  envoy: RING_ENVOY,
  maglev: RING_MAGLEV,
  haproxy: RING_HAPROXY,
  'haproxy-map': RING_HAPROXY_MAP,
  'redis-slots': RING_SLOTS,
  jump: RING_JUMP,
} as const

const DISTRIBUTIONS = { ketama: RING_TWEMPROXY, modula: RING_MODULA, random: RING_RANDOM } as const

export type RingCompat = keyof typeof MODES
export type RingHash = keyof typeof HASHES
export type RingDistribution = keyof typeof DISTRIBUTIONS

export const RING_COMPATS = Object.keys(MODES) as readonly RingCompat[]
export const RING_DISTRIBUTIONS = Object.keys(DISTRIBUTIONS) as readonly RingDistribution[]

const MEMCACHED: readonly RingHash[] = (Object.keys(HASHES) as RingHash[]).filter(
  (name) => HASHES[name] <= HASH_JENKINS,
)
const HAPROXY: readonly RingHash[] = ['sdbm', 'djb2', 'wt6', 'crc32', 'none']

/** The key hashes of each mode, its default first. */
export const RING_HASHES: Readonly<Record<RingCompat, readonly RingHash[]>> = {
  native: ['xxh64'],
  ketama: ['md5'],
  libmemcached: ['md5'],
  'libmemcached-spy': ['md5'],
  'libmemcached-plain': MEMCACHED.filter((name) => name !== 'crc16' && name !== 'crc32a'),
  twemproxy: ['fnv1a_64', ...MEMCACHED.filter((name) => name !== 'fnv1a_64')],
  'node-hashring': ['md5'],
  hash_ring: ['md5'],
  nginx: ['crc32a'],
  'nginx-plain': ['crc32'],
  envoy: ['xxh64', 'murmur2'],
  maglev: ['xxh64', 'murmur2'],
  haproxy: HAPROXY,
  'haproxy-map': HAPROXY,
  'redis-slots': ['crc16'],
  jump: ['xxh64', 'murmur2', 'md5', 'crc32a', 'none'],
}

/** What each mode is, in a line. */
export const RING_ABOUT: Readonly<Record<RingCompat, string>> = {
  native: 'xxHash64, 1024 points per unit of weight',
  ketama: 'libketama, whose points most memcached clients copy',
  libmemcached: 'libmemcached, weighted ketama',
  'libmemcached-spy': 'spymemcached, and libmemcached in its way',
  'libmemcached-plain': 'libmemcached, consistent without weights',
  twemproxy: 'nutcracker, its distributions and hashes',
  'node-hashring': 'the npm package hashring',
  hash_ring: "Python's hash_ring, and hashring in its way",
  nginx: 'nginx `hash … consistent`, Cache::Memcached::Fast',
  'nginx-plain': 'nginx `hash` without consistent, Cache::Memcached',
  envoy: 'Envoy ring hash',
  maglev: 'Envoy Maglev',
  haproxy: 'HAProxy `hash-type consistent`',
  'haproxy-map': 'HAProxy `hash-type map-based`',
  'redis-slots': 'Redis Cluster',
  jump: 'jump consistent hash; servers come and go at the end of the list only',
}

/** The options that only some modes have. */
export const RING_OPTIONS = {
  points: ['native'],
  vnodes: ['node-hashring', 'hash_ring'],
  distribution: ['twemproxy'],
  minimumRingSize: ['envoy'],
  maximumRingSize: ['envoy'],
  pointHash: ['envoy'],
  tableSize: ['maglev'],
  avalanche: ['haproxy', 'haproxy-map'],
} as const satisfies Readonly<Record<string, readonly RingCompat[]>>

export function modeCode(compat: RingCompat, distribution: RingDistribution): number {
  return compat === 'twemproxy' ? DISTRIBUTIONS[distribution] : MODES[compat]
}

/** HAProxy's crc32 is the whole CRC-32; memcached clients mean fifteen bits of it. */
export function hashCode(compat: RingCompat, hash: RingHash): number {
  return hash === 'crc32' && HASHES_WHOLE.includes(compat) ? HASHES.crc32a : HASHES[hash]
}

const HASHES_WHOLE: readonly RingCompat[] = ['haproxy', 'haproxy-map']

/** The hash tag that a mode has unless another, or none, is asked for. */
export function defaultTag(compat: RingCompat): string {
  return compat === 'redis-slots' ? '{}' : ''
}

const MEMCACHED_PORT = ':11211' // the port that these leave out
const WITHOUT_PORT: readonly RingCompat[] = ['twemproxy', 'libmemcached', 'libmemcached-plain']

/** The text that a program hashes for the server at this place of its list. */
export function defaultName(id: string, place: number, compat: RingCompat): string {
  if (compat === 'haproxy') return String(place + 1)
  if (compat === 'libmemcached-spy') return `/${id}`
  return WITHOUT_PORT.includes(compat) && id.endsWith(MEMCACHED_PORT) ? id.slice(0, -MEMCACHED_PORT.length) : id
}

/**
 * The order in which servers are placed; where two share a point, the earlier one has it. nutcracker sorts by the
 * length of names, then by name; Envoy's Maglev by name.
 */
export function recordOrder(compat: RingCompat, names: readonly Uint8Array[]): number[] {
  const order = names.map((_, i) => i)
  if (compat === 'twemproxy') {
    return order.sort((a, b) => names[a]!.length - names[b]!.length || compareBytes(names[a]!, names[b]!))
  }
  return compat === 'maglev' ? order.sort((a, b) => compareBytes(names[a]!, names[b]!)) : order
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length)
  for (let i = 0; i < common; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}
