// Starts and stops the programs of the system tests: millrace's own tools, redis-server, nutcracker.
//
// The suite can check itself: with MILLRACE_TEST_KV=redis a second real redis-server stands in for `millrace kv`, so
// every difference it then finds is a fault of the suite. MILLRACE_TEST_PROXY=redis puts one redis-server in the place
// of the proxy, =nutcracker the real twemproxy; what those cannot do is skipped, with the reason in the title.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { Client } from './wire.ts'

/** MILLRACE_TEST_CLI names another copy to test: an installed package, an older build. */
export const CLI =
  process.env.MILLRACE_TEST_CLI ?? fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))
export const KV_IS_REDIS = process.env.MILLRACE_TEST_KV === 'redis'
export const PROXY_IS: 'millrace' | 'redis' | 'nutcracker' = (() => {
  const name = process.env.MILLRACE_TEST_PROXY ?? 'millrace'
  if (name === 'millrace' || name === 'redis' || name === 'nutcracker') return name
  throw new Error(`MILLRACE_TEST_PROXY=${name}: the choices are millrace, redis and nutcracker`)
})()

const START_MS = process.env.ASAN_OPTIONS ? 60_000 : 10_000
const PATH = `${process.env.PATH}:/usr/sbin:/usr/local/sbin`

/** Why a real program cannot be used here, or '' if it can. */
export function lacking(program: string, debian: string, question = '--version'): string {
  const found = spawnSync(program, [question], { env: { ...process.env, PATH } })
  return found.error ? `${program} is missing: sudo apt-get install -y ${debian}` : ''
}

export const NO_REDIS = lacking('redis-server', 'redis-server')
export const NO_REDIS_TOOLS = lacking('redis-cli', 'redis-tools') || lacking('redis-benchmark', 'redis-tools')
export const NO_NUTCRACKER = lacking('nutcracker', 'nutcracker')
export const NO_MEMCACHED = lacking('memcached', 'memcached')

/** Keys that every hash spreads: fnv1a_64, twemproxy's default, sends thousands of consecutive names to one server. */
export const spreadKey = (prefix: string, i: number): string =>
  `${prefix}:${createHash('sha1').update(`${prefix}${i}`).digest('hex').slice(0, 16)}`

/** A title for `describe.skipIf(reason)`: the reason stands in it. */
export const titled = (title: string, ...reasons: string[]): string => {
  const reason = reasons.find(Boolean)
  return reason ? `${title} [skipped: ${reason}]` : title
}

export type Exit = { code: number | null; signal: NodeJS.Signals | null }

export class Program {
  readonly name: string
  readonly process: ChildProcess
  readonly exited: Promise<Exit>
  port = 0
  stdout = ''
  stderr = ''
  exit: Exit | undefined
  #cleanup: () => void

  constructor(
    name: string,
    command: string,
    args: readonly string[],
    cleanup: () => void = () => undefined,
    settings: Readonly<Record<string, string>> = {},
  ) {
    this.name = name
    this.#cleanup = cleanup
    this.process = spawn(command, args, {
      env: { ...process.env, PATH, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.process.stdout?.on('data', (text) => {
      this.stdout += text
    })
    this.process.stderr?.on('data', (text) => {
      this.stderr += text
    })
    running.add(this)
    this.exited = new Promise((resolve) => {
      this.process.once('error', (error) => {
        this.stderr += String(error)
      })
      this.process.once('close', (code, signal) => {
        running.delete(this)
        this.exit = { code, signal }
        this.#cleanup()
        resolve(this.exit)
      })
    })
  }

  get pid(): number {
    return this.process.pid ?? 0
  }

  get server(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Resident memory in bytes. */
  rss(): number {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))
    if (!line) throw new Error(`no VmRSS for ${this.name}`)
    return Number(line[1]) * 1024
  }

  openFiles(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length
  }

  /** Waits for the end; ends it by force if that takes longer than it may. */
  async ended(timeout: number): Promise<Exit> {
    const timer = setTimeout(() => this.process.kill('SIGKILL'), timeout)
    const exit = await this.exited
    clearTimeout(timer)
    return exit
  }

  /** Asks it to end; a millrace tool that does not then exit 0 within eight seconds is a failure of the test. */
  async stop(): Promise<void> {
    const before = this.exit
    if (!before) this.process.kill('SIGTERM')
    const exit = await this.ended(8_000)
    if (this.name.startsWith('millrace') && (before || exit.code !== 0)) {
      const when = before ? 'before it was asked to' : 'when it was asked to stop'
      throw new Error(`${this.name} exited ${when}: ${JSON.stringify(exit)}\n${this.stderr}`)
    }
  }

  kill(): Promise<Exit> {
    this.process.kill('SIGKILL')
    return this.exited
  }
}

const running = new Set<Program>()
process.on('exit', () => {
  for (const program of running) program.process.kill('SIGKILL')
})

/** Repeats until the condition gives something truthy, which is returned. */
export async function poll<T>(condition: () => T | Promise<T>, what: string, timeout = 5_000, every = 10): Promise<T> {
  const deadline = Date.now() + timeout
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > deadline) throw new Error(`not within ${timeout} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, every))
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (!address || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Starts a millrace tool that listens, and waits for the line that says where. */
export async function startMillrace(
  tool: string,
  args: readonly string[] = [],
  settings: Readonly<Record<string, string>> = {},
): Promise<Program> {
  if (!existsSync(CLI)) throw new Error(`${CLI} does not exist: run make first`)
  const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0']
  const command = [CLI, tool, ...listen, ...args]
  const program = new Program(`millrace ${tool}`, process.execPath, command, undefined, settings)
  await poll(
    () => program.exit || /listening on \S+:\d+/.test(program.stdout) || /"listening"/.test(program.stdout),
    `${program.name} says where it listens; it said: ${program.stdout}`,
    START_MS,
  )
  const port = /listening on \S+:(\d+)/.exec(program.stdout) ?? /"port":\s*(\d+)/.exec(program.stdout)
  if (program.exit || !port) throw new Error(`${program.name} did not start: ${program.stdout}${program.stderr}`)
  program.port = Number(port[1])
  return program
}

export async function startRedis(args: readonly string[] = [], port?: number): Promise<Program> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-redis-'))
  const settings = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir, '--loglevel', 'warning']
  const chosen = port ?? (await freePort())
  const program = new Program(
    'redis-server',
    'redis-server',
    [...settings, '--port', String(chosen), '--enable-debug-command', 'local', ...args],
    () => rmSync(dir, { recursive: true, force: true }),
  )
  program.port = chosen
  await answering(program, args.includes('--requirepass') ? /^-NOAUTH/ : /^\+PONG/)
  return program
}

async function answering(program: Program, answer: RegExp): Promise<void> {
  await poll(async () => {
    if (program.exit) throw new Error(`${program.name} did not start: ${program.stdout}${program.stderr}`)
    const client = await Client.open(program.port).catch(() => undefined)
    const reply = await client?.raw('PING').catch(() => '')
    client?.destroy()
    return reply && answer.test(reply)
  }, `${program.name} answers`)
}

export type NutcrackerOptions = {
  servers: readonly string[]
  distribution?: string
  hashTag?: string
  timeout?: number
}

/** The real twemproxy. `servers` are host:port:weight. */
export async function startNutcracker(options: NutcrackerOptions): Promise<Program> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-nutcracker-'))
  const port = await freePort()
  const lines = [
    'pool:',
    `  listen: 127.0.0.1:${port}`,
    '  hash: fnv1a_64',
    `  distribution: ${options.distribution ?? 'ketama'}`,
    ...(options.hashTag ? [`  hash_tag: "${options.hashTag}"`] : []),
    ...(options.timeout ? [`  timeout: ${options.timeout}`] : []),
    '  redis: true',
    '  servers:',
    ...options.servers.map((server) => `   - ${server}`),
  ]
  const file = join(dir, 'nutcracker.yml')
  writeFileSync(file, `${lines.join('\n')}\n`)
  const stats = ['-a', '127.0.0.1', '-s', String(await freePort())]
  const place = ['-c', file, '-p', join(dir, 'pid'), '-o', join(dir, 'log')]
  const program = new Program('nutcracker', 'nutcracker', [...place, ...stats], () =>
    rmSync(dir, { recursive: true, force: true }),
  )
  program.port = port
  await answering(program, /^\+PONG/)
  return program
}

/** `millrace kv`, or what stands in for it. */
export function startKv(args: readonly string[] = []): Promise<Program> {
  return KV_IS_REDIS ? startRedis(args) : startMillrace('kv', args)
}

/** `millrace proxy` in front of servers written host:port:weight, or what stands in for it. */
export function startProxy(servers: readonly string[], args: readonly string[] = []): Promise<Program> {
  if (PROXY_IS === 'redis') return startRedis()
  if (PROXY_IS === 'millrace') return startMillrace('proxy', ['--servers', servers.join(','), ...args])
  const timeout = args.indexOf('--timeout')
  const hashTag = args.indexOf('--hash-tag')
  return startNutcracker({
    servers: servers.filter((server) => !server.startsWith('embedded')),
    ...(timeout >= 0 ? { timeout: Number(args[timeout + 1]) } : {}),
    ...(hashTag >= 0 ? { hashTag: String(args[hashTag + 1]) } : {}),
  })
}

/** Something that all tests of a file or a describe block use: started before them, stopped after them. */
export function shared<T extends { stop(): Promise<void> }>(start: () => Promise<T>): () => T {
  let value: T | undefined
  beforeAll(async () => {
    value = await start()
  })
  afterAll(async () => {
    await value?.stop()
  })
  return () => {
    if (!value) throw new Error('used before it was started')
    return value
  }
}

/** Something of one test: stopped when it ends, after what was started later. */
export async function during<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const value = await starting
  onTestFinished(() => value.stop())
  return value
}

/** Connects for the length of one test. */
export async function client(at: { port: number }): Promise<Client> {
  const connection = await Client.open(at.port)
  onTestFinished(() => connection.destroy())
  return connection
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: readonly string[],
  options: { input?: string | Buffer; timeout?: number } = {},
): Promise<Exit & { stdout: string; stderr: string }> {
  const child = spawn(command, args, { env: { ...process.env, PATH }, stdio: ['pipe', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text) => {
    output.stdout += text
  })
  child.stderr.on('data', (text) => {
    output.stderr += text
  })
  child.stdin.on('error', () => undefined) // it may end before it has read all
  child.stdin.end(options.input)
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeout ?? 30_000)
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  clearTimeout(timer)
  return { code, signal, ...output }
}

export const millrace = (...args: string[]): ReturnType<typeof run> => run(process.execPath, [CLI, ...args])
