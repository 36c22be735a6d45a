// The clockwork of proxies: request timeouts, connect timeouts, reconnects.

import { firstProxy, PROXY_COUNT, PROXY_NEXT, serverOf, SERVER_STATE, UPSTREAM_EMBEDDED } from './pool'
import { upstreamTick } from './upstream'

/** Looks at every server's deadlines; returns the next one, 0: none. */
export function proxiesTick(): u64 {
  let due: u64 = 0
  for (let proxy = firstProxy; proxy; proxy = load<u32>(proxy, PROXY_NEXT)) {
    const count: u32 = 2 * load<u32>(proxy, PROXY_COUNT)
    for (let i: u32 = 0; i < count; i++) {
      const server = serverOf(proxy, i)
      const state = load<u32>(server, SERVER_STATE)
      if (state >= UPSTREAM_EMBEDDED) continue // or stopped, or idle
      const at = upstreamTick(server)
      if (at && (!due || at < due)) due = at
    }
  }
  return due
}
