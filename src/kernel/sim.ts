// The simulated kernel in any host: sim.wasm, or the same C in the shim, over a loop's linear memory. Virtual time,
// remote peers, faults and a disk are functions beside the kernel's own; results are ≥ 0 or −errno. Nothing here is
// Node's.
import * as abi from '../../assembly/abi.ts'
import * as simAbi from '../../assembly/sim/abi.ts'
import type { KernelChoice } from './choose.ts'
import type { Native } from './native.ts'

/** What the C of shim/sim exports, in WebAssembly and in the shim. `at` is an offset in the linear memory. */
export interface SimFunctions {
  mr_abi_version(): number
  mr_setup(base: number | Uint8Array, control: number, kernel: number): number
  mr_enter(loop: number, calls: number, submit: number, min: number, timeoutNs: bigint): number
  mr_call(loop: number, offset: number, count: number): number
  mr_close(loop: number): number
  mr_sim_seed(loop: number, low: number, high: number): number
  mr_sim_fault(loop: number, fault: number, ppm: number): number
  mr_sim_script(loop: number, fault: number, nth: number): number
  mr_sim_features(loop: number, bits: number): number
  mr_sim_limit(loop: number, descriptors: number): number
  mr_sim_connect(loop: number, port: number): number
  mr_sim_listen(loop: number, port: number, backlog: number): number
  mr_sim_unlisten(loop: number, port: number): number
  mr_sim_accept(loop: number, port: number): number
  mr_sim_send(loop: number, peer: number, at: number, length: number): number
  mr_sim_recv(loop: number, peer: number, at: number, capacity: number): number
  mr_sim_shutdown(loop: number, peer: number): number
  mr_sim_reset(loop: number, peer: number): number
  mr_sim_close(loop: number, peer: number): number
  mr_sim_partition(loop: number, port: number, on: number): number
  mr_sim_advance(loop: number, us: number): number
  mr_sim_window(loop: number, bytes: number): number
  mr_sim_digest(loop: number, at: number): number
  mr_sim_stat(loop: number, which: number): number
  mr_sim_file(loop: number, path: number, pathLength: number, data: number, length: number): number
  mr_sim_read_file(loop: number, path: number, pathLength: number, data: number, most: number, durable: number): number
  mr_sim_crash(loop: number): number
}

/** Every fault by name; probabilities are per opportunity. */
export const FAULTS = {
  shortRead: simAbi.SIM_FAULT_SHORT_READ,
  shortWrite: simAbi.SIM_FAULT_SHORT_WRITE,
  again: simAbi.SIM_FAULT_AGAIN,
  reset: simAbi.SIM_FAULT_RESET,
  pipe: simAbi.SIM_FAULT_PIPE,
  nobufs: simAbi.SIM_FAULT_NOBUFS,
  mfile: simAbi.SIM_FAULT_MFILE,
  delay: simAbi.SIM_FAULT_DELAY,
  reorder: simAbi.SIM_FAULT_REORDER,
  multishotEnd: simAbi.SIM_FAULT_MULTISHOT_END,
  halfClose: simAbi.SIM_FAULT_HALF_CLOSE,
  partition: simAbi.SIM_FAULT_PARTITION,
  diskError: simAbi.SIM_FAULT_DISK_ERROR,
  tornWrite: simAbi.SIM_FAULT_TORN_WRITE,
  nomem: simAbi.SIM_FAULT_NOMEM,
  intr: simAbi.SIM_FAULT_INTR,
} as const
export type Fault = keyof typeof FAULTS

export interface SimKernelOptions {
  /** The seed of every choice and fault; without one nothing is random. */
  readonly seed?: bigint
  /** FEATURE_* bits that the core is to see, of those the kernel has; all of them by default. */
  readonly features?: number
}

const STAGE_BYTES = 65536

/** A kernel whose world is made of calls. It serves one loop, whose memory it shares. */
export class SimKernel implements Native {
  static readonly choice: KernelChoice = {
    kernel: abi.KERNEL_SIM,
    name: 'sim',
    reason: 'a simulation',
    refused: [],
  }
  readonly #functions: SimFunctions
  readonly #options: SimKernelOptions & { readonly native?: boolean }
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #stage: number
  #loop = -1

  /** Over the memory of a loop, whose first SIM_MEMORY_END bytes are the kernel's; see `arenaBase`. */
  constructor(
    memory: WebAssembly.Memory,
    functions: SimFunctions,
    options: SimKernelOptions & { readonly native?: boolean } = {},
  ) {
    const version = functions.mr_abi_version()
    if (version !== abi.ABI_VERSION) {
      throw new Error(
        `the simulated kernel has layout ${version}, this package has ${abi.ABI_VERSION}: build both anew`,
      )
    }
    this.#functions = functions
    this.#options = options
    this.#bytes = new Uint8Array(memory.buffer)
    this.#view = new DataView(memory.buffer)
    this.#stage = simAbi.SIM_MEMORY_END
  }

  /** sim.wasm over the memory of a loop. */
  static instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory, options?: SimKernelOptions): SimKernel {
    const { exports } = new WebAssembly.Instance(module, { env: { memory } })
    return new SimKernel(memory, exports as unknown as SimFunctions, options)
  }

  /** The first offset that a loop's arena may use. */
  static readonly arenaBase: number = simAbi.SIM_MEMORY_END + STAGE_BYTES

  setup(memory: Uint8Array, control: number, kernel: number): number {
    const { seed, features, native } = this.#options
    this.#loop = this.#functions.mr_setup(native ? memory : 0, control, kernel)
    if (this.#loop < 0) return this.#loop
    if (seed !== undefined) {
      const [low, high] = [seed & 0xffffffffn, (seed >> 32n) & 0xffffffffn].map(Number) as [number, number]
      this.#must(this.#functions.mr_sim_seed(this.#loop, low, high))
    }
    if (features !== undefined) this.#must(this.#functions.mr_sim_features(this.#loop, features))
    return this.#loop
  }

  enter(loop: number, calls: number, submit: number, min: number, timeoutNs: number): number {
    return this.#functions.mr_enter(loop, calls, submit, min, BigInt(timeoutNs))
  }

  call(loop: number, offset: number, count: number): number {
    return this.#functions.mr_call(loop, offset, count)
  }

  close(loop: number): number {
    return this.#functions.mr_close(loop)
  }

  once(): boolean {
    return false // nothing is refused, so that there is nothing to say
  }

  // it waits inside no other loop
  waitFd(): number {
    return -abi.ENOSYS
  }
  attach(): number {
    return -abi.ENOSYS
  }
  turn(): number {
    return -abi.ENOSYS
  }
  detach(): number {
    return -abi.ENOSYS
  }
  ref(): number {
    return -abi.ENOSYS
  }
  probe(): number {
    return -abi.ENOSYS
  }

  /** The probability of a fault at each opportunity, from 0 to 1. */
  fault(name: Fault, probability: number): void {
    this.#must(this.#functions.mr_sim_fault(this.#loop, FAULTS[name], Math.round(probability * 1e6)))
  }

  /** The nth opportunity from now, 1 for the next one, has the fault. */
  script(name: Fault, nth = 1): void {
    this.#must(this.#functions.mr_sim_script(this.#loop, FAULTS[name], nth))
  }

  /** A remote client connects to a port on which the loop listens; → a peer, or −ECONNREFUSED. */
  connect(port: number): number {
    return this.#functions.mr_sim_connect(this.#loop, port)
  }

  /** A remote server, to which the loop may connect at 127.0.0.1. */
  listen(port: number, backlog = 128): number {
    return this.#functions.mr_sim_listen(this.#loop, port, backlog)
  }

  unlisten(port: number): number {
    return this.#functions.mr_sim_unlisten(this.#loop, port)
  }

  /** → a peer, or −EAGAIN. */
  accept(port: number): number {
    return this.#functions.mr_sim_accept(this.#loop, port)
  }

  /** → how many bytes the window took, −EAGAIN, −EPIPE, −ECONNRESET. */
  send(peer: number, bytes: Uint8Array): number {
    const piece = bytes.length > STAGE_BYTES ? bytes.subarray(0, STAGE_BYTES) : bytes
    this.#bytes.set(piece, this.#stage)
    return this.#functions.mr_sim_send(this.#loop, peer, this.#stage, piece.length)
  }

  /** → a copy of what has come, at most `capacity` bytes and none at the end of the stream; −EAGAIN, −ECONNRESET. */
  receive(peer: number, capacity: number = STAGE_BYTES): Uint8Array | number {
    const most = Math.min(capacity, STAGE_BYTES)
    const result = this.#functions.mr_sim_recv(this.#loop, peer, this.#stage, most)
    return result < 0 ? result : this.#bytes.slice(this.#stage, this.#stage + result)
  }

  shutdown(peer: number): number {
    return this.#functions.mr_sim_shutdown(this.#loop, peer)
  }

  reset(peer: number): number {
    return this.#functions.mr_sim_reset(this.#loop, peer)
  }

  closePeer(peer: number): number {
    return this.#functions.mr_sim_close(this.#loop, peer)
  }

  /** Nothing passes between the loop and the peers of a port, 0 for all, until it is healed. */
  partition(port: number, on: boolean): void {
    this.#must(this.#functions.mr_sim_partition(this.#loop, port, on ? 1 : 0))
  }

  /** Most descriptors that the loop may have; → the former limit. */
  limit(descriptors: number): number {
    return this.#must(this.#functions.mr_sim_limit(this.#loop, descriptors))
  }

  /** Moves virtual time forward. */
  advance(us: number): void {
    this.#must(this.#functions.mr_sim_advance(this.#loop, us))
  }

  /** Bytes that a socket buffer holds, of connections made from now on. */
  window(bytes: number): void {
    this.#must(this.#functions.mr_sim_window(this.#loop, bytes))
  }

  /** A hash over every completion, result and byte so far: equal for equal runs. */
  digest(): bigint {
    this.#must(this.#functions.mr_sim_digest(this.#loop, this.#stage))
    return this.#view.getBigUint64(this.#stage, true)
  }

  /** A counter, SIM_STAT_*. */
  stat(which: number): number {
    return this.#must(this.#functions.mr_sim_stat(this.#loop, which))
  }

  /** Puts a file on the simulated disk. */
  writeFile(path: string, bytes: Uint8Array): void {
    const name = this.#name(path)
    const data = this.#stage + name
    if (bytes.length > STAGE_BYTES - name) throw new RangeError(`a simulated file is put in place at most 60 KB long`)
    this.#bytes.set(bytes, data)
    this.#must(this.#functions.mr_sim_file(this.#loop, this.#stage, name, data, bytes.length))
  }

  /** What a read finds in a file, or would after a crash; −ENOENT. */
  readFile(path: string, durable = false): Uint8Array | number {
    const name = this.#name(path)
    const data = this.#stage + name
    const result = this.#functions.mr_sim_read_file(
      this.#loop,
      this.#stage,
      name,
      data,
      STAGE_BYTES - name,
      durable ? 1 : 0,
    )
    return result < 0 ? result : this.#bytes.slice(data, data + result)
  }

  /** The machine loses what was written and not synced. */
  crash(): void {
    this.#must(this.#functions.mr_sim_crash(this.#loop))
  }

  #name(path: string): number {
    const text = new TextEncoder().encode(path)
    this.#bytes.set(text, this.#stage)
    return text.length
  }

  #must(result: number): number {
    if (result < 0) throw new Error(`the simulated kernel answered ${result}`)
    return result
  }
}
