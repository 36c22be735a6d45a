// The FNV hashes as libmemcached and nutcracker compute them on x86-64: bytes are signed, so that those from 0x80 on
// are sign-extended, and the 64-bit pair keeps only its low 32 bits, to which the upper half of the prime adds nothing.

const BASIS_32: u32 = 0x811c9dc5
const PRIME_32: u32 = 0x01000193
const BASIS_64_LOW: u32 = 0x84222325
const PRIME_64_LOW: u32 = 0x1b3

export function fnv1_32(at: usize, length: u32): u32 {
  return fnv1(at, length, BASIS_32, PRIME_32)
}

export function fnv1a_32(at: usize, length: u32): u32 {
  return fnv1a(at, length, BASIS_32, PRIME_32)
}

export function fnv1_64(at: usize, length: u32): u32 {
  return fnv1(at, length, BASIS_64_LOW, PRIME_64_LOW)
}

export function fnv1a_64(at: usize, length: u32): u32 {
  return fnv1a(at, length, BASIS_64_LOW, PRIME_64_LOW)
}

// @ts-ignore: decorator
@inline
function fnv1(at: usize, length: u32, basis: u32, prime: u32): u32 {
  let hash = basis
  for (const end = at + length; at < end; at++) hash = (hash * prime) ^ <u32>load<i8>(at)
  return hash
}

// @ts-ignore: decorator
@inline
function fnv1a(at: usize, length: u32, basis: u32, prime: u32): u32 {
  let hash = basis
  for (const end = at + length; at < end; at++) hash = (hash ^ <u32>load<i8>(at)) * prime
  return hash
}
