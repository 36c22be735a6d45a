// COMMAND and its subcommands: what commands there are, as Redis 7.0 describes them.
import { COMMANDS, type CommandRow } from './kv-commands.ts'
import { DOCS } from './kv-docs.ts'
import { failure, type Reply, status } from './kv-reply.ts'
import { globToRegExp, help, subcommand, takes } from './kv-subcommand.ts'

const BY_NAME = new Map(COMMANDS.map((row) => [row[0], row]))
const TOP = COMMANDS.filter((row) => !row[0].includes('|'))
const DOCS_BY_NAME = new Map(DOCS.map((row) => [row[0], row]))

export function commandReply(words: readonly string[]): Reply {
  if (words.length === 1) return TOP.map(describe)
  const name = subcommand(words)
  if (typeof name !== 'string') return name
  switch (name) {
    case 'count':
      return TOP.length
    case 'list':
      return list(words)
    case 'info':
      if (words.length === 2) return TOP.map(describe)
      return words.slice(2).map((word) => {
        const row = BY_NAME.get(word.toLowerCase())
        return row ? describe(row) : null
      })
    case 'docs':
      return docs(words.slice(2))
    case 'getkeys':
    case 'getkeysandflags':
      return keys(words.slice(2), name === 'getkeysandflags')
    default:
      return help('COMMAND', HELP)
  }
}

const HELP = [
  '(no subcommand)',
  '    Return details about all Redis commands.',
  'COUNT',
  '    Return the total number of commands in this Redis server.',
  'LIST',
  '    Return a list of all commands in this Redis server.',
  'INFO [<command-name> ...]',
  '    Return details about multiple Redis commands.',
  '    If no command names are given, documentation details for all',
  '    commands are returned.',
  'DOCS [<command-name> ...]',
  '    Return documentation details about multiple Redis commands.',
  '    If no command names are given, documentation details for all',
  '    commands are returned.',
  'GETKEYS <full-command>',
  '    Return the keys from a full Redis command.',
  'GETKEYSANDFLAGS <full-command>',
  '    Return the keys and the access flags from a full Redis command.',
]

/** Words of a table row as a set of status lines. */
function flags(words: string, prefix = ''): ReadonlySet<Reply> {
  return new Set(words === '' ? [] : words.split(' ').map((word) => status(prefix + word)))
}

function subcommandsOf(container: string): readonly CommandRow[] {
  return COMMANDS.filter((row) => row[0].startsWith(`${container}|`))
}

function describe(row: CommandRow): Reply {
  const [name, arity, words, first, last, step, categories, tips = '', keyFlags = '', notes = ''] = row
  const inner = subcommandsOf(name)
  return [
    name,
    arity,
    flags(words),
    first,
    last,
    step,
    flags(categories, '@'),
    new Set(tips === '' ? [] : tips.split(' ')),
    new Set(keyFlags === '' ? [] : [keySpec(row, keyFlags, notes)]),
    inner.length > 0 ? inner.map(describe) : new Set(),
  ]
}

function keySpec(row: CommandRow, keyFlags: string, notes: string): Reply {
  const [, , , first, last, step] = row
  const spec = new Map<string, Reply>(notes === '' ? [] : [['notes', notes]])
  const begin = new Map<string, Reply>([['type', 'index']]).set('spec', new Map([['index', first]]))
  const range = new Map([
    ['lastkey', last < 0 ? last : last - first],
    ['keystep', step],
    ['limit', 0],
  ])
  const find = new Map<string, Reply>([['type', 'range']]).set('spec', range)
  return spec.set('flags', flags(keyFlags)).set('begin_search', begin).set('find_keys', find)
}

function docs(names: readonly string[]): Reply {
  const wanted = names.length > 0 ? names.map((name) => name.toLowerCase()) : TOP.map(([name]) => name)
  const found = new Map<string, Reply>()
  for (const name of wanted) {
    const entry = documentation(name)
    if (entry) found.set(name, entry)
  }
  return found
}

function documentation(name: string): Reply | undefined {
  const row = DOCS_BY_NAME.get(name)
  if (!row) return undefined
  const [, since, group, summary] = row
  const entry = new Map<string, Reply>([
    ['summary', summary],
    ['since', since],
    ['group', group],
  ])
  const subcommands = subcommandsOf(name).map(([inner]): [string, Reply] => [inner, documentation(inner) ?? new Map()])
  return subcommands.length > 0 ? entry.set('subcommands', new Map(subcommands)) : entry
}

function list(words: readonly string[]): Reply {
  if (words.length === 2) return TOP.map(([name]) => name)
  const [, , filter, kind, value] = words
  if (words.length !== 5 || filter?.toLowerCase() !== 'filterby') return failure('syntax error')
  switch (kind?.toLowerCase()) {
    case 'module':
      return []
    case 'aclcat':
      return COMMANDS.filter((row) => row[6].split(' ').includes(value!.toLowerCase())).map(([name]) => name)
    case 'pattern': {
      const pattern = globToRegExp(value!)
      return COMMANDS.filter(([name]) => pattern.test(name)).map(([name]) => name)
    }
    default:
      return failure('syntax error')
  }
}

function keys(words: readonly string[], withFlags: boolean): Reply {
  const row = BY_NAME.get(words[0]!.toLowerCase())
  if (!row) return failure('Invalid command specified')
  const [, arity, , first, last, step, , , keyFlags = ''] = row
  if (first === 0) return failure('The command has no key arguments')
  if (!takes(arity, words.length)) return failure('Invalid number of arguments specified for command')
  const end = last < 0 ? words.length + last : last
  const found: Reply[] = []
  const access = flags(row[0] === 'set' ? setFlags(words) : keyFlags)
  for (let i = first; i <= end; i += step) found.push(withFlags ? [words[i]!, access] : words[i]!)
  return found
}

/** SET reads its key only with the option GET. */
function setFlags(words: readonly string[]): string {
  return words.slice(3).some((word) => word.toLowerCase() === 'get') ? 'RW access update' : 'OW update'
}
