// Who allocates: a small number that the turn sets where it enters a service, so that a sampled skb names its origin.
// One store per received buffer; nothing per frame.

import { SITE_UNKNOWN } from './abi'

let site: u32 = SITE_UNKNOWN

/** What follows is allocated for this site (SITE_*). */
// @ts-ignore: decorator
@inline
export function siteSet(to: u32): void {
  site = to
}

/** The site that allocates now. */
export function siteNow(): u32 {
  return site
}
