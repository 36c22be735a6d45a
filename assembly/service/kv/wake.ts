// When the keyspaces of this instance next want a tick: whoever makes work for one says so here, and whoever ticks them
// (service/stores.ts) looks at one number instead of at every database.

/** Milliseconds of the epoch; u64.MAX_VALUE: there is nothing to do. */
export let kvWakeMs: u64 = u64.MAX_VALUE

/** There will be something to do from then on; 0: there is. */
// @ts-ignore: decorator
@inline
export function kvWake(ms: u64): void {
  if (ms < kvWakeMs) kvWakeMs = ms
}

/** What was said so far is known. */
export function kvWakeReset(): void {
  kvWakeMs = u64.MAX_VALUE
}
