// features(): every feature with a reason, on a whole machine and on one that lacks something.
import { afterEach, describe, expect, test, vi } from 'vitest'
import { report } from '../../src/cli/doctor.ts'
import type { Feature } from '../../src/kernel/features.ts'

type Module = typeof import('../../src/kernel/features.ts')

/** A fresh copy of the module, as a process with these variables would load it. */
async function machine(environment: Record<string, string> = {}): Promise<Module> {
  vi.resetModules()
  for (const name of ['MILLRACE_SHIM', 'MILLRACE_KERNEL', 'MILLRACE_WAIT']) vi.stubEnv(name, environment[name] ?? '')
  return import('../../src/kernel/features.ts')
}

function named(found: readonly Feature[], name: string): Feature {
  const feature = found.find((each) => each.name === name)
  if (feature === undefined) throw new Error(`there is no feature ${name}`)
  return feature
}

const names = (found: readonly Feature[]): string[] => found.map(({ name }) => name)

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('features', () => {
  test('say what is on and why, and this machine can serve', async () => {
    const { features, obstacles } = await machine()
    const found = features()
    expect(obstacles(found)).toEqual([])
    expect(new Set(names(found)).size).toBe(found.length)
    for (const { name, state, why, value, fix } of found) {
      expect(['on', 'off'], name).toContain(state)
      expect(why.length, name).toBeGreaterThan(8)
      expect(`${why}${value}${fix}`, name).not.toMatch(/NaN|\bnull\b|\[object/)
    }
    expect(['uring', 'uring-mapped', 'epoll']).toContain(named(found, 'kernel').value)
    expect(named(found, 'node').value).toBe(process.versions.node)
    expect(named(found, 'koffi').value).toMatch(/^\d+\.\d+\.\d+$/)
    expect(named(found, 'wait').value).toBe('prepare')
    for (const name of ['shim', 'epoll', 'wasm simd', 'wasm threads', 'memory map']) {
      expect(named(found, name).state, name).toBe('on')
    }
  })

  test('io_uring has a row for each rung, and for what it can do beside where it can be had', async () => {
    const { features } = await machine()
    const found = features()
    const rungs = ['io_uring', 'io_uring mapped'].map((name) => named(found, name))
    for (const { state, why, value, fix } of rungs) {
      if (state === 'on') expect(why).toContain('passed its test')
      else expect([value, fix]).toEqual([expect.stringMatching(/^E[A-Z]+$/), expect.any(String)])
    }
    const extras = found.filter(({ name }) => /^io_uring (min-wait|incremental|bundles|zero copy)$/.test(name))
    expect(extras).toHaveLength(rungs.some(({ state }) => state === 'on') ? 4 : 0)
    const best = rungs[0]!.state === 'on' ? 'uring' : rungs[1]!.state === 'on' ? 'uring-mapped' : 'epoll'
    expect(named(found, 'kernel')).toMatchObject({ state: 'on', value: best })
  })

  test('a missing shim is reported, not thrown, with what to do', async () => {
    const { features, obstacles } = await machine({ MILLRACE_SHIM: '/nowhere/shim.so' })
    const found = features()
    const shim = named(found, 'shim')
    expect(shim.state).toBe('off')
    expect(shim.why).toContain('/nowhere/shim.so')
    expect(shim.fix).toContain('make build')
    expect(names(obstacles(found))).toEqual(['shim', 'kernel', 'epoll', 'wait'])
    expect(named(found, 'wasm simd').state, 'what needs no shim is still found out').toBe('on')
  })

  test('a file that is no shim is reported as well', async () => {
    const { features } = await machine({ MILLRACE_SHIM: import.meta.filename })
    expect(named(features(), 'shim')).toMatchObject({ state: 'off', why: expect.stringContaining('does not load') })
  })

  test('a kernel or a wait that this version does not have is an obstacle', async () => {
    const { features, obstacles } = await machine({ MILLRACE_KERNEL: 'quark', MILLRACE_WAIT: 'sleep' })
    const found = features()
    expect(names(obstacles(found))).toEqual(['kernel', 'wait'])
    expect(named(found, 'kernel')).toMatchObject({
      why: expect.stringContaining('quark'),
      fix: 'unset MILLRACE_KERNEL',
    })
    expect(named(found, 'wait').why).toContain('MILLRACE_WAIT=sleep')
  })

  test('the poll wait is on when asked for', async () => {
    const { features } = await machine({ MILLRACE_WAIT: 'poll' })
    expect(named(features(), 'wait')).toMatchObject({ state: 'on', value: 'poll' })
  })
})

describe('the report', () => {
  const found: Feature[] = [
    { name: 'shim', state: 'off', why: 'it is missing', fix: 'run `make build`' },
    { name: 'kernel', state: 'on', value: 'epoll', why: 'a reason of some length that a narrow screen has to break' },
  ]

  test('is aligned, and plain without a terminal', () => {
    expect(report(found, [found[0]!], { columns: 0, colour: false })).toBe(
      [
        'off  shim    -      it is missing',
        '                    → run `make build`',
        'on   kernel  epoll  a reason of some length that a narrow screen has to break',
        '',
        'millrace cannot serve on this machine: shim',
        '',
      ].join('\n'),
    )
  })

  test('fits a terminal, and colours only what it is told to', () => {
    const plain = report(found, [], { columns: 50, colour: false })
    expect(plain).toMatch(/^millrace can serve on this machine$/m)
    expect(Math.max(...plain.split('\n').map((line) => line.length))).toBeLessThanOrEqual(50)
    expect(plain).toContain('on   kernel  epoll  a reason of some length that a\n                    narrow screen')
    const coloured = report(found, [found[0]!], { columns: 50, colour: true })
    expect(coloured).toContain('\x1b[31moff\x1b[0m  shim')
    expect(coloured).toContain('\x1b[32mon \x1b[0m  kernel')
  })
})
