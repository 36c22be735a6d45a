// What every build of the core keeps: no imports but the memory of a loop, the exports of its golden list, instructions
// of the proposals it was built for and no others, a size within its budget, and the behaviour of vectors.ts.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Core, instantiateCore } from '../../dist/src/core/index.js'
import { buildRing, planRing, type RingExports } from '../../dist/src/core/ring-build.js'
import { DECODERS, decodeAll, RING_KEYS, RINGS } from './vectors.ts'
import { proposals } from './wasm-code.ts'
import { readWasm } from './wasm-module.ts'

export interface Build {
  /** The file in build/, and its golden list. */
  readonly name: string
  readonly imports: readonly string[]
  readonly simd: boolean
  readonly threads: boolean
  readonly bytesMax: number
  /** An instance whose heap is laid out. */
  create(module: WebAssembly.Module): { readonly memory: WebAssembly.Memory; readonly exports: RingExports }
}

/** The bytes of a build. */
export function bytesOf(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(join(resolve(import.meta.dirname, '../../build'), `${name}.wasm`)))
}

/** The stream whole, cut in two at every place, and byte by byte. */
export function* everyCut(stream: Uint8Array): Generator<Uint8Array[]> {
  yield [stream]
  for (let at = 1; at < stream.length; at++) yield [stream.subarray(0, at), stream.subarray(at)]
  yield Array.from(stream, (_, i) => stream.subarray(i, i + 1))
}

export function wasmContract(build: Build): void {
  const bytes = bytesOf(build.name)
  const wasm = readWasm(bytes)

  describe(`build/${build.name}.wasm`, () => {
    test('is valid, and imports nothing but what is allowed', () => {
      expect(WebAssembly.validate(bytes)).toBe(true)
      expect(wasm.imports).toEqual(build.imports)
    })

    test('exports what its golden list says; `make golden` writes it anew', async () => {
      await expect(`${wasm.exports.join('\n')}\n`).toMatchFileSnapshot(`golden/${build.name}.txt`)
    })

    test('uses the proposals it was built for and no others', () => {
      const used = proposals(wasm.code)
      expect({ simd: used.has('simd') || wasm.types.has('v128'), threads: used.has('threads') }).toEqual({
        simd: build.simd,
        threads: build.threads,
      })
    })

    test(`has at most ${build.bytesMax} bytes`, () => {
      expect(bytes.length).toBeLessThanOrEqual(build.bytesMax)
      expect(bytes.length).toBeGreaterThan(build.bytesMax / 8) // a budget that binds nobody is none
    })

    test.each(RINGS.map((ring) => [JSON.stringify(ring.options), ring] as const))('ring %s', (_, ring) => {
      const host = build.create(new WebAssembly.Module(bytes))
      const { alloc, ringFree, ringLookup } = host.exports
      const at = buildRing(host, planRing(ring.servers, ring.options))
      const key = alloc(256) >>> 0
      const owners = RING_KEYS.map((text) => {
        const bytes = new TextEncoder().encode(text)
        new Uint8Array(host.memory.buffer).set(bytes, key)
        return ringLookup(at, key, bytes.length)
      })
      ringFree(at)
      expect(owners.join('')).toBe(ring.owners)
    })
  })
}

/** What the builds with decoders keep beside. */
export function decoderContract(name: string): void {
  const create = (): Core => instantiateCore(bytesOf(name))

  describe(`decoders of build/${name}.wasm`, () => {
    test.each(DECODERS.map((vector) => [vector.name, vector] as const))('%s, however it is cut', (_, vector) => {
      const core = create()
      const wanted = vector.results ?? decodeAll(core, vector.codec, [vector.stream])
      for (const pieces of everyCut(vector.stream)) {
        const got = decodeAll(core, vector.codec, pieces)
        if (got.join('\n') !== wanted.join('\n'))
          expect(got, pieces.map((piece) => piece.length).join('+')).toEqual(wanted)
      }
      expect(wanted.filter((result) => /^UNKNOWN /.test(result))).toEqual([])
      core.exports.heapCheck()
    })

    test.each(
      DECODERS.flatMap(({ name, codec, encoded }) => (encoded === undefined ? [] : [[name, codec, encoded] as const])),
    )('%s encodes', (_, codec, [message, frame]) => {
      expect(Buffer.from(create().encode(codec, Buffer.from(message, 'latin1'))).toString('latin1')).toBe(frame)
    })
  })
}
