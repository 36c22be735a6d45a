// Every number of hash rings that crosses a language border: modes, hashes, plans, records, the head of a ring. Plain
// constants, as in the other abi.ts.

// How points are placed and keys are hashed.
export const RING_KETAMA = 1 // libketama: MD5 points at `host:port-k`, MD5 keys
export const RING_TWEMPROXY = 2 // nutcracker: MD5 points at `name-k`, a choice of key hashes
export const RING_NATIVE = 3 // xxh64 points and keys
export const RING_LIBMEMCACHED = 4 // weighted libmemcached, spymemcached: as nutcracker's, with MD5 keys
export const RING_LIBMEMCACHED_PLAIN = 5 // libmemcached without weights: 100 points by the key hash
export const RING_HASHRING = 6 // node-hashring and hash_ring: MD5 points, counted in doubles
export const RING_NGINX = 7 // nginx `hash … consistent`: chained CRC-32 points
export const RING_ENVOY = 8 // Envoy's ring: 64-bit points at `name_i`
export const RING_HAPROXY = 9 // HAProxy `hash-type consistent`: the nearest point, not the next
export const RING_MAGLEV = 10 // Envoy's Maglev table
export const RING_MODULA = 11 // the key hash modulo the weight: nutcracker's modula, nginx without `consistent`
export const RING_HAPROXY_MAP = 12 // HAProxy `hash-type map-based`
export const RING_SLOTS = 13 // Redis Cluster's hash slots
export const RING_JUMP = 14 // Lamping and Veach's jump hash
export const RING_RANDOM = 15 // any server, as nutcracker's random

// Key hashes, in nutcracker's order and with its names.
export const HASH_ONE_AT_A_TIME = 1
export const HASH_MD5 = 2
export const HASH_CRC16 = 3
export const HASH_CRC32 = 4
export const HASH_CRC32A = 5
export const HASH_FNV1_64 = 6
export const HASH_FNV1A_64 = 7
export const HASH_FNV1_32 = 8
export const HASH_FNV1A_32 = 9
export const HASH_HSIEH = 10
export const HASH_MURMUR = 11
export const HASH_JENKINS = 12
export const HASH_XXH64 = 13
// … and those of the other programs
export const HASH_MURMUR2_64 = 14 // MurmurHash64A with Envoy's seed
export const HASH_SDBM = 15 // HAProxy's
export const HASH_DJB2 = 16
export const HASH_WT6 = 17
export const HASH_DECIMAL = 18 // the key is a decimal number, and that its hash

// A hash tag in one u32: 0 for none, else the opening byte, and the closing byte above it.
export const RING_TAG_CLOSE_SHIFT = 8

// One server, as ringBuild reads it. Among equal points the earlier record wins.
export const RING_SERVER_BYTES = 24
export const RING_SERVER_NAME = 0 // u32, address of the text that is hashed
export const RING_SERVER_NAME_BYTES = 4 // u32
export const RING_SERVER_WEIGHT = 8 // u32; 0 keeps the server's place and gives it no keys
export const RING_SERVER_INDEX = 12 // u32, what ringLookup answers; the records hold each of 0 … count − 1 once
export const RING_SERVER_POINTS = 16 // u32, node-hashring: its own number of vnodes, or 0; ringBuild counts here

// What ringBuild is asked for.
export const RING_PLAN_BYTES = 48
export const RING_PLAN_MODE = 0 // u32, RING_*
export const RING_PLAN_HASH = 4 // u32, HASH_* of keys
export const RING_PLAN_TAG = 8 // u32
export const RING_PLAN_POINTS = 12 // u32, native: for each weight; node-hashring: vnodes; Envoy: fewest; Maglev: slots
export const RING_PLAN_POINTS_MAX = 16 // u32, Envoy: most
export const RING_PLAN_POINT_HASH = 20 // u32, HASH_* of points where there is a choice
export const RING_PLAN_WORDS = 24 // u32, node-hashring: points of one digest
export const RING_PLAN_AVALANCHE = 28 // u32, HAProxy: 1 mixes the key hash once more
export const RING_PLAN_EMPTY_IS_ZERO = 32 // u32, 1: the empty key hashes to 0 (nutcracker)
export const RING_PLAN_SLOTS = 36 // u32, Redis Cluster: address of the u16 owner of each slot
export const RING_PLAN_SERVERS = 40 // u32, address of the records
export const RING_PLAN_SERVER_COUNT = 44 // u32

// The head of a ring, followed in the same block by what it points to.
export const RING_HEAD_BYTES = 64
export const RING_HASH = 0 // u32
export const RING_TAG = 4 // u32
export const RING_BITS = 8 // u32, width of a position, or of the hash that a table takes: 32, 48 or 64
export const RING_EMPTY_IS_ZERO = 12 // u32
export const RING_SERVER_COUNT = 16 // u32
export const RING_POINT_COUNT = 20 // u32, points of a circle, slots of a table
export const RING_COUNTS = 24 // u32, address of u32 points[server]
export const RING_ENTRIES = 28 // u32, address of u64 entries[points + 1], ascending: position << 16 | server
export const RING_INDEX = 32 // u32, address of u32 first[1 << n]: the first entry of each n-bit prefix, as an address
export const RING_KIND = 36 // u32, RING_KIND_*
export const RING_INDEX_SHIFT = 40 // u64, 64 − n
export const RING_AVALANCHE = 48 // u32
export const RING_MODE = 52 // u32
export const RING_WEIGHTS = 56 // u32, address of u32 weights[server]
export const RING_OWNERS = 60 // u32, address of u16 server[point or slot], where entries do not hold it

export const RING_KIND_CIRCLE = 1 // entries with their servers, positions of 32 or 48 bits
export const RING_KIND_WIDE = 2 // entries are positions of 64 bits, their servers stand in RING_OWNERS
export const RING_KIND_TABLE = 3 // RING_OWNERS by the hash modulo the slots
export const RING_KIND_JUMP = 4 // RING_OWNERS by jump hash
export const RING_KIND_RANDOM = 5 // RING_OWNERS by chance

export const RING_ENTRY_BYTES = 8
export const RING_SERVER_BITS = 16
export const RING_SLOTS_REDIS = 16384

// What is owed on a ring with bounded load: how many requests each server has that are not released.
export const RING_LOADS_HEAD_BYTES = 16
export const RING_LOADS_FACTOR = 0 // u32, percent of the fair share that a server may have
export const RING_LOADS_TOTAL = 4 // u32
export const RING_LOADS_WEIGHT = 8 // u64, of all servers
export const RING_LOADS_SERVERS = 16 // u32 load[server], then room for ringReplicas to write them all

// ringBuild answers the address of a ring, or one of these.
export const RING_ERROR_MEMORY = 1
export const RING_ERROR_MODE = 2 // no such mode, or a hash that does not go with it
export const RING_ERROR_SERVERS = 3 // no servers, too many, or their numbers are not 0 … count − 1
export const RING_ERROR_NAME = 4 // empty, too long, or used twice
export const RING_ERROR_WEIGHT = 5 // the weights add up to nothing
export const RING_ERROR_POINTS = 6 // more than RING_POINTS_MAX, or RING_TABLE_MAX slots of a Maglev table
export const RING_ERROR_SLOTS = 7 // a slot has no owner
export const RING_ERRORS_END = 16

// Limits.
export const RING_SERVERS_MAX = 65536
export const RING_NAME_BYTES_MAX = 255
export const RING_POINTS_MAX = 1048576
export const RING_TABLE_MAX = 5000011 // slots of a Maglev table, Envoy's limit
export const RING_MAP_STEPS_MAX = 268435456 // slots × servers of HAProxy's map, which looks at all for each slot
export const RING_LOADS_FACTOR_MIN = 100
export const RING_LOADS_FACTOR_MAX = 100000
export const RING_WEIGHT_MAX = 2147483647
export const RING_POINTS_PER_WEIGHT = 1024 // native, unless the caller wants fewer
