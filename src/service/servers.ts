// The list of servers as people write it: `host:port[:weight][ name]`, `[ipv6]:port…`, `/unix/socket…`, and `embedded…`
// for shards that live in this process; several are separated by commas.

import { InvalidArgumentError } from '../core/invalid-argument.ts'
import type { RingCompat, RingServer } from '../core/ring-build.ts'

interface Common {
  /** What people call it: its name, else its address as written. */
  readonly id: string
  readonly weight: number
  /** The name given after a blank; it takes the address's place on the ring. */
  readonly name?: string
}

export interface TcpServer extends Common {
  readonly kind: 'tcp'
  /** A name or an address, an IPv6 one without its brackets. */
  readonly host: string
  readonly port: number
}

export interface UnixServer extends Common {
  readonly kind: 'unix'
  readonly path: string
}

/** A shard in this very process. */
export interface EmbeddedServer extends Common {
  readonly kind: 'embedded'
}

export type Server = TcpServer | UnixServer | EmbeddedServer

const FORM = 'host:port[:weight][ name], [ipv6]:port[:weight], /path[:weight] or embedded[/NAME][:weight]'
const WEIGHT_MAX = 2147483647
const PORT_MAX = 65535
const UNIX_PATH_BYTES_MAX = 107 // sockaddr_un keeps a zero behind it
const LOCAL = /^(embedded(?:\/[^:/]+)?|\/.*?)(?::([^:]*))?$/

/** Parses a comma-separated list. Throws ERR_INVALID_ARG_VALUE with a sentence that names the entry. */
export function parseServers(list: string): Server[] {
  if (list.trim() === '') throw new InvalidArgumentError('the list of servers', `not empty: ${FORM}`, list)
  const servers = list.split(',').map((entry) => parseServer(entry.trim()))
  const seen = new Set<string>()
  for (const { id, kind } of servers) {
    const hint = kind === 'embedded' ? 'embedded/NAME tells shards apart' : 'a name after the address tells them apart'
    if (seen.has(id)) throw new InvalidArgumentError('each server', `listed once (${hint})`, id)
    seen.add(id)
  }
  return servers
}

/** Parses one entry. */
export function parseServer(entry: string): Server {
  const [address = '', name, ...more] = entry.split(/ +/)
  if (address === '' || more.length > 0) throw malformed(entry)
  const named = name === undefined ? {} : { id: name, name }
  const local = LOCAL.exec(address)
  if (local === null) return { ...parseTcp(address, entry), ...named }
  const [, id = '', weightText = '1'] = local
  const weight = parseWeight(weightText, entry)
  if (!id.startsWith('/')) return { kind: 'embedded', id, weight, ...named }
  const bytes = new TextEncoder().encode(id).length
  if (bytes > UNIX_PATH_BYTES_MAX) {
    throw new InvalidArgumentError(`the path in '${entry}'`, `at most ${UNIX_PATH_BYTES_MAX} bytes long`, bytes)
  }
  return { kind: 'unix', id, weight, path: id, ...named }
}

function parseTcp(address: string, entry: string): TcpServer {
  const match = /^(?:\[([^\][]+)\]|([^\][:/]+)):([^:]*)(?::([^:]*))?$/.exec(address)
  if (match === null) {
    if (!address.startsWith('[') && /::|(:[0-9a-f]+){7}/i.test(address)) {
      throw new InvalidArgumentError('an IPv6 address', 'in brackets, as in [::1]:6379:1', entry)
    }
    throw malformed(entry)
  }
  const [, ipv6, plain, portText = '', weightText] = match
  if (ipv6 !== undefined && !/^[0-9a-f:.]+(%[\w.-]+)?$/i.test(ipv6)) {
    throw new InvalidArgumentError(`the host in '${entry}'`, 'an IPv6 address where it stands in brackets', ipv6)
  }
  const port = decimal(portText, 1, PORT_MAX)
  if (port === undefined) {
    throw new InvalidArgumentError(`the port in '${entry}'`, `an integer from 1 to ${PORT_MAX}`, portText)
  }
  const id = `${ipv6 === undefined ? plain : `[${ipv6}]`}:${portText}`
  return { kind: 'tcp', id, weight: parseWeight(weightText ?? '1', entry), host: ipv6 ?? plain ?? '', port }
}

function parseWeight(text: string, entry: string): number {
  const weight = decimal(text, 1, WEIGHT_MAX)
  if (weight === undefined) {
    throw new InvalidArgumentError(`the weight in '${entry}'`, `an integer from 1 to ${WEIGHT_MAX}`, text)
  }
  return weight
}

/** A plain decimal without leading zeros: `07001` would be another text on the ring, but the same port. */
function decimal(text: string, min: number, max: number): number | undefined {
  const value = /^(0|[1-9]\d{0,9})$/.test(text) ? Number(text) : -1
  return value >= min && value <= max ? value : undefined
}

function malformed(entry: string): InvalidArgumentError {
  return new InvalidArgumentError('a server', `written as ${FORM}`, entry)
}

/** Modes that hash an address without brackets and, at memcached's port, without the port. */
const MEMCACHED: readonly RingCompat[] = ['twemproxy', 'libmemcached', 'libmemcached-plain']
const MEMCACHED_PORT = 11211

/**
 * The servers as a ring wants them: with the text that the program of that mode would hash. nutcracker and libmemcached
 * hash what stands before the weight: without their default port, a path with its colon or a port of 0, an IPv6 address
 * without brackets. HAProxy counts its servers, so that a name counts only where it is a number.
 */
export function ringServers(servers: readonly Server[], compat: RingCompat): RingServer[] {
  return servers.map((server) => {
    const { id, weight, name } = server
    if (compat === 'haproxy') return /^\d+$/.test(name ?? '') ? { id, weight, name } : { id, weight }
    if (name !== undefined) return { id, weight, name }
    const text = nameOf(server, compat)
    return text === undefined ? { id, weight } : { id, weight, name: text }
  })
}

function nameOf(server: Server, compat: RingCompat): string | undefined {
  const isSpy = compat === 'libmemcached-spy'
  if (!isSpy && !MEMCACHED.includes(compat)) return undefined
  if (server.kind === 'unix') return compat === 'twemproxy' ? `${server.path}:` : `${isSpy ? '/' : ''}${server.path}:0`
  if (server.kind !== 'tcp') return isSpy ? undefined : server.id
  const { host, port } = server
  if (isSpy) return `/${host}:${port}`
  return port === MEMCACHED_PORT ? host : `${host}:${port}`
}
