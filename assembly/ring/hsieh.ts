// Paul Hsieh's SuperFastHash as libmemcached and nutcracker compute it: the last byte of a rest of three is signed.

export function hsieh(at: usize, length: u32): u32 {
  let hash: u32 = 0
  if (length == 0) return 0
  for (; length >= 4; at += 4, length -= 4) {
    hash += <u32>load<u16>(at)
    hash = (hash << 16) ^ (<u32>load<u16>(at, 2) << 11) ^ hash
    hash += hash >> 11
  }
  if (length == 3) {
    hash += <u32>load<u16>(at)
    hash ^= hash << 16
    hash ^= <u32>load<i8>(at, 2) << 18
    hash += hash >> 11
  } else if (length == 2) {
    hash += <u32>load<u16>(at)
    hash ^= hash << 11
    hash += hash >> 17
  } else if (length == 1) {
    hash += <u32>load<u8>(at)
    hash ^= hash << 10
    hash += hash >> 1
  }
  hash ^= hash << 3
  hash += hash >> 5
  hash ^= hash << 4
  hash += hash >> 17
  hash ^= hash << 25
  return hash + (hash >> 6)
}
