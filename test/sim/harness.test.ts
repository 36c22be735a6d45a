// The harness against itself: a seed is a run, to the byte, in WebAssembly and in the shim; every invariant can fail;
// and what a failure prints replays it.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { titled } from '../system/harness.ts'
import { MUTANTS, type Mutant, mutant } from './mutants.ts'
import { attempt, command, type Failure, shrink } from './replay.ts'
import { SCENARIOS, scenario } from './scenarios.ts'
import { type Result, run } from './world.ts'

const ROOT = join(import.meta.dirname, '../..')
const NO_SIM = existsSync(join(ROOT, 'build/sim.wasm')) ? '' : 'build/sim.wasm is missing: make sim.wasm'
const TURNS = 150

describe.skipIf(NO_SIM)(titled('a run', NO_SIM), () => {
  test.each(SCENARIOS.map((each) => [each.name, each] as const))('of %s is its seed, to the byte', async (_, each) => {
    const runs: Result[] = []
    for (const seed of [3, 3, 4]) runs.push(await run(each, { seed, turns: TURNS }))
    expect(runs[1]).toEqual(runs[0])
    expect(runs[2]?.digest).not.toBe(runs[0]?.digest)
  })

  test.each(SCENARIOS.map((each) => [each.name, each] as const))('of %s is the same in the shim', async (_, each) => {
    for (const seed of [5, 6]) {
      const wasm = await run(each, { seed, turns: TURNS })
      expect(await run(each, { seed, turns: TURNS, kernel: 'native' })).toEqual(wasm)
    }
  })
})

/** Runs until the mistake is noticed; a run may have no occasion for it. */
async function caught(name: string, err: Mutant, turns = 200): Promise<Failure | undefined> {
  for (let seed = 1; seed <= 8; seed++) {
    const result = await attempt(scenario(name), { seed, turns, mutant: err })
    if ('broken' in result) return result
  }
  return undefined
}

/** Every mistake is noticed by a scenario, and every scenario notices one. */
const CATCHES = [
  ...SCENARIOS.map(({ name }) => ['losesByte', name] as const),
  ...MUTANTS.filter(({ kernel }) => kernel !== undefined).map(({ name }) => [name, 'echo'] as const),
  ...MUTANTS.filter(({ server }) => server !== undefined).map(({ name }) => [name, 'proxy'] as const),
]

describe.skipIf(NO_SIM)(titled('an invariant can fail', NO_SIM), () => {
  test.each(CATCHES)('%s is noticed by %s', async (err, name) => {
    const failure = await caught(name, mutant(err))
    expect(failure?.broken.message, `nobody noticed ${err}`).toBeTypeOf('string')
    expect(failure?.broken.turn).toBeGreaterThan(0)
  })
})

describe.skipIf(NO_SIM)(titled('a failure', NO_SIM), () => {
  test('shrinks to fewer turns, and fails there as it did', async () => {
    const failure = (await caught('echo', mutant('losesByte'), 2000)) as Failure
    const least = await shrink(scenario('echo'), failure.options, failure)
    expect(least.options.turns).toBeLessThan(failure.options.turns)
    const again = (await attempt(scenario('echo'), least.options)) as Failure
    expect([again.broken.message, again.broken.turn]).toEqual([least.broken.message, least.broken.turn])
  })

  test('prints one command, and that fails in the same turn', async () => {
    const failure = (await caught('echo', mutant('losesByte'))) as Failure
    const printed = fails(command('echo', failure.options))
    expect(printed.turn).toBe(failure.broken.turn)
    expect(printed.text).toContain(failure.broken.message)
    const replayed = fails(printed.command)
    expect(replayed).toEqual({ ...printed, text: replayed.text })
  })
})

/** What a command that must fail prints: the turn, and the command that replays it. */
function fails(line: string): { turn: number; command: string; text: string } {
  const [program = '', ...args] = line.split(' ')
  const { stdout, stderr, status } = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8', env: quiet })
  const text = stdout + stderr
  expect(status, text).not.toBe(0)
  const turn = /in turn (\d+), with faults/.exec(text)?.[1]
  const replay = /replay: (make sim .*)$/m.exec(text)?.[1]
  expect([turn, replay], text).not.toContain(undefined)
  return { turn: Number(turn), command: replay as string, text }
}

/** The runner must not think that it runs inside itself. */
const quiet = Object.fromEntries(
  Object.entries({ ...process.env, NO_COLOR: '1' }).filter(([name]) => !/^(VITEST|TEST$|MAKE|MFLAGS)/.test(name)),
)
