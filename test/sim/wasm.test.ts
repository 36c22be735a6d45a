// What sim.wasm keeps as a module: nothing but the memory is imported, and its data end below what the kernel
// allocates.
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { SIM_MEMORY_END } from '../../assembly/sim/abi.ts'
import { readWasm } from '../contract/wasm-module.ts'
import { titled } from '../system/harness.ts'

const PATH = new URL('../../build/sim.wasm', import.meta.url)
const NO_SIM = existsSync(PATH) ? '' : 'build/sim.wasm is missing: make sim.wasm'
const BYTES_MAX = 64 << 10

test.skipIf(NO_SIM)(
  titled('sim.wasm imports nothing but the memory, and exports functions of the shim', NO_SIM),
  () => {
    const bytes = readFileSync(PATH)
    const { imports, exports } = readWasm(bytes)
    const pages = /^env\.memory: memory (\d+) … 65536 shared$/.exec(imports.join())?.[1]
    expect(Number(pages) * 65536).toBeLessThan(SIM_MEMORY_END / 2)
    expect(exports.filter((line) => !/^mr_\w+: \(/.test(line))).toEqual([])
    expect(bytes.length).toBeLessThan(BYTES_MAX)
  },
)
