// Which faults a run has: a few kinds out of all, each as rare or as common as the seed wants it.
import type { Fault, SimKernel } from '../../dist/src/kernel/sim.js'
import type { Random } from '../system/random.ts'

/** What only delays, cuts or reorders: nobody may lose a byte or a connection by it. */
export const HARMLESS: readonly Fault[] = [
  'shortRead',
  'shortWrite',
  'again',
  'nobufs',
  'delay',
  'reorder',
  'multishotEnd',
  'partition',
]

/** What ends connections, or keeps them from being made. */
export const HARMFUL: readonly Fault[] = ['reset', 'pipe', 'mfile', 'halfClose', 'nomem']

export type Faults = Partial<Record<Fault, number>>

/** One run in six has none, one in three only harmless ones. */
export function drawFaults(random: Random, kinds: readonly Fault[] = [...HARMLESS, ...HARMFUL]): Faults {
  const faults: Faults = {}
  const mood = random.below(6)
  if (mood === 0) return faults
  for (const name of kinds) {
    if (random.chance(0.5)) continue
    if (HARMLESS.includes(name)) faults[name] = random.pick([0.0003, 0.003, 0.03, name === 'partition' ? 0.001 : 0.2])
    else if (mood > 2) faults[name] = random.pick([0.0001, 0.0005, 0.002])
  }
  return faults
}

export function setFaults(kernel: SimKernel, faults: Faults): void {
  for (const name of [...HARMLESS, ...HARMFUL]) kernel.fault(name, faults[name] ?? 0)
}

export function injected(kernel: SimKernel, numbers: Readonly<Record<Fault, number>>, names: readonly Fault[]): number {
  return names.reduce((sum, name) => sum + kernel.stat(numbers[name]), 0)
}
