// How the host describes a proxy: its limits and its servers. And what it can ask: a server's state and counters.

import { alloc } from '../../memory/heap'
import { timerCancel } from '../../timer/timers'
import * as pool from './pool'
import { FAIL_STOPPED } from './server-error'
import { upstreamConnect, upstreamFail } from './upstream'

/** Sets the limits of a proxy; times are in nanoseconds, 0 for `timeout` means none. */
export function proxyLimits(
  proxy: usize,
  inFlight: u32,
  serverBytes: u32,
  serverRequests: u32,
  timeout: f64,
  connect: f64,
): void {
  store<u32>(proxy, inFlight, pool.PROXY_IN_FLIGHT_MAX)
  store<u32>(proxy, serverBytes, pool.PROXY_SERVER_BYTES_MAX)
  store<u32>(proxy, serverRequests, pool.PROXY_SERVER_REQUESTS_MAX)
  store<u64>(proxy, <u64>timeout, pool.PROXY_TIMEOUT_NS)
  store<u64>(proxy, <u64>connect, pool.PROXY_CONNECT_NS)
}

/** Makes server `index` a real one, reached through `endpoint` at a sockaddr, and starts to connect. */
export function proxyServer(
  proxy: usize,
  index: u32,
  endpoint: usize,
  name: usize,
  nameLength: u32,
  family: u32,
  address: usize,
  addressLength: u32,
): bool {
  assert(addressLength <= 112)
  const count = load<u32>(proxy, pool.PROXY_COUNT)
  for (let i = index; i < 2 * count; i += count) {
    const server = pool.serverOf(proxy, i)
    if (!setName(server, name, nameLength)) return false
    store<u32>(server, <u32>endpoint, pool.SERVER_ENDPOINT)
    store<u32>(server, family, pool.SERVER_FAMILY)
    memory.copy(server + pool.SERVER_ADDRESS, address, addressLength)
    store<u32>(server, addressLength, pool.SERVER_ADDRESS_LENGTH)
    store<u32>(server, pool.UPSTREAM_IDLE, pool.SERVER_STATE)
  }
  upstreamConnect(pool.serverOf(proxy, index))
  return true
}

/** Makes server `index` a shard in this process. */
export function proxyEmbed(proxy: usize, index: u32, kv: usize, name: usize, nameLength: u32): bool {
  const count = load<u32>(proxy, pool.PROXY_COUNT)
  for (let i = index; i < 2 * count; i += count) {
    const server = pool.serverOf(proxy, i)
    if (!setName(server, name, nameLength)) return false
    store<u32>(server, <u32>kv, pool.SERVER_KV)
    store<u32>(server, pool.UPSTREAM_EMBEDDED, pool.SERVER_STATE)
  }
  return true
}

/** Closes the connections to all real servers, for good. */
export function proxyStop(proxy: usize): void {
  const count: u32 = 2 * load<u32>(proxy, pool.PROXY_COUNT)
  for (let i: u32 = 0; i < count; i++) {
    const server = pool.serverOf(proxy, i)
    if (load<u32>(server, pool.SERVER_KV)) continue
    upstreamFail(server, FAIL_STOPPED)
    store<u32>(server, pool.UPSTREAM_STOPPED, pool.SERVER_STATE)
    timerCancel(server + pool.SERVER_TIMER)
  }
}

// What serverStat tells.
export const SERVER_STAT_STATE: u32 = 0
export const SERVER_STAT_PENDING: u32 = 1
export const SERVER_STAT_REQUESTS: u32 = 2
export const SERVER_STAT_DISCONNECTS: u32 = 3
export const SERVER_STAT_TIMEOUTS: u32 = 4

/** A number about a server: the state of its RESP2 connection, the counters of both. */
export function serverStat(proxy: usize, index: u32, stat: u32): f64 {
  const first = pool.serverOf(proxy, index)
  if (stat == SERVER_STAT_STATE) return load<u32>(first, pool.SERVER_STATE)
  return counter(first, stat) + counter(pool.serverOf(proxy, index + load<u32>(proxy, pool.PROXY_COUNT)), stat)
}

function counter(server: usize, stat: u32): f64 {
  switch (stat) {
    case SERVER_STAT_PENDING:
      return load<u32>(server, pool.SERVER_PENDING)
    case SERVER_STAT_REQUESTS:
      return <f64>load<u64>(server, pool.SERVER_REQUESTS)
    case SERVER_STAT_DISCONNECTS:
      return <f64>load<u64>(server, pool.SERVER_DISCONNECTS)
    default:
      return <f64>load<u64>(server, pool.SERVER_TIMEOUTS)
  }
}

/** Requests a proxy has routed. */
export function proxyRequests(proxy: usize): f64 {
  return <f64>load<u64>(proxy, pool.PROXY_REQUESTS)
}

/** Error replies of the proxy's own making. */
export function proxyErrors(proxy: usize): f64 {
  return <f64>load<u64>(proxy, pool.PROXY_ERRORS)
}

function setName(server: usize, name: usize, length: u32): bool {
  const copy = alloc(length)
  if (!copy) return false
  memory.copy(copy, name, length)
  store<u32>(server, <u32>copy, pool.SERVER_NAME)
  store<u32>(server, length, pool.SERVER_NAME_LENGTH)
  return true
}
