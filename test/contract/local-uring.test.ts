// Local.
import { KERNEL_URING } from '../../assembly/abi.ts'
import { contract } from './kernel.contract.ts'
import { Rig } from './rig.ts'

contract('uring', (options) => new Rig(KERNEL_URING, options))
