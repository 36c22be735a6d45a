// Every scenario by name.
import { echo, handler } from './echo.ts'
import { fields, lines } from './frames.ts'
import { kv } from './kv.ts'
import { proxy } from './proxy.ts'
import type { Scenario } from './world.ts'

export const SCENARIOS: readonly Scenario[] = [echo, handler, proxy, kv, lines, fields]

export function scenario(name: string): Scenario {
  const found = SCENARIOS.find((candidate) => candidate.name === name)
  if (found === undefined) {
    throw new Error(`SCENARIO=${name} is not a scenario; they are ${SCENARIOS.map((each) => each.name).join(', ')}`)
  }
  return found
}
