// What a process that serves says about itself: its loops, its listeners. Plain objects, for IPC and JSON.
import type { LoopStats } from '../loop/loop.ts'
import { liveListeners } from './live.ts'

export interface ListenerSample {
  readonly host: string
  readonly port: number
  readonly channels: number
  readonly accepted: number
}

export interface ProcessStats {
  readonly pid: number
  readonly uptimeMs: number
  readonly rssBytes: number
  readonly loops: readonly (LoopStats & { readonly kernel: string })[]
  readonly listeners: readonly ListenerSample[]
}

/** Of this thread, now. */
export function processStats(): ProcessStats {
  const listeners = liveListeners()
  const loops = [...new Set(listeners.map(({ loop }) => loop))]
  return {
    pid: process.pid,
    uptimeMs: Math.round(process.uptime() * 1000),
    rssBytes: process.memoryUsage.rss(),
    loops: loops.map((loop) => ({ kernel: loop.kernel.name, ...loop.stats() })),
    listeners: listeners.map(({ address: { host, port }, channels, accepted }) => ({ host, port, channels, accepted })),
  }
}
