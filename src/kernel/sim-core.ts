// The core on the simulated kernel without a loop of Node's: for pages, workers and other hosts, which bring the bytes
// of runtime.wasm and sim.wasm. Services that stay in WebAssembly can be driven turn by turn.
import * as abi from '../../assembly/abi.ts'
import { SimKernel } from './sim.ts'

export interface SimCoreOptions {
  /** runtime.wasm and sim.wasm, compiled. */
  readonly runtime: WebAssembly.Module
  readonly sim: WebAssembly.Module
  /** 1n by default. */
  readonly seed?: bigint
  /** Of the linear memory. 160 MiB by default; the kernel's share is 33. */
  readonly memoryBytes?: number
}

/** What is used of runtime.wasm's exports. */
interface CoreExports {
  memoryBase(): number
  create(...layout: readonly number[]): number
  attach(): void
  run(): number
  flush(): void
  upcallsDone(): void
  endpointCreate(service: number, target: number, high: number, low: number, limit: number): number
  endpointListen(endpoint: number, fd: number): number
}

const PAGE = 65536
const MEMORY_BYTES = 160 * 1024 * 1024
const SLAB_BYTES = 32 * 1024 * 1024
const CHANNELS = 1024
const BUFFERS = 16
const BUFFER_BYTES = 4096
const SQ_ENTRIES = 1024
const CQ_ENTRIES = 4096
const BACKLOG = 128

export class SimCore {
  readonly kernel: SimKernel
  readonly #core: CoreExports
  readonly #view: DataView
  readonly #control: number
  readonly #handle: number
  /** Where a call record and a socket address are written. */
  readonly #scratch: number

  constructor(options: SimCoreOptions) {
    const pages = Math.ceil((options.memoryBytes ?? MEMORY_BYTES) / PAGE)
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
    this.#view = new DataView(memory.buffer)
    this.#core = new WebAssembly.Instance(options.runtime, { env: { memory } }).exports as unknown as CoreExports
    this.kernel = SimKernel.instantiate(options.sim, memory, { seed: options.seed ?? 1n })
    this.#scratch = Math.max(this.#core.memoryBase(), SimKernel.arenaBase)
    const layout = [CHANNELS, BUFFERS, BUFFER_BYTES, SQ_ENTRIES, CQ_ENTRIES, SLAB_BYTES] as const
    this.#control = this.#core.create(this.#scratch + PAGE, pages * PAGE, ...layout) >>> 0
    if (this.#control === 0) throw new RangeError('the core does not fit its memory')
    const bytes = new Uint8Array(memory.buffer)
    this.#handle = this.#must(this.kernel.setup(bytes, this.#control, abi.KERNEL_SIM), 'setup')
    this.#core.attach()
  }

  /** A service of the core, SERVICE_*, that needs nothing beside its listener; at 127.0.0.1. */
  listen(service: number, port: number): void {
    const at = this.#scratch
    const fd = this.#call(abi.CALL_SOCKET, -1, abi.AF_INET, abi.SOCK_STREAM)
    this.#view.setUint16(at, abi.AF_INET, true)
    this.#view.setUint16(at + 2, port)
    this.#view.setUint32(at + 4, 0x7f000001)
    this.#call(abi.CALL_BIND, fd, at, 16)
    this.#call(abi.CALL_LISTEN, fd, BACKLOG, 0)
    const endpoint = this.#core.endpointCreate(service, 0, PAGE, PAGE >> 1, CHANNELS - 8) >>> 0
    if (endpoint === 0 || !this.#core.endpointListen(endpoint, fd)) throw new RangeError('the core is full')
    this.#core.flush()
  }

  /** One turn: enter, waiting at most `mostNs` of virtual time where there is nothing to do, and the core. */
  turn(mostNs = 0): void {
    const u32 = (offset: number): number => this.#view.getUint32(this.#control + offset, true)
    const submissions =
      this.#view.getUint32(u32(abi.CONTROL_SQ_TAIL), true) - this.#view.getUint32(u32(abi.CONTROL_SQ_HEAD), true)
    const due = Number(this.#view.getBigInt64(this.#control + abi.CONTROL_WAIT_NS, true))
    const timeout = due < 0 ? mostNs : Math.min(due, mostNs)
    const min = timeout > 0 ? u32(abi.CONTROL_WAIT_MIN) : 0
    this.kernel.enter(this.#handle, u32(abi.CONTROL_CALL_COUNT), submissions >>> 0, min, timeout)
    if (this.#core.run() === 0) return
    this.#core.upcallsDone() // nobody listens to them here
    this.#core.flush()
  }

  /** Virtual time since the simulation began is the difference of two of these; nanoseconds. */
  get nowNs(): bigint {
    return this.#view.getBigUint64(this.#control + abi.CONTROL_MONOTONIC_NS, true)
  }

  #call(op: number, fd: number, a: number, b: number): number {
    const at = this.#scratch + 64
    this.#view.setUint32(at + abi.CALL_OP, op, true)
    this.#view.setInt32(at + abi.CALL_FD, fd, true)
    this.#view.setUint32(at + abi.CALL_A, a, true)
    this.#view.setUint32(at + abi.CALL_B, b, true)
    this.#view.setBigInt64(at + abi.CALL_C, 0n, true)
    this.#must(this.kernel.call(this.#handle, at, 1), 'call')
    return this.#must(this.#view.getInt32(at + abi.CALL_RESULT, true), `call ${op}`)
  }

  #must(result: number, what: string): number {
    if (result < 0) throw new Error(`${what} answers ${result}`)
    return result
  }
}
