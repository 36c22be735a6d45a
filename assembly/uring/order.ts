// Words that core and kernel share: read with acquire, written with release. A build without threads, which has no
// kernel beside it, reads and writes them plainly.

/** The u32 at `at`, before anything that is read behind it. */
// @ts-ignore: decorator
@inline
export function acquire(at: usize): u32 {
  if (ASC_FEATURE_THREADS) return atomic.load<u32>(at)
  return load<u32>(at)
}

/** Stores a u32 after everything that was written before. */
// @ts-ignore: decorator
@inline
export function release(at: usize, value: u32): void {
  if (ASC_FEATURE_THREADS) atomic.store<u32>(at, value)
  else store<u32>(at, value)
}

/** Stores a u16 after everything that was written before. */
// @ts-ignore: decorator
@inline
export function releaseShort(at: usize, value: u16): void {
  if (ASC_FEATURE_THREADS) atomic.store<u16>(at, value)
  else store<u16>(at, value)
}
