// Addresses of datagrams: struct sockaddr for a socket's family, multicast groups, interfaces.
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { AF_INET, AF_INET6 } from '../../assembly/abi.ts'
import { InvalidArgumentError } from '../core/invalid-argument.ts'
import { systemError } from '../kernel/errors.ts'
import { tcpSocketAddress } from './address.ts'

const EADDRNOTAVAIL = 99
const EINVAL = 22
/** Addresses remembered as sockaddrs; when there are more, all are forgotten. */
const REMEMBERED_MAX = 1024

/** A Node error of one of its own codes. */
export function nodeError(code: string, message: string, Base: new (message: string) => Error = Error): Error {
  return Object.assign(new Base(message), { code })
}

/** The sockaddrs of a socket's peers, remembered; what is sent to is an address, since names take time to look up. */
export class PeerAddresses {
  readonly #family: number
  readonly #known = new Map<string, Uint8Array>()

  constructor(family: number) {
    this.#family = family
  }

  /** Throws ERR_SOCKET_BAD_PORT and ERR_INVALID_ARG_VALUE. An IPv4 address is mapped for a socket of IPv6. */
  of(address: string, port: number): Uint8Array {
    const key = `${port} ${address}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (!Number.isInteger(port) || port < 1 || port > 65535) {
      throw nodeError('ERR_SOCKET_BAD_PORT', `port must be between 1 and 65535; received ${port}`, RangeError)
    }
    const version = typeof address === 'string' ? isIP(address) : 0
    if (version === 0) throw new InvalidArgumentError('address', 'an IP address; look names up first', address)
    if (version === 6 && this.#family === AF_INET) {
      throw new InvalidArgumentError('address', 'an IPv4 address, as the socket’s own is', address)
    }
    const mapped = version === 4 && this.#family === AF_INET6 ? `::ffff:${address}` : address
    const { bytes } = tcpSocketAddress(mapped, port)
    const zone = /%(.+)$/.exec(address)?.[1]
    if (zone !== undefined) new DataView(bytes.buffer).setUint32(24, interfaceIndex(zone), true) // sin6_scope_id
    if (this.#known.size === REMEMBERED_MAX) this.#known.clear()
    this.#known.set(key, bytes)
    return bytes
  }
}

/** The index of an interface by its name, or that index as digits (netdevice(7)). */
export function interfaceIndex(name: string): number {
  if (/^\d+$/.test(name)) return Number(name)
  if (!/^[^/]{1,15}$/.test(name)) throw new InvalidArgumentError('interface', 'the name of an interface', name)
  try {
    return Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8'))
  } catch {
    throw systemError(-EADDRNOTAVAIL, 'if_nametoindex', { address: name })
  }
}

/**
 * struct ip_mreqn or ipv6_mreq (ip(7), ipv6(7)) of a group, and of an interface by its address, its name or its index.
 * Throws EINVAL, as Node does, where the group is no address of the socket's family.
 */
export function membership(family: number, group: string, on: string | undefined): Uint8Array {
  if (isIP(group) !== (family === AF_INET ? 4 : 6)) throw systemError(-EINVAL, 'addMembership', { address: group })
  const { bytes } = tcpSocketAddress(group, 0)
  if (family === AF_INET6) {
    const request = new Uint8Array(20)
    request.set(bytes.subarray(8, 24))
    const zone = /%(.+)$/.exec(on ?? group)?.[1] ?? on
    if (zone !== undefined) new DataView(request.buffer).setUint32(16, interfaceIndex(zone), true)
    return request
  }
  const request = new Uint8Array(12)
  request.set(bytes.subarray(4, 8))
  if (on === undefined) return request
  if (isIP(on) === 4) request.set(tcpSocketAddress(on, 0).bytes.subarray(4, 8), 4)
  else new DataView(request.buffer).setUint32(8, interfaceIndex(on), true)
  return request
}
