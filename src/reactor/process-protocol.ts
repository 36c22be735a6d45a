// What a supervisor and its worker processes tell each other over IPC.

/** In a worker's environment: which worker it is, counted from 0. */
export const WORKER = 'MILLRACE_WORKER'

export type ToWorker =
  /** To be answered with the same number: a worker that does not is blocked. */
  | { readonly type: 'ping'; readonly n: number }
  /** Accept no more; let clients end by themselves for `lingerMs`, then drain for `drainMs`, then exit 0. */
  | { readonly type: 'drain'; readonly lingerMs: number; readonly drainMs: number }
  /** The worker before has stopped accepting from the sockets that both have. */
  | { readonly type: 'look' }
  | { readonly type: 'stats' }
  | { readonly type: 'reopen' }

export type FromWorker =
  | { readonly type: 'ready' }
  /** The module did not load; the process ends. */
  | { readonly type: 'failed'; readonly reason: string }
  /** It accepts no more; channels may still be open. */
  | { readonly type: 'retired' }
  | { readonly type: 'pong'; readonly n: number }
  | { readonly type: 'stats'; readonly stats: unknown }
