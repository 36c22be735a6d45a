// Every server that can stand in a benchmark: how it is started on a port, or what to install when it cannot be.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { ROOT } from './machine.mjs'
import { freePort, startServer, stopServer, which } from './process.mjs'

const PEERS = join(ROOT, 'bench/peers')
const CLI = join(ROOT, 'dist/src/cli/main.js')
const JAVA = '/usr/share/java'
const NETTY = ['buffer', 'common', 'transport', 'resolver', 'codec'].map((part) => join(JAVA, `netty-${part}.jar`))
const KERNEL_NAMES = { uring: 'io_uring', 'uring-mapped': 'io_uring, mapped' }
const BUN = [`bun-linux-${process.arch === 'arm64' ? 'aarch64' : 'x64'}`, 'bun-linux-x64-baseline']

/** A folder of this run, removed at its end. */
export const temporary = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
process.once('exit', () => rmSync(temporary, { recursive: true, force: true }))

/** The ratio at which one kernel counts as not worse than another: runs of one and the same differ by as much. */
export const NOT_WORSE = 0.95

export const LOAD = join(PEERS, 'build/load')
export const IDLE = join(PEERS, 'build/idle')
export const POUR = join(PEERS, 'build/pour')
export const FETCH = join(PEERS, 'build/fetch')

function bun() {
  const installed = BUN.map((name) => join(PEERS, 'node_modules/@oven', name, 'bin/bun')).find((path) =>
    existsSync(path),
  )
  return installed ?? which('bun')
}

function ifInstalled(program, packageName, command) {
  const path = which(program)
  return path === undefined ? { missing: `apt-get install ${packageName}` } : { command: (port) => command(path, port) }
}

export const echoMillrace = {
  name: 'millrace',
  command: (port) => [process.execPath, join(PEERS, 'echo-millrace.mjs'), port],
}

/**
 * `subject`, which is millrace, on one named kernel. A kernel that this version or this machine does not have is not a
 * fault of the benchmark: its rows say so.
 */
export function onKernel(subject, kernel, environment = {}) {
  return {
    ...subject,
    name: `${subject.name} (${KERNEL_NAMES[kernel] ?? kernel})`,
    kernel,
    environment: { ...environment, MILLRACE_KERNEL: kernel },
    mayBeMissing: true,
  }
}

export const echoEpoll = { name: 'C epoll', command: (port) => [join(PEERS, 'build/echo-epoll'), port] }
export const echoNet = { name: 'node:net', command: (port) => [process.execPath, join(PEERS, 'echo-net.mjs'), port] }
export const echoBun = {
  name: 'Bun.listen',
  ...(bun() === undefined
    ? { missing: 'npm install --prefix bench/peers' }
    : { command: (port) => [bun(), join(PEERS, 'echo-bun.mjs'), port] }),
}

export const echoUring = { name: 'C io_uring', command: (port) => [join(PEERS, 'build/echo-uring'), port] }
export const echoNetty = netty()

function netty(...options) {
  const name = 'Netty NIO'
  const jars = [join(PEERS, 'build'), ...NETTY].join(delimiter)
  if (NETTY.every(existsSync) && which('java') && existsSync(join(PEERS, `build/EchoNetty.class`))) {
    return { name, command: (port) => [which('java'), '-cp', jars, 'EchoNetty', port, ...options] }
  }
  return { name, missing: 'apt-get install default-jdk-headless libnetty-java' }
}

// Frames through a handler: `what` is echo, of length-prefixed messages, or lines, which are counted.

export function framedMillrace(what) {
  return { name: 'millrace', command: (port) => [process.execPath, join(PEERS, 'framed-millrace.mjs'), port, what] }
}

export function framedNet(what) {
  const name = what === 'lines' ? 'node:net, split2' : 'node:net, framer'
  return { name, command: (port) => [process.execPath, join(PEERS, 'framed-net.mjs'), port, what] }
}

export const framedNetty = netty('length4')
export const framedBun = {
  name: 'Bun.listen, framer',
  ...(bun() === undefined
    ? { missing: 'npm install --prefix bench/peers' }
    : { command: (port) => [bun(), join(PEERS, 'framed-bun.mjs'), port] }),
}

export const WRK = which('wrk')

/** node:http and an echo, on the next port, in one process. */
export function embedded(echo) {
  const name = echo === 'net' ? 'node:net' : 'millrace'
  return { name, command: (port) => [process.execPath, join(PEERS, 'embedded.mjs'), port, echo] }
}

/** Of the lab: one process or thread for each connection, blocked in read. */
export function blockingEcho(unit) {
  const program = join(PEERS, 'build/echo-blocking')
  const command = (port) => [program, port, unit]
  return { name: `C, a ${unit} per connection`, ...(existsSync(program) ? { command } : absent('echo-blocking.c')) }
}

const WORKERS = join(ROOT, 'bench/lab/echo-worker.mjs')
export const workerEcho = {
  name: 'Node, a worker per connection',
  ...(existsSync(WORKERS) ? { command: (port) => [process.execPath, WORKERS, port] } : absent('echo-worker.mjs')),
}

function absent(file) {
  return { missing: `${file} is not in this version` }
}

/** How many descriptors a process may have here. */
export function descriptorLimit() {
  const line = /^Max open files\s+\d+\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
  return Number(line[1]) || Number.POSITIVE_INFINITY
}

export const millraceKv = { name: 'millrace kv', command: (port) => [process.execPath, CLI, 'kv', '--listen', port] }
export const redisServer = {
  name: 'redis-server',
  ...ifInstalled('redis-server', 'redis-server', (path, port) => [
    ...[path, '--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    ...['--dir', temporary, '--loglevel', 'warning'],
  ]),
}

/** The proxies stand in front of real servers at `ports`, all with weight 1. */
export function millraceProxy(ports) {
  const servers = ports.map((port) => `127.0.0.1:${port}:1`).join(',')
  const command = (port) => [process.execPath, CLI, 'proxy', '--listen', port, '--servers', servers]
  return { name: 'millrace proxy', command }
}

export function twemproxy(ports) {
  const installed = ifInstalled('nutcracker', 'nutcracker', (path, port) => twemproxyCommand(path, port, ports))
  return { name: 'twemproxy', ...installed }
}

async function twemproxyCommand(path, port, ports) {
  const configuration = join(temporary, `nutcracker-${port}.yml`)
  const pool = [
    `listen: 127.0.0.1:${port}`,
    ...['hash: fnv1a_64', 'distribution: ketama', 'redis: true', 'preconnect: true', 'servers:'],
    ...ports.map((server) => ` - 127.0.0.1:${server}:1`),
  ]
  writeFileSync(configuration, `bench:\n${pool.map((line) => `  ${line}\n`).join('')}`)
  const statistics = ['--stats-addr', '127.0.0.1', '--stats-port', await freePort()]
  return [path, '--conf-file', configuration, ...statistics, '--output', join(temporary, `nutcracker-${port}.log`)]
}

// Servers of one file: a request is a line, the answer the file's length and the file; nginx alone speaks HTTP.

export function fileMillrace(path, strategy) {
  const program = join(PEERS, 'file-millrace.mjs')
  const command = (port) => [process.execPath, program, port, path, strategy]
  return { name: `millrace, ${strategy}`, ...(existsSync(program) ? { command } : absent('file-millrace.mjs')) }
}

export function fileSendfile(path) {
  return { name: 'C sendfile', command: (port) => [join(PEERS, 'build/file-sendfile'), port, path] }
}

export function filePipe(path) {
  return { name: 'node pipe', command: (port) => [process.execPath, join(PEERS, 'file-pipe.mjs'), port, path] }
}

/** nginx on all files of `folder`, with one worker, as it would be set up for large files on kept connections. */
export function nginx(folder) {
  return {
    name: 'nginx',
    ...ifInstalled('nginx', 'nginx-light', (path, port) => {
      const configuration = join(temporary, `nginx-${port}.conf`)
      const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (kind) => `${kind}_temp_path ${join(temporary, `nginx-${kind}`)};`,
      )
      const listens = `listen 127.0.0.1:${port} backlog=4096; root ${folder};`
      const http = ['access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;', ...scratch]
      const main = [
        ...['daemon off;', 'worker_processes 1;', `pid ${join(temporary, `nginx-${port}.pid`)};`],
        ...['error_log stderr;', userInfo().uid === 0 ? 'user root;' : ''],
      ]
      const parts = [...main, 'events {}', 'http {', ...http, `server { ${listens} }`, '}']
      writeFileSync(configuration, `${parts.join('\n')}\n`)
      return [path, '-p', temporary, '-c', configuration]
    }),
  }
}

export async function start(subject, core) {
  const port = await freePort()
  const command = (await subject.command(port)).map(String)
  return startServer({ name: subject.name, command, environment: subject.environment, port, core })
}

/**
 * Starts what can be started and returns those servers. A subject that cannot says so in `missing`, which its rows will
 * carry; one that should have started and did not also fails the benchmark, unless it may be missing.
 */
export async function startAll(subjects) {
  const servers = []
  for (const subject of subjects) {
    if (subject.missing !== undefined) continue
    try {
      servers.push(await start(subject))
    } catch (error) {
      subject.missing = error.message
      if (!subject.mayBeMissing) process.exitCode = 1
    }
  }
  return servers
}

export async function stopAll(servers) {
  for (const server of servers) await stopServer(server)
}
