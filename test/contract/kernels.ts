// Which kernels can be tested on this machine, and why others cannot.
import * as abi from '../../assembly/abi.ts'
import { native } from '../../src/kernel/native.ts'
import { describeRefusal, explainRefusal } from '../../src/kernel/refusals.ts'

/** Why a kernel cannot be had here; undefined: it can. */
export function absence(name: string, kernel: number): string | undefined {
  const { probe } = native()
  const result = probe(`kernel.${kernel}`)
  return result < 0 ? describeRefusal(explainRefusal(name, result, probe)) : undefined
}

/** Both rungs of io_uring, as far as they can be had; their contract tests say why one is missing. */
export const URING_KERNELS: readonly (readonly [string, number])[] = (
  [
    ['uring', abi.KERNEL_URING],
    ['uring-mapped', abi.KERNEL_URING_MAPPED],
  ] as const
).filter(([name, kernel]) => absence(name, kernel) === undefined)

/** The kernels that a loop waits on in the same way, for what is not the contract itself. */
export const LOOP_KERNELS: readonly (readonly [string, number])[] = [['epoll', abi.KERNEL_EPOLL], ...URING_KERNELS]
