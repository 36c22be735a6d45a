// The contract, kept by the select kernel.
import { KERNEL_SELECT } from '../../assembly/abi.ts'
import { contract } from './kernel.contract.ts'
import { Rig } from './rig.ts'

contract('select', (options) => new Rig(KERNEL_SELECT, options))
