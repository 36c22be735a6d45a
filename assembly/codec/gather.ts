// How large a block gathers a frame that straddles: exact where the frame's length is known, and in any case so that
// gathering n bytes costs O(n), and that a mere announcement never costs memory.

/** A gathered frame's block grows by this factor. */
const GROWTH: u64 = 4
const GROWTH_MIN: u64 = 65536 - 16

/**
 * The capacity for `have` gathered bytes and `bytes` new ones of a frame that needs `need` beyond the gathered. A frame
 * that ends anywhere needs a byte more each time: it grows by half, or every byte would cost a copy of them all.
 */
export function gatherRoom(have: u32, bytes: u32, need: u32): u32 {
  const whole = max(<u64>have + <u64>need, <u64>have + (<u64>have >> 1))
  return max(have + bytes, <u32>min(whole, max<u64>(<u64>have * GROWTH, GROWTH_MIN)))
}
