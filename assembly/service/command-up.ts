// Commands that the host answers (INFO, COMMAND, CONFIG …): the arguments are copied out of the receive buffer, so that
// they stay while the host works.

import * as abi from '../abi'
import { respArg, respArgLength, respArgc } from '../codec/resp'
import { SITE_COMMAND } from '../memory/abi'
import { siteNow, siteSet } from '../memory/sites'
import { skbAlloc, skbData, skbPut } from '../memory/skb'
import { holdSkb, upcall } from './upcall'

/** Reports the command in the argument table; `request` comes back with the answer. False when memory is exhausted. */
export function commandUp(ch: usize, request: usize): bool {
  let bytes: u32 = 4
  for (let i: u32 = 0; i < respArgc; i++) bytes += 4 + respArgLength(i)
  const site = siteNow()
  siteSet(SITE_COMMAND)
  const skb = skbAlloc(bytes)
  siteSet(site)
  if (!skb) return false
  let to = skbPut(skb, bytes)
  store<u32>(to, respArgc)
  to += 4
  for (let i: u32 = 0; i < respArgc; i++) {
    const length = respArgLength(i)
    store<u32>(to, length)
    memory.copy(to + 4, respArg(i), length)
    to += 4 + length
  }
  upcall(abi.UP_COMMAND, ch, skbData(skb), bytes, request)
  holdSkb(skb)
  return true
}
