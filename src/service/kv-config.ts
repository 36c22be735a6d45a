// CONFIG GET, SET, RESETSTAT, REWRITE: the parameters of redis.conf that clients and tools ask a cache for.
import { parseMemory } from './bytes.ts'
import { type AdminContext, type AdminPolicy, POLICIES } from './kv-admin.ts'
import { failure, type Line, OK, type Reply } from './kv-reply.ts'
import { globToRegExp, help, subcommand } from './kv-subcommand.ts'

interface Parameter {
  get(context: AdminContext): string
  /** Checks a value and returns what sets it, or why it may not be set. Without it the parameter is immutable. */
  check?(value: string, context: AdminContext): (() => void) | string
}

const NOTHING = (): void => undefined

/** A parameter that has one value here, because the feature behind it does not exist: only that value can be set. */
function fixed(value: string, reason: string): Parameter {
  return { get: () => value, check: (text) => (text === value ? NOTHING : reason) }
}

const PERSISTENCE = 'millrace keeps nothing on disk'

const PARAMETERS = new Map<string, Parameter>([
  ['port', { get: ({ settings }) => String(settings.port) }],
  ['bind', { get: ({ settings }) => settings.bind }],
  ['databases', { get: ({ settings }) => String(settings.databases) }],
  ['daemonize', { get: () => 'no' }],
  ['cluster-enabled', { get: () => 'no' }],
  ['io-threads', { get: () => '1' }],
  ['maxclients', { get: ({ settings }) => String(settings.clientsMax) }],
  ['timeout', { get: ({ settings }) => String(settings.timeoutSeconds) }],
  ['proto-max-bulk-len', { get: ({ settings }) => String(settings.bulkMax) }],
  ['save', fixed('', PERSISTENCE)],
  ['appendonly', fixed('no', PERSISTENCE)],
  ['maxmemory-samples', fixed('5', 'the number of samples is fixed')],
  [
    'maxmemory',
    {
      get: ({ settings }) => String(settings.maxmemory),
      check(value, context) {
        const bytes = parseMemory(value)
        if (bytes === undefined) return 'argument must be a memory value'
        return () => {
          if (!context.setMaxmemory(bytes)) throw new RangeError('more than was reserved at the start')
        }
      },
    },
  ],
  [
    'maxmemory-policy',
    {
      get: ({ settings }) => settings.policy,
      check(value, context) {
        const policy = POLICIES.find((name) => name === value.toLowerCase())
        if (!policy) return `argument(s) must be one of the following: ${POLICIES.join(', ')}`
        return () => context.setPolicy(policy satisfies AdminPolicy)
      },
    },
  ],
  [
    'requirepass',
    { get: ({ settings }) => settings.password, check: (value, context) => () => context.setPassword(value) },
  ],
])

export function configReply(words: readonly string[], context: AdminContext): Reply {
  const name = subcommand(words)
  if (typeof name !== 'string') return name
  switch (name) {
    case 'get':
      return get(words.slice(2), context)
    case 'set':
      return set(words, context)
    case 'resetstat':
      context.resetStats()
      return OK
    case 'rewrite':
      return failure('The server is running without a config file')
    default:
      return help('CONFIG', HELP)
  }
}

const HELP = [
  'GET <pattern>',
  '    Return parameters matching the glob-like <pattern> and their values.',
  'SET <directive> <value>',
  '    Set the configuration <directive> to <value>.',
  'RESETSTAT',
  '    Reset statistics reported by the INFO command.',
  'REWRITE',
  '    Rewrite the configuration file.',
]

function get(patterns: readonly string[], context: AdminContext): Reply {
  const found = new Map<string, Reply>()
  const globs = patterns.filter((pattern) => /[*?[]/.test(pattern)).map(globToRegExp)
  for (const [name, parameter] of PARAMETERS) {
    // a plain name comes back as it was written, in whatever case
    const written = patterns.find((pattern) => pattern.toLowerCase() === name)
    if (written !== undefined) found.set(written, parameter.get(context))
    else if (globs.some((pattern) => pattern.test(name))) found.set(name, parameter.get(context))
  }
  return found
}

function refuse(name: string, reason: string): Line {
  return failure(`CONFIG SET failed (possibly related to argument '${name}') - ${reason}`)
}

/** All of the pairs, or none: everything is checked before anything is set. */
function set(words: readonly string[], context: AdminContext): Reply {
  if (words.length % 2 === 1) return failure("wrong number of arguments for 'config|set' command")
  const chosen = new Map<string, string>()
  for (let i = 2; i < words.length; i += 2) {
    const name = words[i]!.toLowerCase()
    if (!PARAMETERS.has(name)) {
      return failure(`Unknown option or number of arguments for CONFIG SET - '${words[i]!}'`)
    }
    if (chosen.has(name)) return refuse(words[i]!, 'duplicate parameter')
    chosen.set(name, words[i + 1]!)
  }
  const steps: (readonly [string, () => void])[] = []
  for (const [name, value] of chosen) {
    const step = PARAMETERS.get(name)?.check?.(value, context) ?? "can't set immutable config"
    if (typeof step === 'string') return refuse(name, step)
    steps.push([name, step])
  }
  for (const [name, step] of steps) {
    try {
      step()
    } catch (error) {
      return refuse(name, (error as Error).message)
    }
  }
  return OK
}
