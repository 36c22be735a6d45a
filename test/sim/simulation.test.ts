// The simulation as a proof: every scenario, with one seed after another. SCENARIO, SEED and SIM_TURNS replay one run;
// SIM_SECONDS goes on for so long with new seeds.
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { titled } from '../system/harness.ts'
import { mutant } from './mutants.ts'
import { attempt, describe as say, shrink } from './replay.ts'
import { SCENARIOS, scenario } from './scenarios.ts'
import type { Scenario } from './world.ts'

const wasm = new URL('../../build/sim.wasm', import.meta.url)
const NO_SIM = existsSync(wasm) ? '' : 'build/sim.wasm is missing: apt-get install emscripten, make sim.wasm'

const { SCENARIO = '', SEED = '', SIM_TURNS = '', SIM_SECONDS = '', SIM_MUTANT = '' } = process.env
/** Turns with faults of one run. */
const TURNS = 2000
/** Runs of each scenario: 100,000 turns and more of the proxy and of the echo service. */
const RUNS: Readonly<Record<string, number>> = { echo: 50, proxy: 50 }
const RUNS_OTHERS = 12

const chosen = SCENARIO === '' ? SCENARIOS : [scenario(SCENARIO)]
const first = SEED === '' ? 1 : Number(SEED)
const seconds = Number(SIM_SECONDS || 0)
const isReplay = SEED !== '' && seconds === 0
const turns = SIM_TURNS === '' ? TURNS : Number(SIM_TURNS)

async function prove(each: Scenario): Promise<number> {
  const end = Date.now() + (seconds * 1000) / chosen.length
  const runs = isReplay ? 1 : (RUNS[each.name] ?? RUNS_OTHERS)
  let sum = 0
  for (let i = 0; i < runs || Date.now() < end; i++) {
    const options = { seed: first + i, turns, mutant: SIM_MUTANT === '' ? undefined : mutant(SIM_MUTANT) }
    const result = await attempt(each, options)
    if ('broken' in result) {
      const least = isReplay ? result : await shrink(each, options, result)
      throw Object.assign(new Error(say(least)), { cause: least.broken })
    }
    sum += turns
  }
  return sum
}

for (const each of chosen) {
  test.skipIf(NO_SIM)(
    titled(`${each.name} keeps its laws`, NO_SIM),
    { timeout: 600_000 + seconds * 1000 },
    async () => {
      const sum = await prove(each)
      if (!isReplay && SIM_TURNS === '' && RUNS[each.name] !== undefined) expect(sum).toBeGreaterThanOrEqual(100_000)
    },
  )
}
