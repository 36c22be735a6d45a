// Where a server's points lie: how many it gets for its weight, and their positions, bit for bit as the programs do
// whose rings we share. The float steps are part of that contract: equal weights give 156 points instead of 160 for
// some numbers of servers.

import { RING_KETAMA, RING_NATIVE, RING_SERVER_BITS, RING_SERVER_NAME, RING_SERVER_NAME_BYTES } from '../abi'
import { md5, md5Word } from './md5'
import { xxh64 } from './xxh64'

/** Bytes of text behind a name: `-` and a number. */
export const POINT_SUFFIX_BYTES: u32 = 11

/** The points of a server with `weight` out of `total`, in a ring of `live` servers with a weight. */
export function pointsOf(mode: u32, weight: u32, total: u64, live: u32, perWeight: u32): u64 {
  if (mode == RING_NATIVE) return <u64>weight * perWeight
  const part = <f32>weight / <f32>total
  if (mode == RING_KETAMA) {
    // floorf(pct * 40.0 * (float)n): a double product, made a float by the call
    return <u64>floor<f32>(<f32>(<f64>part * 40.0 * <f64>(<f32>live))) * 4
  }
  // floorf((float)(pct * 160 / 4 * (float)n + 0.0000000001)) * 4: a float product and a double sum
  const scaled: f32 = ((part * <f32>160) / <f32>4) * <f32>live
  return <u64>floor<f32>(<f32>(<f64>scaled + 0.0000000001)) * 4
}

/** Writes the `count` entries of server `index`, whose record is given; returns the end. `text` is working space. */
export function placePoints(mode: u32, server: usize, index: u32, count: u32, text: usize, entries: usize): usize {
  const name = <usize>load<u32>(server, RING_SERVER_NAME)
  const bytes = load<u32>(server, RING_SERVER_NAME_BYTES)
  const end = entries + (<usize>count << 3)
  if (mode == RING_NATIVE) {
    for (let seed: u64 = 0; entries < end; entries += 8, seed++) {
      store<u64>(entries, ((xxh64(name, bytes, seed) >> RING_SERVER_BITS) << RING_SERVER_BITS) | index)
    }
    return end
  }
  memory.copy(text, name, bytes)
  store<u8>(text + bytes, 0x2d) // -
  for (let number: u32 = 0; entries < end; number++) {
    md5(text, bytes + 1 + writeDecimal(text + bytes + 1, number))
    for (let word: u32 = 0; word < 4; word++, entries += 8) store<u64>(entries, (<u64>md5Word(word) << 32) | index)
  }
  return end
}

/** Writes a number as text; returns its length. */
function writeDecimal(at: usize, value: u32): u32 {
  let digits: u32 = 1
  for (let rest = value / 10; rest > 0; rest /= 10) digits++
  for (let place = at + digits; place > at; value /= 10) store<u8>(--place, 0x30 + (value % 10))
  return digits
}
