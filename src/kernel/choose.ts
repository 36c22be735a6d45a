// Which kernel executes the SQEs: the best this version has, or the one that MILLRACE_KERNEL names.
import { KERNEL_EPOLL, KERNEL_URING } from '../../assembly/abi.ts'

export interface KernelChoice {
  /** A KERNEL_ constant. */
  readonly kernel: number
  readonly name: string
  /** For a person: why this one. */
  readonly reason: string
}

/** Every name the variable may have, and what it stands for here. */
const KERNELS: Readonly<Record<string, number | undefined>> = {
  uring: KERNEL_URING,
  epoll: KERNEL_EPOLL,
  poll: undefined,
  select: undefined,
  sim: undefined,
}

function refusal(message: string): Error {
  return Object.assign(new Error(message), { code: 'MILLRACE_ERR_KERNEL' })
}

export function chooseKernel(environment: Readonly<Record<string, string | undefined>> = process.env): KernelChoice {
  const name = environment.MILLRACE_KERNEL
  if (name === undefined || name === '') {
    return { kernel: KERNEL_EPOLL, name: 'epoll', reason: 'the kernel of this version, on every Linux' }
  }
  if (!Object.hasOwn(KERNELS, name)) {
    throw refusal(`MILLRACE_KERNEL=${name} is not a kernel; the known ones are ${Object.keys(KERNELS).join(', ')}`)
  }
  const kernel = KERNELS[name]
  const serving = Object.keys(KERNELS).filter((known) => KERNELS[known] !== undefined)
  if (kernel === undefined) {
    throw refusal(`MILLRACE_KERNEL=${name} is not in this version; it has ${serving.join(', ')}`)
  }
  return { kernel, name, reason: `MILLRACE_KERNEL=${name} asks for it` }
}
