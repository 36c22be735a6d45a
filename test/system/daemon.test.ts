// The tools as services: in the background, with a pid file and a log, and as several processes on one port.
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { client, during, freePort, millrace, poll, startMillrace } from './harness.ts'
import { isAlive } from './supervised.ts'

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-daemon-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Fields of /proc/PID/stat behind the name: state, parent, process group, session, terminal. */
function ids(pid: number): { parent: number; session: number; terminal: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
    .map(Number)
  return { parent: fields[1] as number, session: fields[3] as number, terminal: fields[4] as number }
}

function daemonIn(pidFile: string): number {
  const pid = Number(readFileSync(pidFile, 'utf8'))
  onTestFinished(() => {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  })
  return pid
}

test('--daemon returns when the service is ready, which lives on in a session that it does not lead', async () => {
  const path = folder()
  const [pidFile, log] = [join(path, 'pid'), join(path, 'log')]
  const place = ['--pid-file', pidFile, '--log', log, '--daemon', '--drain', '200']
  const started = await millrace('kv', '--listen', '127.0.0.1:0', ...place)
  expect({ code: started.code, stderr: started.stderr }).toEqual({ code: 0, stderr: '' })
  const pid = daemonIn(pidFile)
  const port = Number(/millrace kv listening on 127\.0\.0\.1:(\d+)/.exec(started.stdout)?.[1])
  expect(await (await client({ port })).ask('PING')).toBe('PONG')

  const { session, terminal } = ids(pid)
  expect(session).not.toBe(pid)
  expect(session).not.toBe(ids(process.pid).session)
  expect(terminal).toBe(0)
  expect(isAlive(session)).toBe(false) // its leader was the process in the middle

  const second = await millrace('kv', '--listen', '127.0.0.1:0', ...place)
  expect(second.code).toBe(1)
  expect(second.stderr).toContain(`${pidFile} belongs to process ${pid}, which is running`)
  const taken = await millrace('kv', '--listen', `127.0.0.1:${port}`, '--daemon')
  expect(taken.code).toBe(1)
  expect(taken.stderr).toContain(`listen EADDRINUSE 127.0.0.1:${port}`)

  renameSync(log, `${log}.1`)
  process.kill(pid, 'SIGUSR1')
  await poll(() => existsSync(log), 'the log is opened anew')
  process.kill(pid, 'SIGHUP') // somebody has logged out
  process.kill(pid, 'SIGTERM')
  await poll(() => !isAlive(pid), 'it ends')
  expect(readFileSync(`${log}.1`, 'utf8')).toContain(`millrace kv listening on 127.0.0.1:${port}`)
  expect(readFileSync(log, 'utf8')).toBe('SIGTERM: draining\n')
  expect(existsSync(pidFile)).toBe(false)
})

test('a proxy of two workers shares a port and a set of servers, in the background too', async () => {
  const shard = await during(startMillrace('kv'))
  const pidFile = join(folder(), 'pid')
  const args = ['--servers', shard.server, '--workers', '2', '--pid-file', pidFile]
  const started = await millrace('proxy', '--listen', '127.0.0.1:0', ...args, '--json', '--daemon')
  expect({ code: started.code, stderr: started.stderr }).toEqual({ code: 0, stderr: '' })
  const pid = daemonIn(pidFile)
  const facts = JSON.parse(/^\{"listening".*$/m.exec(started.stdout)?.[0] ?? '')
  expect(facts.workers).toHaveLength(2)
  const { port } = facts.listening
  expect(await (await client({ port })).ask('SET', 'a', '1')).toBe('OK')
  const infos = new Set<string>()
  await poll(async () => {
    const one = await client({ port })
    expect(await one.ask('GET', 'a')).toBe('1')
    infos.add(/process_id:(\d+)/.exec(String(await one.ask('INFO', 'server')))?.[1] ?? '')
    return infos.size === 2
  }, 'both workers serve')
  expect([...infos].map(Number).sort()).toEqual([...facts.workers].sort())
  process.kill(pid, 'SIGTERM')
  await poll(() => [pid, ...facts.workers].every((one) => !isAlive(one)), 'all of them end')
})

test('what keeps keys in its own memory is one process, and says so', async () => {
  for (const tool of [['kv'], ['up'], ['proxy', '--servers', 'embedded']]) {
    const refused = await millrace(...tool, '--workers', '2')
    expect(refused.code).toBe(2)
    expect(refused.stderr).toMatch(/--workers must be 1 here, since an? (keyspace|embedded shard) is one process's/)
  }
  const port = await freePort()
  const odd = await millrace('kv', '--listen', String(port), '--drain', 'soon')
  expect(odd.code).toBe(2)
  expect(odd.stderr).toContain('--drain must be an integer from 0 to 3600000')
})
