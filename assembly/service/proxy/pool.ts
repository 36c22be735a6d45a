// A proxy: its ring, its servers, its limits. Records in the heap.
//
//   proxy    | ring · servers · timeouts · limits · counters |          servers: u32 addresses of server records
//   server   | state · channel · requests in flight · stream offsets · reconnect · address · name · reply scan |
//
// Each server has two records: `index` for clients that speak RESP2, `index + count` for those that said HELLO 3, whose
// connection is made when the first of them needs it. Replies pass as they are, so the protocols must agree.

import { SESSION_AUTHENTICATED, SESSION_RESP3 } from '../../abi'
import { alloc } from '../../memory/heap'
import { REPLY_STATE_BYTES } from '../../codec/resp-reply'
import { TIMER_SERVER, timerInit } from '../../timer/timers'
import { commandsCreate } from './commands'

export const PROXY_RING: usize = 0 // u32
export const PROXY_SERVERS: usize = 4 // u32, array of server records
export const PROXY_COUNT: usize = 8 // u32
export const PROXY_LOCAL: usize = 12 // u32, the kv that answers local commands
export const PROXY_IN_FLIGHT_MAX: usize = 16 // u32, requests of one client
export const PROXY_SERVER_BYTES_MAX: usize = 20 // u32, bytes queued for one server
export const PROXY_SERVER_REQUESTS_MAX: usize = 24 // u32, requests waiting for one server
export const PROXY_TIMEOUT_NS: usize = 32 // u64, of a request; 0: none
export const PROXY_CONNECT_NS: usize = 40 // u64, of a connect
export const PROXY_REQUESTS: usize = 48 // u64, counters
export const PROXY_ERRORS: usize = 56 // u64, error replies of the proxy's own making
export const PROXY_SESSION: usize = 64 // 24 bytes, the session of embedded shards in RESP2
export const PROXY_SESSION3: usize = 88 // … and in RESP3
export const PROXY_RECORD_BYTES: usize = 112

export const SERVER_STATE: usize = 0 // u32, UPSTREAM_*
export const SERVER_CHANNEL: usize = 4 // u32
export const SERVER_FIRST: usize = 8 // u32, oldest request in flight
export const SERVER_LAST: usize = 12 // u32
export const SERVER_PENDING: usize = 16 // u32
export const SERVER_KV: usize = 20 // u32, an embedded shard's kv; 0: a real server
export const SERVER_QUEUED: usize = 24 // u64, stream offset behind the newest request
export const SERVER_TIMER: usize = 32 // when to connect again, or to look at the oldest request
export const SERVER_INDEX: usize = 56 // u32, in the proxy
export const SERVER_NUMBER: usize = 60 // u32, in the loop: what a call's tag names
export const SERVER_PROXY: usize = 64 // u32
export const SERVER_ENDPOINT: usize = 68 // u32
export const SERVER_NAME: usize = 72 // u32, address and
export const SERVER_NAME_LENGTH: usize = 76 // u32
export const SERVER_REQUESTS: usize = 80 // u64, counters
export const SERVER_DISCONNECTS: usize = 88 // u64
export const SERVER_TIMEOUTS: usize = 96 // u64
export const SERVER_ADDRESS_LENGTH: usize = 104 // u32
export const SERVER_FAMILY: usize = 108 // u32
export const SERVER_ADDRESS: usize = 112 // sockaddr, up to 112 bytes
export const SERVER_RESP3: usize = 224 // u32
export const SERVER_FAILURES: usize = 228 // u32, connects in a row that failed
export const SERVER_ERROR: usize = 232 // i32, what brought it down: −errno, or one of FAIL_*
export const SERVER_TIMESPEC: usize = 240 // 16 bytes, how long a connect may take
export const SERVER_SCAN: usize = 256
export const SERVER_RECORD_BYTES: usize = SERVER_SCAN + REPLY_STATE_BYTES

export const UPSTREAM_DOWN: u32 = 0
export const UPSTREAM_SOCKET: u32 = 1 // asked for a socket
export const UPSTREAM_CONNECTING: u32 = 2
export const UPSTREAM_UP: u32 = 3
export const UPSTREAM_EMBEDDED: u32 = 4
export const UPSTREAM_STOPPED: u32 = 5
export const UPSTREAM_IDLE: u32 = 6 // nobody has needed it yet

const SERVERS_MAX: u32 = 4096

let numbers: usize = 0 // server records by number
let numbered: u32 = 0

/** Prepares this instance for proxies; false when memory is exhausted. */
export function proxiesCreate(): bool {
  numbered = 0
  numbers = alloc(SERVERS_MAX << 2)
  return numbers != 0 && commandsCreate()
}

/**
 * A proxy over a ring of `count` servers, all of which are down until proxyServer names them. 0: memory, or too many.
 */
export function proxyCreate(ring: usize, count: u32, local: usize): usize {
  if (numbered + 2 * count > SERVERS_MAX) return 0
  const proxy = alloc(PROXY_RECORD_BYTES)
  const servers = alloc(count << 3)
  if (!proxy || !servers) return 0
  memory.fill(proxy, 0, PROXY_RECORD_BYTES)
  store<u32>(proxy, <u32>ring, PROXY_RING)
  store<u32>(proxy, <u32>servers, PROXY_SERVERS)
  store<u32>(proxy, count, PROXY_COUNT)
  store<u32>(proxy, <u32>local, PROXY_LOCAL)
  store<u32>(proxy, SESSION_AUTHENTICATED, PROXY_SESSION)
  store<u32>(proxy, SESSION_AUTHENTICATED | SESSION_RESP3, PROXY_SESSION3)
  for (let i: u32 = 0; i < 2 * count; i++) {
    const server = alloc(SERVER_RECORD_BYTES)
    if (!server) return 0
    memory.fill(server, 0, SERVER_SCAN)
    timerInit(server + SERVER_TIMER, TIMER_SERVER, server)
    store<u32>(server, i % count, SERVER_INDEX)
    store<u32>(server, i >= count ? 1 : 0, SERVER_RESP3)
    store<u32>(server, numbered, SERVER_NUMBER)
    store<u32>(server, <u32>proxy, SERVER_PROXY)
    store<u32>(numbers + (<usize>(numbered++) << 2), <u32>server)
    store<u32>(servers + (<usize>i << 2), <u32>server)
  }
  return proxy
}

/** The server record of a proxy's index, or of index + count for RESP3. */
// @ts-ignore: decorator
@inline
export function serverOf(proxy: usize, index: u32): usize {
  return <usize>load<u32>(<usize>load<u32>(proxy, PROXY_SERVERS) + (<usize>index << 2))
}

/** The server record of a call's tag. */
export function serverByNumber(number: u32): usize {
  return <usize>load<u32>(numbers + (<usize>number << 2))
}
