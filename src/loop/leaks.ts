// Leak reports: who allocated the skbs that are still alive, in words.
import * as memory from '../../assembly/memory/abi.ts'

/** The sites of assembly/memory/abi.ts, as a message names them. */
const SITES: Readonly<Record<number, string>> = {
  [memory.SITE_UNKNOWN]: 'outside of a turn',
  [memory.SITE_INBOUND]: 'a frame that came in parts',
  [memory.SITE_HELD]: 'a frame kept for its handler',
  [memory.SITE_ECHO]: 'the echo service',
  [memory.SITE_HOST]: 'frames for a handler',
  [memory.SITE_WRITE]: 'channel.write',
  [memory.SITE_ANSWER]: "a host command's answer",
  [memory.SITE_COMMAND]: 'a command for the host',
  [memory.SITE_KV]: 'replies of a keyspace',
  [memory.SITE_PROXY_CLIENT]: "a proxy's requests",
  [memory.SITE_PROXY_SERVER]: "a proxy's replies",
  [memory.SITE_TICK]: 'timers of a service',
}

/** Sampled skbs of one site that are alive. */
export interface Leak {
  readonly site: string
  readonly count: number
  /** Of the blocks they point into. */
  readonly bytes: number
  /** Of the oldest. */
  readonly ageMs: number
}

export interface LeakError extends Error {
  readonly code: 'MILLRACE_ERR_LEAK'
  readonly leaks: readonly Leak[]
}

/** What MILLRACE_LEAKS asks for: one in so many skbs is noted. */
export function leakSampling(wanted: string | undefined): number {
  if (wanted === undefined || wanted === '') return 0
  const every = Number(wanted)
  if (Number.isInteger(every) && every >= 0 && every < 2 ** 31) return every
  throw new RangeError(`MILLRACE_LEAKS=${wanted}: it is a whole number, 1 to note every skb, 100 for one in a hundred`)
}

interface LeakSource {
  leakReport(to: number): number
}

/** Reads the core's records; `scratch` has room for them. */
export function readLeaks(core: LeakSource, view: DataView, scratch: number): Leak[] {
  const count = core.leakReport(scratch)
  return Array.from({ length: count }, (_, i) => {
    const at = scratch + i * memory.LEAK_BYTES
    const site = view.getUint32(at + memory.LEAK_SITE, true)
    return {
      site: SITES[site] ?? `site ${site}`,
      count: view.getUint32(at + memory.LEAK_COUNT, true),
      bytes: view.getUint32(at + memory.LEAK_HELD, true),
      ageMs: view.getUint32(at + memory.LEAK_AGE_MS, true),
    }
  }).sort((a, b) => b.bytes - a.bytes)
}

/** What a loop throws that closes with `skbs` outstanding, of which one in `every` was noted. */
export function leakError(skbs: number, leaks: readonly Leak[], every: number): LeakError {
  const from = leaks.map(
    ({ site, count, bytes, ageMs }) =>
      `${count} from ${site} (${bytes} bytes, up to ${(ageMs / 1000).toFixed(1)} s old)`,
  )
  const known = every === 1 ? '' : `; one in ${every} is noted`
  const what = `${skbs} skbs are outstanding as the loop closes${known}: ${from.join(', ') || 'none of those noted'}`
  return Object.assign(new Error(what), { code: 'MILLRACE_ERR_LEAK' as const, leaks })
}
