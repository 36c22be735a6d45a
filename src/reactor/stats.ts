// What a process that serves says about itself: its loops, its listeners. Plain objects, for IPC and JSON.
import type { LoopStats } from '../loop/loop-stats.ts'
import { type ListenerCounts, listenerCounts } from './counts.ts'
import type { BoundAddress } from './listening.ts'
import { liveListeners } from './live.ts'

export interface ListenerSample extends ListenerCounts {
  readonly host: string
  readonly port: number
}

export interface LoopSample extends LoopStats {
  /** The kernel that it waits with. */
  readonly kernel: string
}

export interface ProcessStats {
  readonly pid: number
  readonly uptimeMs: number
  readonly rssBytes: number
  readonly loops: readonly LoopSample[]
  readonly listeners: readonly ListenerSample[]
}

/** The loops of this thread that serve. */
export function loopStats(): LoopSample[] {
  const loops = [...new Set(liveListeners().map(({ loop }) => loop))]
  return loops.map((loop) => ({ kernel: loop.kernel.name, ...loop.stats() }))
}

/** Of this thread, now. */
export function processStats(): ProcessStats {
  return {
    pid: process.pid,
    uptimeMs: Math.round(process.uptime() * 1000),
    rssBytes: process.memoryUsage.rss(),
    loops: loopStats(),
    listeners: liveListeners().map((listener) => {
      const address = listener.address as BoundAddress | string
      const at = typeof address === 'string' ? { host: address, port: 0 } : { host: address.host, port: address.port }
      return { ...at, ...listenerCounts(listener) }
    }),
  }
}
