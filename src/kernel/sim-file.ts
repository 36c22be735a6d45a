// The simulated kernel on Node: sim.wasm, read and compiled once.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './package-root.ts'

let compiled: WebAssembly.Module | undefined

/** build/sim.wasm. */
export function simModule(): WebAssembly.Module {
  if (compiled !== undefined) return compiled
  const path = join(packageRoot(), 'build', 'sim.wasm')
  if (!existsSync(path)) throw new Error(`${path} is missing: run \`make sim.wasm\`, which needs Emscripten`)
  compiled = new WebAssembly.Module(readFileSync(path))
  return compiled
}
