// The loop: a linear memory, a core over it, a kernel behind it, and turns inside the host's event loop. A turn is
// enter → run → upcalls; everything else about channels happens in the core.
import * as abi from '../../assembly/abi.ts'
import { announceRefusals, type KernelChoice, openKernel } from '../kernel/choose.ts'
import { check, systemError } from '../kernel/errors.ts'
import { type Native, native } from '../kernel/native.ts'
import { Files } from './files.ts'
import { type LoopHost, NODE_SCHEDULE, type Schedule } from './host.ts'
import { type Leak, leakError, leakSampling, readLeaks } from './leaks.ts'
import { type LoopStats, readLoopStats } from './loop-stats.ts'
import { instantiateRuntime, type Runtime } from './runtime.ts'
import { TURN_TIMES_BYTES, TurnTimes } from './turn-times.ts'
import { startWait, type Turn, type Wait } from './wait.ts'

export interface LoopOptions {
  /** Slots of the channel table: connections, listeners, servers. */
  readonly channels?: number
  /** Receive buffers, a power of two. Used in turn, so that together they should fit the L2 cache. */
  readonly buffers?: number
  /** Bytes of one receive buffer. */
  readonly bufferBytes?: number
  /**
   * Whether one receive uses up a buffer, or receives continue in it where the kernel can (io_uring of Linux 6.12):
   * then many small messages share a buffer, and buffers hardly ever run out. The default is `incremental`.
   */
  readonly bufferMode?: 'plain' | 'incremental'
  /**
   * Whether one receive may fill several buffers at once where the kernel can (io_uring of Linux 6.10), which saves
   * completions of long streams. The default is false: kernels 6.13 and 6.14 had faults there.
   */
  readonly bundles?: boolean
  /**
   * Sends of at least so many bytes are zero-copy where the kernel can (io_uring); 0, the default: none. It pays on
   * real network devices from some 16 KiB on; where the kernel copies after all, as on loopback, the loop notices and
   * ceases.
   */
  readonly zeroCopyBytes?: number
  /** Bytes for skbs and other small objects; address space, committed as it is used. */
  readonly slabBytes?: number
  /** Bytes for everything else: large messages, rings, keyspaces; likewise. */
  readonly heapBytes?: number
  /**
   * Notes who allocated one in so many skbs, for an error that says so where some are left when the loop closes. The
   * default is MILLRACE_LEAKS, or 0: none.
   */
  readonly leaks?: number
  /** Which kernel executes what the core submits, by name; MILLRACE_KERNEL by default, or the best. */
  readonly kernel?: string
  /** What stands in for Node and its kernel: a simulation. */
  readonly host?: LoopHost
}

/** What an endpoint's owner is told. Addresses are in the loop's memory and valid during the call only. */
export interface EndpointHandler {
  upcall(kind: number, slot: number, generation: number, at: number, length: number, extra: number): void
}

const PAGE = 65536
const MEMORY_MAX = 65535 * PAGE // one page short of 4 GiB, so that every offset and length fits 32 bits
const SQ_ENTRIES = 4096
const CQ_ENTRIES = 8192
const STAGE_BYTES = 65536
const NO_ENDPOINT = 0 // in upcalls that are of no endpoint
/** The most a turn may take before the host has its say. */
const TURN_NS = 1_000_000
/** Work that comes again within this time is waited for inside the turn. */
const BUSY_NS = 200_000

export class Loop {
  readonly native: Native
  readonly schedule: Schedule
  readonly kernel: KernelChoice
  readonly memory: WebAssembly.Memory
  readonly core: Runtime
  readonly bytes: Uint8Array
  readonly u32: Uint32Array
  readonly view: DataView
  /** Where short texts and addresses are written for the core. */
  readonly stage: number
  readonly wait: Wait
  /** Slots of the channel table. */
  readonly slots: number
  readonly #times: TurnTimes
  readonly #control: number
  readonly #handle: number
  readonly #upcalls: number
  readonly #leaks: number
  readonly #endpoints = new Map<number, EndpointHandler>()
  #lastId = 0
  #files: Files | undefined
  #refs = 0
  #turning = false
  #lastTurn = 0
  #closed = false

  constructor(options: LoopOptions = {}) {
    const { channels = 65536, buffers = 64, bufferBytes = 16384 } = options
    const { bufferMode = 'incremental' } = options
    const { slabBytes = 512 * 1024 * 1024, heapBytes = 512 * 1024 * 1024 } = options
    const { host } = options
    this.slots = channels
    this.schedule = host ?? NODE_SCHEDULE
    const own = 16 * 1024 * 1024 + (host?.memoryBytes ?? 0)
    const fixed = channels * abi.CHANNEL_BYTES + buffers * bufferBytes + own
    const pages = Math.ceil((fixed + slabBytes + heapBytes) / PAGE)
    if (pages * PAGE > MEMORY_MAX) {
      throw new RangeError(`a loop's memory is at most 4 GiB; ${Math.ceil(pages / 16384)} GiB are asked for`)
    }
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
    this.bytes = new Uint8Array(this.memory.buffer)
    this.u32 = new Uint32Array(this.memory.buffer)
    this.view = new DataView(this.memory.buffer)
    this.core = instantiateRuntime(this.memory)
    const end = pages * PAGE
    const base = Math.max(this.core.memoryBase(), host?.adopt(this.memory) ?? 0)
    this.native = host?.native ?? native()
    this.#control = this.core.create(base, end, channels, buffers, bufferBytes, SQ_ENTRIES, CQ_ENTRIES, slabBytes) >>> 0
    if (this.#control === 0) throw new RangeError('the loop does not fit its memory')
    const mode = bufferMode === 'incremental' ? abi.BUFFERS_INCREMENTAL : abi.BUFFERS_PLAIN
    this.view.setUint32(this.#control + abi.CONTROL_BUFFER_MODE, mode, true)
    const setup = (kernel: number): number => this.native.setup(this.bytes, this.#control, kernel)
    const { choice, loop } = host
      ? { choice: host.kernel, loop: check(setup(host.kernel.kernel), 'setup') }
      : openKernel(setup, this.native.probe, process.env, options.kernel)
    announceRefusals(choice, this.native.once)
    this.kernel = choice
    this.#handle = loop
    this.core.attach()
    this.core.receiveSetBundles(options.bundles === true ? 1 : 0)
    this.core.sendSetZeroCopy(options.zeroCopyBytes ?? 0)
    this.core.sendSetMode(sendMode(process.env.MILLRACE_SEND))
    this.#leaks = options.leaks ?? leakSampling(process.env.MILLRACE_LEAKS)
    this.core.leakSample(this.#leaks)
    this.core.upstreamSeed(this.schedule.randomU64())
    this.#upcalls = this.core.upcalls.value as number
    this.stage = this.alloc(STAGE_BYTES)
    this.#times = new TurnTimes(this.memory.buffer, this.alloc(TURN_TIMES_BYTES))
    this.wait = this.#startWait(host)
    this.wait.ref(false)
  }

  #startWait(host: LoopHost | undefined): Wait {
    const turn: Turn = {
      handle: () => this.#turn(),
      look: (mostNs) => this.#look(mostNs),
      pending: () => this.#calls() > 0 || this.#submissions() > 0,
      quietMs: () => this.#quietMs(),
      hurry: () => {
        this.u32[(this.#control + abi.CONTROL_WAIT_MIN) >> 2] = 0
      },
      nowNs: () => this.view.getBigUint64(this.#control + abi.CONTROL_MONOTONIC_NS, true),
      nowMs: () => Number(this.view.getBigUint64(this.#control + abi.CONTROL_REALTIME_MS, true)),
    }
    try {
      return host?.wait(this.#handle, turn) ?? startWait(this.native, this.#handle, turn, this.kernel.name)
    } catch (error) {
      this.native.close(this.#handle)
      throw error
    }
  }

  /** Heap bytes in the loop's memory; throws where they are exhausted. */
  alloc(bytes: number): number {
    const at = this.core.alloc(bytes) >>> 0
    if (at === 0) throw systemError(-abi.ENOMEM, 'alloc')
    return at
  }

  /** As `alloc`, for a frame that is kept; `drop` gives it back, also when the loop is closed. */
  hold(bytes: number): number {
    return this.alloc(bytes)
  }

  drop(at: number): void {
    this.core.free(at)
  }

  /** Registers an endpoint's handler; the id goes into its record. */
  register(endpoint: number, handler: EndpointHandler): void {
    const id = ++this.#lastId
    this.view.setUint32(endpoint + abi.ENDPOINT_ID, id, true)
    this.#endpoints.set(id, handler)
  }

  unregister(endpoint: number): void {
    this.#endpoints.delete(this.view.getUint32(endpoint + abi.ENDPOINT_ID, true))
  }

  /** File operations through this loop's kernel. */
  get files(): Files {
    if (this.#files === undefined) {
      this.#files = new Files(this)
      this.#endpoints.set(NO_ENDPOINT, this.#files)
    }
    return this.#files
  }

  /** The loop keeps the process alive while anyone refs it. */
  ref(): void {
    if (++this.#refs === 1) this.wait.ref(true)
  }

  unref(): void {
    if (--this.#refs === 0) this.wait.ref(false)
  }

  /** Something was asked of the core outside a turn: it is flushed in the next one. */
  touch(): void {
    if (!this.#turning) this.wait.wake()
  }

  /** Executes one immediate call now, for cold paths: results are ≥ 0 or −errno. */
  call(op: number, fd: number, a = 0, b = 0, c = 0): number {
    const at = this.stage + STAGE_BYTES - abi.CALL_BYTES
    const { u32 } = this
    const i = at >>> 2
    u32[i + (abi.CALL_OP >> 2)] = op
    u32[i + (abi.CALL_FD >> 2)] = fd
    u32[i + (abi.CALL_A >> 2)] = a
    u32[i + (abi.CALL_B >> 2)] = b
    u32[i + (abi.CALL_C >> 2)] = c // the lower half; a BigInt would be an object per call
    u32[i + (abi.CALL_C >> 2) + 1] = Math.floor(c / 2 ** 32)
    const result = this.native.call(this.#handle, at, 1)
    return result < 0 ? result : (u32[i + (abi.CALL_RESULT >> 2)] as number) | 0
  }

  /** Where the control block lies, for another thread that looks into this memory. */
  get control(): number {
    return this.#control
  }

  /** Counters of the loop. */
  stats(): LoopStats {
    return readLoopStats(this, this.#times)
  }

  /** Sampled skbs that are alive, by who allocated them; the loop samples where `leaks` says so. */
  leaks(): Leak[] {
    return readLeaks(this.core, this.view, this.stage)
  }

  /** Ends the loop. No endpoint may be left. Where skbs are sampled, those that are left are an error, thrown last. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    const { skbs } = this.stats()
    const leaks = this.#leaks > 0 && skbs > 0 ? this.leaks() : []
    this.wait.stop()
    this.native.close(this.#handle)
    this.#files?.drop()
    if (this.#leaks > 0 && skbs > 0) throw leakError(skbs, leaks, this.#leaks)
  }

  /**
   * One turn. While work keeps coming it enters again by itself, without going round the host's loop, until the host
   * has something to do or the turn's budget is used up; not after an upcall, since what handlers have promised comes
   * first.
   */
  #turn(): void {
    const began = this.#now()
    const busy = (began - this.#lastTurn) >>> 0 < BUSY_NS
    const startedMs = this.core.cqReady() > 0 ? performance.now() : 0
    this.#turning = true
    try {
      for (;;) {
        if (this.core.run() > 0) {
          this.#deliver()
          break
        }
        const used = (this.#now() - began) >>> 0
        if (!busy || used >= TURN_NS || !this.#again(Math.min(BUSY_NS, TURN_NS - used))) break
      }
    } finally {
      this.#turning = false
      this.#lastTurn = this.#now()
      if (startedMs > 0) this.#times.ended(startedMs, began)
    }
  }

  /** A wait that ends early, having gathered less than was asked for, may still have found something. */
  #again(mostNs: number): boolean {
    return this.wait.again(mostNs) || this.core.cqReady() > 0
  }

  #deliver(): void {
    // handlers may cause further upcalls (an answer lets a channel go on), so the count is read each time
    for (let i = 0; i < this.core.upcallCount(); i++) this.#upcall(this.#upcalls + i * abi.UPCALL_BYTES)
    this.core.upcallsDone()
    this.core.flush()
  }

  /** The lower half of the kernel's clock at the last enter, in nanoseconds. */
  #now(): number {
    return this.u32[(this.#control + abi.CONTROL_MONOTONIC_NS) >> 2] as number
  }

  #upcall(at: number): void {
    const { u32 } = this
    const i = at >> 2
    const handler = this.#endpoints.get(u32[i + (abi.UPCALL_ENDPOINT >> 2)] as number)
    if (handler === undefined) return
    try {
      handler.upcall(
        u32[i] as number,
        u32[i + (abi.UPCALL_SLOT >> 2)] as number,
        u32[i + (abi.UPCALL_GENERATION >> 2)] as number,
        u32[i + (abi.UPCALL_AT >> 2)] as number,
        u32[i + (abi.UPCALL_LENGTH >> 2)] as number,
        u32[i + (abi.UPCALL_EXTRA >> 2)] as number,
      )
    } catch (error) {
      this.schedule.raise(error) // in Node as an uncaught one, as from any callback
    }
  }

  /** Enters, and waits at most `mostNs` if the core has nothing to do. */
  #look(mostNs = 0): boolean {
    const calls = this.#calls()
    const min = mostNs > 0 ? (this.u32[(this.#control + abi.CONTROL_WAIT_MIN) >> 2] as number) : 0
    const due = Number(this.view.getBigInt64(this.#control + abi.CONTROL_WAIT_NS, true))
    const timeout = min === 0 ? 0 : due < 0 ? mostNs : Math.min(due, mostNs)
    const ready = this.native.enter(this.#handle, calls, this.#submissions(), min, timeout)
    return calls > 0 || ready > 0 || this.core.cqReady() > 0
  }

  #calls(): number {
    return this.u32[(this.#control + abi.CONTROL_CALL_COUNT) >> 2] as number
  }

  #submissions(): number {
    const { u32 } = this
    const control = this.#control >> 2
    const head = u32[(u32[control + (abi.CONTROL_SQ_HEAD >> 2)] as number) >> 2] as number
    const tail = u32[(u32[control + (abi.CONTROL_SQ_TAIL >> 2)] as number) >> 2] as number
    return (tail - head) >>> 0
  }

  #quietMs(): number {
    if (this.u32[(this.#control + abi.CONTROL_WAIT_MIN) >> 2] === 0) return 0
    const ns = Number(this.view.getBigInt64(this.#control + abi.CONTROL_WAIT_NS, true))
    return ns < 0 ? -1 : Math.max(1, Math.ceil(ns / 1e6))
  }
}

/** How sends go out, for a comparison: MILLRACE_SEND=direct|sqe; by default as the kernel likes it best. */
function sendMode(name: string | undefined): number {
  return name === 'direct' ? 1 : name === 'sqe' ? 2 : 0
}

/** By the name they were asked for; 'auto': whatever is best. */
const shared = new Map<string, Loop>()

/** The loop of this thread for a kernel, made when it is first needed; by default the one of the best kernel. */
export function threadLoop(kernel?: string): Loop {
  const name = kernel ?? (process.env.MILLRACE_KERNEL || 'auto')
  let loop = shared.get(name) ?? named(name)
  if (loop === undefined) {
    loop = new Loop(kernel === undefined ? {} : { kernel })
    const same = named(loop.kernel.name) // auto has found what there is already
    if (same !== undefined) loop.close()
    loop = same ?? loop
  }
  shared.set(name, loop)
  return loop
}

function named(kernel: string): Loop | undefined {
  return [...shared.values()].find((loop) => loop.kernel.name === kernel)
}
