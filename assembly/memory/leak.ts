// Leaks: one in so many skbs is noted when it is made, with its site and the time, and forgotten when it is freed. What
// is on the list when a loop closes names its origin. The list belongs to this instance; its links are in the headers.

import { nowMs } from '../clock'
import { LEAK_AGE_MS, LEAK_BYTES, LEAK_COUNT, LEAK_HELD, LEAK_SITE, SITES_END } from './abi'
import { blockBytes } from './block'
import { DEBUG } from './debug'
import { SKB_BLOCK, SKB_SAMPLE_MS, SKB_SAMPLE_NEXT, SKB_SAMPLE_PREV, skbSetSite, skbSite } from './skb'
import { siteNow } from './sites'

let every: u32 = DEBUG ? 1 : 0 // 0: none
let due: u32 = every // which skb is the next one, in the order of their making
let first: usize = 0

/** Notes one in `period` skbs from now on, after the `made`-th; 0: none. */
export function leakEvery(period: u32, made: u32): void {
  every = period
  due = made + period
}

/** Nothing of an earlier arena is on the list. */
export function leakReset(): void {
  first = 0
  due = every
}

/** Whether the skb that is the `made`-th is one to note. Where none is, that comes up once in four billion. */
// @ts-ignore: decorator
@inline
export function leakDue(made: u32): bool {
  return made == due
}

/** Notes an skb, which leakDue has chosen. */
export function leakNote(skb: usize, made: u32): void {
  due = made + every
  if (!every) return
  skbSetSite(skb, siteNow())
  store<u32>(skb, <u32>nowMs, SKB_SAMPLE_MS)
  store<u32>(skb, <u32>first, SKB_SAMPLE_NEXT)
  store<u32>(skb, 0, SKB_SAMPLE_PREV)
  if (first) store<u32>(first, <u32>skb, SKB_SAMPLE_PREV)
  first = skb
}

/** A noted skb is freed, or leaves this instance. */
export function leakForget(skb: usize): void {
  const next = <usize>load<u32>(skb, SKB_SAMPLE_NEXT)
  const prev = <usize>load<u32>(skb, SKB_SAMPLE_PREV)
  if (next) store<u32>(next, <u32>prev, SKB_SAMPLE_PREV)
  if (prev) store<u32>(prev, <u32>next, SKB_SAMPLE_NEXT)
  else first = next
  skbSetSite(skb, 0)
}

/** Writes to `to`, with room for SITES_END, a LEAK record for each site with noted skbs alive; returns how many. */
export function leakReport(to: usize): u32 {
  memory.fill(to, 0, SITES_END * LEAK_BYTES)
  for (let skb = first; skb; skb = <usize>load<u32>(skb, SKB_SAMPLE_NEXT)) {
    const record = to + <usize>skbSite(skb) * LEAK_BYTES
    const age = <u32>nowMs - load<u32>(skb, SKB_SAMPLE_MS)
    store<u32>(record, load<u32>(record, LEAK_COUNT) + 1, LEAK_COUNT)
    store<u32>(record, load<u32>(record, LEAK_HELD) + blockBytes(load<u32>(skb, SKB_BLOCK)), LEAK_HELD)
    store<u32>(record, max(age, load<u32>(record, LEAK_AGE_MS)), LEAK_AGE_MS)
  }
  let found = to
  for (let site: u32 = 0; site < <u32>SITES_END; site++) {
    const record = to + <usize>site * LEAK_BYTES
    if (!load<u32>(record, LEAK_COUNT)) continue
    store<u32>(record, site, LEAK_SITE)
    memory.copy(found, record, LEAK_BYTES)
    found += LEAK_BYTES
  }
  return <u32>(found - to) / LEAK_BYTES
}
