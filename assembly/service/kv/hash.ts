// The hash of a key, and random numbers for sampling. The hash is keyed: without the seed nobody can choose keys that
// meet in one bucket. It is built of folded multiplications (the halves of the 128-bit product xored), as wyhash is,
// but with every factor masked by a secret, so that no input zeroes a factor whatever the seed.

let k0: u64 = 0x2d358dccaa6c78a5
let k1: u64 = 0x8bb84b93962eacc9
let k2: u64 = 0x4b33a62ed433d4a3
let state: u64 = 0x9e3779b97f4a7c15

/** Sets the secrets from 64 random bits. Before the first key is stored, once per instance. */
export function hashSeed(seed: u64): void {
  state = seed
  k0 = splitMix()
  k1 = splitMix()
  k2 = splitMix()
}

/** Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014. */
function splitMix(): u64 {
  state += 0x9e3779b97f4a7c15
  let z = state
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb
  return z ^ (z >> 31)
}

/** A random number in [0, bound). */
export function randomBelow(bound: u32): u32 {
  return <u32>((<u64>(<u32>splitMix()) * <u64>bound) >> 32)
}

// @ts-ignore: decorator
@inline
function fold(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff
  const aHigh = a >> 32
  const bLow = b & 0xffffffff
  const bHigh = b >> 32
  const low = aLow * bLow
  const cross = aLow * bHigh
  const middle = (low >> 32) + (cross & 0xffffffff) + aHigh * bLow
  return (a * b) ^ (aHigh * bHigh + (cross >> 32) + (middle >> 32))
}

/** The 32 bits that choose the bucket of a key and are compared before its bytes. */
export function hashKey(key: usize, length: u32): u32 {
  let a: u64
  let b: u64
  let mask = k0 ^ (<u64>length * 0x9e3779b97f4a7c15)
  if (length <= 16) {
    if (length >= 8) {
      a = load<u64>(key)
      b = load<u64>(key + length - 8)
    } else if (length >= 4) {
      a = load<u32>(key)
      b = load<u32>(key + length - 4)
    } else if (length) {
      a = load<u8>(key)
      b = <u64>load<u8>(key + (length >> 1)) | (<u64>load<u8>(key + length - 1) << 8)
    } else {
      a = b = 0
    }
  } else {
    const last = key + length - 16
    for (; key < last; key += 16) mask = fold(load<u64>(key) ^ mask, load<u64>(key, 8) ^ k2)
    a = load<u64>(last)
    b = load<u64>(last, 8)
  }
  const word = fold(a ^ mask, b ^ k1)
  return <u32>(((word ^ (word >> 32)) * 0x9fb21c651e98df25) >> 32)
}
