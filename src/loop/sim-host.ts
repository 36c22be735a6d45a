// A host whose kernel, clock and chance are simulated: turns are taken when someone asks for them, and nothing else
// moves.
import type { KernelChoice } from '../kernel/choose.ts'
import { SimKernel } from '../kernel/sim.ts'
import type { LoopHost } from './host.ts'
import type { Turn, Wait } from './wait.ts'

interface Timer {
  readonly dueNs: bigint
  readonly callback: () => void
}

export interface SimHostOptions {
  /** Everything that happens by chance follows from it. */
  readonly seed: bigint
  /** Makes the kernel over a loop's memory. */
  readonly kernel: (memory: WebAssembly.Memory) => SimKernel
}

/** Stands in for Node behind one loop. Same seed and same calls: the same run. */
export class SimHost implements LoopHost {
  readonly memoryBytes: number = SimKernel.arenaBase
  readonly #options: SimHostOptions
  #kernel: SimKernel | undefined
  #turn: Turn | undefined
  #soon: (() => void)[] = []
  #timers: Timer[] = [] // in the order they are due
  #raised: unknown[] = []
  #random: bigint
  #turns = 0

  constructor(options: SimHostOptions) {
    this.#options = options
    this.#random = options.seed
  }

  /** The kernel, once a loop is there. */
  get native(): SimKernel {
    if (this.#kernel === undefined) throw new Error('this simulation has no loop yet')
    return this.#kernel
  }

  get kernel(): KernelChoice {
    return SimKernel.choice
  }

  /** Whether a loop is there, of which turns can be taken. */
  get ready(): boolean {
    return this.#turn !== undefined
  }

  /** Turns taken so far. */
  get turns(): number {
    return this.#turns
  }

  adopt(memory: WebAssembly.Memory): number {
    if (this.#kernel !== undefined) throw new Error('a simulation serves one loop')
    this.#kernel = this.#options.kernel(memory)
    return SimKernel.arenaBase
  }

  wait(_handle: number, turn: Turn): Wait {
    this.#turn = turn
    return {
      name: 'simulation',
      again: () => false, // the next turn is somebody else's to take
      ref: () => undefined,
      wake: () => turn.hurry(),
      stop: () => {
        this.#turn = undefined
      },
    }
  }

  /**
   * One turn: what is due, an enter that waits `mostNs` of virtual time at most if nothing is to be done, the core, and
   * the callbacks. An error that a callback has thrown is thrown here; → whether the kernel brought something.
   */
  step(mostNs = 0): boolean {
    const turn = this.#turn
    if (turn === undefined) throw new Error('this simulation has no loop, or none any more')
    this.#turns++
    this.#runDue(turn.nowNs())
    const found = turn.look(this.#waitNs(turn, mostNs))
    turn.handle()
    if (this.#raised.length > 0) throw this.#raised.shift()
    return found
  }

  #waitNs(turn: Turn, mostNs: number): number {
    if (this.#soon.length > 0) return 0
    const first = this.#timers[0]
    if (first === undefined) return mostNs
    return Math.max(0, Math.min(mostNs, Number(first.dueNs - turn.nowNs())))
  }

  #runDue(nowNs: bigint): void {
    const callbacks = this.#soon
    this.#soon = []
    while (this.#timers[0] !== undefined && this.#timers[0].dueNs <= nowNs) {
      callbacks.push((this.#timers.shift() as Timer).callback)
    }
    for (const callback of callbacks) {
      try {
        callback()
      } catch (error) {
        this.raise(error)
      }
    }
  }

  soon(callback: () => void): void {
    this.#soon.push(callback)
  }

  after(ms: number, callback: () => void): () => void {
    const now = this.#turn?.nowNs() ?? 0n
    const timer = { dueNs: now + BigInt(Math.ceil(ms * 1e6)), callback }
    const at = this.#timers.findIndex(({ dueNs }) => dueNs > timer.dueNs)
    this.#timers.splice(at < 0 ? this.#timers.length : at, 0, timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  raise(error: unknown): void {
    this.#raised.push(error)
  }

  /** splitmix64, from the seed. */
  randomU64(): bigint {
    this.#random = BigInt.asUintN(64, this.#random + 0x9e3779b97f4a7c15n)
    let z = this.#random
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n)
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn)
    return z ^ (z >> 31n)
  }

  nowMs(): number {
    return this.#turn?.nowMs() ?? 0
  }
}
