// The same sources without SIMD build the same rings.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { HashRing } from '../../../src/core/hash-ring.ts'
import { instantiateCore } from '../../../src/core/load.ts'
import { RING_COMPATS } from '../../../src/core/ring-build.ts'
import { core } from './support.ts'

const scalar = instantiateCore(readFileSync(resolve(import.meta.dirname, '../../../build/core.baseline.wasm')))

const NAMES = ['a', 'a-longer-name.example:11211', 'x'.repeat(44), 'y'.repeat(45), 'z'.repeat(200)]
const TAGS = ['{}', '$$']

test.each(RING_COMPATS)('%s: the same owner of every key, with and without SIMD', (compat) => {
  const servers = NAMES.map((id, i) => ({ id, weight: 1 + i * 3 }))
  for (const hashTag of ['', ...TAGS]) {
    using fast = new HashRing(servers, { compat, hashTag, core })
    using slow = new HashRing(servers, { compat, hashTag, core: scalar })
    expect(slow.stats()).toEqual(fast.stats())
    expect(slow.migration(fast)).toMatchObject({ share: 0, ranges: [] })
    for (let i = 0; i < 200; i++) {
      const key = `${'p'.repeat(i % 40)}{${'t'.repeat(i % 23)}${i}}$${'s'.repeat(i % 7)}$`
      expect(slow.position(key)).toBe(fast.position(key))
      expect(slow.replicas(key, 3)).toEqual(fast.replicas(key, 3))
    }
  }
})
