// The machine a benchmark runs on: what it is called in the results, and what it says of a process (CPU time, memory).
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')

/** The subject under test has one core for itself; the load and everything behind the subject share the other. */
export const SUBJECT_CORE = 0
export const LOAD_CORE = 1

/** The share of the machine's CPU time that others used while this waited, just before the benchmark. */
const busyBefore = await busyShare(1000)
export const BUSY_TOLERATED = 0.1

async function busyShare(ms) {
  const idleAndAll = () => {
    const ticks = /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))[1].split(' ').map(Number)
    return [ticks[3] + ticks[4], ticks.reduce((sum, each) => sum + each, 0)]
  }
  const [idle, all] = idleAndAll()
  await new Promise((resolve) => setTimeout(resolve, ms))
  const [idleLater, allLater] = idleAndAll()
  return Math.round((1 - (idleLater - idle) / (allLater - all)) * 100) / 100
}

export function describeMachine() {
  return {
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    kernel: os.release(),
    node: process.version,
    defaultKernel: defaultKernel(),
    date: new Date().toISOString(),
    commit: commit(),
    busyBefore,
  }
}

/** The kernel that millrace takes here when nobody names one, and why. */
function defaultKernel() {
  const doctor = [join(ROOT, 'dist/src/cli/main.js'), 'doctor', '--json']
  const environment = { ...process.env, MILLRACE_KERNEL: '' }
  try {
    const output = execFileSync(process.execPath, doctor, { encoding: 'utf8', stdio: 'pipe', env: environment })
    const { value, why } = JSON.parse(output).features.find(({ name }) => name === 'kernel')
    return `${value} (${why})`
  } catch (error) {
    return `unknown: ${error.message.split('\n')[0]}`
  }
}

function commit() {
  const git = (...args) => execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim()
  try {
    return (
      git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') ? '+changes' : '')
    )
  } catch {
    return 'none'
  }
}

/** CPU time of all threads of a process in nanoseconds, as the scheduler counts it. */
export function cpuNs(pid) {
  const tasks = `/proc/${pid}/task`
  return readdirSync(tasks).reduce((sum, task) => {
    try {
      return sum + Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0])
    } catch {
      return sum // a thread that ended meanwhile
    }
  }, 0)
}

export function residentBytes(pid) {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line[1]) * 1024
}

export function openFiles(pid) {
  return readdirSync(`/proc/${pid}/fd`).length
}
