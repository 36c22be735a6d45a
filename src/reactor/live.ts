// The listeners of this thread that are open: what a drain closes, and what statistics look at.
import type { Listener } from './listener.ts'

const open = new Set<Listener<unknown>>()

/** Those that are open now, in the order they were opened. */
export function liveListeners(): readonly Listener<unknown>[] {
  return [...open]
}

export function nowLive(listener: Listener<unknown>): void {
  open.add(listener)
}

export function noLonger(listener: Listener<unknown>): void {
  open.delete(listener)
}
