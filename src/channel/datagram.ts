// A socket of datagrams as a handler sees it, and the message it is given.
import * as abi from '../../assembly/abi.ts'
import * as own from '../../assembly/datagram/abi.ts'
import { type TextEncodingName, textOf } from '../core/text.ts'
import { check, systemError } from '../kernel/errors.ts'
import type { EndpointHandler, Loop } from '../loop/loop.ts'
import { readSocketAddress } from './address.ts'
import { membership, nodeError, PeerAddresses } from './datagram-address.ts'

/** Plain functions, called synchronously; all but `message` may be left out. */
export interface DatagramHandler {
  /** `message` is valid during the call. */
  message(socket: Datagrams, message: DatagramMessage): void
  /** The queue, which had been above the high watermark, is low again. */
  writable?(socket: Datagrams): void
  /**
   * A datagram could not be sent (`send`; with the address it was for), or an earlier one was refused (ECONNREFUSED, of
   * a connected socket). The socket lives, unless `close` follows.
   */
  error?(socket: Datagrams, error: Error): void
  close?(socket: Datagrams): void
}

export interface DatagramAddress {
  readonly address: string
  readonly port: number
  readonly family: 'IPv4' | 'IPv6'
}

/** Whom a datagram is for. The address is an IP address, this machine's own by default; names are looked up before. */
export interface DatagramTarget {
  readonly address?: string
  readonly port: number
}

export interface DatagramStats {
  /** Datagrams handed to the handler, and to the kernel. */
  readonly received: number
  readonly sent: number
  readonly bytesReceived: number
  readonly bytesSent: number
  /** Datagrams the kernel had no room for in the socket's buffer, as the last one received has told. */
  readonly dropped: number
  /** Times that receiving paused because all receive buffers of the loop were in use; nothing is lost by that alone. */
  readonly starved: number
  /** Datagrams longer than `maxMessageBytes`, which came cut. */
  readonly truncated: number
  /** Datagrams that the kernel refused to send. */
  readonly sendErrors: number
  /** Bytes queued and not yet sent, with 32 for the address of each datagram. */
  readonly queuedBytes: number
  /** The kernel that serves it. */
  readonly kernel: string
}

/** A datagram received: a flyweight, valid during the call it is handed to; `copy` what must live longer. */
export class DatagramMessage {
  readonly #socket: Datagrams
  readonly #loop: Loop
  /** Where RECVMSG has put it; 0: the call is over. */
  #at = 0
  #length = 0
  #from: DatagramAddress | undefined

  /** @internal */
  constructor(socket: Datagrams, loop: Loop) {
    this.#socket = socket
    this.#loop = loop
  }

  /** @internal */
  point(at: number, length: number): void {
    this.#at = at
    this.#length = length
    this.#from = undefined
  }

  /** @internal Where its bytes lie. */
  get at(): number {
    if (this.#at === 0) throw nodeError('ERR_INVALID_STATE', 'a message is valid during the call it is handed to')
    return this.#at + own.DATAGRAM_PAYLOAD
  }

  /** @internal Where its sender's sockaddr lies. */
  get name(): number {
    return this.at - own.DATAGRAM_PAYLOAD + own.DATAGRAM_NAME
  }

  /** @internal Bytes of that sockaddr; 0: it has none. */
  get nameLength(): number {
    const length = this.#loop.view.getUint32(this.name - own.DATAGRAM_NAME + abi.RECVMSG_OUT_NAME_LENGTH, true)
    return Math.min(length, own.OUT_NAME_LENGTH)
  }

  /** @internal The memory it lies in. */
  get memory(): Uint8Array {
    return this.#loop.bytes
  }

  get length(): number {
    return this.#length
  }

  /** A view of the bytes, without a copy. */
  get bytes(): Uint8Array {
    return this.#loop.bytes.subarray(this.at, this.at + this.#length)
  }

  /** The bytes as text, UTF-8 unless told. */
  toString(encoding: TextEncodingName = 'utf8'): string {
    return textOf(this.#loop.bytes, this.at, this.at + this.#length, encoding)
  }

  /** The bytes in memory of their own. */
  copy(): Uint8Array {
    return this.#loop.bytes.slice(this.at, this.at + this.#length)
  }

  /** Whether it was longer than `maxMessageBytes`, and its end is lost. */
  get truncated(): boolean {
    const flags = this.name - own.DATAGRAM_NAME + abi.RECVMSG_OUT_FLAGS
    return (this.#loop.view.getUint32(flags, true) & abi.MSG_TRUNC) !== 0
  }

  get address(): string {
    return this.#sender.address
  }

  get port(): number {
    return this.#sender.port
  }

  get family(): 'IPv4' | 'IPv6' {
    return this.#sender.family
  }

  /** Sends to whom this came from; see Datagrams.send. */
  reply(bytes: Uint8Array | string | DatagramMessage): boolean {
    return this.#socket.send(bytes, this)
  }

  get #sender(): DatagramAddress {
    this.#from ??= addressAt(this.#loop, this.name)
    return this.#from
  }
}

function addressAt(loop: Loop, at: number): DatagramAddress {
  const { host: address, port, family } = readSocketAddress(loop.view, at)
  return { address, port, family }
}

/** What `bind` has opened. */
export interface OpenSocket {
  readonly loop: Loop
  readonly endpoint: number
  readonly slot: number
  readonly fd: number
  readonly family: number
  readonly highWaterMark: number
}

/** A bound socket of datagrams. */
export class Datagrams implements EndpointHandler {
  readonly #loop: Loop
  readonly #open: OpenSocket
  readonly #generation: number
  readonly #handler: DatagramHandler
  readonly #message: DatagramMessage
  readonly #peers: PeerAddresses
  readonly #address: DatagramAddress
  #peer: DatagramAddress | undefined
  #refed = true
  #drained: (() => void) | undefined
  #closing: Promise<void> | undefined
  #closed: (() => void) | undefined
  #last: DatagramStats | undefined
  /** Room for whatever the handler wants to keep with the socket. */
  data: unknown = undefined

  /** @internal */
  constructor(open: OpenSocket, handler: DatagramHandler) {
    const { loop } = open
    this.#loop = loop
    this.#open = open
    this.#handler = handler
    this.#generation = loop.view.getUint32((loop.core.channelAt(open.slot) >>> 0) + abi.CHANNEL_GENERATION, true)
    this.#message = new DatagramMessage(this, loop)
    this.#peers = new PeerAddresses(open.family)
    check(loop.call(abi.CALL_GETSOCKNAME, open.fd, loop.stage, 128), 'getsockname')
    this.#address = addressAt(loop, loop.stage)
    loop.ref()
  }

  /** @internal */
  upcall(kind: number, _slot: number, _generation: number, at: number, length: number): void {
    const handler = this.#handler
    switch (kind) {
      case own.UP_DATAGRAM:
        if (this.#closing !== undefined) return
        this.#message.point(at >>> 0, length)
        try {
          handler.message(this, this.#message)
        } finally {
          this.#message.point(0, 0)
        }
        break
      case own.UP_DATAGRAM_ERROR:
        handler.error?.(this, this.#failure(at >>> 0, length))
        break
      case abi.UP_WRITABLE:
        handler.writable?.(this)
        break
      case abi.UP_CLOSE:
        void this.close() // which does what is left where the socket itself has failed
        handler.close?.(this)
        break
      case abi.UP_DRAINED:
        this.#drained?.()
        break
    }
  }

  #failure(at: number, errno: number): Error {
    if (at === 0) return systemError(-errno, 'recvmsg', this.#peer)
    const named = this.#loop.view.getUint32(at + own.OUT_NAME_LENGTH, true) !== 0
    const { address, port } = named ? addressAt(this.#loop, at) : (this.#peer ?? this.#address)
    return systemError(-errno, 'send', { address, port })
  }

  /**
   * Queues a datagram; all of a turn are sent together, in order. Returns false when the queue is now above its high
   * watermark: `writable` says when to go on. `to` may be left out when the socket is connected; a message stands for
   * its sender. Throws ENOBUFS where the queue is at its bound, EMSGSIZE where no datagram is so long, and Node's
   * ERR_SOCKET_* and ERR_INVALID_ARG_*; then nothing was queued.
   */
  send(data: Uint8Array | string | DatagramMessage, to?: DatagramTarget | DatagramMessage): boolean {
    const { core, bytes: memory, view } = this.#loop
    const source = typeof data === 'string' ? Buffer.from(data) : data
    if (!(source instanceof Uint8Array) && !(source instanceof DatagramMessage)) {
      throw nodeError('ERR_INVALID_ARG_TYPE', 'data must be a Uint8Array, a string or a message', TypeError)
    }
    const name = this.#nameOf(to)
    const length = source.length
    const most = this.#open.family === abi.AF_INET ? own.PAYLOAD_MAX_4 : own.PAYLOAD_MAX_6
    if (length > most) throw systemError(-own.EMSGSIZE, 'send', this.#peer)
    const from = source instanceof DatagramMessage ? source.at : 0
    const at = core.datagramQueue(this.#open.slot, this.#generation, length)
    if (at < 0) throw systemError(at, 'send', this.#peer)
    const payload = at + own.OUT_PAYLOAD
    if (source instanceof Uint8Array) memory.set(source, payload)
    else if (source.memory === memory) memory.copyWithin(payload, from, from + length)
    else memory.set(source.bytes, payload)
    view.setUint32(at + own.OUT_NAME_LENGTH, name === undefined ? 0 : name.length, true)
    if (name !== undefined) memory.set(name, at + own.OUT_NAME)
    this.#loop.touch()
    return core.queued(this.#open.slot, this.#generation) >>> 0 <= this.#open.highWaterMark
  }

  /** The sockaddr of a receiver; undefined: the peer. */
  #nameOf(to: DatagramTarget | DatagramMessage | undefined): Uint8Array | undefined {
    if (this.#closing !== undefined) throw nodeError('ERR_SOCKET_DGRAM_NOT_RUNNING', 'the socket is closed')
    if (to instanceof DatagramMessage) {
      if (this.#peer !== undefined) return undefined // nobody else's datagrams come
      return to.memory.subarray(to.name, to.name + to.nameLength)
    }
    if (this.#peer !== undefined) {
      if (to === undefined) return undefined
      throw nodeError('ERR_SOCKET_DGRAM_IS_CONNECTED', 'the socket is connected: it sends to its peer alone')
    }
    if (to === undefined) throw nodeError('ERR_SOCKET_DGRAM_NOT_CONNECTED', 'the socket is not connected: say to whom')
    return this.#peers.of(to.address ?? (this.#open.family === abi.AF_INET ? '127.0.0.1' : '::1'), to.port)
  }

  /** From now on only datagrams of this peer come, and it is told what is refused there. */
  connect(to: DatagramTarget): void {
    if (this.#peer !== undefined) throw nodeError('ERR_SOCKET_DGRAM_IS_CONNECTED', 'the socket is connected already')
    const name = this.#nameOf(to) as Uint8Array
    const { stage, bytes } = this.#loop
    bytes.set(name, stage)
    const peer = addressAt(this.#loop, stage)
    check(this.#loop.call(abi.CALL_CONNECT, this.#open.fd, stage, name.length), 'connect', {
      address: peer.address,
      port: peer.port,
    })
    this.#peer = peer
  }

  /** Joins a multicast group, on an interface given by its address (IPv4), its name or its index. */
  addMembership(group: string, on?: string): void {
    this.#membership(own.IP_ADD_MEMBERSHIP, own.IPV6_ADD_MEMBERSHIP, 'addMembership', group, on)
  }

  /** Leaves it; closing does so too. */
  dropMembership(group: string, on?: string): void {
    this.#membership(own.IP_DROP_MEMBERSHIP, own.IPV6_DROP_MEMBERSHIP, 'dropMembership', group, on)
  }

  #membership(v4: number, v6: number, syscall: string, group: string, on: string | undefined): void {
    if (this.#closing !== undefined) throw nodeError('ERR_SOCKET_DGRAM_NOT_RUNNING', 'the socket is closed')
    const { family, fd } = this.#open
    const request = membership(family, group, on)
    const { stage, bytes } = this.#loop
    bytes.set(request, stage)
    const option = family === abi.AF_INET ? (own.IPPROTO_IP << 16) | v4 : (abi.IPPROTO_IPV6 << 16) | v6
    check(this.#loop.call(abi.CALL_SETSOCKOPT_AT, fd, option, request.length, stage), syscall, { address: group })
  }

  /** The socket's own address. */
  address(): DatagramAddress {
    return this.#address
  }

  /** The peer of a connected socket. */
  get remoteAddress(): DatagramAddress | undefined {
    return this.#peer
  }

  /** Counters since the socket was opened; once it is closed, the last ones. */
  stats(): DatagramStats {
    if (this.#last !== undefined) return this.#last
    const { view, core, kernel } = this.#loop
    const { endpoint, slot } = this.#open
    const record = view.getUint32(endpoint + abi.ENDPOINT_DATAGRAM, true)
    const u64 = (at: number): number => Number(view.getBigUint64(at, true))
    const ch = core.find(slot, this.#generation) >>> 0 // its counts are the endpoint's once it is gone
    return {
      received: u64(record + own.DATAGRAM_RECEIVED),
      sent: u64(record + own.DATAGRAM_SENT),
      bytesReceived: u64(ch === 0 ? endpoint + abi.ENDPOINT_BYTES_IN : ch + abi.CHANNEL_BYTES_IN),
      bytesSent: u64(ch === 0 ? endpoint + abi.ENDPOINT_BYTES_OUT : ch + abi.CHANNEL_BYTES_OUT),
      dropped: view.getUint32(record + own.DATAGRAM_DROPPED, true),
      starved: u64(record + own.DATAGRAM_STARVED),
      truncated: u64(record + own.DATAGRAM_TRUNCATED),
      sendErrors: u64(record + own.DATAGRAM_SEND_ERRORS),
      queuedBytes: core.queued(slot, this.#generation) >>> 0,
      kernel: kernel.name,
    }
  }

  /** Lets the process end while the socket is open, or no longer. */
  ref(): this {
    if (!this.#refed && this.#last === undefined) this.#loop.ref()
    this.#refed = true
    return this
  }

  unref(): this {
    if (this.#refed && this.#last === undefined) this.#loop.unref()
    this.#refed = false
    return this
  }

  /** Receives nothing more, sends what is queued, and closes; what is left after `drain` milliseconds is dropped. */
  close({ drain = 5000 }: { drain?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(drain)
    return this.#closing
  }

  async #close(drainMs: number): Promise<void> {
    const loop = this.#loop
    const { core, view } = loop
    const { endpoint } = this.#open
    await new Promise<void>((resolve) => {
      this.#drained = resolve
      if (drainMs > 0) core.endpointDrain(endpoint, Math.min(drainMs, DRAIN_MAX_MS))
      else core.endpointAbort(endpoint)
      loop.touch()
      if (view.getUint32(endpoint + abi.ENDPOINT_CHANNELS, true) === 0) resolve()
    })
    this.#last = this.stats()
    loop.unregister(endpoint)
    core.endpointFree(endpoint)
    if (this.#refed) loop.unref()
    this.#closed?.()
  }

  /** @internal Calls back once, when the socket is closed and its memory is free. */
  onClosed(callback: () => void): void {
    this.#closed = callback
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** A long time: what is meant by Infinity. */
const DRAIN_MAX_MS = 2 ** 31 - 1
