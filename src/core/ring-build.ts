// From a plan to a ring in a WASM memory: writing the records, building. Works with any instance that exports the ring
// functions, the host-neutral core or a loop's runtime.

import {
  RING_ERROR_MEMORY,
  RING_ERROR_POINTS,
  RING_ERROR_WEIGHT,
  RING_ERRORS_END,
  RING_PLAN_AVALANCHE,
  RING_PLAN_BYTES,
  RING_PLAN_EMPTY_IS_ZERO,
  RING_PLAN_HASH,
  RING_PLAN_MODE,
  RING_PLAN_POINT_HASH,
  RING_PLAN_POINTS,
  RING_PLAN_POINTS_MAX,
  RING_PLAN_SERVER_COUNT,
  RING_PLAN_SERVERS,
  RING_PLAN_SLOTS,
  RING_PLAN_TAG,
  RING_PLAN_WORDS,
  RING_POINTS_MAX,
  RING_SERVER_BYTES,
  RING_SERVER_INDEX,
  RING_SERVER_NAME,
  RING_SERVER_NAME_BYTES,
  RING_SERVER_POINTS,
  RING_SERVER_WEIGHT,
  RING_TAG_CLOSE_SHIFT,
} from '../../assembly/ring/abi.ts'
import { InvalidArgumentError } from './invalid-argument.ts'
import { hashCode, modeCode, recordOrder } from './ring-modes.ts'
import type { RingPlan } from './ring-plan.ts'

export {
  RING_ABOUT,
  RING_COMPATS,
  RING_DISTRIBUTIONS,
  RING_HASHES,
  type RingCompat,
  type RingDistribution,
  type RingHash,
} from './ring-modes.ts'
export { planRing, type RingOptions, type RingPlan, type RingServer } from './ring-plan.ts'

/** What building needs of an instance. */
export interface RingHost {
  readonly memory: WebAssembly.Memory
  readonly exports: Pick<RingExports, 'alloc' | 'free' | 'ringBuild'>
}

export interface RingExports {
  alloc(bytes: number): number
  free(at: number): void
  ringBuild(plan: number): number
  ringFree(ring: number): void
  ringLookup(ring: number, key: number, length: number): number
  ringLookupMany(ring: number, keys: number, ends: number, count: number, out: number): void
  ringOwner(ring: number, hash: bigint): number
  ringLocate(ring: number, key: number, length: number): number
  ringPosition(ring: number, key: number, length: number): bigint
  ringReplicas(ring: number, key: number, length: number, wanted: number, out: number): number
  ringSeed(seed: bigint): void
  ringShares(ring: number, out: number): void
  ringHash(hash: number, key: number, length: number): bigint
  loadsCreate(ring: number, factor: number): number
  loadsAcquire(loads: number, ring: number, key: number, length: number): number
  loadsRelease(loads: number, server: number, requests: number): number
  loadsAdd(loads: number, server: number, requests: number): void
  loadsCap(loads: number, ring: number, server: number): number
}

const encoder = new TextEncoder()
const HASHRING_WORDS = 4
const HASH_RING_WORDS = 3

/** Builds the ring in the host's memory and returns its address; `ringFree` gives it back. */
export function buildRing(host: RingHost, plan: RingPlan): number {
  const names = plan.servers.map((server) => encoder.encode(server.name))
  const slotsBytes = plan.slots?.byteLength ?? 0
  const bytes = names.reduce((sum, name) => sum + name.length, slotsBytes + names.length * RING_SERVER_BYTES)
  const at = host.exports.alloc(RING_PLAN_BYTES + bytes) >>> 0
  if (at === 0) throw outOfMemory(plan)
  writePlan(host.memory, at, plan)
  writeRecords(host.memory, at + RING_PLAN_BYTES + slotsBytes, plan, names)
  const ring = host.exports.ringBuild(at) >>> 0
  host.exports.free(at)
  if (ring >= RING_ERRORS_END) return ring
  if (ring === RING_ERROR_MEMORY) throw outOfMemory(plan)
  if (ring === RING_ERROR_POINTS) {
    throw new InvalidArgumentError(
      'servers',
      `few and light enough for ${RING_POINTS_MAX} points or slots`,
      plan.servers,
    )
  }
  if (ring === RING_ERROR_WEIGHT) throw new InvalidArgumentError('servers', 'servers that get points', plan.servers)
  throw new Error(`a checked plan could not be built: ring error ${ring}`)
}

/** Writes the plan, and behind it the slots if it has any. */
function writePlan(memory: WebAssembly.Memory, at: number, plan: RingPlan): void {
  const view = new DataView(memory.buffer, at, RING_PLAN_BYTES)
  const [open = 0, close = 0] = encoder.encode(plan.hashTag)
  const slots = at + RING_PLAN_BYTES
  const fields: readonly (readonly [number, number])[] = [
    [RING_PLAN_MODE, modeCode(plan.compat, plan.distribution)],
    [RING_PLAN_HASH, hashCode(plan.compat, plan.hash)],
    [RING_PLAN_TAG, open | (close << RING_TAG_CLOSE_SHIFT)],
    [RING_PLAN_POINTS, plan.points],
    [RING_PLAN_POINTS_MAX, plan.pointsMax],
    [RING_PLAN_POINT_HASH, hashCode(plan.compat, plan.pointHash)],
    [RING_PLAN_WORDS, plan.compat === 'hash_ring' ? HASH_RING_WORDS : HASHRING_WORDS],
    [RING_PLAN_AVALANCHE, plan.avalanche ? 1 : 0],
    [RING_PLAN_EMPTY_IS_ZERO, plan.compat === 'twemproxy' ? 1 : 0],
    [RING_PLAN_SLOTS, plan.slots === undefined ? 0 : slots],
    [RING_PLAN_SERVERS, slots + (plan.slots?.byteLength ?? 0)],
    [RING_PLAN_SERVER_COUNT, plan.servers.length],
  ]
  for (const [field, value] of fields) view.setUint32(field, value, true)
  if (plan.slots !== undefined) new Uint16Array(memory.buffer, slots, plan.slots.length).set(plan.slots)
}

function writeRecords(memory: WebAssembly.Memory, records: number, plan: RingPlan, names: Uint8Array[]): void {
  const view = new DataView(memory.buffer)
  const bytes = new Uint8Array(memory.buffer)
  let record = records
  let text = records + names.length * RING_SERVER_BYTES
  for (const i of recordOrder(plan.compat, names)) {
    const name = names[i]!
    const { weight, vnodes } = plan.servers[i]!
    view.setUint32(record + RING_SERVER_NAME, text, true)
    view.setUint32(record + RING_SERVER_NAME_BYTES, name.length, true)
    view.setUint32(record + RING_SERVER_WEIGHT, weight, true)
    view.setUint32(record + RING_SERVER_INDEX, i, true)
    view.setUint32(record + RING_SERVER_POINTS, vnodes, true)
    bytes.set(name, text)
    record += RING_SERVER_BYTES
    text += name.length
  }
}

function outOfMemory(plan: RingPlan): Error {
  const error = new Error(`no memory left for a ring of ${plan.servers.length} servers`)
  return Object.assign(error, { code: 'ERR_MEMORY_ALLOCATION_FAILED' })
}
