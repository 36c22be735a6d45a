// The contract, kept by the signal kernel.
import { KERNEL_SIGNAL } from '../../assembly/abi.ts'
import { contract } from './kernel.contract.ts'
import { Rig } from './rig.ts'

contract('signal', (options) => new Rig(KERNEL_SIGNAL, options))
