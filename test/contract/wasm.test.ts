// Every WebAssembly build against one contract, and the builds against each other.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Codec, instantiateCore } from '../../dist/src/core/index.js'
import { Random, SEED } from '../system/random.ts'
import { CODECS, DECODERS, decodeAll, WITH_VECTORS } from './vectors.ts'
import { type Build, bytesOf, decoderContract, wasmContract } from './wasm.contract.ts'
import { readWasm } from './wasm-module.ts'

const PAGE = 65536
const LOOP_PAGES = 1024

/** A core lays out its own memory. */
function core(module: WebAssembly.Module): ReturnType<Build['create']> {
  return instantiateCore(module)
}

/** A runtime lays out a loop's: channels, receive buffers, rings, slabs, and a heap. */
function runtime(module: WebAssembly.Module): ReturnType<Build['create']> {
  const memory = new WebAssembly.Memory({ initial: LOOP_PAGES, maximum: LOOP_PAGES, shared: true })
  const exports = new WebAssembly.Instance(module, { env: { memory } }).exports as Record<string, CallableFunction>
  const base = exports.memoryBase?.()
  if (!exports.create?.(base, LOOP_PAGES * PAGE, 64, 4, 4096, 64, 256, 1 << 20)) throw new Error('no room for a loop')
  return { memory, exports: exports as unknown as ReturnType<Build['create']>['exports'] }
}

const memory = 'env.memory: memory 16 … 65536 shared'
wasmContract({ name: 'core', imports: [], simd: true, threads: false, bytesMax: 72 << 10, create: core })
wasmContract({ name: 'core.baseline', imports: [], simd: false, threads: false, bytesMax: 66 << 10, create: core })
wasmContract({ name: 'runtime', imports: [memory], simd: true, threads: true, bytesMax: 158 << 10, create: runtime })
decoderContract('core')
decoderContract('core.baseline')

/** `name: (i32, …) → i32` of each row of the document's tables of exports, as readWasm writes it. */
function documented(): string[] {
  const text = readFileSync(new URL('../../docs/core-abi.md', import.meta.url), 'utf8')
  const types: Readonly<Record<string, string>> = { u64: 'i64', i64: 'i64', f64: 'f64' }
  const rows = text.matchAll(/^\| `(\w+)\((.*?)\)(?:: (\w+))?` \|/gm)
  return Array.from(rows, ([, name, list = '', result]) => {
    const parameters = list.split(', ').filter(Boolean)
    const from = parameters.map((parameter) => types[parameter.split(': ')[1]!] ?? 'i32')
    return `${name}: (${from.join(', ')})${result === undefined ? '' : ` → ${types[result] ?? 'i32'}`}`
  }).sort()
}

test.each(['core', 'core.baseline'])('docs/core-abi.md has every export of %s, as it is (`make abi-doc`)', (name) => {
  const exported = readWasm(bytesOf(name)).exports.filter((line) => !line.startsWith('memory: '))
  expect(documented()).toEqual(exported)
})

test('a second coreCreate forgets everything, and what lies behind its end is the host’s', () => {
  const { exports, memory } = instantiateCore(bytesOf('core'), { memoryBytes: 8 << 20 })
  const end = 4 << 20
  const behind = new Uint8Array(memory.buffer, end).fill(0xa5)
  expect(exports.coreCreate(1 << 20)).toBe(0)
  expect(exports.coreCreate(end)).toBe(1)
  const first = exports.alloc(1 << 20) >>> 0
  for (let at = first; at !== 0; at = exports.alloc(1 << 16) >>> 0) {
    expect(at + (1 << 16)).toBeLessThanOrEqual(end)
    new Uint8Array(memory.buffer, at, 1 << 16).fill(0)
  }
  exports.heapCheck()
  expect(behind.every((byte) => byte === 0xa5)).toBe(true)
  expect(exports.coreCreate(end)).toBe(1)
  expect(exports.alloc(1 << 20) >>> 0).toBe(first)
})

describe('the vectors', () => {
  test('cover every codec that is exported', () => {
    expect(
      CODECS.filter((name) => !WITH_VECTORS.has(name)),
      'add a sample to test/contract/vectors.ts',
    ).toEqual([])
    expect(CODECS).toContain('lengthField')
  })
})

describe('SIMD and its scalar twins say the same', () => {
  const builds = ['core', 'core.baseline'].map((name) => instantiateCore(bytesOf(name)))

  test.each(DECODERS.map(({ name, codec, stream }) => [name, codec, stream] as const))('%s', (_, codec, stream) => {
    const random = new Random(SEED)
    for (let round = 0; round < 150; round++) {
      const bytes = garbled(random, stream)
      const pieces = cut(random, bytes)
      const [simd, scalar] = builds.map((build) => decodeAll(build, codec as Codec<unknown>, pieces))
      const where = `seed ${SEED}, round ${round}: ${bytes.toString('hex')} as ${pieces.map((piece) => piece.length)}`
      expect(simd!.join('\n'), where).toBe(scalar!.join('\n'))
    }
  })
})

/** The stream several times over, with bytes changed, left out and put in twice. */
function garbled(random: Random, stream: Uint8Array): Buffer {
  const bytes = Buffer.concat(Array.from({ length: random.between(1, 6) }, () => stream))
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const to = Math.min(bytes.length, at + random.between(1, 60))
    if (!random.chance(0.1)) parts.push(bytes.subarray(at, to))
    if (random.chance(0.1)) parts.push(bytes.subarray(at, to))
    if (random.chance(0.1)) parts.push(random.bytes(random.below(40)))
    at = to
  }
  return Buffer.concat(parts)
}

function cut(random: Random, bytes: Buffer): Buffer[] {
  const step = random.pick([1, 20, 1000])
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const to = Math.min(bytes.length, at + random.between(1, step))
    pieces.push(bytes.subarray(at, to))
    at = to
  }
  return pieces
}
