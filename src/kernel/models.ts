// The I/O models a loop can wait by: their names, how each learns what is ready, what that costs, and where it ends.
// The one owner of these limits and of the sentences about them.
import {
  KERNEL_EPOLL,
  KERNEL_EPOLL_EDGE,
  KERNEL_POLL,
  KERNEL_SELECT,
  KERNEL_SIGNAL,
  KERNEL_SPIN,
  KERNEL_URING,
  KERNEL_URING_MAPPED,
} from '../../assembly/abi.ts'

export interface KernelModel {
  /** As in `listen({ kernel })`, `--kernel` and MILLRACE_KERNEL. */
  readonly name: string
  /** What the literature calls it. */
  readonly model: string
  /** A KERNEL_ constant. */
  readonly kernel: number
  /** How it learns what is ready. */
  readonly learns: string
  /** What one wait costs: O(1), however many connections are idle, or O(n), a look at each. */
  readonly cost: 'O(1)' | 'O(n)'
  /** It waits only for descriptors below this; left out: for any. */
  readonly descriptors?: number
  /** Whether others can wait on a descriptor of it; where not, it serves only where the loop waits in prepare. */
  readonly waitsOutside: boolean
  /** Where its limits come from. */
  readonly reason: string
}

/** FD_SETSIZE of select(2). */
const FD_SETSIZE = 1024

export const KERNEL_MODELS: readonly KernelModel[] = [
  {
    name: 'uring',
    model: 'asynchronous I/O',
    kernel: KERNEL_URING,
    learns: 'completions in a ring of the linear memory',
    cost: 'O(1)',
    waitsOutside: true,
    reason: 'nothing is ready or not: the kernel does the work and says how it ended',
  },
  {
    name: 'uring-mapped',
    model: 'asynchronous I/O',
    kernel: KERNEL_URING_MAPPED,
    learns: 'completions in a ring of the kernel, copied',
    cost: 'O(1)',
    waitsOutside: true,
    reason: 'as uring, for kernels that cannot place the rings in our memory',
  },
  {
    name: 'epoll',
    model: 'I/O multiplexing, level-triggered',
    kernel: KERNEL_EPOLL,
    learns: 'a list of what is ready now, from epoll_wait',
    cost: 'O(1)',
    waitsOutside: true,
    reason: 'the kernel keeps the set, and a wait returns only what is ready',
  },
  {
    name: 'epoll-edge',
    model: 'I/O multiplexing, edge-triggered',
    kernel: KERNEL_EPOLL_EDGE,
    learns: 'a list of what has changed, from epoll_wait with EPOLLET',
    cost: 'O(1)',
    waitsOutside: true,
    reason: 'as epoll; a change is told once, so that the loop itself remembers what is not read to its end',
  },
  {
    name: 'poll',
    model: 'I/O multiplexing',
    kernel: KERNEL_POLL,
    learns: 'every descriptor handed to ppoll and looked at after it',
    cost: 'O(n)',
    waitsOutside: false,
    reason: 'each wait passes the whole array into the kernel and scans it',
  },
  {
    name: 'select',
    model: 'I/O multiplexing',
    kernel: KERNEL_SELECT,
    learns: 'three bit sets handed to pselect and scanned after it',
    cost: 'O(n)',
    descriptors: FD_SETSIZE,
    waitsOutside: false,
    reason: `a set has ${FD_SETSIZE} bits (FD_SETSIZE), one for each descriptor number of the process`,
  },
  {
    name: 'signal',
    model: 'signal-driven I/O',
    kernel: KERNEL_SIGNAL,
    learns: 'a queued signal for each event (O_ASYNC, F_SETSIG), read from a signalfd',
    cost: 'O(1)',
    waitsOutside: false,
    reason: 'a signal per event, and a poll of everything when their queue overflows (RLIMIT_SIGPENDING)',
  },
  {
    name: 'spin',
    model: 'non-blocking I/O',
    kernel: KERNEL_SPIN,
    learns: 'every waiting operation attempted again and again',
    cost: 'O(n)',
    waitsOutside: false,
    reason: 'a system call for each waiting operation and sweep; it keeps a core busy by design',
  },
]

/** What each kernel that can be chosen by name is and where it ends, for a person to compare. */
export function kernelLimits(): readonly KernelModel[] {
  return KERNEL_MODELS
}

/** The choice and its limits, in one sentence. */
export function kernelLimitsInWords(): string {
  const names = KERNEL_MODELS.map(({ name }) => name).join(', ')
  const scanning = KERNEL_MODELS.filter(({ cost }) => cost === 'O(n)').map(({ name }) => name)
  const small = KERNEL_MODELS.flatMap(({ name, descriptors }) =>
    descriptors === undefined ? [] : [`${name} holds only descriptors below ${descriptors}`],
  )
  const costly = `a wait of ${scanning.join(', ')} costs more with every open connection`
  return `${names}, by name; ${small.join(', ')}; ${costly}`
}

/** The model of a kernel by name; undefined for kernels that are none, such as the simulated one. */
export function kernelModel(name: string): KernelModel | undefined {
  return KERNEL_MODELS.find((model) => model.name === name)
}

/** Descriptors that a process has beside those of its clients: Node's own, listeners, files. */
const DESCRIPTORS_SPARE = 64

export interface ChannelLimit {
  /** Most channels at a time. */
  readonly limit: number
  /** Why it is less than what was wished; left out where it is not. */
  readonly reason?: string
}

/** How many of the channels wished for a kernel can serve, where the service has `reserve` connections of its own. */
export function channelLimit(kernel: string, wished: number, reserve = 0): ChannelLimit {
  const { descriptors } = kernelModel(kernel) ?? {}
  if (descriptors === undefined) return { limit: wished }
  const most = Math.max(1, descriptors - DESCRIPTORS_SPARE - reserve)
  if (wished <= most) return { limit: wished }
  const kept = DESCRIPTORS_SPARE + reserve
  const why = `it holds only descriptors below ${descriptors}, and ${kept} are kept for the process itself`
  return { limit: most, reason: `the ${kernel} kernel serves at most ${most} channels, not ${wished}: ${why}` }
}

/** Why a loop of this kernel cannot wait behind a poll handle. */
export function cannotWaitOutside(kernel: string, why: string): Error {
  const others = KERNEL_MODELS.filter((model) => model.waitsOutside).map(({ name }) => name)
  const message =
    `the ${kernel} kernel has no descriptor that others could wait on, so that it serves only in libuv's prepare ` +
    `phase; ${why}. Choose one of ${others.join(', ')}`
  return Object.assign(new Error(message), { code: 'MILLRACE_ERR_WAIT' })
}
