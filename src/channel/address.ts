// Socket addresses: struct sockaddr in a memory, and what people write for them.
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { AF_INET, AF_INET6, AF_UNIX } from '../../assembly/abi.ts'
import { InvalidArgumentError } from '../core/invalid-argument.ts'

export interface TcpAddress {
  readonly host: string
  readonly port: number
}

export interface UnixAddress {
  readonly path: string
}

/** A struct sockaddr and its family. */
export interface SocketAddress {
  readonly family: number
  readonly bytes: Uint8Array
}

/** The sockaddr of an IP address and port (ip(7), ipv6(7)). */
export function tcpSocketAddress(ip: string, port: number): SocketAddress {
  if (isIP(ip) === 4) {
    const bytes = new Uint8Array(16)
    const view = new DataView(bytes.buffer)
    view.setUint16(0, AF_INET, true)
    view.setUint16(2, port)
    bytes.set(ip.split('.').map(Number), 4)
    return { family: AF_INET, bytes }
  }
  const bytes = new Uint8Array(28)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, AF_INET6, true)
  view.setUint16(2, port)
  bytes.set(ipv6Bytes(ip), 8)
  return { family: AF_INET6, bytes }
}

/** The sockaddr of a path, or of an abstract name, which begins with NUL (unix(7)). */
export function unixSocketAddress(path: string): SocketAddress {
  const text = new TextEncoder().encode(path)
  if (text.length === 0 || text.length > 107) {
    throw new InvalidArgumentError('a socket path', 'between 1 and 107 bytes long', path)
  }
  const bytes = new Uint8Array(2 + text.length + (text[0] === 0 ? 0 : 1))
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true)
  bytes.set(text, 2)
  return { family: AF_UNIX, bytes }
}

/** The sockaddr of a host name or address; the name is looked up. */
export async function resolveTcp(host: string, port: number): Promise<SocketAddress> {
  if (isIP(host)) return tcpSocketAddress(host, port)
  const { address } = await lookup(host, { family: 0, order: 'ipv4first' } as { family: 0 })
  return tcpSocketAddress(address, port)
}

/** The sockaddrs of a host name or address, in the order in which to try them: families take turns (RFC 8305 §4). */
export async function resolveAll(host: string, port: number, family: 0 | 4 | 6 = 0): Promise<HostAddress[]> {
  const found = isIP(host) ? [{ address: host, family: isIP(host) }] : await lookup(host, { all: true, family })
  const first = found[0]?.family
  const [one, other] = [found.filter((a) => a.family === first), found.filter((a) => a.family !== first)]
  const turns = one.flatMap((a, i) => [a, ...other.slice(i, i + 1)]).concat(other.slice(one.length))
  return turns.map(({ address }) => ({ host: address, port, to: tcpSocketAddress(address, port) }))
}

/** An address, and its sockaddr. */
export interface HostAddress extends TcpAddress {
  readonly to: SocketAddress
}

/** Reads an AF_INET or AF_INET6 sockaddr. */
export function readSocketAddress(view: DataView, at: number): TcpAddress & { family: 'IPv4' | 'IPv6' } {
  const port = view.getUint16(at + 2)
  if (view.getUint16(at, true) === AF_INET) {
    const parts = [4, 5, 6, 7].map((i) => view.getUint8(at + i))
    return { host: parts.join('.'), port, family: 'IPv4' }
  }
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(at + 8 + 2 * i).toString(16))
  const host = new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
  return { host, port, family: 'IPv6' }
}

/** `HOST:PORT`, with brackets where the host has colons. */
export function formatAddress({ host, port }: TcpAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** What `--listen` accepts: PORT or HOST:PORT. */
export function parseListen(text: string, defaultHost = '127.0.0.1'): TcpAddress {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[3] ?? -1)
  if (match === null || port > 65535) {
    throw new InvalidArgumentError('--listen', 'PORT or HOST:PORT with a port from 0 to 65535', text)
  }
  return { host: match[1] ?? match[2] ?? defaultHost, port }
}

function ipv6Bytes(ip: string): number[] {
  // URL knows every way to write one, and answers with the canonical one
  const text = new URL(`http://[${ip.replace(/%.*$/, '')}]`).hostname.slice(1, -1)
  const [left = '', right] = text.split('::')
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  const head = groups(left)
  const tail = right === undefined ? [] : groups(right)
  const all = [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail]
  return all.flatMap((group) => [group >> 8, group & 255])
}
