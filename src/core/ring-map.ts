// A ring as it lies in memory, for those who compare two of them in JavaScript.

import {
  HASH_CRC32,
  RING_BITS,
  RING_ENTRIES,
  RING_ENTRY_BYTES,
  RING_HASH,
  RING_KIND,
  RING_KIND_CIRCLE,
  RING_KIND_JUMP,
  RING_KIND_WIDE,
  RING_OWNERS,
  RING_POINT_COUNT,
  RING_SERVER_BITS,
} from '../../assembly/ring/abi.ts'
import type { RingMap } from './ring-migration.ts'

const SHORT_HASHES = 32768 // values of HASH_CRC32
const SERVER_MASK = 2 ** RING_SERVER_BITS - 1

export function mapRing(memory: WebAssembly.Memory, ring: number, ids: readonly string[]): RingMap {
  const head = new DataView(memory.buffer, ring)
  const field = (offset: number): number => head.getUint32(offset, true)
  const kind = field(RING_KIND)
  const count = field(RING_POINT_COUNT)
  const owners = new Uint16Array(memory.buffer, field(RING_OWNERS), count)
  if (kind === RING_KIND_WIDE) {
    const positions = new BigUint64Array(memory.buffer, field(RING_ENTRIES), count)
    return { kind: 'circle', ids, bits: 64, count, position: (i) => positions[i]!, owner: (i) => owners[i]! }
  }
  if (kind !== RING_KIND_CIRCLE) {
    const hashes = field(RING_HASH) === HASH_CRC32 && kind !== RING_KIND_JUMP ? SHORT_HASHES : 0
    return { kind: kind === RING_KIND_JUMP ? 'jump' : 'table', ids, owners, hashes }
  }
  const words = new Uint32Array(memory.buffer, field(RING_ENTRIES), (count * RING_ENTRY_BYTES) / 4)
  const bits = field(RING_BITS)
  const low = 2 ** (bits - 32)
  return {
    kind: 'circle',
    ids,
    bits,
    count,
    position: (i) => (bits === 32 ? words[2 * i + 1]! : words[2 * i + 1]! * low + (words[2 * i]! >>> RING_SERVER_BITS)),
    owner: (i) => words[2 * i]! & SERVER_MASK,
  }
}
