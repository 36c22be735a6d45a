// Loading the core: one shared instance, the build that a host can run, and memories of one's own size. From the built
// package, because it is there that it finds its files.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { HashRing, instantiateCore, lengthField, loadCore } from '../../dist/src/core/index.js'
import { simdWanted } from '../../dist/src/core/simd.js'

const ROOT = resolve(import.meta.dirname, '../..')
const bytesOf = (name: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(join(ROOT, 'build', name)))

/** What a module prints in a process of its own. */
function printed(source: string, env: NodeJS.ProcessEnv = {}): string {
  const args = ['--input-type=module', '-e', source]
  return execFileSync(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...env }, encoding: 'utf8' }).trim()
}

describe('loadCore', () => {
  test('gives everybody who asks at once the same instance', async () => {
    const [a, b] = await Promise.all([loadCore(), loadCore()])
    expect(b).toBe(a)
    expect(await loadCore()).toBe(a)
    expect(new HashRing([{ id: 'a' }]).lookup('key')).toBe('a')
  })

  test('uses SIMD where the host has it, and the baseline where it is told to', async () => {
    expect((await loadCore()).simd).toBe(true)
    const baseline = await loadCore({ simd: false })
    expect(baseline.simd).toBe(false)
    expect(baseline).not.toBe(await loadCore())
    expect((await loadCore({ simd: true })).simd).toBe(true)
  })

  test('a host that cannot validate the probe gets the baseline', async () => {
    const validate = vi.spyOn(WebAssembly, 'validate').mockReturnValue(false)
    try {
      expect(simdWanted()).toBe(false)
      expect((await loadCore({})).simd).toBe(false)
    } finally {
      validate.mockRestore()
    }
    expect(simdWanted()).toBe(true)
  })

  test.each(['', "import 'millrace';"])('MILLRACE_SIMD=0 chooses the baseline (%s)', (first) => {
    const source = `${first} import { loadCore } from 'millrace/core'; console.log((await loadCore()).simd)`
    expect(printed(source, { MILLRACE_SIMD: '0' })).toBe('false')
    expect(printed(source)).toBe('true')
  })

  test('a load that failed can be tried again', () => {
    const source = `
      import { loadCore } from 'millrace/core'
      const { compile } = WebAssembly
      WebAssembly.compile = () => Promise.reject(new Error('offline'))
      const failure = await loadCore().catch((error) => error.message)
      WebAssembly.compile = compile
      console.log(failure, (await loadCore()).simd)`
    expect(printed(source)).toBe('offline true')
  })

  test('takes bytes, a module, a response and a URL', async () => {
    const bytes = bytesOf('core.baseline.wasm')
    const url = new URL('../../build/core.baseline.wasm', import.meta.url)
    for (const source of [bytes, bytes.buffer, new WebAssembly.Module(bytes), new Response(bytes), url, url.href]) {
      expect((await loadCore(source)).simd).toBe(false)
    }
  })
})

describe('instantiateCore', () => {
  test('works at once, and the first core is the one that rings share', () => {
    const source = `
      import { readFileSync } from 'node:fs'
      import { HashRing, instantiateCore, loadCore } from 'millrace/core'
      const core = instantiateCore(readFileSync('build/core.baseline.wasm'))
      console.log(core === await loadCore(), new HashRing([{ id: 'a' }]).lookup('key'))`
    expect(printed(source)).toBe('true a')
  })

  test('refuses a module that is not this core', () => {
    const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
    expect(() => instantiateCore(empty)).toThrow('not the core.wasm that belongs to this package')
  })
})

describe('memoryBytes', () => {
  const bytes = bytesOf('core.wasm')

  test.each([4 << 20, 128 << 20, 2 ** 31])(
    '%i bytes are the whole memory, and all of it can be used',
    (memoryBytes) => {
      const core = instantiateCore(bytes, { memoryBytes })
      expect(core.memory.buffer.byteLength).toBe(memoryBytes)
      const most = Math.floor(memoryBytes * 0.8)
      const at = core.exports.alloc(most) >>> 0
      expect(at).toBeGreaterThan(0)
      expect(at + most).toBeLessThanOrEqual(memoryBytes)
      expect(core.exports.alloc(most)).toBe(0)
      core.exports.heapCheck()
      const decoder = core.decoder(lengthField({ maxFrameLength: 64, lengthFieldLength: 1, initialBytesToStrip: 1 }))
      expect(decoder.push(Uint8Array.of(1, 65))).toEqual([{ frame: Uint8Array.of(65) }])
      decoder.dispose()
      core.exports.free(at)
    },
  )

  test('has bounds', () => {
    for (const memoryBytes of [0, (4 << 20) - 65536, (4 << 20) + 1, 2 ** 31 + 65536, Number.NaN]) {
      expect(() => instantiateCore(bytes, { memoryBytes })).toThrow('memoryBytes must be a multiple of 65536')
    }
  })
})
