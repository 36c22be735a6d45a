// What the ring tests share: the core, a look into a ring's memory, and a plain JavaScript twin of every rule that has
// to hold: written from the rules and not from the core.
import { createHash } from 'node:crypto'
import {
  RING_COUNTS,
  RING_ENTRIES,
  RING_OWNERS,
  RING_POINT_COUNT,
  RING_SERVER_BITS,
  RING_SERVER_COUNT,
} from '../../../assembly/ring/abi.ts'
import { type Core, instantiateCore } from '../../../src/core/load.ts'
import {
  buildRing,
  planRing,
  type RingCompat,
  type RingOptions,
  type RingServer,
} from '../../../src/core/ring-build.ts'
import { readCore } from '../../../src/kernel/core-file.ts'

export const core: Core = instantiateCore(readCore())

export interface Point {
  readonly position: bigint
  readonly server: number
}

/** Builds a ring, looks at it and frees it. */
export function inspect<T>(servers: readonly RingServer[], options: RingOptions, look: (ring: number) => T): T {
  const ring = buildRing(core, planRing(servers, options))
  try {
    return look(ring)
  } finally {
    core.exports.ringFree(ring)
  }
}

function head(ring: number, field: number): number {
  return new DataView(core.memory.buffer).getUint32(ring + field, true)
}

export function pointCounts(ring: number): number[] {
  return [...new Uint32Array(core.memory.buffer, head(ring, RING_COUNTS), head(ring, RING_SERVER_COUNT))]
}

/** The points as they lie in memory; positions of 48 bits, 32-bit ones with 16 zeros behind them. */
export function pointsOf(ring: number): Point[] {
  const entries = new BigUint64Array(core.memory.buffer, head(ring, RING_ENTRIES), head(ring, RING_POINT_COUNT))
  return [...entries].map((entry) => ({
    position: entry >> BigInt(RING_SERVER_BITS),
    server: Number(entry & 0xffffn),
  }))
}

/** The points of an envoy ring, positions of 64 bits. */
export function widePointsOf(ring: number): Point[] {
  const count = head(ring, RING_POINT_COUNT)
  const positions = new BigUint64Array(core.memory.buffer, head(ring, RING_ENTRIES), count)
  const owners = new Uint16Array(core.memory.buffer, head(ring, RING_OWNERS), count)
  return [...positions].map((position, i) => ({ position, server: owners[i]! }))
}

/** The owners of a table's slots. */
export function ownersOf(ring: number): number[] {
  return [...new Uint16Array(core.memory.buffer, head(ring, RING_OWNERS), head(ring, RING_POINT_COUNT))]
}

/** The core's hash of some bytes. */
export function coreHash(hash: number, data: string | Uint8Array): bigint {
  const length = core.put(data)
  return BigInt.asUintN(64, core.exports.ringHash(hash, core.stage, length))
}

const M64 = (1n << 64n) - 1n
const [P1, P2, P3, P4, P5] = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const

const rotate = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (64n - bits))) & M64
const times = (a: bigint, b: bigint): bigint => (a * b) & M64

function little(bytes: Uint8Array, at: number, length: number): bigint {
  let value = 0n
  for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]!)
  return value
}

/** XXH64, from the specification. */
export function xxh64(bytes: Uint8Array, seed = 0n): bigint {
  const round = (lane: bigint, input: bigint): bigint => times(rotate((lane + times(input, P2)) & M64, 31n), P1)
  let at = 0
  let hash = (seed + P5) & M64
  if (bytes.length >= 32) {
    const lanes = [seed + P1 + P2, seed + P2, seed, seed - P1].map((lane) => lane & M64)
    for (; at + 32 <= bytes.length; at += 32) {
      for (let i = 0; i < 4; i++) lanes[i] = round(lanes[i]!, little(bytes, at + 8 * i, 8))
    }
    hash = [1n, 7n, 12n, 18n].reduce((sum, bits, i) => sum + rotate(lanes[i]!, bits), 0n) & M64
    for (const lane of lanes) hash = (times(hash ^ round(0n, lane), P1) + P4) & M64
  }
  hash = (hash + BigInt(bytes.length)) & M64
  for (; at + 8 <= bytes.length; at += 8) {
    hash = (times(rotate(hash ^ round(0n, little(bytes, at, 8)), 27n), P1) + P4) & M64
  }
  for (; at + 4 <= bytes.length; at += 4) {
    hash = (times(rotate(hash ^ times(little(bytes, at, 4), P1), 23n), P2) + P3) & M64
  }
  for (; at < bytes.length; at++) hash = times(rotate(hash ^ times(BigInt(bytes[at]!), P5), 11n), P1)
  hash = times(hash ^ (hash >> 33n), P2)
  hash = times(hash ^ (hash >> 29n), P3)
  return hash ^ (hash >> 32n)
}

export function md5(bytes: Uint8Array): Buffer {
  return createHash('md5').update(bytes).digest()
}

/** The low half of FNV-1a with 64 bits, bytes sign-extended. */
export function fnv1a64(bytes: Uint8Array): number {
  let hash = 0xcbf29ce484222325n
  for (const byte of bytes) hash = times(hash ^ BigInt.asUintN(64, BigInt((byte << 24) >> 24)), 0x100000001b3n)
  return Number(hash & 0xffffffffn)
}

/** The part of a key that counts under a hash tag. */
export function tagged(key: Uint8Array, tag: string): Uint8Array {
  if (tag === '') return key
  const open = key.indexOf(tag.charCodeAt(0))
  const close = open < 0 ? -1 : key.indexOf(tag.charCodeAt(1), open + 1)
  return close > open + 1 ? key.subarray(open + 1, close) : key
}

/** How many points a server gets: every float operation rounded as C does it. */
export function twinCount(compat: RingCompat, weight: number, total: number, live: number, points = 1024): number {
  if (compat === 'native') return weight * points
  const part = Math.fround(Math.fround(weight) / Math.fround(total))
  if (compat === 'ketama') return Math.floor(Math.fround(part * 40 * Math.fround(live))) * 4
  const scaled = Math.fround(Math.fround(Math.fround(part * 160) / 4) * Math.fround(live))
  return Math.floor(Math.fround(scaled + 0.0000000001)) * 4
}

/** All points of a ring, sorted by position, then in the order given. */
export function twinPoints(servers: readonly RingServer[], compat: RingCompat, points = 1024): Point[] {
  const total = servers.reduce((sum, { weight = 1 }) => sum + weight, 0)
  const live = servers.filter(({ weight = 1 }) => weight > 0).length
  const all = servers.flatMap(({ id, name = id, weight = 1 }, server) => {
    const count = twinCount(compat, weight, total, live, points)
    return Array.from({ length: count }, (_, k) => ({ position: twinPosition(compat, name, k), server }))
  })
  return all.sort((a, b) => (a.position === b.position ? a.server - b.server : a.position < b.position ? -1 : 1))
}

function twinPosition(compat: RingCompat, name: string, k: number): bigint {
  if (compat === 'native') return xxh64(Buffer.from(name), BigInt(k)) >> BigInt(RING_SERVER_BITS)
  return BigInt(md5(Buffer.from(`${name}-${k >> 2}`)).readUInt32LE((k & 3) * 4)) << BigInt(RING_SERVER_BITS)
}

/** The first point that is not below a position; past the last one the first. */
export function twinOwner(points: readonly Point[], position: bigint): number {
  return (points.find((point) => point.position >= position) ?? points[0]!).server
}
