// The contract, kept by the poll kernel.
import { KERNEL_POLL } from '../../assembly/abi.ts'
import { contract } from './kernel.contract.ts'
import { Rig } from './rig.ts'

contract('poll', (options) => new Rig(KERNEL_POLL, options))
