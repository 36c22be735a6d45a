// Proof that a signal was not raised.

// Node ignores SIGPIPE until somebody listens, and once the last listener is gone it kills: one stays. A write through
// io_uring to a pipe without a reader raises it.
process.on('SIGPIPE', () => undefined)

/** How many SIGPIPEs `body` raised; Node tells of signals only in a later turn. */
export async function countPipeSignals(body: () => void): Promise<number> {
  let signals = 0
  const count = (): void => {
    signals++
  }
  process.on('SIGPIPE', count)
  body()
  await new Promise((resolve) => setTimeout(resolve, 10))
  process.off('SIGPIPE', count)
  return signals
}
