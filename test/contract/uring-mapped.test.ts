// The contract, kept by io_uring with rings of the kernel's, mirrored into the linear memory.
import { KERNEL_URING_MAPPED } from '../../assembly/abi.ts'
import { contract } from './kernel.contract.ts'
import { absence } from './kernels.ts'
import { Rig } from './rig.ts'

const skips = {
  'an operand that ends outside the memory: -EFAULT': 'Linux looks at pages, and takes what lies before the end',
  'an operation the contract does not list: -EINVAL': 'Linux knows more of them',
}

contract(
  'uring-mapped',
  (options) => new Rig(KERNEL_URING_MAPPED, options),
  skips,
  absence('uring-mapped', KERNEL_URING_MAPPED),
)
