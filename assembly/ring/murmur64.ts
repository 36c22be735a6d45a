// MurmurHash64A as libstdc++ and Envoy compute it, with their seed.

const M: u64 = 0xc6a4a7935bd1e995
const SEED: u64 = 0xc70f6907

export function murmur64(at: usize, length: u32): u64 {
  let hash = SEED ^ (<u64>length * M)
  for (const end = at + (length & ~7); at < end; at += 8) hash = (hash ^ (mix(load<u64>(at) * M) * M)) * M
  const rest = length & 7
  if (rest) {
    let word: u64 = 0
    for (let i = rest; i-- > 0; ) word = (word << 8) | <u64>load<u8>(at + i)
    hash = (hash ^ word) * M
  }
  return mix(mix(hash) * M)
}

// @ts-ignore: decorator
@inline
function mix(value: u64): u64 {
  return value ^ (value >> 47)
}
