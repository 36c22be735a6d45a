// `Simulation`: a loop in a world of its own, for tests of handlers. Time, network and chance follow from a seed and
// from what the test does, so that a run can be had again; docs/simulation.md shows how.
import * as simAbi from '../../assembly/sim/abi.ts'
import { systemError } from '../kernel/errors.ts'
import { type Fault, SimKernel } from '../kernel/sim.ts'
import { simModule } from '../kernel/sim-file.ts'
import { Loop } from '../loop/loop.ts'
import { SimHost } from '../loop/sim-host.ts'
import { type ListenOptions, listenOn, type Server } from './listen.ts'
import { SimPeer, SimServer } from './sim-peer.ts'

export interface SimulationOptions {
  /** 1 by default. */
  readonly seed?: number | bigint
  /** Receive buffers, a power of two, 16 by default: few of them make trouble likelier. */
  readonly buffers?: number
  /** Bytes of one. 4,096 by default. */
  readonly bufferBytes?: number
  /** Bytes that a socket's buffer holds. 65,536 by default. */
  readonly windowBytes?: number
}

const TURNS_MAX = 100_000
const LAST_TURNS = 100
/** How long a turn waits for something to happen, in virtual time. */
const WAIT_NS = 1_000_000_000
/** Promises that handlers wait for have so many steps between two turns. */
const MICROTASKS = 16

export class Simulation {
  readonly #host: SimHost
  readonly #loop: Loop

  constructor(options: SimulationOptions = {}) {
    const { seed = 1, buffers = 16, bufferBytes = 4096, windowBytes = 65536 } = options
    const bits = BigInt.asUintN(64, BigInt(seed))
    this.#host = new SimHost({
      seed: bits,
      kernel: (memory) => SimKernel.instantiate(simModule(), memory, { seed: bits }),
    })
    const megabytes = 1024 * 1024
    this.#loop = new Loop({
      host: this.#host,
      channels: 4096,
      buffers,
      bufferBytes,
      slabBytes: 128 * megabytes,
      heapBytes: 128 * megabytes,
      leaks: 1,
    })
    this.#host.native.window(windowBytes)
  }

  /** As `listen` of the package, on this simulation. */
  listen<M = undefined>(options: ListenOptions<M>): Promise<Server> {
    return listenOn(this.#loop, options)
  }

  /** A client that connects to a port; throws ECONNREFUSED where nobody listens. */
  connect(port: number): SimPeer {
    const peer = this.#host.native.connect(port)
    if (peer < 0) throw systemError(peer, 'connect', { address: '127.0.0.1', port })
    return new SimPeer(this.#host.native, peer)
  }

  /** A server that services of the loop may connect to. */
  server(port: number): SimServer {
    return new SimServer(this.#host.native, port)
  }

  /** From now on each opportunity has the fault with this probability, 0 to 1. */
  fault(name: Fault, probability: number): void {
    this.#host.native.fault(name, probability)
  }

  /** The nth opportunity from now has the fault. */
  faultAt(name: Fault, nth = 1): void {
    this.#host.native.script(name, nth)
  }

  /** Cuts the loop off from the peers of a port, or heals that. */
  partition(port: number, on: boolean): void {
    this.#host.native.partition(port, on)
  }

  /** Calls back when so much virtual time has passed: what a handler uses in the place of setTimeout. */
  after(ms: number, callback: () => void): () => void {
    return this.#host.after(ms, callback)
  }

  /** Virtual milliseconds since 1970. */
  get nowMs(): number {
    return this.#host.nowMs()
  }

  /** Turns taken so far. */
  get turns(): number {
    return this.#host.turns
  }

  /** One turn. Throws what a handler has thrown; → whether anything happened. */
  async step({ waitMs = 0 }: { waitMs?: number } = {}): Promise<boolean> {
    const found = this.#host.step(waitMs * 1e6)
    for (let i = 0; i < MICROTASKS; i++) await null
    return found
  }

  /** Turns until `condition` holds, time passing as it must. Throws after 100,000 turns. */
  async until(condition: () => boolean): Promise<void> {
    for (let turn = 0; !condition(); turn++) {
      if (turn === TURNS_MAX) throw new Error(`the condition does not hold after ${TURNS_MAX} turns`)
      await this.step({ waitMs: WAIT_NS / 1e6 })
    }
  }

  /** Turns until a promise is settled, such as that of `server.close()`. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const end = (): void => {
      settled = true
    }
    promise.then(end, end)
    for (let i = 0; i < MICROTASKS; i++) await null
    await this.until(() => settled)
    return promise
  }

  /** A number over every completion, result and byte so far: equal runs have equal ones. */
  digest(): bigint {
    return this.#host.native.digest()
  }

  /** Ends the simulation. Throws where a channel, a descriptor or a buffer is left. */
  close(): void {
    // a descriptor is closed in the turn after its channel
    for (let turn = 0; turn < LAST_TURNS && this.#left().some((count) => count > 0); turn++) this.#host.step(WAIT_NS)
    const [channels = 0, skbs = 0, descriptors = 0] = this.#left()
    this.#loop.close()
    if (channels + skbs + descriptors === 0) return
    throw new Error(`left in the simulation: ${channels} channels, ${skbs} buffers, ${descriptors} descriptors`)
  }

  #left(): number[] {
    const { channels, skbs } = this.#loop.stats()
    return [channels, skbs, this.#host.native.stat(simAbi.SIM_STAT_DESCRIPTORS)]
  }
}

export type { Fault } from '../kernel/sim.ts'
export type { SimPeer, SimServer } from './sim-peer.ts'
