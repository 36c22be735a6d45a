// Starting the servers and load generators of a benchmark, each pinned to its core, and ending every one of them.
import { execFile, spawn, spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import net from 'node:net'
import { basename, delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { LOAD_CORE, SUBJECT_CORE } from './machine.mjs'

const START_MS = 10_000
const STOP_MS = 5_000
const SEARCH_PATH = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']

const running = new Set()
process.once('exit', killAll)
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))

/** Ends everything that still runs, at once: at the exit, and after a measurement that failed half-way. */
export function killAll() {
  for (const child of running) child.kill('SIGKILL')
}

/** The path of an installed program, or undefined. */
export function which(program) {
  return SEARCH_PATH.map((folder) => join(folder, program)).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

export async function freePort() {
  const server = net.createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts a server that takes `port` and resolves when it accepts connections there. */
export async function startServer({ name, command, environment, port, core = SUBJECT_CORE }) {
  const child = spawn('taskset', ['-c', String(core), ...command], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...environment },
  })
  running.add(child)
  const server = { name, port, pid: child.pid, child, complaint: '' }
  child.stderr.setEncoding('utf8').on('data', (text) => {
    server.complaint = (server.complaint + text).slice(-2000)
  })
  child.on('error', (error) => {
    server.complaint += error.message
  })
  child.once('exit', () => running.delete(child))
  for (const deadline = Date.now() + START_MS; !(await accepts(port)); await pause(20)) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`${name} ended: ${gist(server.complaint)}`)
    if (Date.now() > deadline) throw new Error(`${name} does not listen on ${port} after ${START_MS} ms`)
  }
  return server
}

/** The one line of a dying process's last words that says most. */
function gist(complaint) {
  const lines = complaint.split('\n').filter((line) => line.trim() !== '')
  const says = (pattern) => lines.find((line) => pattern.test(line))
  return (says(/^\w*Error\b.*:/) ?? says(/^(?!\s*(throw|return)\b).*error/i) ?? lines[0] ?? 'without a word')
    .trim()
    .slice(0, 200)
}

export async function stopServer({ child }) {
  if (!running.has(child)) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await ended
  clearTimeout(force)
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** Runs a load generator on its core to the end; its output, or an error that carries what it complained about. */
export async function runLoad(command) {
  const [program, ...args] = ['taskset', '-c', String(LOAD_CORE), ...command.map(String)]
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, { maxBuffer: 1 << 26 })
    return stdout + stderr
  } catch (error) {
    const complaint = (error.stderr || error.stdout || error.message).trim()
    throw new Error(`${basename(String(command[0]))}: ${complaint}`, { cause: error })
  }
}

/** A child whose standard input holds it open: resolves when it has printed `line`. */
export async function startHolder(command, line) {
  const child = spawn('taskset', ['-c', String(LOAD_CORE), ...command.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  let output = ''
  await new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text
      if (output.includes(line)) resolve()
    })
    child.once('exit', () => reject(new Error(`${command.join(' ')} ended before it printed "${line}"`)))
  })
  return child
}

export async function release(child) {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.stdin.end()
  await ended
}

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export function requirePinning() {
  if (spawnSync('taskset', ['-c', String(LOAD_CORE), 'true']).status === 0) return
  throw new Error('the benchmarks need taskset (apt-get install util-linux) and two cores, 0 and 1')
}
