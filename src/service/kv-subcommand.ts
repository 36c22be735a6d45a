// What the container commands COMMAND, CONFIG and CLIENT have in common: which subcommand, does it exist, does it take
// this many arguments, and the form of HELP.
import { COMMANDS } from './kv-commands.ts'
import { failure, type Line, type Reply, status } from './kv-reply.ts'

const ARITY = new Map(COMMANDS.map((row) => [row[0], row[1]]))

/** Whether a command takes so many arguments, its name included. */
export function takes(arity: number, count: number): boolean {
  return arity > 0 ? count === arity : count >= -arity
}

/** The lower-case name of the subcommand, or the error for one that does not exist or does not take these arguments. */
export function subcommand(words: readonly string[]): string | Line {
  const container = words[0]!.toLowerCase()
  if (words.length < 2) return failure(`wrong number of arguments for '${container}' command`)
  const name = words[1]!.toLowerCase()
  const arity = ARITY.get(`${container}|${name}`)
  if (arity === undefined) {
    return failure(`unknown subcommand '${words[1]!.slice(0, 128)}'. Try ${container.toUpperCase()} HELP.`)
  }
  if (!takes(arity, words.length)) return failure(`wrong number of arguments for '${container}|${name}' command`)
  return name
}

/** The reply to HELP: the lines in between are the container's own. */
export function help(container: string, lines: readonly string[]): Reply {
  return [
    `${container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
    ...lines,
    'HELP',
    '    Prints this help.',
  ].map(status)
}

/** A glob pattern as KEYS takes it, for names of any case. */
export function globToRegExp(pattern: string): RegExp {
  const token = /\\(.)|\[(\^?)((?:\\.|[^\]\\])*)\]|[\s\S]/g
  const source = pattern.replace(token, (whole: string, escaped?: string, not?: string, set?: string) => {
    if (escaped !== undefined) return quote(escaped)
    if (set !== undefined) return set === '' ? (not ? '.' : '(?!)') : `[${not}${set.replace(/[[\]^]/g, '\\$&')}]`
    return whole === '*' ? '.*' : whole === '?' ? '.' : quote(whole)
  })
  return new RegExp(`^${source}$`, 'is')
}

function quote(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
