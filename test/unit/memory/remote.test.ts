// Freeing across loops: several instances of the core over one shared memory, each with an arena of its own, hand
// objects on and free what others have made. Nothing is lost, doubled or torn, and in the end every arena is whole.
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { SEED } from '../../system/random.ts'
import { type Build, coreModule } from '../core-build.ts'
import { TestCore } from '../core-test.ts'

const MIB = 1 << 20
const RING_SLOTS = 4096
const ROUNDS = 400_000

// compiled before the clock of a test runs
for (const build of ['shared', 'sharedDebug', 'plain'] as const) coreModule(build)

interface Result {
  readonly refused: number
  readonly live: number
  readonly slab: number
  readonly heap: number
}

/** Runs loops in a circle, each making `rounds` objects for the next one; resolves to what each has left. */
async function circle(
  kind: string,
  loops: number,
  rounds: number,
  arenaBytes: number,
  build: Build,
): Promise<Result[]> {
  const rings = MIB
  const arenas = 4 * MIB
  const pages = (arenas + loops * arenaBytes) / 65536
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true })
  const workers = Array.from({ length: loops }, (_, index) => {
    const start = arenas + index * arenaBytes
    const workerData = { module: coreModule(build), memory, index, loops, start, arenaBytes, rings }
    return new Worker(new URL('remote-worker.mjs', import.meta.url), {
      workerData: { ...workerData, ringSlots: RING_SLOTS, rounds, kind, seed: SEED + index },
    })
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

describe(`objects freed by another loop (MILLRACE_SEED=${SEED})`, () => {
  test.each(['slab', 'block', 'skb'])('%s: two loops, each for the other', async (kind) => {
    expect(await circle(kind, 2, ROUNDS, 64 * MIB, 'shared')).toEqual([nothing, nothing])
  })

  test('skb: three loops in a circle', async () => {
    expect(await circle('skb', 3, ROUNDS / 2, 64 * MIB, 'shared')).toEqual([nothing, nothing, nothing])
  })

  test('skb: two loops in the debug build', async () => {
    expect(await circle('skb', 2, ROUNDS / 8, 64 * MIB, 'sharedDebug')).toEqual([nothing, nothing])
  })

  test('where a region is too small for what is under way, its owner takes back what others have freed', async () => {
    const results = await circle('block', 2, ROUNDS / 4, 4 * MIB, 'shared')
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
