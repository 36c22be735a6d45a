// The contract, kept by the spin kernel.
import { KERNEL_SPIN } from '../../assembly/abi.ts'
import { contract } from './kernel.contract.ts'
import { Rig } from './rig.ts'

contract('spin', (options) => new Rig(KERNEL_SPIN, options))
