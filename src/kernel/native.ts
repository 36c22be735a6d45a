// The shim, loaded: the only file that knows koffi. Plain integers go in; results are ≥ 0 or −errno.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import koffi, { type LibraryHandle } from 'koffi'
import { ABI_VERSION, EBUSY } from '../../assembly/abi.ts'
import { packageRoot } from './package-root.ts'
import type { SimFunctions } from './sim.ts'

export interface Native {
  /** `memory` begins at the first byte of the linear memory; → a loop. */
  setup(memory: Uint8Array, control: number, kernel: number): number
  /** −1 ns waits for ever. → completions ready; −ETIME: fewer than `min` when the time was up. */
  enter(loop: number, calls: number, submit: number, min: number, timeoutNs: number): number
  /** Executes call records anywhere in the memory, results in place. */
  call(loop: number, offset: number, count: number): number
  close(loop: number): number
  /** A descriptor that is readable while the kernel has something to deliver; for `pollFd`. −ENOSYS: it has none. */
  waitFd(loop: number): number
  /**
   * Waits in the prepare phase of this thread's event loop. −ENOSYS: the host is not Node's libuv; −EBUSY: another loop
   * waits there.
   */
  attach(loop: number): number
  /** From inside a turn of an attached loop: enters, and waits while the host is idle too, at most `mostNs`. */
  turn(loop: number, mostNs: number): number
  detach(loop: number): number
  /** Whether an attached loop keeps the process alive. */
  ref(loop: number, on: boolean): number
  /** A fact about the machine, by the names in shim/probe.c. */
  probe(feature: string): number
  /** Whether nobody has asked for this topic (below 32) before, in any thread of this process. */
  once(topic: number): boolean
}

/** A watched descriptor. */
export interface FdPoll {
  ref(): void
  unref(): void
  close(): void
}

/** Where the shim is: MILLRACE_SHIM, or what `make shim` built. */
export function shimPath(): string {
  return process.env.MILLRACE_SHIM || join(packageRoot(), 'build', 'shim.so')
}

function open(path: string): LibraryHandle {
  if (process.platform !== 'linux') throw new Error(`millrace needs Linux; this is ${process.platform}`)
  if (!existsSync(path)) throw new Error(`the shim is not built: ${path} is missing; run \`make shim\``)
  try {
    return koffi.load(path)
  } catch (cause) {
    throw new Error(`the shim does not load: ${path}; was it built on this machine? Run \`make shim\``, { cause })
  }
}

let loaded: Native | undefined

/** The shim of this thread, loaded once. */
export function native(): Native {
  loaded ??= load(shimPath())
  return loaded
}

function load(path: string): Native {
  const library = open(path)
  const version = library.func('int mr_abi_version(void)')() as number
  if (version !== ABI_VERSION) {
    throw new Error(`${path} has layout ${version}, this package has ${ABI_VERSION}; run \`make build\``)
  }
  const attach = library.func('int mr_attach(int loop, void *env)')
  const ref = library.func('int mr_ref(int loop, int on)')
  const setup = library.func('int mr_setup(uint8_t *base, uint32_t control, int kernel)')
  const close = library.func('int mr_close(int loop)')
  const adopt = library.func('int mr_adopt(int loop, void *env)')
  const once = library.func('int mr_once(uint32_t topic)')
  // A loop keeps addresses in its memory: the memory must not be collected before the loop is closed.
  const memories = new Map<number, Uint8Array>()
  // … and not at all where something that did not end may still write to it.
  const written: Uint8Array[] = []
  return {
    setup: (memory, control, kernel) => {
      const loop = setup(memory, control, kernel) as number
      if (loop < 0) return loop
      memories.set(loop, memory)
      adopt(loop, koffi.node.env) // where there is no Node-API, the process ends with its one thread
      return loop
    },
    enter: library.func(
      'int mr_enter(int loop, uint32_t calls, uint32_t submit, uint32_t min, int64_t timeout_ns)',
    ) as Native['enter'],
    call: library.func('int mr_call(int loop, uint32_t offset, uint32_t count)') as Native['call'],
    close: (loop) => {
      const result = close(loop) as number
      const memory = memories.get(loop)
      if (result === -EBUSY && memory !== undefined) written.push(memory)
      if (result === 0 || result === -EBUSY) memories.delete(loop)
      return result
    },
    waitFd: library.func('int mr_wait_fd(int loop)') as Native['waitFd'],
    attach: (loop) => attach(loop, koffi.node.env) as number,
    turn: library.func('int mr_turn(int loop, uint32_t most_ns)') as Native['turn'],
    detach: library.func('int mr_detach(int loop)') as Native['detach'],
    ref: (loop, on) => ref(loop, on ? 1 : 0) as number,
    probe: library.func('int mr_probe(const char *feature)') as Native['probe'],
    once: (topic) => once(topic) === 1,
  }
}

/** Arguments of the simulated kernel's functions beside a loop's handle; see shim/sim/api.h. */
const SIM_ARGUMENTS: Readonly<Record<Exclude<keyof SimFunctions, `mr_${'abi_version' | 'setup'}`>, string>> = {
  mr_enter: 'uint32_t, uint32_t, uint32_t, int64_t',
  mr_call: 'uint32_t, uint32_t',
  mr_close: '',
  mr_sim_fault: 'int, uint32_t',
  mr_sim_seed: 'uint32_t, uint32_t',
  mr_sim_script: 'int, uint32_t',
  mr_sim_features: 'uint32_t',
  mr_sim_limit: 'int',
  mr_sim_connect: 'int',
  mr_sim_listen: 'int, int',
  mr_sim_unlisten: 'int',
  mr_sim_accept: 'int',
  mr_sim_send: 'int, uint32_t, uint32_t',
  mr_sim_recv: 'int, uint32_t, uint32_t',
  mr_sim_shutdown: 'int',
  mr_sim_reset: 'int',
  mr_sim_close: 'int',
  mr_sim_partition: 'int, int',
  mr_sim_advance: 'uint32_t',
  mr_sim_window: 'uint32_t',
  mr_sim_digest: 'uint32_t',
  mr_sim_stat: 'int',
  mr_sim_file: 'uint32_t, uint32_t, uint32_t, uint32_t',
  mr_sim_read_file: 'uint32_t, uint32_t, uint32_t, uint32_t, int',
  mr_sim_crash: '',
}

/** The simulated kernel as the shim has it: the C that sim.wasm is made of, compiled for this machine. */
export function nativeSim(): SimFunctions {
  const library = open(shimPath())
  const functions = Object.entries(SIM_ARGUMENTS).map(([name, list]) => [
    name,
    library.func(`int ${name}(int${list === '' ? '' : `, ${list}`})`),
  ])
  return {
    ...(Object.fromEntries(functions) as Omit<SimFunctions, 'mr_abi_version' | 'mr_setup'>),
    mr_abi_version: library.func('int mr_abi_version(void)') as SimFunctions['mr_abi_version'],
    mr_setup: library.func('int mr_setup(uint8_t *base, uint32_t control, int kernel)') as SimFunctions['mr_setup'],
  }
}

/** koffi collects a poll handle that nothing refers to. */
const polls = new Set<FdPoll>()
let exitWatched = false

/** The host's loop runs once more while it is torn down, when a callback into JavaScript would end in an abort. */
function closeAtExit(): void {
  if (exitWatched) return
  exitWatched = true
  process.once('exit', () => {
    for (const poll of [...polls]) poll.close()
  })
}

/**
 * Calls back while `fd` is readable. The callback runs outside of any tick, where promises and nextTick do not follow:
 * it should only schedule. What it throws surfaces where Node's users expect it.
 */
export function pollFd(fd: number, callback: () => void): FdPoll {
  const handle = koffi.node.poll(fd, { readable: true }, () => {
    try {
      callback()
    } catch (error) {
      setImmediate(() => {
        throw error
      })
    }
  })
  const poll: FdPoll = {
    ref: () => handle.ref(),
    unref: () => handle.unref(),
    close: () => {
      if (polls.delete(poll)) handle.close()
    },
  }
  polls.add(poll)
  closeAtExit()
  return poll
}
