// CLIENT LIST, INFO, KILL, REPLY, NO-EVICT; the core itself answers ID, GETNAME and SETNAME where they are well formed.
import type { AdminClient, AdminContext } from './kv-admin.ts'
import { failure, OK, type Reply, Verbatim } from './kv-reply.ts'
import { help, subcommand } from './kv-subcommand.ts'

const TYPES = ['normal', 'master', 'replica', 'slave', 'pubsub']

export function clientReply(words: readonly string[], context: AdminContext): Reply {
  const name = subcommand(words)
  if (typeof name !== 'string') return name
  const option = words[2]?.toLowerCase() ?? ''
  switch (name) {
    case 'info':
      return new Verbatim(`${describe(context.client, context.client, 'info')}\n`)
    case 'list':
      return list(words, context)
    case 'kill':
      return kill(words, context)
    case 'no-evict':
      return option === 'on' || option === 'off' ? OK : failure('syntax error')
    case 'reply':
      return reply(option, context)
    case 'help':
      return help('CLIENT', HELP)
    default:
      return failure('syntax error')
  }
}

const HELP = [
  'GETNAME',
  '    Return the name of the current connection.',
  'ID',
  '    Return the ID of the current connection.',
  'INFO',
  '    Return information about the current client connection.',
  'KILL <ip:port>',
  '    Kill connection made from <ip:port>.',
  'KILL <option> <value> [<option> <value> [...]]',
  '    Kill connections. Options are:',
  '    * ADDR (<ip:port>|<unixsocket>:0)',
  '      Kill connections made from the specified address',
  '    * LADDR (<ip:port>|<unixsocket>:0)',
  '      Kill connections made to specified local address',
  '    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)',
  '      Kill connections by type.',
  '    * USER <username>',
  '      Kill connections authenticated by <username>.',
  '    * SKIPME (YES|NO)',
  '      Skip killing current connection (default: yes).',
  'LIST [options ...]',
  '    Return information about client connections. Options:',
  '    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)',
  '      Return clients of specified type.',
  'REPLY (ON|OFF|SKIP)',
  '    Control the replies sent to the current connection.',
  'SETNAME <name>',
  '    Assign the name <name> to the current connection.',
  'NO-EVICT (ON|OFF)',
  '    Protect current client connection from eviction.',
]

function describe(client: AdminClient, self: AdminClient, command: string): string {
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', client.id],
    ['addr', client.address],
    ['laddr', client.localAddress],
    ['fd', client.fd],
    ['name', client.name],
    ['age', Math.floor(client.ageSeconds)],
    ['idle', Math.floor(client.idleSeconds)],
    ['flags', 'N'],
    ['db', client.database],
    ['sub', 0],
    ['psub', 0],
    ['ssub', 0],
    ['multi', -1],
    ['qbuf', client.inputBytes],
    ['qbuf-free', 0],
    ['obl', 0],
    ['oll', 0],
    ['omem', client.outputBytes],
    ['events', 'r'],
    ['cmd', client.id === self.id ? `client|${command}` : 'NULL'],
    ['user', 'default'],
    ['redir', -1],
    ['resp', client.resp3 ? 3 : 2],
  ]
  return fields.map(([key, value]) => `${key}=${value}`).join(' ')
}

function lines(clients: Iterable<AdminClient>, self: AdminClient): Reply {
  return new Verbatim([...clients].map((client) => `${describe(client, self, 'list')}\n`).join(''))
}

/** A client id as an argument; undefined where it is none. */
function parseId(text: string): number | undefined {
  return /^[1-9]\d{0,15}$/.test(text) ? Number(text) : undefined
}

function list(words: readonly string[], context: AdminContext): Reply {
  const kind = words[2]?.toLowerCase()
  const all = [...context.clients]
  if (kind === undefined) return lines(all, context.client)
  if (kind === 'type' && words.length === 4) {
    const type = words[3]!.toLowerCase()
    if (!TYPES.includes(type)) return failure(`Unknown client type '${words[3]!}'`)
    return lines(type === 'normal' ? all : [], context.client)
  }
  if (kind === 'id' && words.length > 3) {
    const ids = words.slice(3).map(parseId)
    if (ids.includes(undefined)) return failure('Invalid client ID')
    return lines(
      ids.flatMap((id) => all.filter((client) => client.id === id)),
      context.client,
    )
  }
  return failure('syntax error')
}

function reply(mode: string, context: AdminContext): Reply {
  if (mode !== 'on' && mode !== 'off' && mode !== 'skip') return failure('syntax error')
  if (mode !== 'on' && !context.muteReplies) return failure(`CLIENT REPLY ${mode.toUpperCase()} is not supported`)
  context.muteReplies?.(mode)
  return OK
}

function kill(words: readonly string[], context: AdminContext): Reply {
  const clients = [...context.clients]
  if (words.length === 3) {
    const victim = clients.find((client) => client.address === words[2])
    if (!victim) return failure('No such client')
    context.kill(victim.id)
    return OK
  }
  if (words.length % 2 === 1) return failure('syntax error')
  let skipSelf = true
  const filters: ((client: AdminClient) => boolean)[] = []
  for (let i = 2; i < words.length; i += 2) {
    const value = words[i + 1]!
    switch (words[i]!.toLowerCase()) {
      case 'id': {
        const id = parseId(value)
        if (id === undefined) return failure('client-id should be greater than 0')
        filters.push((client) => client.id === id)
        break
      }
      case 'type':
        if (!TYPES.includes(value.toLowerCase())) return failure(`Unknown client type '${value}'`)
        filters.push(() => value.toLowerCase() === 'normal')
        break
      case 'addr':
        filters.push((client) => client.address === value)
        break
      case 'laddr':
        filters.push((client) => client.localAddress === value)
        break
      case 'user':
        if (value !== 'default') return failure(`No such user '${value}'`)
        break
      case 'skipme':
        if (!/^(yes|no)$/i.test(value)) return failure('syntax error')
        skipSelf = value.toLowerCase() === 'yes'
        break
      default:
        return failure('syntax error')
    }
  }
  const victims = clients.filter((client) => {
    return !(skipSelf && client.id === context.client.id) && filters.every((matches) => matches(client))
  })
  for (const client of victims) context.kill(client.id)
  return victims.length
}
