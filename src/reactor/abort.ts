// The error of what an AbortSignal has called off.

/** As Node's own: name AbortError, code ABORT_ERR, and the signal's reason as its cause. */
export function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason })
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' })
}
