// `connect`: a channel to a server, whose frames a JavaScript handler takes.
import * as abi from '../../assembly/abi.ts'
import { resolveTcp, type SocketAddress } from '../channel/address.ts'
import type { Channel, Handler } from '../channel/channel.ts'
import type { Codec } from '../core/codec/codec.ts'
import { raw } from '../core/codec/raw.ts'
import { check, type Subject, systemError } from '../kernel/errors.ts'
import { type Loop, threadLoop } from '../loop/loop.ts'
import { type Attempt, Connector, type EndpointKind } from './connector.ts'

export interface ConnectOptions<M = undefined> {
  readonly port: number
  /** A name or an address; '127.0.0.1' by default. */
  readonly host?: string
  /** How bytes become frames; raw() by default. */
  readonly codec?: Codec<M>
  /** Its `open` is called before the promise resolves. */
  readonly handler: Handler<M>
  /** Bytes queued above which `write` returns false and frames wait. 65,536 by default. */
  readonly highWaterMark?: number
  /** Bytes at which both go on. Half the high one by default. */
  readonly lowWaterMark?: number
  /** Milliseconds that connecting may take; 0, the default: as long as the kernel tries. */
  readonly timeout?: number
  /** Which kernel serves it, as in `listen`. */
  readonly kernel?: string
}

/**
 * Connects on the thread's loop. Resolves with the open channel, which keeps the process alive until it has closed or
 * `unref` is called; rejects with what Node gives: ECONNREFUSED, ETIMEDOUT, ENETUNREACH …
 */
export async function connect<M = undefined>(options: ConnectOptions<M>): Promise<Channel> {
  return connectOn(threadLoop(options.kernel), options)
}

/** Connects on a loop. */
export async function connectOn<M = undefined>(loop: Loop, options: ConnectOptions<M>): Promise<Channel> {
  const { port, host = '127.0.0.1' } = options
  const address = await resolveTcp(host, port)
  return attempt(loop, kindOf(options), address, { address: host, port }, options.timeout ?? 0)
}

/** Codecs are compared by identity, so that channels without one share an endpoint. */
const RAW = raw()

function kindOf<M>(options: ConnectOptions<M>): EndpointKind {
  const high = options.highWaterMark ?? 65536
  const low = options.lowWaterMark ?? high >> 1
  return { handler: options.handler as Handler<never>, codec: options.codec ?? RAW, high, low }
}

function attempt(
  loop: Loop,
  kind: EndpointKind,
  to: SocketAddress,
  subject: Subject,
  timeoutMs: number,
): Promise<Channel> {
  const fd = check(loop.call(abi.CALL_SOCKET, -1, to.family, abi.SOCK_STREAM), 'socket', subject)
  return new Promise((resolve, reject) => {
    const waiting: Attempt = {
      wanted: true,
      opened: (channel) => {
        loop.unref()
        resolve(channel)
      },
      refused: (errno) => {
        loop.unref()
        reject(systemError(-errno, 'connect', subject))
      },
    }
    loop.ref()
    try {
      check(loop.call(abi.CALL_SETSOCKOPT, fd, abi.IPPROTO_TCP, abi.TCP_NODELAY, 1), 'setsockopt', subject)
      Connector.of(loop, kind).connect(fd, to.bytes, timeoutMs, waiting)
    } catch (error) {
      loop.unref()
      loop.call(abi.CALL_CLOSE, fd)
      throw error
    }
  })
}
