// Freeing across loops: several instances of the core over one shared memory, each with an arena of its own, hand
// objects on and free what others have made. Nothing is lost, doubled or torn, and in the end every arena is whole.
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { SEED } from '../../system/random.ts'
import { type Build, coreModule } from '../core-build.ts'
import { TestCore } from '../core-test.ts'

const MIB = 1 << 20
const RING_SLOTS = 1024
const ROUNDS = 150_000

// compiled before the clock of a test runs
for (const build of ['shared', 'sharedDebug', 'plain'] as const) coreModule(build)

interface Result {
  readonly refused: number
  readonly live: number
  readonly slab: number
  readonly heap: number
}

/** Who makes objects for whom. */
type Way = readonly [from: number, to: number]

interface Run {
  readonly rounds?: number
  readonly arenaBytes?: number
  readonly build?: Build
  /** How much a loop does before it looks at its remote list. */
  readonly batch?: number
}

/** Runs loops that make `rounds` objects for each of their ways; resolves to what each has left. */
async function traffic(kind: string, ways: readonly Way[], run: Run = {}): Promise<Result[]> {
  const { rounds = ROUNDS, arenaBytes = 32 * MIB, build = 'shared', batch = 64 } = run
  const loops = Math.max(...ways.flat()) + 1
  const [rings, arenas] = [MIB, 4 * MIB]
  const pages = (arenas + loops * arenaBytes) / 65536
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true })
  const common = {
    module: coreModule(build),
    memory,
    loops,
    arenaBytes,
    rings,
    ringSlots: RING_SLOTS,
    rounds,
    batch,
    kind,
  }
  const workers = Array.from({ length: loops }, (_, index) => {
    const to = ways.flatMap(([from, other]) => (from === index ? [other] : []))
    const from = ways.flatMap(([other, target]) => (target === index ? [other] : []))
    const workerData = { ...common, index, to, from, start: arenas + index * arenaBytes, seed: SEED + index }
    return new Worker(new URL('remote-worker.mjs', import.meta.url), { workerData })
  })
  try {
    const said = (): Promise<unknown[]> =>
      Promise.all(
        workers.map(
          (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
        ),
      )
    const done = said()
    await done
    const results = said()
    for (const worker of workers) worker.postMessage('end')
    return (await results) as Result[]
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

const nothing: Result = { refused: expect.any(Number) as number, live: 0, slab: 0, heap: 0 }

/** All loops for one another. */
const PAIR: Way[] = [
  [0, 1],
  [1, 0],
]
/** One loop makes, the others free: they push onto one list, while its owner takes from it. */
const STAR: Way[] = [
  [0, 1],
  [0, 2],
  [0, 3],
]

describe(`objects freed by another loop (MILLRACE_SEED=${SEED})`, () => {
  test.each(['slab', 'block', 'skb'])('%s: two loops, each for the other', async (kind) => {
    expect(await traffic(kind, PAIR)).toEqual([nothing, nothing])
  })

  test.each(['slab', 'skb'])('%s: three loops free what one has made', async (kind) => {
    expect(await traffic(kind, STAR, { batch: 4 })).toEqual([nothing, nothing, nothing, nothing])
  })

  test('skb: the debug build finds nothing', async () => {
    expect(await traffic('skb', PAIR, { build: 'sharedDebug', rounds: ROUNDS / 10 })).toEqual([nothing, nothing])
  })

  test('where a region is too small for what is under way, its owner takes back what others have freed', async () => {
    const results = await traffic('block', PAIR, { arenaBytes: 3 * MIB, rounds: ROUNDS / 3 })
    expect(results).toEqual([nothing, nothing])
    expect(
      results.some(({ refused }) => refused > 0),
      'there was no memory at times',
    ).toBe(true)
  })
})

test.each(['test', 'plain'] as const)('nothing is taken back where nothing was freed elsewhere (%s build)', (build) => {
  const core = new TestCore({ heapBytes: MIB, slabBytes: MIB, build })
  expect(core.call('remoteDrain', 100)).toBe(0)
  const skb = core.call('skbAlloc', 100)
  core.call('skbFree', skb)
  expect(core.call('remoteDrain', 100)).toBe(0)
  core.check()
})
