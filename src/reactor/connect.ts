// `connect`: a channel to a server, whose frames a JavaScript handler takes.
import * as abi from '../../assembly/abi.ts'
import { resolveAll, type SocketAddress, tcpSocketAddress, unixSocketAddress } from '../channel/address.ts'
import type { Channel, Handler } from '../channel/channel.ts'
import {
  applyOptions,
  checkNumber,
  checkPort,
  checkSocketOptions,
  type SocketOptions,
  setOption,
} from '../channel/options.ts'
import type { Codec } from '../core/codec/codec.ts'
import { raw } from '../core/codec/raw.ts'
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import { check, type Subject, systemError } from '../kernel/errors.ts'
import { type Loop, threadLoop } from '../loop/loop.ts'
import { abortError } from './abort.ts'
import { type Attempt, Connector, type EndpointKind } from './connector.ts'

export interface ConnectOptions<M = undefined> extends SocketOptions {
  /** Where a TCP server listens; or `path`. */
  readonly port?: number
  /** A name, whose addresses are all tried, or an address; '127.0.0.1' by default. */
  readonly host?: string
  /** The family of addresses a name is looked up for; 0, the default: both. */
  readonly family?: 0 | 4 | 6
  /** Milliseconds after which the next address of a name is tried beside those before (RFC 8305). 250 by default. */
  readonly autoSelectFamilyAttemptTimeout?: number
  /** A Unix socket: a path, or an abstract name, which begins with NUL. */
  readonly path?: string
  /** The address to connect from. */
  readonly localAddress?: string
  readonly localPort?: number
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
  /** Gives it up: rejects with ABORT_ERR. No more once the channel is open. */
  readonly signal?: AbortSignal
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
  checkOptions(options)
  const { timeout = 0, signal } = options
  if (signal?.aborted) throw abortError(signal)
  const deadline = timeout > 0 ? loop.schedule.nowMs() + timeout : Infinity
  const targets = await targetsOf(loop, options, timeout)
  if (signal?.aborted) throw abortError(signal)
  return race(loop, options, targets, deadline)
}

function checkOptions<M>(options: ConnectOptions<M>): void {
  const { path, port, localPort = 0, timeout, autoSelectFamilyAttemptTimeout: attempt, handler } = options
  if (path === undefined) checkPort('port', port)
  checkPort('localPort', localPort)
  checkNumber('timeout', timeout, 0, TIMEOUT_MAX_MS)
  checkNumber('autoSelectFamilyAttemptTimeout', attempt, 1, TIMEOUT_MAX_MS)
  checkSocketOptions(options)
  if (typeof handler?.frame !== 'function') {
    throw new InvalidArgumentError('handler', 'an object with a function frame', handler)
  }
}

const TIMEOUT_MAX_MS = 2 ** 31 - 1
const ATTEMPT_MS = 250

/** Where to connect, and how errors call it. */
interface Target {
  readonly to: SocketAddress
  readonly subject: Subject
}

async function targetsOf<M>(loop: Loop, options: ConnectOptions<M>, timeoutMs: number): Promise<Target[]> {
  const { path, host = '127.0.0.1', port = 0, family = 0, signal } = options
  if (path !== undefined) return [{ to: unixSocketAddress(path), subject: { address: path } }]
  const found = resolveAll(host, port, family)
  // nothing stops a look-up: its answer is thrown away where nobody waits for it any more
  const all = await new Promise<Awaited<typeof found>>((resolve, reject) => {
    const late = (): void => reject(systemError(-abi.ETIMEDOUT, 'connect', { address: host, port }))
    const callOff = timeoutMs > 0 ? loop.schedule.after(timeoutMs, late) : undefined
    const abort = (): void => reject(abortError(signal as AbortSignal))
    signal?.addEventListener('abort', abort)
    found.then(resolve, reject).finally(() => {
      callOff?.()
      signal?.removeEventListener('abort', abort)
    })
  })
  return all.map((one) => ({ to: one.to, subject: { address: one.host, port } }))
}

/**
 * Tries every target, each a moment after the one before or as soon as that has failed, and keeps the first that
 * answers. The others are given up.
 */
function race<M>(loop: Loop, options: ConnectOptions<M>, targets: Target[], deadline: number): Promise<Channel> {
  const { signal, autoSelectFamilyAttemptTimeout: stagger = ATTEMPT_MS } = options
  const kind = kindOf(options)
  return new Promise((resolve, reject) => {
    const errors: Error[] = []
    const pending = new Map<Target, () => void>()
    let next = 0
    let settled = false
    let callOff: (() => void) | undefined
    const settle = (): void => {
      settled = true
      callOff?.()
      signal?.removeEventListener('abort', abort)
      for (const giveUp of pending.values()) giveUp()
      loop.unref()
    }
    const abort = (): void => {
      settle()
      reject(abortError(signal as AbortSignal))
    }
    const failed = (target: Target, error: Error): void => {
      pending.delete(target)
      errors.push(error)
      if (next < targets.length) {
        start()
      } else if (pending.size === 0) {
        settle()
        reject(errors.length === 1 ? errors[0] : aggregate(errors))
      }
    }
    const start = (): void => {
      callOff?.()
      const target = targets[next++] as Target
      const left = deadline - loop.schedule.nowMs()
      try {
        if (left <= 0) throw systemError(-abi.ETIMEDOUT, 'connect', target.subject)
        const giveUp = dial(loop, options, kind, target, left === Infinity ? 0 : left, {
          get wanted() {
            return !settled
          },
          opened(channel) {
            pending.delete(target)
            settle()
            resolve(channel)
          },
          refused: (errno) => failed(target, systemError(-errno, 'connect', target.subject)),
        })
        pending.set(target, giveUp)
      } catch (error) {
        failed(target, error as Error)
        return
      }
      if (next < targets.length) callOff = loop.schedule.after(stagger, start)
    }
    loop.ref()
    signal?.addEventListener('abort', abort)
    start()
  })
}

/** Several addresses, and none that answers: as Node puts it. */
function aggregate(errors: readonly Error[]): Error {
  const { code, message } = errors[0] as NodeJS.ErrnoException
  return Object.assign(new AggregateError(errors, message), { code })
}

/** One attempt; returns what gives it up. */
function dial<M>(
  loop: Loop,
  options: ConnectOptions<M>,
  kind: EndpointKind,
  { to, subject }: Target,
  timeoutMs: number,
  attempt: Attempt,
): () => void {
  const fd = check(loop.call(abi.CALL_SOCKET, -1, to.family, abi.SOCK_STREAM), 'socket', subject)
  try {
    applyOptions(loop, fd, to.family, options, subject)
    bindLocal(loop, fd, to.family, options)
    return Connector.of(loop, kind).connect(fd, to.bytes, timeoutMs, attempt)
  } catch (error) {
    loop.call(abi.CALL_CLOSE, fd)
    throw error
  }
}

function bindLocal<M>(loop: Loop, fd: number, family: number, options: ConnectOptions<M>): void {
  const { localAddress, localPort = 0 } = options
  if (family === abi.AF_UNIX || (localAddress === undefined && localPort === 0)) return
  const address = localAddress ?? (family === abi.AF_INET ? '0.0.0.0' : '::')
  const subject = { address, port: localPort }
  const { bytes } = tcpSocketAddress(address, localPort)
  setOption(loop, fd, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1, subject)
  loop.bytes.set(bytes, loop.stage)
  check(loop.call(abi.CALL_BIND, fd, loop.stage, bytes.length), 'bind', subject)
}

/** Codecs are compared by identity, so that channels without one share an endpoint. */
const RAW = raw()

function kindOf<M>(options: ConnectOptions<M>): EndpointKind {
  const high = options.highWaterMark ?? 65536
  const low = options.lowWaterMark ?? high >> 1
  return { handler: options.handler as Handler<never>, codec: options.codec ?? RAW, high, low }
}
