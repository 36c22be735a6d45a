// What a listener has counted: from its endpoint's record, and from the records of its open channels.
import * as abi from '../../assembly/abi.ts'
import type { Listener } from './listener.ts'

export interface ListenerCounts {
  readonly channels: number
  readonly accepted: number
  /** Received and sent, by channels that are closed and by those that are open. */
  readonly bytesIn: number
  readonly bytesOut: number
  /** Connections that were closed at once, for want of room or because the listener was closing. */
  readonly refused: number
  /** Connections that have failed. */
  readonly errors: number
}

/** Walks over the loop's channels: for now and then, not for every request. */
export function listenerCounts({ loop, endpoint, channels, accepted, errors }: Listener<unknown>): ListenerCounts {
  const { core, view } = loop
  const u64 = (at: number): number => Number(view.getBigUint64(at, true))
  let bytesIn = u64(endpoint + abi.ENDPOINT_BYTES_IN)
  let bytesOut = u64(endpoint + abi.ENDPOINT_BYTES_OUT)
  const touched = core.channelsTouched() >>> 0
  for (let slot = 0; slot < touched; slot++) {
    const ch = core.channelAt(slot) >>> 0
    if (view.getUint32(ch + abi.CHANNEL_STATE, true) < abi.STATE_OPEN) continue
    if (view.getUint32(ch + abi.CHANNEL_ENDPOINT, true) !== endpoint) continue
    bytesIn += u64(ch + abi.CHANNEL_BYTES_IN)
    bytesOut += u64(ch + abi.CHANNEL_BYTES_OUT)
  }
  return { channels, accepted, bytesIn, bytesOut, refused: u64(endpoint + abi.ENDPOINT_REFUSED), errors }
}
