// The wait in libuv's prepare phase: a Node process keeps all its habits, and does nothing while nothing happens.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as abi from '../../assembly/abi.ts'
import { native, pollFd, shimPath } from '../../src/kernel/native.ts'
import { eventfd, write } from './fixtures/libc.ts'
import { LOOP_KERNELS } from './kernels.ts'
import { name, Rig } from './rig.ts'

const HOST = join(import.meta.dirname, 'fixtures', 'host.mjs')
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer)

interface Ending {
  readonly code: number | null
  readonly signal: string | null
  readonly lines: readonly string[]
  readonly errors: string
}

function start(
  kernel: number,
  scene: string,
): { child: ChildProcess; ending: Promise<Ending>; said: (line: string) => Promise<void> } {
  const env = { ...process.env, MILLRACE_SHIM: resolve(shimPath()) }
  const child = spawn(process.execPath, [HOST, scene, String(kernel)], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const ending = once(child, 'close').then(([code, signal]): Ending => {
    clearTimeout(timer)
    return { code, signal, lines: output.trim().split('\n'), errors }
  })
  const said = async (line: string): Promise<void> => {
    const ended = ending.then(({ errors }) => {
      throw new Error(`it ended without a word: ${errors}`)
    })
    ended.catch(() => {}) // only of interest while we wait
    while (!output.includes(line)) await Promise.race([once(child.stdout, 'data'), ended])
  }
  return { child, ending, said }
}

const well = (...lines: readonly string[]): Ending => ({ code: 0, signal: null, lines, errors: '' })

describe.each(LOOP_KERNELS)('a process that waits in prepare, on %s', (_, kernel) => {
  const play = (scene: string): Promise<Ending> => start(kernel, scene).ending

  test('keeps the order of timers, ticks, promises and immediates; fs and child processes work', async () => {
    const lines = ['order timer,tick,promise,immediate', 'timers true', 'fs true', 'child 42']
    expect(await play('order')).toEqual(well(...lines))
  })

  test('serves http, and sees new watchers without delay', async () => {
    expect(await play('http')).toEqual(well('http true'))
  })

  test('is woken by its own sockets, and JavaScript runs', async () => {
    expect(await play('sockets')).toEqual(well('accepted 20'))
  })

  test('surfaces exceptions where they belong', async () => {
    expect(await play('uncaught')).toEqual(well('caught thrown in a timer'))
    const rejected = await play('rejected')
    expect(rejected.code).toBe(1)
    expect(rejected.errors).toContain('nobody listens')
  })

  test('exits when told to, and by itself when nothing keeps it', async () => {
    expect((await play('exit')).code).toBe(7)
    expect(await play('unref')).toEqual(well('the last', 'ends by itself'))
  })

  test('hears SIGINT while it waits', async () => {
    const { child, ending, said } = start(kernel, 'signal')
    await said('ready')
    child.kill('SIGINT')
    expect(await ending).toEqual(well('ready', 'SIGINT'))
  })

  test('stays alive while attached, and dies of a signal nobody handles', async () => {
    const { child, ending, said } = start(kernel, 'killed')
    await said('ready')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(child.exitCode).toBe(null)
    child.kill('SIGTERM')
    expect((await ending).signal).toBe('SIGTERM')
  })

  test('uses no CPU while idle: no enter at all', async () => {
    const { lines } = await play('idle')
    const [, enters, , waits, , cpu] = lines[0]!.split(' ')
    // the timers of the scene itself wake it a few times
    expect(Number(enters)).toBeLessThanOrEqual(5)
    expect(Number(waits)).toBeLessThanOrEqual(5)
    expect(Number(cpu)).toBeLessThan(60)
  })

  test('attaches and detaches again; a second attach is refused', async () => {
    const line = '-114 0 -22 -22' // EALREADY; then not attached: EINVAL
    expect(await play('again')).toEqual(well(line, line, line))
  })

  test('has one loop per thread, also where a worker is terminated while it waits', async () => {
    expect(await play('workers')).toEqual(well('worker,worker,worker', 'gone'))
  })

  test('keeps its loop to its own thread', async () => {
    expect(await play('foreign')).toEqual(well('-17 -17', '0')) // EEXIST
  })

  test('leaves nothing of a loop whose thread was terminated, though it never attached', async () => {
    expect(await play('adopted')).toEqual(well('true true'))
  })
})

describe.each(LOOP_KERNELS)('a process that watches the descriptor of the loop, on %s', (_, kernel) => {
  test('is told of completions and of timeouts', async () => {
    const rig = new Rig(kernel)
    const fd = rig.own(eventfd(0, 0x800))
    let wake = (): void => {}
    const poll = pollFd(native().waitFd(rig.loop), () => setImmediate(() => wake()))
    const woken = (): Promise<void> =>
      new Promise((resolve) => {
        wake = () => {
          rig.enter()
          if (rig.ready() > 0) resolve()
        }
      })
    rig.submit({ op: abi.OP_POLL_ADD, fd, opFlags: abi.POLLIN })
    rig.enter()
    setTimeout(() => write(fd, ONE, 8), 10)
    await woken()
    expect(rig.take().map((cqe) => cqe.res)).toEqual([abi.POLLIN])

    const at = rig.alloc(16)
    rig.view.setBigInt64(at + 8, 15_000_000n, true)
    const began = performance.now()
    rig.submit({ op: abi.OP_TIMEOUT, addr: rig.address(at), len: 1 })
    rig.enter()
    await woken()
    expect(performance.now() - began).toBeGreaterThanOrEqual(15)
    expect(rig.take().map((cqe) => name(cqe.res))).toEqual(['ETIME'])
    let wakes = 0
    wake = () => {
      wakes++
    }
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(wakes).toBeLessThanOrEqual(1)
    poll.close()
    rig.close()
  })

  test('hears what its callback throws as an uncaught exception', async () => {
    const rig = new Rig(kernel)
    const fd = rig.own(eventfd(1, 0x800))
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    const caught = once(process, 'uncaughtException')
    const poll = pollFd(fd, () => {
      poll.close()
      throw new Error('thrown in a poll')
    })
    const [error] = (await caught) as [Error]
    for (const listener of listeners) process.on('uncaughtException', listener)
    expect(error.message).toBe('thrown in a poll')
    rig.close()
  })
})
