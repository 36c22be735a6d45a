// What `import … from 'millrace/sim'` gives: the simulated kernel in any host. Names are a contract.
export { SERVICE_ECHO } from '../../assembly/abi.ts'
export { FAULTS, type Fault, SimKernel, type SimKernelOptions } from './sim.ts'
export { SimCore, type SimCoreOptions } from './sim-core.ts'
