// Channels that change their codec: what is decoded frame by frame, so that it may, and the change itself. The bytes
// behind a frame wait in the channel's partial skb until the host has decided who decodes them.

import * as abi from '../abi'
import { DECODER_BYTES, DECODER_DEAD, DECODER_FLAGS } from '../codec/abi'
import {
  FLAG_BLOCKED_FRAME,
  FLAG_ENDING,
  FLAG_RECV_SIZED,
  FLAG_SIZED_WANTED,
  channelFind,
  clearFlags,
  flags,
  state,
} from '../channel/table'
import { hostRelease } from '../service/host'
import { resume } from './inbound'

/** The host is done with the frame of UP_FRAME: decoding goes on behind it. */
export function channelGoOn(slot: u32, generation: u32): void {
  const ch = channelFind(slot, generation)
  if (!ch || !(flags(ch) & FLAG_BLOCKED_FRAME)) return
  clearFlags(ch, FLAG_BLOCKED_FRAME)
  resume(ch)
}

/**
 * Gives the channel another codec, beginning with the byte behind the frame of UP_FRAME, and for what is written from
 * now on. The codec stays the caller's, and must live until the channel has closed or changed it again. Returns 0;
 * −EPIPE where no more bytes come that anybody could decode; −EBUSY where the channel is not behind such a frame.
 */
export function channelMove(slot: u32, generation: u32, codec: usize): i32 {
  const ch = channelFind(slot, generation)
  if (!ch || state(ch) != abi.STATE_OPEN || flags(ch) & FLAG_ENDING) return -abi.EPIPE
  const decoder = ch + abi.CHANNEL_DECODER
  if (load<u32>(decoder, DECODER_FLAGS) & DECODER_DEAD) return -abi.EPIPE
  if (!(flags(ch) & FLAG_BLOCKED_FRAME)) return -abi.EBUSY
  assert(!(flags(ch) & FLAG_RECV_SIZED)) // it would have been for this very frame
  clearFlags(ch, FLAG_SIZED_WANTED)
  hostRelease(ch)
  memory.fill(decoder, 0, DECODER_BYTES)
  store<u32>(ch, <u32>codec, abi.CHANNEL_OWNER)
  return 0
}
