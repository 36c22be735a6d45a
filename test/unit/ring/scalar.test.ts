// The same sources without SIMD: the module must compile with no vector instruction in it, and build the same rings.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HashRing } from '../../../src/core/hash-ring.ts'
import { type Core, instantiateCore } from '../../../src/core/load.ts'
import { RING_COMPATS } from '../../../src/core/ring-build.ts'
import { core } from './support.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const FLAGS = ['--config', 'none', '--runtime', 'stub', '--use', 'abort=']
const COMPILE_MS = 60_000

let scalar: Core
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-scalar-'))
  const file = join(folder, 'core.wasm')
  const asc = join(ROOT, 'node_modules/assemblyscript/bin/asc.js')
  execFileSync(process.execPath, [asc, join(ROOT, 'assembly/host.ts'), '-o', file, ...FLAGS], { cwd: ROOT })
  scalar = instantiateCore(readFileSync(file))
}, COMPILE_MS)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

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
