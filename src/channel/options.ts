// Options of sockets: what listen and connect set before, and a channel afterwards. See socket(7), tcp(7).
import * as abi from '../../assembly/abi.ts'
import { check, type Subject } from '../kernel/errors.ts'
import type { Loop } from '../loop/loop.ts'

export interface SocketOptions {
  /** Small writes go out at once instead of waiting for a fuller segment (TCP_NODELAY). True by default. */
  readonly noDelay?: boolean
  /** Asks a silent peer now and then whether it is still there (SO_KEEPALIVE). False by default. */
  readonly keepAlive?: boolean
  /** Milliseconds of silence before the first question, in whole seconds; 0, the default: what the system says. */
  readonly keepAliveInitialDelay?: number
  /** What the kernel keeps of what was not read yet; it doubles the number for its own needs (SO_RCVBUF). */
  readonly receiveBufferBytes?: number
  /** … and of what was not sent yet (SO_SNDBUF). */
  readonly sendBufferBytes?: number
}

const SO_SNDBUF = 7
const SO_RCVBUF = 8
const SO_KEEPALIVE = 9
const TCP_KEEPIDLE = 4
const MS_PER_S = 1000
const INT_MAX = 0x7fffffff

/** Throws ERR_INVALID_ARG_TYPE or ERR_OUT_OF_RANGE, as Node does. */
export function checkNumber(name: string, value: unknown, min: number, max: number): void {
  if (value === undefined) return
  if (typeof value !== 'number') {
    throw Object.assign(new TypeError(`${name} must be a number; received ${typeof value}`), {
      code: 'ERR_INVALID_ARG_TYPE',
    })
  }
  if (value >= min && value <= max) return
  const error = new RangeError(`${name} must be from ${min} to ${max}; received ${value}`)
  throw Object.assign(error, { code: 'ERR_OUT_OF_RANGE' })
}

/** A port, or Node's ERR_SOCKET_BAD_PORT. */
export function checkPort(name: string, port: unknown): void {
  if (typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65535) return
  const error = new RangeError(`${name} must be an integer from 0 to 65535; received ${String(port)}`)
  throw Object.assign(error, { code: 'ERR_SOCKET_BAD_PORT' })
}

export function checkSocketOptions(options: SocketOptions): void {
  checkNumber('keepAliveInitialDelay', options.keepAliveInitialDelay, 0, 32767 * MS_PER_S)
  checkNumber('receiveBufferBytes', options.receiveBufferBytes, 1, INT_MAX)
  checkNumber('sendBufferBytes', options.sendBufferBytes, 1, INT_MAX)
}

/** Sets an option now; throws what the kernel says. */
export function setOption(
  loop: Loop,
  fd: number,
  level: number,
  option: number,
  value: number,
  of: Subject = {},
): void {
  check(loop.call(abi.CALL_SETSOCKOPT, fd, level, option, value), 'setsockopt', of)
}

/** Sets what was asked for on a socket that is neither bound nor connected yet. Accepted sockets inherit it. */
export function applyOptions(loop: Loop, fd: number, family: number, options: SocketOptions, of: Subject): void {
  const { noDelay = true, keepAlive = false, keepAliveInitialDelay, receiveBufferBytes, sendBufferBytes } = options
  if (family !== abi.AF_UNIX) {
    if (noDelay) setOption(loop, fd, abi.IPPROTO_TCP, abi.TCP_NODELAY, 1, of)
    if (keepAlive) setKeepAlive(loop, fd, true, keepAliveInitialDelay, of)
  }
  if (receiveBufferBytes !== undefined) setOption(loop, fd, abi.SOL_SOCKET, SO_RCVBUF, receiveBufferBytes, of)
  if (sendBufferBytes !== undefined) setOption(loop, fd, abi.SOL_SOCKET, SO_SNDBUF, sendBufferBytes, of)
}

export function setKeepAlive(loop: Loop, fd: number, on: boolean, delayMs = 0, of: Subject = {}): void {
  setOption(loop, fd, abi.SOL_SOCKET, SO_KEEPALIVE, on ? 1 : 0, of)
  const seconds = Math.floor(delayMs / MS_PER_S)
  if (on && seconds > 0) setOption(loop, fd, abi.IPPROTO_TCP, TCP_KEEPIDLE, seconds, of)
}
