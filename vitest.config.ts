// Where the tests are and how long each kind may take: unit (no I/O), contract (one suite per border, against every
// implementation), fuzz (decoders against their twins), sim (the whole loop on the simulated kernel), system (real
// sockets, real peers). The random streams of contract and fuzz run for FUZZ_SECONDS where that is set. The kernel-…
// projects are some of system again, on other kernels.
import { defineConfig, type TestProjectConfiguration } from 'vitest/config'
import { kernelProjects } from './test/kernels/projects.ts'

function project(name: string, include: string[], timeoutMs: number): TestProjectConfiguration {
  return { extends: true, test: { name, include, testTimeout: timeoutMs, hookTimeout: timeoutMs } }
}

const fuzzSeconds = Number(process.env.FUZZ_SECONDS ?? 0)

const SYSTEM_MS = process.env.ASAN_OPTIONS ? 300_000 : 60_000 // sanitizers are slow, in every process of a test

export default defineConfig(async () => ({
  test: {
    pool: 'forks', // a native library must not be loaded into worker threads of the runner
    maxWorkers: 2,
    setupFiles: ['test/skips.ts'],
    projects: [
      project('unit', ['test/*.test.ts', 'test/unit/**/*.test.ts'], 20_000),
      project('contract', ['test/contract/**/*.test.ts'], 30_000 + fuzzSeconds * 1000),
      project('fuzz', ['test/fuzz/**/*.test.ts'], 30_000 + fuzzSeconds * 1000),
      project('sim', ['test/sim/**/*.test.ts'], 300_000),
      project('system', ['test/system/**/*.test.ts'], SYSTEM_MS),
      ...(await kernelProjects(SYSTEM_MS)),
    ],
  },
}))
