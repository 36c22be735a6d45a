// The time of this turn, as the kernel's last `enter` left it: one reading for everything that happens in the turn, and
// virtual where the kernel is simulated.

/** CLOCK_REALTIME in milliseconds. */
export let nowMs: u64 = 0
/** CLOCK_MONOTONIC in nanoseconds. */
export let nowNs: u64 = 0

export function clockSet(realtimeMs: u64, monotonicNs: u64): void {
  nowMs = realtimeMs
  nowNs = monotonicNs
}
