// Why a kernel cannot be had on this machine, and what to do about it: one wording for the log, for errors, for
// features() and for `millrace doctor`.
import { EBUSY, EINVAL, EMFILE, ENFILE, ENOMEM, ENOSYS, EOPNOTSUPP, EPERM } from '../../assembly/abi.ts'
import { errorName, systemError } from './errors.ts'

export interface Refusal {
  /** The kernel's name. */
  readonly name: string
  /** The errno's name, as in `EPERM`. */
  readonly code: string
  readonly why: string
  /** What to do; left out where there is nothing to do. */
  readonly fix?: string
}

/** Asks the machine for a fact, by the names in shim/probe.c. */
export type Probe = (fact: string) => number | undefined

const EACCES = 13

/** The likely cause of the `errno` (negative) with which `name` was refused. */
export function explainRefusal(name: string, errno: number, probe: Probe): Refusal {
  const code = errorName(errno)
  const cause = name === 'uring' || name === 'uring-mapped' ? uringCause(name, -errno, probe) : undefined
  return { name, code, ...(cause ?? { why: systemError(errno, name).message }) }
}

/** One sentence for a log. */
export function describeRefusal({ name, code, why, fix }: Refusal): string {
  return `${name} cannot be used here (${code}): ${why}${fix === undefined ? '' : `; ${fix}`}`
}

type Cause = Pick<Refusal, 'why' | 'fix'>

function uringCause(name: string, error: number, probe: Probe): Cause | undefined {
  switch (error) {
    case EPERM:
    case EACCES:
      return forbidden(probe('io_uring.disabled') ?? 0)
    case ENOSYS:
      return {
        why: 'this kernel has no io_uring, or a sandbox hides it (gVisor, a seccomp profile)',
        fix: 'use Linux 6.1 or newer, outside of that sandbox',
      }
    case ENOMEM:
      return {
        why: 'the rings do not fit the limit of locked memory (RLIMIT_MEMLOCK)',
        fix: 'ulimit -l 65536, or LimitMEMLOCK= of the service, or --ulimit memlock= of the container',
      }
    case EINVAL:
      if (name === 'uring')
        return { why: 'this kernel takes no rings in our own memory', fix: 'use Linux 6.10 or newer' }
      return { why: 'this io_uring is too old', fix: 'use Linux 6.1 or newer' }
    case EOPNOTSUPP:
      return {
        why: 'this io_uring failed its test: a multishot receive into provided buffers, and its cancel',
        fix: 'use Linux 6.1 or newer',
      }
    case EMFILE:
    case ENFILE:
      return { why: 'there are no descriptors left', fix: 'raise `ulimit -n`, or the sysctl fs.file-max' }
    case EBUSY:
      return { why: 'a ring that was tried did not end', fix: 'try again' }
    default:
      return undefined
  }
}

/** `disabled`: the sysctl kernel.io_uring_disabled, 0 where there is none. */
function forbidden(disabled: number): Cause {
  const fix = 'sysctl -w kernel.io_uring_disabled=0'
  if (disabled >= 2) return { why: 'the sysctl kernel.io_uring_disabled=2 forbids it to all', fix }
  if (disabled === 1) {
    return {
      why: 'the sysctl kernel.io_uring_disabled=1 forbids it to all but root and a group',
      fix: `${fix}, or join the group that kernel.io_uring_group names`,
    }
  }
  return {
    why: 'a sandbox forbids it (seccomp: the default of Docker, containerd and Kubernetes)',
    fix: 'allow io_uring_setup, io_uring_enter and io_uring_register in its profile',
  }
}
