// How much may be queued for one channel or socket.

/** A queue takes writes up to this many times its high watermark, and at least so many bytes. */
const FACTOR: u64 = 4
const BYTES_MIN: u64 = 1 << 20

/** Bytes above which nothing more is queued, where the high watermark is `high`. */
// @ts-ignore: decorator
@inline
export function queueBound(high: u32): u64 {
  return max<u64>(<u64>high * FACTOR, BYTES_MIN)
}
