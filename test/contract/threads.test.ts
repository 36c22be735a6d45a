// Loops in several threads, on every kernel: a program in C, with sanitizers, that has no other host.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { servingKernels } from '../../src/kernel/choose.ts'
import { packageRoot } from '../../src/kernel/package-root.ts'

const numbers = abi as unknown as Readonly<Record<string, number>>

for (const kernel of servingKernels()) {
  test(`${kernel}: messages cross between threads, and loops come and go`, (context) => {
    const path = join(packageRoot(), 'build', 'contract-threads')
    expect(existsSync(path), 'run `make contract-programs`').toBe(true)
    const { LD_PRELOAD: _, ASAN_OPTIONS: __, ...env } = process.env
    const number = numbers[`KERNEL_${kernel.toUpperCase().replaceAll('-', '_')}`]
    const { status, stderr } = spawnSync(path, [String(number)], { encoding: 'utf8', env, timeout: 60_000 })
    if (status === 77) return context.skip(`${kernel} is not to be had here: ${stderr.trim().split('\n')[0]}`)
    expect([status, stderr]).toEqual([0, ''])
  }, 90_000)
}
