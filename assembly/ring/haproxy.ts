// The hashes of HAProxy: sdbm, djb2, wt6, a number as it is, and the avalanche that also places its points.

export function sdbm(at: usize, length: u32): u32 {
  let hash: u32 = 0
  for (const end = at + length; at < end; at++) hash = <u32>load<u8>(at) + (hash << 6) + (hash << 16) - hash
  return hash
}

export function djb2(at: usize, length: u32): u32 {
  let hash: u32 = 5381
  for (const end = at + length; at < end; at++) hash = (hash << 5) + hash + <u32>load<u8>(at)
  return hash
}

export function wt6(at: usize, length: u32): u32 {
  let h0: u32 = 0xa53c965a
  let h1: u32 = 0x5ca6953a
  let step0: u32 = 6
  let step1: u32 = 18
  for (const end = at + length; at < end; at++) {
    const byte = <u32>load<u8>(at)
    h0 = ~(h0 ^ byte)
    h1 = ~(h1 + byte)
    const next = rotl<u32>(h1, step0)
    h1 = rotl<u32>(h0, step1)
    h0 = next
    const steps = ((h0 >> 16) ^ h1) & 0xffff
    step0 = steps & 31
    step1 = steps >> 11
  }
  return h0 ^ h1
}

/** The number that a key begins with, negative behind `-`; digits end at the first byte that is none. */
export function decimal(at: usize, length: u32): u64 {
  const end = at + length
  const negative = length > 0 && load<u8>(at) == 0x2d
  let value: u64 = 0
  for (at += usize(negative); at < end; at++) {
    const digit = <u32>load<u8>(at) - 0x30
    if (digit > 9) break
    value = value * 10 + digit
  }
  return negative ? -value : value
}

/** Jenkins' full avalanche of an integer, spread by a large prime. */
export function avalanche(a: u32): u32 {
  a = a + 0x7ed55d16 + (a << 12)
  a = a ^ 0xc761c23c ^ (a >> 19)
  a = a + 0x165667b1 + (a << 5)
  a = (a + 0xd3a2646c) ^ (a << 9)
  a = a + 0xfd7046c5 + (a << 3)
  a = a ^ 0xb55a4f09 ^ (a >> 16)
  return a * 3221225473
}
