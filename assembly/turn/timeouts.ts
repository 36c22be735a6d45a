// What a timer of the loop means: the one place that knows everybody who waits for something.

import * as abi from '../abi'
import { state } from '../channel/table'
import { channelCount, channels } from '../memory/arena'
import { upstreamDue } from '../service/proxy/upstream'
import { storesDue } from '../service/stores'
import { upcallSlack } from '../service/upcall'
import {
  TIMER_ENDPOINT,
  TIMER_FILE,
  TIMER_IDLE,
  TIMER_SERVER,
  TIMER_STORES,
  timerKind,
  timerOwner,
  timersBegin,
  timersSpent,
  timersTake,
} from '../timer/timers'
import { hurry } from '../uring/submission'
import { acceptDue } from './accept'
import { endpointDue } from './endpoints'
import { idleDue } from './idle'
import { lingerDue } from './linger'
import { trainDue } from './trains'

/** Lets everything happen whose time has come, a limited number of things a turn. */
export function timeoutsTick(): void {
  timersBegin()
  while (upcallSlack()) {
    const timer = timersTake()
    if (!timer) break
    if (timer - channels < <usize>channelCount << abi.CHANNEL_BITS) ofChannel(timer - abi.CHANNEL_TIMER)
    else ofKind(timerKind(timer), timerOwner(timer))
  }
  if (timersSpent()) hurry()
}

/** The node in a channel's own record: it lingers, or is a listener. */
function ofChannel(ch: usize): void {
  if (state(ch) == abi.STATE_LISTENING) acceptDue(ch)
  else lingerDue(ch)
}

function ofKind(kind: u32, owner: usize): void {
  switch (kind) {
    case TIMER_STORES:
      storesDue()
      break
    case TIMER_SERVER:
      upstreamDue(owner)
      break
    case TIMER_ENDPOINT:
      endpointDue(owner)
      break
    case TIMER_FILE:
      trainDue(owner)
      break
    default:
      assert(kind == TIMER_IDLE)
      idleDue(owner)
  }
}
