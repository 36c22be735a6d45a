// Decimal integers as Redis reads and writes them (string2ll, ll2string): no sign but '-', no leading zero, int64.

/** What the last parseInteger that returned true has read. */
export let parsedInteger: i64 = 0

/** Reads `[at, at + length)`; false where it is not an integer in int64 range, written the one canonical way. */
export function parseInteger(at: usize, length: u32): bool {
  if (length == 0 || length > 20) return false
  const end = at + length
  const negative = load<u8>(at) == 45
  if (negative && ++at == end) return false
  const first = <u32>load<u8>(at) - 48
  if (first > 9) return false
  if (first == 0) {
    parsedInteger = 0
    return !negative && at + 1 == end
  }
  let value: u64 = first
  while (++at < end) {
    const digit = <u32>load<u8>(at) - 48
    if (digit > 9) return false
    if (value > 1844674407370955161 || (value == 1844674407370955161 && digit > 5)) return false
    value = value * 10 + digit
  }
  if (value > 9223372036854775807 + <u64>(negative ? 1 : 0)) return false
  parsedInteger = negative ? -(<i64>value) : <i64>value
  return true
}

/** Digits of `value`, which is what writeUnsigned will take. */
export function digitsOf(value: u64): u32 {
  if (value < 10) return 1
  if (value < 100) return 2
  if (value < 1000) return 3
  if (value < 10000) return 4
  let digits: u32 = 4
  value /= 10000
  while (value) {
    value /= 10
    digits++
  }
  return digits
}

/** Writes `value` at `at`; returns the bytes written, at most 20. */
export function writeUnsigned(at: usize, value: u64): u32 {
  const digits = digitsOf(value)
  let p = at + digits
  do {
    const rest = value / 10
    store<u8>(--p, <u32>(value - rest * 10) + 48)
    value = rest
  } while (p > at)
  return digits
}

/** Writes `value` with its sign; returns the bytes written, at most 20. */
export function writeInteger(at: usize, value: i64): u32 {
  if (value >= 0) return writeUnsigned(at, <u64>value)
  store<u8>(at, 45)
  return 1 + writeUnsigned(at + 1, <u64>0 - <u64>value)
}
