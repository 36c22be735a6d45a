// Sessions begin here: the part of a channel record that a kv or a proxy's local commands work on.

import * as abi from '../abi'
import { endpoint } from '../channel/table'
import { SESSION_AUTH_REQUIRED, SESSION_AUTHENTICATED, SESSION_FLAGS, SESSION_ID } from './kv/session'

let ids: u64 = 0

export function sessionCreate(): void {
  ids = 0
}

/** Begins the session of a channel that speaks RESP, with the next client id. */
export function sessionOpen(ch: usize): void {
  const service = load<u32>(endpoint(ch), abi.ENDPOINT_SERVICE)
  if (service != abi.SERVICE_KV && service != abi.SERVICE_PROXY) return
  const session = ch + abi.CHANNEL_SESSION
  const required = load<u32>(endpoint(ch), abi.ENDPOINT_PASSWORD) != 0
  store<u32>(session, required ? SESSION_AUTH_REQUIRED : SESSION_AUTHENTICATED, SESSION_FLAGS)
  store<u64>(session, ++ids, SESSION_ID)
}
