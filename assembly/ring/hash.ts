// The key hashes by number: abi's HASH_*, see its list for whose they are.

import {
  HASH_CRC16,
  HASH_CRC32,
  HASH_CRC32A,
  HASH_DECIMAL,
  HASH_DJB2,
  HASH_FNV1A_32,
  HASH_FNV1A_64,
  HASH_FNV1_32,
  HASH_FNV1_64,
  HASH_HSIEH,
  HASH_JENKINS,
  HASH_MD5,
  HASH_MURMUR,
  HASH_MURMUR2_64,
  HASH_ONE_AT_A_TIME,
  HASH_SDBM,
  HASH_WT6,
  HASH_XXH64,
} from './abi'
import { crc16, crc32, crc32a } from './crc'
import { fnv1_32, fnv1_64, fnv1a_32, fnv1a_64 } from './fnv'
import { decimal, djb2, sdbm, wt6 } from './haproxy'
import { hsieh } from './hsieh'
import { jenkins, oneAtATime } from './jenkins'
import { md5 } from './md5'
import { murmur } from './murmur'
import { murmur64 } from './murmur64'
import { xxh64 } from './xxh64'

/** The hash of a key: 64 bits of HASH_XXH64, HASH_MURMUR2_64 and HASH_DECIMAL, 32 of the others. */
export function ringHash(hash: u32, at: usize, length: u32): u64 {
  if (hash == HASH_XXH64) return xxh64(at, length, 0)
  if (hash == HASH_MURMUR2_64) return murmur64(at, length)
  if (hash == HASH_DECIMAL) return decimal(at, length)
  return <u64>hash32(hash, at, length)
}

/** Every hash of 32 bits. */
export function hash32(hash: u32, at: usize, length: u32): u32 {
  switch (hash) {
    case HASH_ONE_AT_A_TIME: return oneAtATime(at, length)
    case HASH_MD5: return md5(at, length)
    case HASH_CRC16: return crc16(at, length)
    case HASH_CRC32: return crc32(at, length)
    case HASH_CRC32A: return crc32a(at, length)
    case HASH_FNV1_64: return fnv1_64(at, length)
    case HASH_FNV1A_64: return fnv1a_64(at, length)
    case HASH_FNV1_32: return fnv1_32(at, length)
    case HASH_FNV1A_32: return fnv1a_32(at, length)
    case HASH_HSIEH: return hsieh(at, length)
    case HASH_MURMUR: return murmur(at, length)
    case HASH_JENKINS: return jenkins(at, length)
    case HASH_SDBM: return sdbm(at, length)
    case HASH_DJB2: return djb2(at, length)
    case HASH_WT6: return wt6(at, length)
  }
  assert(false)
  return 0
}
