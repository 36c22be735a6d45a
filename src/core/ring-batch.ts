// Many keys at once: they are laid one behind the other in the core's memory, and one call looks them all up.

import type { Core } from './load.ts'

const KEYS = 1024
const BYTES = 65536
const SHORT = 64 // up to here a loop beats TextEncoder

const encoder = new TextEncoder()

/** The server's number for each key, in their order. */
export function lookupBatch(core: Core, ring: number, keys: Iterable<string | Uint8Array>): number[] {
  const at = core.exports.alloc(BYTES + KEYS * 4) >>> 0
  if (at === 0) throw new RangeError('the core has no room for a batch of keys')
  try {
    return fill(core, ring, keys, at + KEYS * 4, at)
  } finally {
    core.exports.free(at)
  }
}

function fill(core: Core, ring: number, keys: Iterable<string | Uint8Array>, text: number, table: number): number[] {
  const { bytes } = core
  const ends = new Uint32Array(core.memory.buffer, table, KEYS)
  const found: number[] = []
  let count = 0
  let used = 0
  const flush = (): void => {
    core.exports.ringLookupMany(ring, text, table, count, table)
    for (let i = 0; i < count; i++) found.push(ends[i]!)
    count = 0
    used = 0
  }
  for (const key of keys) {
    const most = typeof key === 'string' ? key.length * 3 : key.length
    if (count === KEYS || used + most > BYTES) flush()
    if (most > BYTES) {
      const length = core.put(key)
      found.push(core.exports.ringLookup(ring, core.stage, length))
      continue
    }
    used += put(bytes, text + used, key)
    ends[count++] = used
  }
  flush()
  return found
}

function put(bytes: Uint8Array, at: number, key: string | Uint8Array): number {
  if (typeof key !== 'string') {
    bytes.set(key, at)
    return key.length
  }
  const { length } = key
  if (length <= SHORT) {
    let i = 0
    for (; i < length; i++) {
      const code = key.charCodeAt(i)
      if (code > 0x7f) break
      bytes[at + i] = code
    }
    if (i === length) return length
  }
  return encoder.encodeInto(key, bytes.subarray(at, at + length * 3)).written
}
