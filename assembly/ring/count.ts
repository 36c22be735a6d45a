// How many points each server of a circle gets for its weight. The float steps are part of the contract: equal weights
// give 156 points instead of 160 for some numbers of servers, and which numbers depends on the program.

import {
  RING_ENVOY,
  RING_HAPROXY,
  RING_HASHRING,
  RING_KETAMA,
  RING_LIBMEMCACHED,
  RING_LIBMEMCACHED_PLAIN,
  RING_NATIVE,
  RING_NGINX,
  RING_PLAN_MODE,
  RING_PLAN_POINTS,
  RING_PLAN_POINTS_MAX,
  RING_PLAN_SERVERS,
  RING_PLAN_SERVER_COUNT,
  RING_PLAN_WORDS,
  RING_SERVER_BYTES,
  RING_SERVER_POINTS,
  RING_SERVER_WEIGHT,
} from './abi'

/** Writes into each record how many points it gets, and returns their sum. */
export function countPoints(plan: usize, total: u64, live: u32): u64 {
  const mode = load<u32>(plan, RING_PLAN_MODE)
  const first = <usize>load<u32>(plan, RING_PLAN_SERVERS)
  const end = first + <usize>load<u32>(plan, RING_PLAN_SERVER_COUNT) * RING_SERVER_BYTES
  if (mode == RING_ENVOY) return countScaled(plan, first, end, total)
  let sum: u64 = 0
  for (let record = first; record < end; record += RING_SERVER_BYTES) {
    const points = pointsOf(plan, mode, record, total, live)
    sum += points
    store<u32>(record, <u32>min<u64>(points, <u64>u32.MAX_VALUE), RING_SERVER_POINTS)
  }
  return sum
}

/** The points of one server, in a ring where `live` servers have a weight. */
function pointsOf(plan: usize, mode: u32, record: usize, total: u64, live: u32): u64 {
  const weight = load<u32>(record, RING_SERVER_WEIGHT)
  const each = <u64>load<u32>(plan, RING_PLAN_POINTS)
  if (mode == RING_NATIVE) return <u64>weight * each
  if (mode == RING_NGINX) return <u64>weight * 160
  if (mode == RING_HAPROXY) return <u64>weight << 4
  if (mode == RING_LIBMEMCACHED_PLAIN) return weight == 0 ? 0 : 100
  if (mode == RING_HASHRING) {
    const words = <u64>load<u32>(plan, RING_PLAN_WORDS)
    const own = load<u32>(record, RING_SERVER_POINTS)
    if (weight == 0) return 0
    if (own != 0 && own != <u32>each) return own * words
    return <u64>floor<f64>((<f64>weight / <f64>total) * <f64>each * <f64>live) * words
  }
  const part = <f32>weight / <f32>total
  if (mode == RING_KETAMA) {
    // floorf(pct * 40.0 * (float)n): a double product, made a float by the call
    return <u64>floor<f32>(<f32>(<f64>part * 40.0 * <f64>(<f32>live))) * 4
  }
  const scaled: f32 = ((part * <f32>160) / <f32>4) * <f32>live
  // libmemcached adds 1e-10 to it as a float, nutcracker as a double
  if (mode == RING_LIBMEMCACHED) return <u64>floor<f32>(scaled + <f32>0.0000000001) * 4
  return <u64>floor<f32>(<f32>(<f64>scaled + 0.0000000001)) * 4
}

/**
 * Envoy scales the ring so that the lightest server has a whole number of points and all together at least the fewest
 * wanted; sums that run on over the servers share out the fractions.
 */
function countScaled(plan: usize, first: usize, end: usize, total: u64): u64 {
  let lightest: f64 = 1
  for (let record = first; record < end; record += RING_SERVER_BYTES) {
    const weight = load<u32>(record, RING_SERVER_WEIGHT)
    if (weight) lightest = min(lightest, <f64>weight / <f64>total)
  }
  const fewest = <f64>load<u32>(plan, RING_PLAN_POINTS)
  const scale = min(ceil<f64>(lightest * fewest) / lightest, <f64>load<u32>(plan, RING_PLAN_POINTS_MAX))
  let current: f64 = 0
  let target: f64 = 0
  for (let record = first; record < end; record += RING_SERVER_BYTES) {
    target += scale * (<f64>load<u32>(record, RING_SERVER_WEIGHT) / <f64>total)
    const points = max<f64>(0, ceil<f64>(target - current))
    store<u32>(record, <u32>min<f64>(points, 4294967295), RING_SERVER_POINTS)
    current += points
  }
  return <u64>current
}
