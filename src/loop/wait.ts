// How a loop waits inside Node's: in the prepare phase, where both loops share one blocking call, or behind a poll
// handle. Equal in everything but speed; MILLRACE_WAIT=prepare|poll forces one.
import { EBUSY, ENOSYS } from '../../assembly/abi.ts'
import { check, systemError } from '../kernel/errors.ts'
import { cannotWaitOutside } from '../kernel/models.ts'
import { type FdPoll, type Native, pollFd } from '../kernel/native.ts'

export interface Wait {
  readonly name: 'prepare' | 'poll' | 'simulation'
  /** Enters once more within the turn, for at most `mostNs`; → whether there is something to handle. */
  again(mostNs: number): boolean
  /** Keeps the process alive, or no longer. */
  ref(on: boolean): void
  /** Something was asked for outside a turn: the next turn comes soon. */
  wake(): void
  stop(): void
}

export interface Turn {
  /** Handles what the kernel has brought. */
  handle(): void
  /** Enters the kernel, and waits at most `mostNs`, 0 by default; → whether there is something to handle. */
  look(mostNs?: number): boolean
  /** Whether the core has asked for something that the kernel has not seen yet. */
  pending(): boolean
  /** How long nothing is due, in milliseconds; −1: for ever. */
  quietMs(): number
  /** The next `enter` must not block. */
  hurry(): void
  /** The kernel's monotonic clock at the last enter. */
  nowNs(): bigint
  /** Milliseconds since 1970, likewise. */
  nowMs(): number
}

/**
 * The wait that MILLRACE_WAIT names, or the better one that works here. Only one loop of a thread can wait in prepare,
 * since it would keep a second one from its turn: that one waits behind a poll handle.
 */
export function startWait(native: Native, loop: number, turn: Turn, kernel: string): Wait {
  const wanted = process.env.MILLRACE_WAIT
  if (wanted !== undefined && wanted !== '' && wanted !== 'prepare' && wanted !== 'poll') {
    throw Object.assign(new Error(`MILLRACE_WAIT=${wanted} is not a way to wait; the known ones are prepare, poll`), {
      code: 'MILLRACE_ERR_WAIT',
    })
  }
  let why = 'MILLRACE_WAIT=poll asks for a poll handle'
  if (wanted !== 'poll') {
    const result = native.attach(loop)
    if (result >= 0) return waitInPrepare(native, loop, turn)
    if (wanted === 'prepare' || (result !== -ENOSYS && result !== -EBUSY)) throw systemError(result, 'attach')
    why = result === -EBUSY ? 'another loop of this thread waits there' : 'this host has none (it is not libuv 1.x)'
  }
  const fd = native.waitFd(loop)
  if (fd === -ENOSYS) throw cannotWaitOutside(kernel, why)
  return waitOnPoll(turn, check(fd, 'wait'))
}

function waitInPrepare(native: Native, loop: number, turn: Turn): Wait {
  // libuv's prepare phase enters the kernel; this immediate runs right after, in JavaScript that Node called
  let stopped = false
  const tick = (): void => {
    if (stopped) return
    setImmediate(tick).unref()
    turn.handle()
  }
  setImmediate(tick).unref()
  return {
    name: 'prepare',
    again: (mostNs) => native.turn(loop, mostNs) > 0,
    ref: (on) => void native.ref(loop, on),
    wake: () => turn.hurry(),
    stop: () => {
      stopped = true
      native.detach(loop)
    },
  }
}

function waitOnPoll(turn: Turn, fd: number): Wait {
  let timer: NodeJS.Timeout | undefined
  let scheduled: NodeJS.Immediate | undefined
  let refed = false
  const wake = (): void => {
    scheduled ??= setImmediate(tick)
  }
  const poll: FdPoll = pollFd(fd, wake)
  function tick(): void {
    scheduled = undefined
    clearTimeout(timer)
    const found = turn.look()
    turn.handle()
    // a turn that found something is followed by another; one that did not leaves the wait to the poll handle
    const quiet = turn.quietMs()
    if (found || quiet === 0 || turn.pending()) {
      wake()
    } else if (quiet > 0) {
      timer = setTimeout(wake, quiet)
      if (!refed) timer.unref()
    }
  }
  poll.unref()
  return {
    name: 'poll',
    again: () => false, // it cannot know what the host waits for
    ref: (on) => {
      refed = on
      if (on) poll.ref()
      else poll.unref()
    },
    wake,
    stop: () => {
      poll.close()
      clearTimeout(timer)
      clearImmediate(scheduled)
    },
  }
}
