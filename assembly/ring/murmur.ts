// MurmurHash2, 32 bits, with the seed that libmemcached and nutcracker derive from the length.

const M: u32 = 0x5bd1e995

export function murmur(at: usize, length: u32): u32 {
  let hash = (0xdeadbeef * length) ^ length
  for (; length >= 4; at += 4, length -= 4) {
    let word = load<u32>(at) * M
    word = (word ^ (word >> 24)) * M
    hash = (hash * M) ^ word
  }
  if (length == 3) hash ^= <u32>load<u8>(at, 2) << 16
  if (length >= 2) hash ^= <u32>load<u8>(at, 1) << 8
  if (length >= 1) hash = (hash ^ <u32>load<u8>(at)) * M
  hash = (hash ^ (hash >> 13)) * M
  return hash ^ (hash >> 15)
}
