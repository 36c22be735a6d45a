// The builds of the core that the unit tests use, compiled from assembly/test.ts when their sources are newer.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')
const SOURCES = join(ROOT, 'assembly')
const COMMON = ['--config', 'none', '-O3', '--runtime', 'stub', '--use', 'abort=']
const FEATURES = ['--enable', 'simd,threads']
const SHARED = ['--importMemory', '--sharedMemory', '--zeroFilledMemory', '--initialMemory', '16']

const BUILDS = {
  /** As the runtime is built, in a memory of its own. */
  test: { file: 'test.wasm', flags: FEATURES },
  /** What is freed is poisoned, and looked at when it is handed out again. */
  debug: { file: 'test.debug.wasm', flags: [...FEATURES, '--use', 'MILLRACE_DEBUG=1'] },
  /** For several instances over one memory. */
  shared: { file: 'test.shared.wasm', flags: [...FEATURES, ...SHARED, '--maximumMemory', '65536'] },
  sharedDebug: {
    file: 'test.shared.debug.wasm',
    flags: [...FEATURES, ...SHARED, '--maximumMemory', '65536', '--use', 'MILLRACE_DEBUG=1'],
  },
  /** Without threads: what is atomic elsewhere is plain. */
  plain: { file: 'test.plain.wasm', flags: ['--enable', 'simd'] },
} as const

export type Build = keyof typeof BUILDS

/** The build that tests take which do not ask for one: MILLRACE_TEST_BUILD=debug runs them all on the poisoned one. */
export const BUILD: Build = ((): Build => {
  const name = process.env.MILLRACE_TEST_BUILD ?? 'test'
  if (name === 'test' || name === 'debug' || name === 'plain') return name
  throw new Error(`MILLRACE_TEST_BUILD=${name}: the choices are test, debug and plain`)
})()

const modules = new Map<Build, WebAssembly.Module>()

/** The module of a build. */
export function coreModule(build: Build = BUILD): WebAssembly.Module {
  let found = modules.get(build)
  if (found === undefined) {
    found = new WebAssembly.Module(bytesOf(build))
    modules.set(build, found)
  }
  return found
}

function bytesOf(build: Build): Uint8Array<ArrayBuffer> {
  const { file, flags } = BUILDS[build]
  const path = join(ROOT, 'build', file)
  const at = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (at < newestSource(SOURCES)) {
    const fresh = `${path}.${process.pid}`
    mkdirSync(join(ROOT, 'build'), { recursive: true })
    const asc = join(ROOT, 'node_modules/assemblyscript/bin/asc.js')
    const args = [asc, join(SOURCES, 'test.ts'), '-o', fresh, ...COMMON, ...flags]
    execFileSync(process.execPath, args, { cwd: ROOT })
    renameSync(fresh, path) // several workers may build at once
  }
  return new Uint8Array(readFileSync(path))
}

function newestSource(folder: string): number {
  return Math.max(
    ...readdirSync(folder, { withFileTypes: true }).map((entry) => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? newestSource(path) : statSync(path).mtimeMs
    }),
  )
}
