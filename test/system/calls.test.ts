// What a loop asks of the operating system in steady state, seen by strace: on io_uring one io_uring_enter a turn and
// no other I/O call, on epoll a wait a turn and a receive and a send a message. Beside either stands libuv's own
// epoll_pwait that does not wait, where the loops share their wait. What V8 does for itself (memory, locks) is no I/O.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { servingKernels } from '../../src/kernel/choose.ts'
import { lacking, poll, startMillrace } from './harness.ts'
import { encode, Wire } from './wire.ts'

const CONNECTIONS = 4
const ROUNDS = 250
const MESSAGES = CONNECTIONS * ROUNDS
/** Calls at the edges of the time that is looked at: a wait that strace interrupts, a look before the first wait. */
const SLACK = 8
const BUFFER_BYTES = 16384 // of the loop's receive buffers

/** Memory, locks, clocks, signals: what V8 and the C library do that moves no bytes. */
const NO_IO = new RegExp(
  `^(${[
    ...['futex', 'madvise', 'mmap', 'munmap', 'mprotect', 'mremap', 'brk', 'sched_\\w+', 'membarrier', 'getrusage'],
    ...['clock_\\w+', 'get\\w*id', 'prctl', 'rt_sig\\w+', 'tgkill', 'restart_syscall', 'clone\\w*', 'rseq'],
  ].join('|')})$`,
)
/** libuv's wake by another thread of V8. */
const WAKE = /^(read|write)\(\d+<anon_inode:\[eventfd\]>/

interface Traced {
  /** How often the thread of the loop made each call that may move bytes. */
  readonly calls: ReadonlyMap<string, number>
  /** libuv's waits that were ready to sleep. */
  readonly slept: readonly string[]
}

const absent = lacking('strace', 'strace', '-V')

/** Runs `load` while strace looks at the main thread of `pid`; skips the test where it may not look. */
async function traced(context: TestContext, pid: number, load: () => Promise<void>): Promise<Traced> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-calls-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'trace')
  const strace: ChildProcess = spawn('strace', ['-y', '-s', '0', '-o', file, '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  strace.stderr!.on('data', (text) => {
    said += text
  })
  const ended = once(strace, 'exit')
  await poll(() => said.includes('attached') || strace.exitCode !== null, `strace attaches; it said ${said}`)
  if (strace.exitCode !== null) context.skip(`strace may not look at other processes here: ${said.trim()}`)
  await load()
  strace.kill('SIGINT')
  await ended
  const calls = new Map<string, number>()
  const slept: string[] = []
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const name = /^(\w+)\(/.exec(line)?.[1]
    if (name === undefined || NO_IO.test(name) || WAKE.test(line)) continue
    calls.set(name, (calls.get(name) ?? 0) + 1)
    if (name === 'epoll_pwait' && !/, 0, NULL, 8\)/.test(line)) slept.push(line)
  }
  return { calls, slept }
}

/** Every connection sends its next request when the last one is answered. */
async function exchange(wires: readonly Wire[], request: Buffer, replyBytes: number): Promise<void> {
  await Promise.all(
    wires.map(async (wire) => {
      for (let i = 0; i < ROUNDS; i++) {
        const want = wire.length + replyBytes
        wire.write(request)
        if (!(await wire.until(() => wire.length >= want))) throw new Error('no reply')
      }
    }),
  )
}

async function connections(port: number): Promise<Wire[]> {
  const wires = await Promise.all(Array.from({ length: CONNECTIONS }, () => Wire.open(port)))
  onTestFinished(() => {
    for (const wire of wires) wire.destroy()
  })
  return wires
}

function uringProof({ calls, slept }: Traced): void {
  expect([...calls.keys()].filter((name) => name !== 'io_uring_enter' && name !== 'epoll_pwait')).toEqual([])
  expect(slept).toEqual([])
  expect(calls.get('io_uring_enter')).toBeGreaterThan(ROUNDS / 2)
}

function epollProof({ calls, slept }: Traced, messages: number): void {
  const known = ['epoll_pwait2', 'epoll_wait', 'epoll_pwait', 'recvfrom', 'sendto']
  expect([...calls.keys()].filter((name) => !known.includes(name))).toEqual([])
  expect(slept).toEqual([])
  for (const name of ['recvfrom', 'sendto']) expect([name, calls.get(name)]).toEqual([name, messages])
  expect((calls.get('epoll_pwait2') ?? 0) + (calls.get('epoll_wait') ?? 0)).toBeGreaterThan(ROUNDS / 2)
}

/** Over readiness a message that fills its buffer costs one receive too, once the socket is known to send such. */
async function fullBuffers(context: TestContext, pid: number, wires: readonly Wire[], kernel: string): Promise<void> {
  if (kernel !== 'epoll') return
  const request = Buffer.alloc(BUFFER_BYTES, 'x')
  await exchange(wires, request, BUFFER_BYTES)
  const { calls } = await traced(context, pid, () => exchange(wires, request, BUFFER_BYTES))
  // a message may arrive in two parts, and a part that is no full buffer is received without scattering the next time
  const receives = (calls.get('recvfrom') ?? 0) + (calls.get('recvmsg') ?? 0)
  expect(receives).toBeGreaterThanOrEqual(MESSAGES)
  expect(receives).toBeLessThan(MESSAGES * 1.5)
}

/** What the calls of so many messages must be, by kernel. */
const PROOFS: Readonly<Record<string, (traced: Traced, messages: number) => void>> = {
  uring: uringProof,
  'uring-mapped': uringProof,
  epoll: epollProof,
}

const ECHO = `
  const { listen, raw } = await import('${new URL('../../dist/src/index.js', import.meta.url).href}')
  const { threadLoop } = await import('${new URL('../../dist/src/loop/loop.js', import.meta.url).href}')
  const marks = []
  const server = await listen({ port: 0, handler: { frame(channel, frame) {
    const mark = frame.bytes[0] === 109
    if (mark) marks.push(threadLoop().stats().enters)
    channel.write(mark && marks.length === 2 ? String(marks[1] - marks[0]).padStart(64) : frame)
  } } })
  console.log(server.address().port)
`

for (const kernel of servingKernels().filter((name) => name in PROOFS)) {
  describe.skipIf(absent)(`steady state on ${kernel}${absent && ` [skipped: ${absent}]`}`, () => {
    test('millrace kv', async (context) => {
      const kv = await startMillrace('kv', [], { MILLRACE_KERNEL: kernel })
      onTestFinished(() => kv.stop())
      const wires = await connections(kv.port)
      const request = encode('GET', 'missing')
      await exchange(wires, request, 5)
      PROOFS[kernel]!(await traced(context, kv.pid, () => exchange(wires, request, 5)), MESSAGES)
    })

    test('an echo handler: as many calls as its loop has entered', async (context) => {
      const env = { ...process.env, MILLRACE_KERNEL: kernel, MILLRACE_WAIT: 'prepare' }
      const args = ['--input-type=module', '-e', ECHO]
      const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
      onTestFinished(() => void child.kill('SIGKILL'))
      const [line] = (await once(child.stdout, 'data')) as [Buffer]
      const wires = await connections(Number(line.toString()))
      const request = Buffer.alloc(64, 'x')
      await exchange(wires, request, 64)
      let enters = 0
      const seen = await traced(context, child.pid!, async () => {
        const [wire] = wires as [Wire]
        const mark = async (): Promise<void> => {
          const want = wire.length + 64
          wire.write(Buffer.alloc(64, 'm')) // as long as a request, so that no buffer ends within one
          expect(await wire.until(() => wire.length >= want)).toBe(true)
        }
        await mark()
        await exchange(wires, request, 64)
        await mark()
        enters = Number(wire.bytes().subarray(-64).toString())
      })
      PROOFS[kernel]!(seen, MESSAGES + 2)
      await fullBuffers(context, child.pid!, wires, kernel)
      const waits = ['io_uring_enter', 'epoll_pwait2', 'epoll_wait']
      const made = waits.reduce((sum, name) => sum + (seen.calls.get(name) ?? 0), 0)
      expect(enters).toBeGreaterThan(ROUNDS / 2)
      expect(made).toBeGreaterThanOrEqual(enters)
      expect(made).toBeLessThanOrEqual(enters + SLACK)
    })
  })
}
