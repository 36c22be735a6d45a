// Short runs of bytes: compare, copy, and fold to lower case, without reading beyond their ends. A call of the engine's
// memory.copy costs more than the copy where a key or a value is short.

/** Whether two runs of `length` bytes are the same. */
// @ts-ignore: decorator
@inline
export function sameBytes(a: usize, b: usize, length: u32): bool {
  if (length >= 8) {
    const last = length - 8
    if (load<u64>(a + last) != load<u64>(b + last)) return false
    for (let i: u32 = 0; i < last; i += 8) {
      if (load<u64>(a + i) != load<u64>(b + i)) return false
    }
    return true
  }
  if (length >= 4) return load<u32>(a) == load<u32>(b) && load<u32>(a + length - 4) == load<u32>(b + length - 4)
  for (let i: u32 = 0; i < length; i++) {
    if (load<u8>(a + i) != load<u8>(b + i)) return false
  }
  return true
}

/** Copies `length` bytes between runs that do not overlap. */
// @ts-ignore: decorator
@inline
export function copyBytes(to: usize, from: usize, length: u32): void {
  if (length > 64) {
    memory.copy(to, from, length)
  } else if (length >= 16) {
    const last = length - 16
    const tail = v128.load(from + last)
    if (last > 0) v128.store(to, v128.load(from))
    if (last > 16) v128.store(to, v128.load(from, 16), 16)
    if (last > 32) v128.store(to, v128.load(from, 32), 32)
    v128.store(to + last, tail)
  } else if (length >= 8) {
    const tail = load<u64>(from + length - 8)
    store<u64>(to, load<u64>(from))
    store<u64>(to + length - 8, tail)
  } else if (length >= 4) {
    const tail = load<u32>(from + length - 4)
    store<u32>(to, load<u32>(from))
    store<u32>(to + length - 4, tail)
  } else if (length) {
    store<u8>(to, load<u8>(from))
    if (length > 1) {
      store<u8>(to + 1, load<u8>(from, 1))
      store<u8>(to + length - 1, load<u8>(from + length - 1))
    }
  }
}

/** Up to 8 bytes as one little-endian word with the letters in lower case; only letters of equal case-folding match. */
// @ts-ignore: decorator
@inline
export function foldWord(at: usize, length: u32): u64 {
  let word: u64
  if (length >= 8) {
    return load<u64>(at) | 0x2020202020202020
  } else if (length >= 4) {
    word = <u64>load<u32>(at) | (<u64>load<u32>(at + length - 4) << (<u64>(length - 4) << 3))
  } else if (length >= 2) {
    word = <u64>load<u16>(at) | (<u64>load<u8>(at + length - 1) << (<u64>(length - 1) << 3))
  } else if (length) {
    word = load<u8>(at)
  } else {
    return 0
  }
  return (word | 0x2020202020202020) & (~(<u64>0) >> (64 - (<u64>length << 3)))
}
