// The contract, kept by the epoll-edge kernel.
import { KERNEL_EPOLL_EDGE } from '../../assembly/abi.ts'
import { contract } from './kernel.contract.ts'
import { Rig } from './rig.ts'

contract('epoll-edge', (options) => new Rig(KERNEL_EPOLL_EDGE, options))
