// What a failure says: the turn, the command that replays it, and the fewest turns with faults that still fail.
import { Broken, type Result, type RunOptions, run, type Scenario } from './world.ts'

/** One command, from the root of the checkout. */
export function command(scenario: string, { seed, turns, mutant }: RunOptions): string {
  const err = mutant === undefined ? '' : ` SIM_MUTANT=${mutant.name}`
  return `make sim SCENARIO=${scenario} SEED=${seed} SIM_TURNS=${turns}${err}`
}

export interface Failure {
  readonly scenario: string
  readonly options: RunOptions
  readonly broken: Broken
}

/** Runs; → how the run failed, or its result. */
export async function attempt(scenario: Scenario, options: RunOptions): Promise<Result | Failure> {
  try {
    return await run(scenario, options)
  } catch (error) {
    const broken =
      error instanceof Broken ? error : new Broken(`threw: ${error instanceof Error ? error.stack : error}`, -1)
    return { scenario: scenario.name, options, broken }
  }
}

/** The failure with the fewest turns that is found: by halves first, then one by one from below within reason. */
export async function shrink(scenario: Scenario, options: RunOptions, failure: Failure): Promise<Failure> {
  let least = failure
  // a run that fails amid its faults is the same run without what would have come after
  const early = failure.broken.turn
  const tries = early >= 0 && early < failure.options.turns ? [early] : []
  for (let step = Math.ceil(failure.options.turns / 2); step >= 1; step = step > 1 ? Math.ceil(step / 2) : 0)
    tries.push(-step)
  for (const next of tries) {
    const turns = next >= 0 ? next : least.options.turns + next
    if (turns < 0 || turns >= least.options.turns) continue
    const found = await attempt(scenario, { ...options, turns })
    if ('broken' in found) least = found
  }
  return least
}

/** A failure in words. */
export function describe({ scenario, options, broken }: Failure): string {
  return [
    `${scenario}, seed ${options.seed}: ${broken.message}`,
    `in turn ${broken.turn}, with faults in the first ${options.turns} turns`,
    `replay: ${command(scenario, options)}`,
  ].join('\n')
}
