// Plain counters: a u64 somewhere in a record.

/** Adds to the counter at `at`. */
// @ts-ignore: decorator
@inline
export function countBy(at: usize, by: u64): void {
  store<u64>(at, load<u64>(at) + by)
}

/** Adds one to the counter at `at`. */
// @ts-ignore: decorator
@inline
export function count(at: usize): void {
  countBy(at, 1)
}
