// Listening sockets: made, given their options, bound to an address or a path.
import { unlinkSync } from 'node:fs'
import * as abi from '../../assembly/abi.ts'
import {
  readSocketAddress,
  resolveTcp,
  type SocketAddress,
  type TcpAddress,
  unixSocketAddress,
} from '../channel/address.ts'
import { applyOptions, checkNumber, checkSocketOptions, type SocketOptions, setOption } from '../channel/options.ts'
import { check, type Subject } from '../kernel/errors.ts'
import type { Loop } from '../loop/loop.ts'
import { takeInherited } from './shared-sockets.ts'

export interface ListeningOptions extends SocketOptions {
  /** Most connections that wait to be accepted; 4,096 by default, and never more than net.core.somaxconn. */
  readonly backlog?: number
  /** Several sockets may listen at the same address, and share what comes (SO_REUSEPORT). */
  readonly reusePort?: boolean
  /** A listener on '::' takes no IPv4 connections (IPV6_V6ONLY). */
  readonly ipv6Only?: boolean
}

export type BoundAddress = TcpAddress & { readonly family: 'IPv4' | 'IPv6' }

/** A socket that listens; the descriptor is the owner's. */
export interface Bound<A> {
  readonly fd: number
  readonly address: A
  readonly subject: Subject
  /** The socket stops listening: its path is removed. */
  readonly unbind?: () => void
}

const BACKLOG = 4096

/** Listens on a TCP address; rejects with the error Node's users know (EADDRINUSE, EACCES …). */
export async function bindTcp(
  loop: Loop,
  at: TcpAddress,
  options: ListeningOptions = {},
): Promise<Bound<BoundAddress>> {
  const subject = { address: at.host, port: at.port }
  checkBindOptions(options)
  const to = await resolveTcp(at.host, at.port)
  const inherited = options.reusePort ? takeInherited(at) : undefined // bound already, by the supervisor
  const fd = bind(loop, to, options, subject, inherited)
  return { fd, address: readSocketAddress(loop.view, loop.stage), subject }
}

/**
 * Listens on a path, or on an abstract name, which begins with NUL. EADDRINUSE where the path exists, even as a socket
 * of nobody, as with Node; removed when the socket is closed.
 */
export function bindUnix(loop: Loop, path: string, options: ListeningOptions = {}): Bound<string> {
  const subject = { address: path }
  checkBindOptions(options)
  const fd = bind(loop, unixSocketAddress(path), options, subject)
  if (path.startsWith('\0')) return { fd, address: path, subject }
  return { fd, address: path, subject, unbind: () => remove(path) }
}

function checkBindOptions(options: ListeningOptions): void {
  checkSocketOptions(options)
  checkNumber('backlog', options.backlog, 0, 0x7fffffff)
}

function bind(loop: Loop, to: SocketAddress, options: ListeningOptions, subject: Subject, inherited?: number): number {
  const { family, bytes } = to
  const fd = inherited ?? check(loop.call(abi.CALL_SOCKET, -1, family, abi.SOCK_STREAM), 'socket', subject)
  try {
    if (family !== abi.AF_UNIX) setOption(loop, fd, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1, subject)
    if (options.reusePort) setOption(loop, fd, abi.SOL_SOCKET, abi.SO_REUSEPORT, 1, subject)
    if (options.ipv6Only && family === abi.AF_INET6) {
      setOption(loop, fd, abi.IPPROTO_IPV6, abi.IPV6_V6ONLY, 1, subject)
    }
    applyOptions(loop, fd, family, options, subject)
    loop.bytes.set(bytes, loop.stage)
    if (inherited === undefined) check(loop.call(abi.CALL_BIND, fd, loop.stage, bytes.length), 'listen', subject)
    check(loop.call(abi.CALL_LISTEN, fd, options.backlog ?? BACKLOG), 'listen', subject)
    check(loop.call(abi.CALL_GETSOCKNAME, fd, loop.stage, 128), 'getsockname', subject)
  } catch (error) {
    loop.call(abi.CALL_CLOSE, fd)
    throw error
  }
  return fd
}

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // somebody else has removed it
  }
}
