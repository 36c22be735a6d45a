// One run of a scenario: a loop on the simulated kernel, turns in which peers act by chance while faults happen, then a
// time without faults in which everything must come to its end, and nothing may be left.
import * as simAbi from '../../assembly/sim/abi.ts'
import { nativeSim } from '../../dist/src/kernel/native.js'
import { FAULTS, type Fault, type SimFunctions, SimKernel } from '../../dist/src/kernel/sim.js'
import { simModule } from '../../dist/src/kernel/sim-file.js'
import { Loop, type LoopOptions } from '../../dist/src/loop/loop.js'
import { SimHost } from '../../dist/src/loop/sim-host.js'
import { Random } from '../system/random.ts'
import { drawFaults, type Faults, injected, setFaults } from './faults.ts'
import type { Mutant } from './mutants.ts'

export interface RunOptions {
  readonly seed: number
  /** Turns with faults. */
  readonly turns: number
  /** sim.wasm, or the same C in the shim. */
  readonly kernel?: 'wasm' | 'native'
  /** The faults, instead of those that the seed draws. */
  readonly faults?: Faults
  /** A kernel or a server that errs, to see that it is noticed. */
  readonly mutant?: Mutant | undefined
}

/** What a scenario does in a world. */
export interface Play {
  /** Between two turns: what the peers do. `calm`: without faults, and everybody comes to an end. */
  act(calm: boolean): void
  /** Whether everybody has come to their end. */
  done(): boolean
  /** Who has not, and how far they are: for a message, and to see that they get on. */
  waiting(): string
  /** Ends the service and says what must hold then. */
  finish(): Promise<void>
}

export interface Scenario {
  readonly name: string
  start(world: World): Promise<Play>
}

/** A run that broke an invariant. */
export class Broken extends Error {
  readonly turn: number
  constructor(message: string, turn: number, options?: ErrorOptions) {
    super(message, options)
    this.turn = turn
  }
}

/** Turns in which nobody comes any further: a run has failed. How many it needs depends on its windows and buffers. */
const CALM_TURNS = 2_000
const SETTLE_TURNS = 8_000
/** Virtual time that a calm turn waits for something to happen. */
const CALM_WAIT_NS = 50_000_000
const WINDOWS = [2, 7, 100, 1460, 16384, 65536, 1 << 20]

function wasmSim(memory: WebAssembly.Memory): SimFunctions {
  return new WebAssembly.Instance(simModule(), { env: { memory } }).exports as unknown as SimFunctions
}

export class World {
  readonly seed: number
  readonly random: Random
  readonly host: SimHost
  readonly faults: Faults
  readonly loopOptions: LoopOptions
  readonly mutant: Mutant | undefined
  /** Bytes that one direction of a connection holds: with few, much takes many turns. */
  readonly window: number
  /** Turns taken. */
  turn = 0
  calm = false
  /** What peers do at the beginning of each turn that the scenario does not take itself. */
  before: (() => void) | undefined
  #loop: Loop | undefined

  constructor(options: RunOptions) {
    const { seed, kernel = 'wasm' } = options
    this.seed = seed
    this.mutant = options.mutant
    this.random = new Random(seed)
    this.faults = options.faults ?? drawFaults(this.random)
    // a send is an SQE or a call, and whatever else a kernel may have or lack
    const features = this.random.bits()
    this.host = new SimHost({
      seed: BigInt(seed) * 0x9e3779b97f4a7c15n,
      kernel: (memory) => {
        const functions = kernel === 'wasm' ? wasmSim(memory) : nativeSim()
        const between = options.mutant?.kernel?.(functions, new DataView(memory.buffer)) ?? functions
        return new SimKernel(memory, between, { seed: BigInt(seed), features, native: kernel === 'native' })
      },
    })
    const buffers = this.random.pick([4, 16, 64])
    this.loopOptions = {
      host: this.host,
      channels: 2048, // 512 are spare
      buffers,
      bufferBytes: this.random.pick([512, 4096, 16384]),
      slabBytes: 96 << 20,
      heapBytes: 96 << 20,
      leaks: 1,
    }
    this.window = this.random.pick(WINDOWS)
  }

  get kernel(): SimKernel {
    return this.host.native
  }

  get loop(): Loop {
    if (this.#loop === undefined) throw new Error('the scenario has not adopted its loop')
    return this.#loop
  }

  /** The loop of this world: a new one, or what a service has made from `loopOptions`. */
  adopt(loop: Loop = new Loop(this.loopOptions)): Loop {
    this.#loop = loop
    this.kernel.window(this.window)
    return loop
  }

  /** A service is being started that makes the loop: until it is there. */
  async awaitLoop(): Promise<void> {
    for (let i = 0; !this.host.ready; i++) {
      if (i === 1000) this.fail('the service makes no loop')
      await null
    }
    this.kernel.window(this.window)
  }

  /** Every invariant that does not hold ends here. */
  fail(message: string, cause?: unknown): never {
    throw new Broken(message, this.turn, cause === undefined ? {} : { cause })
  }

  check(holds: boolean, message: () => string): void {
    if (!holds) this.fail(message())
  }

  injected(...names: readonly Fault[]): number {
    return injected(this.kernel, FAULTS, names)
  }

  /** One turn, and the microtasks that it left behind. */
  async step(mostNs = 0): Promise<boolean> {
    this.turn++
    let found = false
    try {
      found = this.host.step(mostNs)
    } catch (error) {
      if (error instanceof Broken) throw error
      this.fail(`a turn threw: ${error instanceof Error ? error.message : error}`, error)
    }
    for (let i = 0; i < 8; i++) await null
    return found
  }

  /** Turns until a promise of the service is settled. */
  async settle<T>(promise: Promise<T>, what: string): Promise<T> {
    let settled = false
    const end = (): void => {
      settled = true
    }
    promise.then(end, end)
    for (let i = 0; i < 8; i++) await null
    for (let turn = 0; !settled; turn++) {
      if (turn === SETTLE_TURNS) this.fail(`${what} did not come to an end in ${SETTLE_TURNS} turns`)
      this.before?.()
      await this.step(CALM_WAIT_NS)
    }
    return promise
  }
}

export interface Result {
  readonly digest: bigint
  readonly turns: number
}

/** Runs a scenario to its end; throws Broken where an invariant does not hold. */
export async function run(scenario: Scenario, options: RunOptions): Promise<Result> {
  const world = new World(options)
  const play = await scenario.start(world)
  setFaults(world.kernel, world.faults)
  for (let i = 0; i < options.turns; i++) {
    play.act(false)
    // now and then nobody does anything, and time passes; rarely enough of it for every timeout
    if (world.random.chance(0.002)) world.kernel.advance(world.random.below(60_000_000))
    await world.step(world.random.chance(0.2) ? world.random.below(3_000_000) : 0)
  }
  world.calm = true
  setFaults(world.kernel, {})
  world.kernel.partition(0, false)
  let waiting = ''
  for (let i = 0; ; i++) {
    play.act(true)
    if (play.done()) break
    const now = play.waiting()
    if (now !== waiting) i = 0
    waiting = now
    if (i === CALM_TURNS) world.fail(`without faults, ${waiting} came no further in ${CALM_TURNS} turns`)
    await world.step(CALM_WAIT_NS)
  }
  await play.finish()
  return close(world)
}

const LAST_TURNS = 500

/** What must not be left, and what is. */
function leftOver({ kernel, loop }: World): string[] {
  const { skbs, channels } = loop.stats()
  const left = {
    skbs,
    channels,
    descriptors: kernel.stat(simAbi.SIM_STAT_DESCRIPTORS),
    operations: kernel.stat(simAbi.SIM_STAT_OPS),
    peers: kernel.stat(simAbi.SIM_STAT_PEERS),
    'sends whose memory changed': kernel.stat(simAbi.SIM_STAT_TORN_SENDS),
  }
  return Object.entries(left).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]))
}

/** The laws of every run: one owner for each skb, nothing left in the kernel. */
async function close(world: World): Promise<Result> {
  const { kernel, loop } = world
  for (let i = 0; i < LAST_TURNS && leftOver(world).length > 0; i++) await world.step(CALM_WAIT_NS)
  loop.core.heapCheck()
  const found = leftOver(world)
  if (found.length > 0) {
    const leaks = loop.leaks().map(({ site, count, bytes }) => `; ${count} of ${site}, ${bytes} bytes`)
    world.fail(`left over: ${found.join(', ')}${leaks.join('')}`)
  }
  const digest = kernel.digest()
  loop.close()
  return { digest, turns: world.turn }
}
