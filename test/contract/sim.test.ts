// The contract, kept by the simulated kernel. What needs a second thread, process or signal of a machine is skipped.
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../../src/kernel/package-root.ts'
import { contract } from './kernel.contract.ts'
import { SimRig } from './sim-rig.ts'

const OUTSIDE = 'needs another process or thread, which the simulated machine has not'

contract('sim', (options) => new SimRig(options), {
  'asked to gather, it goes on for a moment once something has come': OUTSIDE,
  'a signal does not end the wait': OUTSIDE,
  'a poll wakes an enter that waits': OUTSIDE,
  'the clocks are those of the machine': 'time is virtual',
  'a duplicate that lives on does not report for the closed number, nor keep the loop awake':
    'the simulated machine duplicates no descriptors',
})

test('the errno numbers that the module is compiled with are those of the machine', () => {
  const text = readFileSync(join(packageRoot(), 'shim', 'sim', 'include', 'errno.h'), 'utf8')
  const numbers = [...text.matchAll(/^#define (E\w+) (\d+)$/gm)].map(
    ([, key = '', value]) => [key, Number(value)] as const,
  )
  const known: Readonly<Record<string, number>> = { ...constants.errno, EUSERS: 87 } // Node does not name it
  expect(numbers.length).toBeGreaterThan(30)
  for (const [key, value] of numbers) if (key in known) expect([key, value]).toEqual([key, known[key]])
})
