// What a completion says about whom it concerns: the kind of operation, the channel's slot and its generation.

import * as abi from '../abi'
import { userData } from '../uring/submission'
import { slotOf } from './table'

/** The user_data of an operation on a channel. */
// @ts-ignore: decorator
@inline
export function channelData(ch: usize, kind: u64): u64 {
  return userData(kind, load<u32>(ch, abi.CHANNEL_GENERATION), slotOf(ch))
}
