// The border between TypeScript and C: one layout, errors that explain themselves, the choice of a kernel.
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { announceRefusals, openKernel } from '../../src/kernel/choose.ts'
import { check, systemError } from '../../src/kernel/errors.ts'
import { native, shimPath } from '../../src/kernel/native.ts'
import { packageRoot } from '../../src/kernel/package-root.ts'
import { LOOP_KERNELS } from './kernels.ts'
import { Rig } from './rig.ts'

describe('the layout', () => {
  test('shim/abi.h has every constant of assembly/abi.ts but those of core and host alone, with its value', () => {
    const text = readFileSync(join(packageRoot(), 'shim', 'abi.h'), 'utf8')
    const defined = [...text.matchAll(/^#define MR_(\w+) \(?(-?\w+)\)?/gm)].map(
      ([, name, value]) => [name, Number(value)] as const,
    )
    const own = /^(CHANNEL|SESSION|BLOCK_HEADER|STATE|ENDPOINT|SERVICE|UPCALL|UP|TRANSFER|FILE|IDLE)_/
    const shared = Object.entries(abi).filter(([name]) => !own.test(name))
    expect(Object.fromEntries(defined)).toEqual(Object.fromEntries(shared))
  })

  test('the generator finds the header current', () => {
    const script = join(packageRoot(), 'shim', 'generate.mjs')
    expect(spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' })).toMatchObject({ status: 0 })
  })

  test.each(LOOP_KERNELS)('setup of %s refuses a layout that is not ours, or does not fit', (_, ours) => {
    const memory = new WebAssembly.Memory({ initial: 16, maximum: 16, shared: true })
    const bytes = new Uint8Array(memory.buffer)
    const view = new DataView(memory.buffer)
    const sound: Readonly<Record<number, number>> = {
      [abi.CONTROL_ABI]: abi.ABI_VERSION,
      [abi.CONTROL_RINGS]: 4096,
      [abi.CONTROL_RINGS_BYTES]: 4096,
      [abi.CONTROL_SQES]: 8192,
      [abi.CONTROL_SQ_ENTRIES]: 16,
      [abi.CONTROL_CQ_ENTRIES]: 64,
      [abi.CONTROL_BUFFER_RING]: 12_288,
      [abi.CONTROL_BUFFER_ENTRIES]: 8,
      [abi.CONTROL_CALLS]: 16_384,
      [abi.CONTROL_CALL_ENTRIES]: 16,
      [abi.CONTROL_MEMORY_BYTES]: 1 << 20,
    }
    const attempt = (changes: Readonly<Record<number, number>>, kernel: number = ours): number => {
      for (const [at, value] of Object.entries({ ...sound, ...changes })) view.setUint32(Number(at), value, true)
      return native().setup(bytes, 0, kernel)
    }
    const loop = attempt({})
    expect(loop).toBeGreaterThanOrEqual(0)
    expect(native().close(loop)).toBe(0)
    expect(attempt({ [abi.CONTROL_ABI]: abi.ABI_VERSION + 1 })).toBe(-abi.EPROTO)
    expect(attempt({ [abi.CONTROL_SQ_ENTRIES]: 15 })).toBe(-abi.EINVAL)
    expect(attempt({ [abi.CONTROL_CQ_ENTRIES]: 0 })).toBe(-abi.EINVAL)
    expect(attempt({ [abi.CONTROL_CQ_ENTRIES]: 256 })).toBe(-abi.EINVAL) // more than its area holds
    expect(attempt({ [abi.CONTROL_BUFFER_ENTRIES]: 65_536 })).toBe(-abi.EINVAL)
    expect(attempt({ [abi.CONTROL_SQES]: 8200 })).toBe(-abi.EFAULT)
    expect(attempt({ [abi.CONTROL_RINGS]: 1 << 20 })).toBe(-abi.EFAULT)
    expect(attempt({ [abi.CONTROL_CALLS]: (1 << 20) - 8 })).toBe(-abi.EFAULT)
    expect(attempt({}, 99)).toBe(-38) // ENOSYS
    expect(native().setup(bytes.subarray(8), 0, ours)).toBe(-abi.EINVAL)
  })

  test('a loop that does not exist is -EBADF, everywhere', () => {
    const { enter, call, close, waitFd, attach, detach, ref } = native()
    for (const loop of [-1, 1_000_000, 1023]) {
      const results = [enter(loop, 0, 0, 0, 0), call(loop, 0, 0), close(loop), waitFd(loop), attach(loop), detach(loop)]
      expect([...results, ref(loop, true)]).toEqual(Array(7).fill(-abi.EBADF))
    }
  })

  test.each(LOOP_KERNELS)('many loops of %s live in one process', (_, kernel) => {
    const rigs = Array.from({ length: 20 }, () => new Rig(kernel))
    expect(new Set(rigs.map((rig) => rig.loop)).size).toBe(20)
    for (const rig of rigs) expect(rig.one({ op: abi.OP_NOP }).res).toBe(0)
    for (const rig of rigs) rig.close()
  })
})

describe('programs in C', () => {
  /** Runs one with leaks counted: its own sanitizers take the place of a preloaded one. */
  function run(program: string): SpawnSyncReturns<string> {
    const path = join(packageRoot(), 'build', `contract-${program}`)
    expect(existsSync(path), `run \`make contract-programs\``).toBe(true)
    const { LD_PRELOAD: _, ASAN_OPTIONS: __, ...env } = process.env
    return spawnSync(path, { encoding: 'utf8', env, timeout: 25_000 })
  }

  test('the io_uring of this machine and the emulation answer alike', (context) => {
    const { status, stdout, stderr } = run('twins')
    if (status === 77) return context.skip(`no io_uring here to compare with: ${stdout.trim()}`)
    expect(stderr).toBe('')
    expect(stdout.split('\n').filter((line) => line !== '' && !line.startsWith('same '))).toEqual([])
    expect(status).toBe(0)
  })

  test('a sandbox without epoll_pwait2 and io_uring: waits are in milliseconds and never early', (context) => {
    const { status, stdout, stderr } = run('sandbox')
    if (status === 77) return context.skip(`no filter can be set here: ${stdout.trim()}`)
    expect([status, stdout, stderr]).toEqual([0, '', ''])
  })
})

describe('errors', () => {
  test('have what errors of Node have, and a sentence that helps', () => {
    const error = systemError(-98, 'listen', { address: '127.0.0.1', port: 6380 })
    expect(error).toMatchObject({ code: 'EADDRINUSE', errno: -98, syscall: 'listen', address: '127.0.0.1', port: 6380 })
    expect(error.message).toBe(
      'listen EADDRINUSE 127.0.0.1:6380: the address is in use; ' +
        'stop the process that listens there or choose another port',
    )
    expect(systemError(-1, 'io_uring_setup').message).toContain('seccomp')
    expect(systemError(-24, 'accept').message).toContain('ulimit -n')
    expect(systemError(-111, 'connect', { address: '::1', port: 1 }).message).toContain('[::1]:1')
    expect(systemError(-2, 'open', { path: '/a/b' }).message).toContain('ENOENT /a/b')
    expect(systemError(-62, 'enter').code).toBe('ETIME')
    expect(systemError(-71, 'setup').code).toBe('EPROTO')
  })

  test('results pass, errnos are thrown, and what is neither is a mistake', () => {
    expect(check(0, 'close')).toBe(0)
    expect(check(7, 'socket')).toBe(7)
    expect(() => check(-9, 'close')).toThrow('close EBADF')
    expect(() => systemError(3, 'close')).toThrow(RangeError)
  })
})

/** Kernels that answer a setup with these numbers; others are fine. */
function machine(answers: Readonly<Record<number, number>> = {}, disabled = -2) {
  const tried: number[] = []
  const setup = (kernel: number): number => {
    tried.push(kernel)
    return answers[kernel] ?? 7
  }
  const open = (environment: Record<string, string>, wanted?: string) =>
    openKernel(setup, () => disabled, environment, wanted)
  return { tried, open }
}

const EPERM = -abi.EPERM

describe('the choice of a kernel', () => {
  test('is the first of the ladder that can be set up, and says why', () => {
    for (const environment of [{}, { MILLRACE_KERNEL: '' }, { MILLRACE_KERNEL: 'auto' }]) {
      const { open, tried } = machine()
      const { choice, loop } = open(environment)
      expect(choice).toMatchObject({ kernel: abi.KERNEL_URING, name: 'uring', refused: [] })
      expect([loop, tried]).toEqual([7, [abi.KERNEL_URING]])
    }
    const { open, tried } = machine({ [abi.KERNEL_URING]: -abi.EINVAL, [abi.KERNEL_URING_MAPPED]: -abi.ENOMEM })
    const { choice } = open({})
    expect(tried).toEqual([abi.KERNEL_URING, abi.KERNEL_URING_MAPPED, abi.KERNEL_EPOLL])
    expect(choice).toMatchObject({ kernel: abi.KERNEL_EPOLL, name: 'epoll' })
    expect(choice.reason).toContain('uring (EINVAL) and uring-mapped (ENOMEM)')
    expect(choice.refused.map(({ name, code }) => [name, code])).toEqual([
      ['uring', 'EINVAL'],
      ['uring-mapped', 'ENOMEM'],
    ])
  })

  test('that was made by name is no other, and says what stands in its way', () => {
    const { open, tried } = machine({ [abi.KERNEL_URING]: EPERM })
    expect(open({ MILLRACE_KERNEL: 'epoll' }).choice.reason).toContain('MILLRACE_KERNEL=epoll')
    expect(open({ MILLRACE_KERNEL: 'uring' }, 'uring-mapped').choice).toMatchObject({ name: 'uring-mapped' })
    expect(tried).toEqual([abi.KERNEL_EPOLL, abi.KERNEL_URING_MAPPED])
    expect(() => open({ MILLRACE_KERNEL: 'uring' })).toThrow(
      expect.objectContaining({
        code: 'MILLRACE_ERR_KERNEL',
        message: expect.stringMatching(
          /^MILLRACE_KERNEL=uring: uring cannot be used here \(EPERM\): .*seccomp.*; allow/,
        ),
      }),
    )
  })

  test.each([
    [EPERM, -2, 'seccomp', 'allow io_uring_setup'],
    [EPERM, 0, 'seccomp', 'allow io_uring_setup'],
    [EPERM, 1, 'io_uring_disabled=1', 'io_uring_group'],
    [EPERM, 2, 'io_uring_disabled=2', 'sysctl -w kernel.io_uring_disabled=0'],
    [-38, -2, 'gVisor', 'Linux 6.1'],
    [-abi.ENOMEM, 0, 'RLIMIT_MEMLOCK', 'ulimit -l'],
    [-abi.EINVAL, 0, 'no rings in our own memory', 'Linux 6.10'],
    [-abi.EOPNOTSUPP, 0, 'failed its test', 'Linux 6.1'],
    [-abi.EMFILE, 0, 'descriptors', 'ulimit -n'],
    [-5, 0, 'EIO', undefined],
  ])('a refusal with %i has its likely cause and its fix', (errno, disabled, why, fix) => {
    const [refused] = machine({ [abi.KERNEL_URING]: errno }, disabled).open({}).choice.refused
    expect(refused?.why).toContain(why)
    if (fix === undefined) expect(refused?.fix).toBeUndefined()
    else expect(refused?.fix).toContain(fix)
  })

  test('is an error where none can be set up, or none would do better', () => {
    const none = { [abi.KERNEL_URING]: EPERM, [abi.KERNEL_URING_MAPPED]: EPERM, [abi.KERNEL_EPOLL]: -abi.EMFILE }
    expect(() => machine(none).open({})).toThrow(/no kernel can be used here.*uring .*EPERM.*epoll .*EMFILE/)
    const wrong = machine({ [abi.KERNEL_URING]: -abi.EPROTO })
    expect(() => wrong.open({})).toThrow('make build')
    expect(wrong.tried).toEqual([abi.KERNEL_URING])
  })

  test('lists the known names for what is none', () => {
    const { open } = machine()
    expect(() => open({ MILLRACE_KERNEL: 'kqueue' })).toThrow('auto, uring, uring-mapped, epoll')
    expect(() => open({}, 'kqueue')).toThrow("kernel 'kqueue' is not a kernel")
    expect(() => open({ MILLRACE_KERNEL: 'toString' })).toThrow('is not a kernel')
  })

  test('says each refusal once', () => {
    const { choice } = machine({ [abi.KERNEL_URING]: EPERM }).open({})
    const said: string[] = []
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0)
    const topics = new Set<number>()
    const first = (topic: number): boolean => topics.size < topics.add(topic).size
    announceRefusals(choice, first)
    announceRefusals(choice, first)
    write.mockRestore()
    expect(said).toEqual([expect.stringMatching(/^millrace: uring cannot be used here \(EPERM\): .+; .+\n$/)])
    const topic = 31
    expect([native().once(topic), native().once(topic)]).toEqual([true, false])
  })
})

describe('the library', () => {
  test('is found from the package root', () => {
    expect(existsSync(join(packageRoot(), 'package.json'))).toBe(true)
    expect(existsSync(shimPath())).toBe(true)
  })

  test('answers what is asked about the machine', () => {
    const { probe } = native()
    expect(probe('epoll')).toBe(0)
    expect(probe('libuv')).toBe(0)
    expect(probe('nofile')).toBeGreaterThan(2)
    expect(probe('nofile.hard')).toBeGreaterThanOrEqual(probe('nofile'))
    for (const [, kernel] of LOOP_KERNELS) expect(probe(`kernel.${kernel}`)).toBeGreaterThanOrEqual(0)
    expect([probe('kernel.0'), probe('kernel.99')]).toEqual([-38, -38])
    for (const feature of ['io_uring', 'io_uring.memory', 'epoll.pwait2', 'reuseport', 'zerocopy', 'ipv6']) {
      expect(probe(feature)).toBeLessThanOrEqual(0)
    }
    expect(probe('perpetual motion')).toBe(-abi.EINVAL)
  })
})
