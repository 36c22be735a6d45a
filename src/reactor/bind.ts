// `bind`: a socket of datagrams whose messages a JavaScript handler takes.
import { isIP } from 'node:net'
import * as abi from '../../assembly/abi.ts'
import * as own from '../../assembly/datagram/abi.ts'
import { resolveTcp, type SocketAddress, tcpSocketAddress } from '../channel/address.ts'
import { type DatagramHandler, Datagrams, type DatagramTarget } from '../channel/datagram.ts'
import { interfaceIndex, nodeError } from '../channel/datagram-address.ts'
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import { check } from '../kernel/errors.ts'
import { Loop } from '../loop/loop.ts'
import { createEndpoint } from './listener.ts'

export interface BindOptions {
  /** 0, the default: any free port. */
  readonly port?: number
  /** '127.0.0.1' by default; for a socket with `connectTo` any address of that family. */
  readonly host?: string
  readonly handler: DatagramHandler
  /** The one peer of the socket; see Datagrams.connect. */
  readonly connectTo?: DatagramTarget
  /** Most bytes of a message; what is longer comes cut. 65,527, the most there is, by default. */
  readonly maxMessageBytes?: number
  /** Bytes queued above which `send` returns false, each datagram with 32 for its address. 262,144 by default. */
  readonly highWaterMark?: number
  /** Bytes at which `writable` is called. Half the high one by default. */
  readonly lowWaterMark?: number
  /** SO_REUSEADDR and SO_REUSEPORT (socket(7)). */
  readonly reuseAddress?: boolean
  readonly reusePort?: boolean
  /** No IPv4 on a socket of IPv6. */
  readonly ipv6Only?: boolean
  /** SO_RCVBUF and SO_SNDBUF, in bytes, of which Linux gives double, and at most what its sysctls allow. */
  readonly receiveBufferBytes?: number
  readonly sendBufferBytes?: number
  /** Allows sending to broadcast addresses. */
  readonly broadcast?: boolean
  /** Hops of what is sent, 1 to 255. */
  readonly ttl?: number
  /** Hops of what is sent to groups, 0 to 255; whether this machine hears it too; by which interface it goes. */
  readonly multicastTtl?: number
  readonly multicastLoopback?: boolean
  readonly multicastInterface?: string
  /** Multicast groups to join. */
  readonly memberships?: readonly { readonly group: string; readonly interface?: string }[]
  /** Closes the socket at once. */
  readonly signal?: AbortSignal
  /** Which kernel serves it; see ListenOptions. */
  readonly kernel?: string
}

/** A datagram takes a buffer whole, whatever its length; of one that is not filled only the first pages are touched. */
const LOOP = {
  channels: 4096,
  buffers: 256,
  bufferBytes: 66_560,
  bufferMode: 'plain',
  slabBytes: 64 << 20,
  heapBytes: 256 << 20,
} as const
const MESSAGE_MAX = LOOP.bufferBytes - own.DATAGRAM_PAYLOAD
const WATERMARK_MAX = 1 << 28

const loops = new Map<string, Loop>()

/**
 * The loop of this thread for datagrams. It is one of its own, because its buffers hold one datagram each: in those
 * that receives of streams continue in, the rest of a buffer would cut the next datagram.
 */
function datagramLoop(kernel: string | undefined): Loop {
  const name = kernel ?? (process.env.MILLRACE_KERNEL || 'auto')
  const loop = loops.get(name) ?? new Loop({ ...LOOP, ...(kernel === undefined ? {} : { kernel }) })
  loops.set(name, loop)
  return loop
}

/** Binds a UDP socket; rejects with the errors Node's users know (EADDRINUSE, EACCES …). */
export async function bind(options: BindOptions): Promise<Datagrams> {
  return bindOn(() => datagramLoop(options.kernel), options)
}

/** As bind, on a loop whose buffers are plain; it is asked for once the options have been found good. */
export async function bindOn(loopOf: () => Loop, options: BindOptions): Promise<Datagrams> {
  const checked = checkOptions(options)
  const { signal, connectTo } = options
  signal?.throwIfAborted()
  const { port = 0, host } = options
  const address = host === undefined ? defaultAddress(connectTo, port) : await resolveTcp(host, port)
  signal?.throwIfAborted()
  const loop = loopOf()
  const subject = { address: host ?? (address.family === abi.AF_INET ? '127.0.0.1' : '::1'), port }
  const fd = check(loop.call(abi.CALL_SOCKET, -1, address.family, own.SOCK_DGRAM), 'socket', subject)
  let endpoint = 0
  let slot = -1
  try {
    for (const [level, option, value] of socketOptions(options, address.family)) {
      check(loop.call(abi.CALL_SETSOCKOPT, fd, level, option, value), 'setsockopt', subject)
    }
    loop.bytes.set(address.bytes, loop.stage)
    check(loop.call(abi.CALL_BIND, fd, loop.stage, address.bytes.length), 'bind', subject)
    const { high, low } = checked
    endpoint = createEndpoint(loop, { service: abi.SERVICE_DATAGRAM, high, low, limit: 1 })
    slot = loop.core.datagramOpen(endpoint, fd, checked.maxMessageBytes)
    check(slot, 'bind', subject)
  } catch (error) {
    loop.call(abi.CALL_CLOSE, fd)
    if (endpoint !== 0) loop.core.endpointFree(endpoint)
    throw error
  }
  const open = { loop, endpoint, slot, fd, family: address.family, highWaterMark: checked.high }
  const socket = new Datagrams(open, options.handler)
  loop.register(endpoint, socket)
  loop.touch()
  try {
    if (connectTo !== undefined) socket.connect(connectTo)
    for (const { group, interface: on } of options.memberships ?? []) socket.addMembership(group, on)
  } catch (error) {
    await socket.close({ drain: 0 })
    throw error
  }
  closeOn(signal, socket)
  return socket
}

function closeOn(signal: AbortSignal | undefined, socket: Datagrams): void {
  const abort = (): void => void socket.close({ drain: 0 })
  signal?.addEventListener('abort', abort, { once: true })
  if (signal !== undefined) socket.onClosed(() => signal.removeEventListener('abort', abort))
}

/** Of this machine alone; or any of the family of the peer, who may be elsewhere. */
function defaultAddress(peer: DatagramTarget | undefined, port: number): SocketAddress {
  if (peer?.address === undefined) return tcpSocketAddress('127.0.0.1', port)
  return tcpSocketAddress(isIP(peer.address) === 6 ? '::' : '0.0.0.0', port)
}

/** [level, option, value] of what is set before binding. */
function socketOptions(options: BindOptions, family: number): [number, number, number][] {
  const v4 = family === abi.AF_INET
  const level = v4 ? own.IPPROTO_IP : abi.IPPROTO_IPV6
  const { multicastLoopback, multicastInterface: on } = options
  const all: [number, number, number | undefined][] = [
    [abi.SOL_SOCKET, own.SO_RXQ_OVFL, 1],
    [abi.SOL_SOCKET, abi.SO_REUSEADDR, options.reuseAddress ? 1 : undefined],
    [abi.SOL_SOCKET, abi.SO_REUSEPORT, options.reusePort ? 1 : undefined],
    [abi.SOL_SOCKET, own.SO_RCVBUF, options.receiveBufferBytes],
    [abi.SOL_SOCKET, own.SO_SNDBUF, options.sendBufferBytes],
    [abi.SOL_SOCKET, own.SO_BROADCAST, options.broadcast ? 1 : undefined],
    [abi.IPPROTO_IPV6, abi.IPV6_V6ONLY, v4 ? undefined : options.ipv6Only ? 1 : 0],
    [level, v4 ? own.IP_TTL : own.IPV6_UNICAST_HOPS, options.ttl],
    [level, v4 ? own.IP_MULTICAST_TTL : own.IPV6_MULTICAST_HOPS, options.multicastTtl],
    [
      level,
      v4 ? own.IP_MULTICAST_LOOP : own.IPV6_MULTICAST_LOOP,
      multicastLoopback === undefined ? undefined : multicastLoopback ? 1 : 0,
    ],
    [level, v4 ? own.IP_MULTICAST_IF : own.IPV6_MULTICAST_IF, on === undefined ? undefined : interfaceValue(on, v4)],
  ]
  return all.filter((one): one is [number, number, number] => one[2] !== undefined)
}

/** IP_MULTICAST_IF wants an address of the interface, IPV6_MULTICAST_IF its index. */
function interfaceValue(on: string, v4: boolean): number {
  if (!v4) return interfaceIndex(on)
  if (isIP(on) !== 4) throw new InvalidArgumentError('multicastInterface', 'an IPv4 address of this machine', on)
  return new DataView(tcpSocketAddress(on, 0).bytes.buffer).getInt32(4, true)
}

const RANGES = {
  port: [0, 65535],
  maxMessageBytes: [1, MESSAGE_MAX],
  highWaterMark: [0, WATERMARK_MAX],
  lowWaterMark: [0, WATERMARK_MAX],
  receiveBufferBytes: [1, 2 ** 31 - 1],
  sendBufferBytes: [1, 2 ** 31 - 1],
  ttl: [1, 255],
  multicastTtl: [0, 255],
} as const

function checkOptions(options: BindOptions): { high: number; low: number; maxMessageBytes: number } {
  if (typeof options?.handler?.message !== 'function') {
    throw nodeError('ERR_INVALID_ARG_TYPE', 'handler.message must be a function', TypeError)
  }
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const value: unknown = options[name as keyof typeof RANGES]
    if (value === undefined) continue
    if (typeof value !== 'number') throw nodeError('ERR_INVALID_ARG_TYPE', `${name} must be a number`, TypeError)
    if (!Number.isInteger(value) || value < least || value > most) {
      const rule = `${name} must be an integer from ${least} to ${most}; received ${value}`
      throw nodeError('ERR_OUT_OF_RANGE', rule, RangeError)
    }
  }
  const high = options.highWaterMark ?? 262_144
  const low = options.lowWaterMark ?? high >> 1
  if (low > high) throw nodeError('ERR_OUT_OF_RANGE', 'lowWaterMark must not be above highWaterMark', RangeError)
  return { high, low, maxMessageBytes: options.maxMessageBytes ?? own.PAYLOAD_MAX_6 }
}
