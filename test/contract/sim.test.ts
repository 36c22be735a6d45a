// The contract, kept by the simulated kernel. What needs a second thread, process or signal of a real machine is skipped.
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
