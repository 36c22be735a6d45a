// The contract, kept by the epoll kernel.
import { KERNEL_EPOLL } from '../../assembly/abi.ts'
import { contract } from './kernel.contract.ts'
import { Rig } from './rig.ts'

contract('epoll', (options) => new Rig(KERNEL_EPOLL, options))
