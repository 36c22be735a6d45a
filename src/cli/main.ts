#!/usr/bin/env node
// `millrace`: finds the tool and runs it.
import { packageVersion } from '../kernel/package-root.ts'
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from './options.ts'

type Tool = (argv: string[]) => Promise<number>

const TOOLS: Readonly<Record<string, () => Promise<Tool>>> = {
  up: async () => (await import('./up.ts')).up,
  kv: async () => (await import('./kv.ts')).kv,
  proxy: async () => (await import('./proxy.ts')).proxy,
  ring: async () => (await import('./ring.ts')).ring,
  doctor: async () => (await import('./doctor.ts')).doctor,
}

const HELP = `Usage: millrace <tool> [options]

  up      a sharding proxy in front of embedded shards, all in one process
  kv      one shard: strings with expiry over the Redis protocol
  proxy   a consistent-hash sharding proxy in front of Redis servers
  ring    which server owns a key, and how the keys are shared out
  doctor  what this machine has for millrace, and what to do about the rest

  -h, --help     this text; millrace <tool> --help for a tool's own
  -V, --version  the version
`

async function main([name, ...argv]: string[]): Promise<number> {
  if (name === '-h' || name === '--help' || name === 'help') {
    process.stdout.write(HELP)
    return EXIT_OK
  }
  if (name === '-V' || name === '--version') {
    process.stdout.write(`${packageVersion()}\n`)
    return EXIT_OK
  }
  const load = name !== undefined && Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined
  if (load === undefined) {
    const complaint = name === undefined ? 'which tool?' : `there is no tool '${name}'`
    process.stderr.write(`millrace: ${complaint}\n${HELP}`)
    return EXIT_USAGE
  }
  return (await load())(argv)
}

try {
  // exit, not exitCode: a connection that somebody holds open must not keep a finished tool alive
  process.exit(await main(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`millrace: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(EXIT_FAILURE)
}
