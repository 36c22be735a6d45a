// What io_uring is on this machine: which rung of it works, and what it can do beside. Each rung is set up as a loop
// would set it up, with its test, and closed again.
import {
  BUFFERS_INCREMENTAL,
  FEATURE_BUNDLE,
  FEATURE_MIN_WAIT,
  FEATURE_SEND_ZC,
  KERNEL_URING,
  KERNEL_URING_MAPPED,
} from '../../assembly/abi.ts'
import { type Ask, type Feature, off, on, unknown } from './feature.ts'
import { explainRefusal } from './refusals.ts'

/** A loop could be had with these FEATURE_* and, from this bit on, BUFFERS_*. */
const MODE_SHIFT = 16

const RUNGS = [
  { name: 'io_uring', kernel: 'uring', constant: KERNEL_URING, use: 'with its rings in our own memory' },
  { name: 'io_uring mapped', kernel: 'uring-mapped', constant: KERNEL_URING_MAPPED, use: 'with its rings mirrored' },
] as const

const EXTRAS = [
  {
    name: 'io_uring min-wait',
    bits: FEATURE_MIN_WAIT,
    on: 'gathers completions inside the kernel while many connections talk',
    off: 'gathering costs a second system call',
    since: '6.12',
  },
  {
    name: 'io_uring incremental',
    bits: BUFFERS_INCREMENTAL << MODE_SHIFT,
    on: 'small messages share a receive buffer',
    off: 'every receive takes a whole buffer',
    since: '6.12',
  },
  {
    name: 'io_uring bundles',
    bits: FEATURE_BUNDLE,
    on: 'one completion can bring several buffers',
    off: 'every buffer has a completion of its own',
    since: '6.10',
  },
  {
    name: 'io_uring zero copy',
    bits: FEATURE_SEND_ZC,
    on: 'large sends can leave without a copy, where the network card takes part',
    off: 'every send copies its bytes into the kernel',
    since: '6.1',
  },
] as const

export function uringFeatures(ask: Ask): Feature[] {
  const found = RUNGS.map(({ constant }) => ask(`kernel.${constant}`))
  const best = found.find((result) => result !== undefined && result >= 0)
  const rows = RUNGS.map((rung, i): Feature => rungFeature(rung, found[i], ask))
  if (best === undefined) return rows
  for (const extra of EXTRAS) {
    const has = (best & extra.bits) !== 0
    const fix = `use Linux ${extra.since} or newer`
    rows.push(has ? on(extra.name, 'usable', extra.on) : off(extra.name, undefined, extra.off, fix))
  }
  return rows
}

function rungFeature(rung: (typeof RUNGS)[number], result: number | undefined, ask: Ask): Feature {
  if (result === undefined) return unknown(rung.name)
  if (result >= 0) return on(rung.name, 'usable', `${rung.use}; it passed its test`)
  const { code, why, fix } = explainRefusal(rung.kernel, result, ask)
  return off(rung.name, code, why, fix)
}
