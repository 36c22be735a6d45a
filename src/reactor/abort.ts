// AbortSignals: the error of what one has called off, and servers that one closes.

/** As Node's own: name AbortError, code ABORT_ERR, and the signal's reason as its cause. */
export function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason })
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' })
}

interface Closable {
  close(options?: { drain?: number }): Promise<void>
}

/** Starts a server unless the signal has been aborted, also meanwhile; afterwards an abort closes it. */
export async function underSignal<S extends Closable>(
  signal: AbortSignal | undefined,
  start: () => Promise<S>,
): Promise<S> {
  if (signal?.aborted) throw abortError(signal)
  const server = await start()
  if (signal?.aborted) {
    await server.close({ drain: 0 })
    throw abortError(signal)
  }
  signal?.addEventListener('abort', () => void server.close(), { once: true })
  return server
}
