// The main module of a worker process: loads the user's module, answers the supervisor, and drains when it is told to,
// or when the supervisor is gone.
import { pathToFileURL } from 'node:url'
import { liveListeners } from './live.ts'
import type { FromWorker, ToWorker } from './process-protocol.ts'
import { processStats } from './stats.ts'

const LOOK_MS = 20
/** Where the supervisor is gone, nobody says how long to drain. */
const ORPHAN_DRAIN_MS = 5000

let draining = false

function tell(message: FromWorker): void {
  // a supervisor that is gone is heard of as a disconnect
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}

async function drain(lingerMs: number, drainMs: number): Promise<void> {
  if (draining) return
  draining = true
  for (const listener of liveListeners()) listener.retire()
  const deadline = performance.now() + lingerMs
  let told = false
  // what the kernel has accepted already becomes a channel before the listener is closed
  while (liveListeners().some((one) => one.accepting || one.channels > 0) && performance.now() < deadline) {
    if (!told && !liveListeners().some((one) => one.accepting)) {
      told = true
      tell({ type: 'retired' })
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  await Promise.all(liveListeners().map((listener) => listener.close(drainMs)))
  process.exit(0)
}

function told(message: ToWorker): void {
  switch (message.type) {
    case 'ping':
      tell({ type: 'pong', n: message.n })
      break
    case 'drain':
      void drain(message.lingerMs, message.drainMs)
      break
    case 'look':
      for (const listener of liveListeners()) listener.look()
      break
    case 'stats':
      tell({ type: 'stats', stats: processStats() })
      break
    case 'reopen':
      process.emit('SIGUSR1', 'SIGUSR1')
      break
  }
}

process.on('message', told)
process.on('disconnect', () => void drain(0, ORPHAN_DRAIN_MS))
process.on('SIGTERM', () => void drain(0, ORPHAN_DRAIN_MS))
// a terminal sends these to the whole group: what becomes of the workers is the supervisor's to say
process.on('SIGINT', () => {})
process.on('SIGHUP', () => {})

const [, , module = ''] = process.argv
// the user's module sees itself where a main module would
process.argv.splice(1, 1)
try {
  await import(/^[a-z][a-z\d+.-]+:/i.test(module) ? module : pathToFileURL(module).href)
  tell({ type: 'ready' })
} catch (error) {
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
  if (process.send === undefined || !process.connected) throw error
  process.send({ type: 'failed', reason } satisfies FromWorker, () => process.exit(1))
}
