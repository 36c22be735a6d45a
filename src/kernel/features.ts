// What this machine has for millrace: each feature on or off, why, and what to do about it. Asked of the machine, never
// guessed from a version, and never thrown: what cannot be found out is off, with the reason.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, release, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { ABI_VERSION, ENOMEM, KERNEL_URING } from '../../assembly/abi.ts'
import { openKernel } from './choose.ts'
import { errorName } from './errors.ts'
import { type Ask, type Feature, off, on, unknown } from './feature.ts'
import { KERNEL_MODELS, kernelLimitsInWords } from './models.ts'
import { native, shimPath } from './native.ts'
import { uringFeatures } from './uring-features.ts'

export type { Feature } from './feature.ts'

/** Without one of these no loop runs here. */
const REQUIRED = [
  'linux',
  'node',
  'koffi',
  'shim',
  'kernel',
  'epoll',
  'wait',
  'wasm simd',
  'wasm threads',
  'memory map',
]

/** The required features that are off; with none millrace can serve on this machine. */
export function obstacles(found: readonly Feature[]): Feature[] {
  return found.filter(({ name, state }) => state === 'off' && REQUIRED.includes(name))
}

/** Every feature, in the order in which they build on each other. */
export function features(): Feature[] {
  const { shim, ask: probe } = openShim()
  const known = new Map<string, number | undefined>() // setting up a kernel takes a while
  const ask: Ask = (fact) => {
    if (!known.has(fact)) known.set(fact, probe(fact))
    return known.get(fact)
  }
  return [
    linux(),
    node(),
    koffi(),
    shim,
    kernel(ask),
    kernels(),
    epoll(ask),
    epollPwait2(ask),
    ...uringFeatures(ask),
    wait(ask),
    wasm('wasm simd', SIMD, 'the core is compiled with it'),
    wasm('wasm threads', THREADS, 'core and shim share one memory, and its atomics order what they write'),
    memoryMap(),
    ipv6(ask),
    descriptors(ask),
    backlog(ask),
    lockedMemory(ask),
    portRange(),
    cores(),
    memory(),
  ]
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

// The parts of millrace

function openShim(): { shim: Feature; ask: Ask } {
  try {
    const { probe } = native()
    const why = `loaded from ${shimPath()}, with the memory layout of this package`
    return { shim: on('shim', `layout ${ABI_VERSION}`, why), ask: probe }
  } catch (error) {
    const fix = 'run `make build`, or unset MILLRACE_SHIM if it names another file'
    return { shim: off('shim', undefined, message(error), fix), ask: () => undefined }
  }
}

function koffi(): Feature {
  try {
    // next to what is loaded, since its package exports no package.json
    const main = createRequire(import.meta.url).resolve('koffi')
    const { version } = JSON.parse(readFileSync(join(dirname(main), 'package.json'), 'utf8')) as { version: string }
    return on('koffi', version, 'calls the shim')
  } catch (error) {
    return off('koffi', undefined, message(error), 'run `npm ci`')
  }
}

function kernel(ask: Ask): Feature {
  try {
    const setup = (constant: number): number => {
      const result = ask(`kernel.${constant}`)
      if (result === undefined) throw new Error('the shim, which would set it up, is not there')
      return result
    }
    const { name, reason } = openKernel(setup, ask).choice
    return on('kernel', name, reason)
  } catch (error) {
    const named = process.env.MILLRACE_KERNEL ?? ''
    return off('kernel', undefined, message(error), named === '' ? 'see the rows below' : 'unset MILLRACE_KERNEL')
  }
}

function kernels(): Feature {
  return on('kernels', String(KERNEL_MODELS.length), kernelLimitsInWords())
}

// What the kernel and its sandbox allow

function epoll(ask: Ask): Feature {
  const result = ask('epoll')
  if (result === undefined) return unknown('epoll')
  if (result >= 0) return on('epoll', 'usable', 'executes what the core submits, and waits')
  const fix = 'allow epoll_create1 in the sandbox, or raise `ulimit -n` if descriptors have run out'
  return off('epoll', errorName(result), 'epoll_create1 is refused here', fix)
}

function epollPwait2(ask: Ask): Feature {
  const result = ask('epoll.pwait2')
  if (result === undefined) return unknown('epoll_pwait2')
  if (result >= 0) return on('epoll_pwait2', 'usable', 'waits end to the nanosecond')
  const why = 'waits are rounded up to whole milliseconds'
  return off('epoll_pwait2', errorName(result), why, 'Linux 5.11 or newer, or a sandbox that allows the call')
}

function wait(ask: Ask): Feature {
  const wanted = process.env.MILLRACE_WAIT ?? ''
  if (wanted !== '' && wanted !== 'prepare' && wanted !== 'poll') {
    const why = `MILLRACE_WAIT=${wanted} is not a way to wait`
    return off('wait', undefined, why, 'unset MILLRACE_WAIT, or set it to prepare or poll')
  }
  if (wanted === 'poll') return on('wait', 'poll', 'MILLRACE_WAIT=poll asks for it', 'unset it: prepare is faster')
  const libuv = ask('libuv')
  if (libuv === undefined) return unknown('wait')
  if (libuv >= 0) return on('wait', 'prepare', "in libuv's prepare phase: one wait for the host's loop and ours")
  if (wanted === 'prepare') {
    return off('wait', undefined, 'MILLRACE_WAIT=prepare, but the host is not libuv 1.x', 'unset MILLRACE_WAIT')
  }
  return on('wait', 'poll', 'a poll handle: the host does not let us into its wait (it is not libuv 1.x)')
}

function ipv6(ask: Ask): Feature {
  const result = ask('ipv6')
  if (result === undefined) return unknown('ipv6')
  if (result >= 0) return on('ipv6', 'usable', 'servers can listen on and connect to IPv6 addresses')
  return off('ipv6', errorName(result), 'the kernel makes no IPv6 sockets', 'sysctl net.ipv6.conf.all.disable_ipv6=0')
}

// WebAssembly: the smallest modules that use what the core uses

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0] as const
/** (func (result v128) i32.const 0 i8x16.splat i8x16.popcnt) */
const SIMD = [1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11] as const
/** (memory 1 1 shared) (func i32.const 0 i32.atomic.load drop) */
const THREADS = [
  1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 10, 11, 1, 9, 0, 65, 0, 254, 16, 2, 0, 26, 11,
] as const

function wasm(name: string, sections: readonly number[], use: string): Feature {
  if (WebAssembly.validate(new Uint8Array([...HEADER, ...sections]))) return on(name, 'usable', use)
  return off(name, undefined, `this JavaScript engine does not have it; ${use}`, 'use Node 20 or newer')
}

const PAGE = 65536
const GIB_PAGES = 2 ** 30 / PAGE
/** A full linear memory, what `millrace up` takes by itself, what a library's loop takes by itself. */
const RESERVATIONS = [65535, 2 * GIB_PAGES, 1.05 * GIB_PAGES].map(Math.ceil)

let reservable: number | undefined

/** The most pages that can be reserved as one shared memory. Tried once: a memory goes only with the collector. */
function reserve(): number {
  reservable ??= RESERVATIONS.find((pages) => {
    try {
      return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }).buffer.byteLength > 0
    } catch {
      return false
    }
  })
  return reservable ?? 0
}

function memoryMap(): Feature {
  const pages = reserve()
  const fix = 'raise `ulimit -v`, or allow overcommit (sysctl vm.overcommit_memory=0)'
  if (pages === 0) return off('memory map', undefined, 'not even 1 GiB of address space can be reserved', fix)
  const value = `${Math.round(pages / GIB_PAGES)} GiB`
  if (pages === RESERVATIONS[0]) return on('memory map', value, 'reserved at once, used page by page as it fills')
  return on('memory map', value, 'more cannot be reserved at once: keep --maxmemory small', fix)
}

// Limits

/** Descriptors beside those of clients: servers, listeners, Node's own. */
const DESCRIPTORS_SPARE = 64
/** The default of --maxclients, and what listen() asks of the backlog. */
const CLIENTS = 20_000
const BACKLOG = 4096
const INT_MAX = 0x7fffffff // how the shim says «unlimited»

function descriptors(ask: Ask): Feature {
  const soft = ask('nofile')
  if (soft === undefined || soft < 0) return unknown('open files')
  const value = soft === INT_MAX ? 'unlimited' : String(soft)
  const why = `enough for about ${Math.max(0, soft - DESCRIPTORS_SPARE)} connections`
  if (soft >= CLIENTS + DESCRIPTORS_SPARE) return on('open files', value, soft === INT_MAX ? 'no limit is set' : why)
  const hard = ask('nofile.hard') ?? soft
  const fix = `ulimit -n ${CLIENTS + DESCRIPTORS_SPARE}${hard > soft ? '' : ' (as root, or in the service manager)'}`
  return off('open files', value, `${why}; the tools take up to ${CLIENTS} by default`, fix)
}

function backlog(ask: Ask): Feature {
  const most = ask('somaxconn')
  if (most === undefined || most < 0) return unknown('somaxconn')
  if (most >= BACKLOG) return on('somaxconn', String(most), 'bursts of new connections wait in the backlog')
  const why = `a burst of more than ${most} new connections is dropped; millrace asks for ${BACKLOG}`
  return off('somaxconn', String(most), why, `sysctl -w net.core.somaxconn=${BACKLOG}`)
}

function lockedMemory(ask: Ask): Feature {
  const kib = ask('memlock.kib')
  if (kib === undefined || kib < 0) return unknown('memlock')
  const value = kib === INT_MAX ? 'unlimited' : `${kib} KiB`
  const why = 'the rings of each loop on io_uring take 400 KiB of it, except for root'
  if (ask(`kernel.${KERNEL_URING}`) !== -ENOMEM) return on('memlock', value, why)
  return off('memlock', value, why, 'ulimit -l 65536')
}

function portRange(): Feature {
  try {
    const text = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    const [first = 0, last = 0] = text.trim().split(/\s+/).map(Number)
    const why = `${last - first + 1} connections to one address at a time; a proxy needs one to each server`
    return on('local ports', `${first}-${last}`, why)
  } catch (error) {
    return off('local ports', undefined, message(error))
  }
}

// The machine

function linux(): Feature {
  if (process.platform === 'linux') return on('linux', release(), 'the system that the shim is written for')
  return off('linux', process.platform, 'the shim is written for Linux', 'run millrace on Linux or in a container')
}

const NODE_MIN = 20

function node(): Feature {
  const { node: version } = process.versions
  if (Number.parseInt(version, 10) >= NODE_MIN) return on('node', version, `${NODE_MIN} or newer is needed`)
  return off('node', version, `${NODE_MIN} or newer is needed`, 'install it from https://nodejs.org')
}

function cores(): Feature {
  const count = availableParallelism()
  return on('cores', String(count), 'a loop uses one; start one process per core to use more')
}

const MEMORY_MIN = 2 * 2 ** 30

function memory(): Feature {
  const total = totalmem()
  const constrained = process.constrainedMemory?.() ?? 0
  const limited = constrained > 0 && constrained < total
  const bytes = limited ? constrained : total
  const value = `${(bytes / 2 ** 30).toFixed(1)} GiB`
  const whose = limited ? 'the limit of this container' : 'of the machine'
  if (bytes >= MEMORY_MIN) return on('memory', value, whose)
  return off('memory', value, `${whose}; the tools take up to 1gb by default`, 'give the tools a smaller --maxmemory')
}
