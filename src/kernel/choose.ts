// Which kernel executes the SQEs: the first of a ladder that works here, or the one that was asked for. Whether one
// works is only known when it is set up, so that choosing and setting up are one.
import { EPROTO } from '../../assembly/abi.ts'
import { systemError } from './errors.ts'
import { KERNEL_MODELS } from './models.ts'
import { describeRefusal, explainRefusal, type Probe, type Refusal } from './refusals.ts'

export interface KernelChoice {
  /** A KERNEL_ constant. */
  readonly kernel: number
  readonly name: string
  /** For a person: why this one. */
  readonly reason: string
  /** The better ones that cannot be used here. */
  readonly refused: readonly Refusal[]
}

/** Every name the variable may have beside `auto`, and what it stands for here. */
const KERNELS: Readonly<Record<string, number | undefined>> = {
  ...Object.fromEntries(KERNEL_MODELS.map(({ name, kernel }) => [name, kernel])),
  sim: undefined, // it is no kernel of a machine
}

/** What `auto` tries, best first. */
const LADDER: readonly string[] = ['uring', 'uring-mapped', 'epoll']
const AUTO = 'auto'

/** Why the ladder stops where it does. */
const REASONS: Readonly<Record<string, string>> = {
  uring: 'io_uring, with its rings in our own memory',
  'uring-mapped': 'io_uring, with its rings mirrored',
  epoll: 'on every Linux',
}

const EUSERS = 87

function refusal(message: string): Error {
  return Object.assign(new Error(message), { code: 'MILLRACE_ERR_KERNEL' })
}

/** A kernel that is set up. */
export interface OpenKernel {
  readonly choice: KernelChoice
  /** What `setup` returned. */
  readonly loop: number
}

/**
 * Sets up the kernel that is `wanted` by name, else the one that MILLRACE_KERNEL names, else the first of the ladder
 * that works. `setup` takes a KERNEL_ constant; → a loop or −errno. A kernel that was asked for by name is never
 * replaced by another: where it does not work, that is an error with the cause and what to do.
 */
export function openKernel(
  setup: (kernel: number) => number,
  probe: Probe,
  environment: Readonly<Record<string, string | undefined>> = process.env,
  wanted?: string,
): OpenKernel {
  const name = wanted ?? environment.MILLRACE_KERNEL
  if (name === undefined || name === '' || name === AUTO) return climb(setup, probe)
  const asked = wanted === undefined ? `MILLRACE_KERNEL=${name}` : `kernel '${name}'`
  const kernel = kernelNamed(name, asked)
  const loop = attempt(setup, kernel)
  if (loop < 0) throw refusal(`${asked}: ${describeRefusal(explainRefusal(name, loop, probe))}`)
  const reason = wanted === undefined ? `${asked} asks for it` : 'asked for by name'
  return { choice: { kernel, name, reason, refused: [] }, loop }
}

function kernelNamed(name: string, asked: string): number {
  if (!Object.hasOwn(KERNELS, name)) {
    throw refusal(`${asked} is not a kernel; the known ones are ${[AUTO, ...Object.keys(KERNELS)].join(', ')}`)
  }
  const kernel = KERNELS[name]
  if (kernel !== undefined) return kernel
  throw refusal(`${asked} serves nobody: it has no real sockets. \`make sim\` and millrace/simulation run on it`)
}

/** What no other kernel would do better is thrown. */
function attempt(setup: (kernel: number) => number, kernel: number): number {
  const loop = setup(kernel)
  if (loop === -EPROTO || loop === -EUSERS) throw systemError(loop, 'setup')
  return loop
}

function climb(setup: (kernel: number) => number, probe: Probe): OpenKernel {
  const refused: Refusal[] = []
  for (const name of LADDER) {
    const kernel = KERNELS[name] as number
    const loop = attempt(setup, kernel)
    if (loop >= 0) return { choice: { kernel, name, reason: reasonOf(name, refused), refused }, loop }
    refused.push(explainRefusal(name, loop, probe))
  }
  throw refusal(`no kernel can be used here. ${refused.map(describeRefusal).join('. ')}`)
}

function reasonOf(name: string, refused: readonly Refusal[]): string {
  const reason = `${REASONS[name]}`
  const better = refused.map(({ name, code }) => `${name} (${code})`).join(' and ')
  return better === '' ? `the best there is: ${reason}` : `${reason}; ${better} cannot be used here`
}

/** One line in the log for each kernel that was refused; `first` says whether nobody in this process has said it. */
export function announceRefusals(choice: KernelChoice, first: (topic: number) => boolean): void {
  for (const refused of choice.refused) {
    if (first(KERNELS[refused.name] as number)) process.stderr.write(`millrace: ${describeRefusal(refused)}\n`)
  }
}

/** The kernels of this version that can serve, by name. The simulated one cannot: its peers are simulated too. */
export function servingKernels(): string[] {
  return Object.keys(KERNELS).filter((name) => KERNELS[name] !== undefined)
}
