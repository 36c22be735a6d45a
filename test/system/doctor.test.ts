// `millrace doctor` as a program: its forms, its exit codes, and a machine that lacks something.
import { describe, expect, it } from 'vitest'
import { CLI, millrace, run } from './harness.ts'

interface Findings {
  features: { name: string; state: string; why: string }[]
  ok: boolean
}

const withEnvironment = (setting: string, ...args: string[]): ReturnType<typeof run> =>
  run('env', [setting, process.execPath, CLI, 'doctor', ...args])

describe('doctor', () => {
  it('prints one line or more per feature, plain where nobody watches, and a verdict', async () => {
    const { code, stdout, stderr } = await millrace('doctor')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).not.toContain('\x1b')
    expect(stdout).toMatch(/^on {3}kernel +(uring|uring-mapped|epoll) +\S/m)
    expect(stdout).toMatch(/^(on {3}io_uring .*passed its test|off {2}io_uring +E)/m)
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('millrace can serve on this machine')
  })

  it('prints the kernels, what a wait costs and where each ends', async () => {
    const { stdout } = await millrace('doctor')
    expect(stdout).toMatch(/^kernel +model +a wait +descriptors +learns what is ready by$/m)
    expect(stdout).toMatch(/^select +I\/O multiplexing +O\(n\) +below 1024 +three bit sets/m)
    expect(stdout).toMatch(/^epoll +I\/O multiplexing, level-triggered +O\(1\) +ulimit -n +\S/m)
    const { kernels } = JSON.parse((await millrace('doctor', '--json')).stdout) as { kernels: { name: string }[] }
    expect(kernels.map(({ name }) => name)).toContain('signal')
  })

  it('--json is one document with the same features', async () => {
    const { code, stdout } = await millrace('doctor', '--json')
    const { features, ok } = JSON.parse(stdout) as Findings
    expect({ code, ok }).toEqual({ code: 0, ok: true })
    expect(stdout.trimEnd()).not.toContain('\n')
    const plain = (await millrace('doctor')).stdout
    for (const { name, state } of features) expect(plain).toMatch(new RegExp(`^${state} +${name} `, 'm'))
  })

  it('exits 1 where millrace cannot serve, and says what to do', async () => {
    const { code, stdout, stderr } = await withEnvironment('MILLRACE_SHIM=/nowhere/shim.so')
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout).toMatch(/^off {2}shim .*\/nowhere\/shim\.so is missing/m)
    expect(stdout).toContain('→ run `make build`')
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('millrace cannot serve on this machine: shim, kernel, epoll, wait')
    const json = await withEnvironment('MILLRACE_KERNEL=nonsense', '--json')
    expect(json.code).toBe(1)
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false })
  })

  it.each([['--nosuchoption'], ['surplus'], ['--json=yes']])('a fault of usage exits 2: %s', async (argument) => {
    const { code, stdout, stderr } = await millrace('doctor', argument)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^millrace doctor: .+\nTry `millrace doctor --help`\.\n$/)
  })
})
