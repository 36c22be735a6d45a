// Bob Jenkins' hashes as libmemcached and nutcracker compute them: one-at-a-time and lookup3.

/** Bytes are signed, as on x86-64. */
export function oneAtATime(at: usize, length: u32): u32 {
  let hash: u32 = 0
  for (const end = at + length; at < end; at++) {
    hash += <u32>load<i8>(at)
    hash += hash << 10
    hash ^= hash >> 6
  }
  hash += hash << 3
  hash ^= hash >> 11
  return hash + (hash << 15)
}

/** lookup3's hashlittle with the initial value 13. */
export function jenkins(at: usize, length: u32): u32 {
  let a: u32 = 0xdeadbeef + length + 13
  let b = a
  let c = a
  if (length == 0) return c
  for (; length > 12; at += 12, length -= 12) {
    a += load<u32>(at)
    b += load<u32>(at, 4)
    c += load<u32>(at, 8)
    a = (a - c) ^ rotl<u32>(c, 4)
    c += b
    b = (b - a) ^ rotl<u32>(a, 6)
    a += c
    c = (c - b) ^ rotl<u32>(b, 8)
    b += a
    a = (a - c) ^ rotl<u32>(c, 16)
    c += b
    b = (b - a) ^ rotl<u32>(a, 19)
    a += c
    c = (c - b) ^ rotl<u32>(b, 4)
    b += a
  }
  a += wordOf(at, <i32>length)
  b += wordOf(at + 4, <i32>length - 4)
  c += wordOf(at + 8, <i32>length - 8)
  c = (c ^ b) - rotl<u32>(b, 14)
  a = (a ^ c) - rotl<u32>(c, 11)
  b = (b ^ a) - rotl<u32>(a, 25)
  c = (c ^ b) - rotl<u32>(b, 16)
  a = (a ^ c) - rotl<u32>(c, 4)
  b = (b ^ a) - rotl<u32>(a, 14)
  return (c ^ b) - rotl<u32>(b, 24)
}

/** The next four of `rest` bytes, zeros behind them. */
function wordOf(at: usize, rest: i32): u32 {
  if (rest >= 4) return load<u32>(at)
  if (rest <= 0) return 0
  if (rest == 1) return <u32>load<u8>(at)
  return rest == 2 ? <u32>load<u16>(at) : <u32>load<u16>(at) | (<u32>load<u8>(at, 2) << 16)
}
