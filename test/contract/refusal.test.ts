// A Node process in a container that forbids io_uring: it serves by the next rung, and says once what is refused, why,
// and what to do; what was asked for by name is an error.
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../../src/kernel/package-root.ts'

const SANDBOX = join(packageRoot(), 'build', 'contract-sandbox')
const LOOP = join(packageRoot(), 'dist', 'src', 'loop', 'loop.js')
const CLI = join(packageRoot(), 'dist', 'src', 'cli', 'main.js')
const SMALL = '{ channels: 64, slabBytes: 1 << 22, heapBytes: 1 << 22 }'
const EPERM = 1
const ENOSYS = 38

/** Runs Node where io_uring_setup fails with `errno`. */
function node(errno: number, kernel: string, ...args: string[]): SpawnSyncReturns<string> {
  const { LD_PRELOAD: _, MILLRACE_SHIM: __, ASAN_OPTIONS: ___, ...inherited } = process.env
  const env = { ...inherited, MILLRACE_KERNEL: kernel }
  return spawnSync(SANDBOX, [String(errno), process.execPath, ...args], { encoding: 'utf8', env, timeout: 25_000 })
}

const script = (text: string): string[] => ['--input-type=module', '-e', `import { Loop } from '${LOOP}'\n${text}`]
const unavailable = node(EPERM, '', '-e', '').status === 77

describe.skipIf(unavailable)('where io_uring is forbidden', () => {
  test.each([
    [EPERM, 'EPERM', 'seccomp'],
    [ENOSYS, 'ENOSYS', 'gVisor'],
  ])('auto falls to epoll (%i), with one line for each rung, of all loops and threads', (errno, code, why) => {
    const text = `
      import { Worker } from 'node:worker_threads'
      const loops = [new Loop(${SMALL}), new Loop(${SMALL})]
      console.log(loops.map((loop) => loop.kernel.name).join())
      const worker = new Worker("import('${LOOP}').then(({ Loop }) => new Loop(${SMALL}).close())", { eval: true })
      await new Promise((resolve) => worker.once('exit', resolve))
      for (const loop of loops) loop.close()`
    const { status, stdout, stderr } = node(errno, '', ...script(text))
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'epoll,epoll\n' })
    const lines = stderr.trimEnd().split('\n')
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(new RegExp(`^millrace: uring cannot be used here \\(${code}\\): .*${why}.*; .+`))
    expect(lines[1]).toMatch(new RegExp(`^millrace: uring-mapped cannot be used here \\(${code}\\): .*${why}.*; .+`))
  })

  test.each(['uring', 'uring-mapped'])('%s by name is an error, with the cause and the fix', (kernel) => {
    const text = `
      try { new Loop(${SMALL}) } catch ({ code, message }) { console.log(code, message) }`
    const { status, stdout, stderr } = node(EPERM, kernel, ...script(text))
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^MILLRACE_ERR_KERNEL MILLRACE_KERNEL=uring\S*: .*EPERM.*seccomp.*; allow io_uring_setup/)
  })

  test('doctor says the same, and that millrace can serve', () => {
    const { status, stdout } = node(EPERM, '', CLI, 'doctor')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^off {2}io_uring +EPERM +.*seccomp/m)
    expect(stdout).toMatch(/^off {2}io_uring mapped +EPERM +.*seccomp/m)
    expect(stdout).toMatch(/^on {3}kernel +epoll +.*uring \(EPERM\) and uring-mapped \(EPERM\)/m)
    expect(stdout).toContain('→ allow io_uring_setup')
  })
})

test('a filter can be set here, or all of this is skipped', (context) => {
  if (unavailable) return context.skip('no seccomp filter can be set here')
  expect(node(EPERM, '', '-p', '6 * 7').stdout).toBe('42\n')
})
