// Worker processes under a supervisor: real processes, real clients, real signals.
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { poll } from './harness.ts'
import { askOnce, isAlive, Lines, launch, said, supervised } from './supervised.ts'

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-supervisor-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('a supervisor', () => {
  test('starts its workers on one port, and each of them serves', async () => {
    const { port, pids } = await supervised()
    expect(pids).toHaveLength(2)
    const seen = new Set<number>()
    await poll(async () => seen.add((await askOnce(port)).pid).size === 2, 'both workers answer')
    expect([...seen].sort()).toEqual([...pids].sort())
  })

  test('drains on SIGTERM: what was asked is answered, new clients are refused, and it exits 0', async () => {
    const { program, port, pids } = await supervised()
    const client = await Lines.open(port)
    await client.ask('first')
    const answer = client.ask('last')
    await new Promise((resolve) => client.socket.write('', resolve))
    program.process.kill('SIGTERM')
    expect((await answer).text).toBe('last')
    expect(await program.ended(10_000)).toEqual({ code: 0, signal: null })
    await poll(() => client.closed, 'the client is told')
    expect(client.closed).toBe('end')
    expect(pids.filter(isAlive)).toEqual([])
    await expect(askOnce(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('replaces a worker that crashes, and its port goes on serving', async () => {
    const { program, port, pids } = await supervised()
    const client = await Lines.open(port)
    const { pid } = await client.ask('who')
    await expect(client.ask('crash')).rejects.toThrow('no answer')
    await said(program, new RegExp(`\\(${pid}\\) has ended: it exited with code 7; another one starts in 100 ms`))
    const other = pids.find((one) => one !== pid)
    const seen = new Set<number>()
    await poll(async () => seen.add((await askOnce(port)).pid).size === 2, 'two workers answer')
    expect(seen).toContain(other)
    expect(seen).not.toContain(pid)
  })
})

describe('a reload', () => {
  test('drops and refuses nobody, while 200 requests a second run through it', async () => {
    const VERSION_FILE = join(folder(), 'version')
    writeFileSync(VERSION_FILE, 'old')
    const { program, port, pids } = await supervised({ env: { VERSION_FILE }, linger: 60_000 })
    const staying = await Lines.open(port)
    const { pid: oldPid } = await staying.ask('before')
    const versions: Promise<string>[] = []
    const clients = setInterval(() => versions.push(askOnce(port, 'now').then(({ version }) => version)), 5)
    try {
      await pause(300)
      writeFileSync(VERSION_FILE, 'new')
      program.process.kill('SIGHUP')
      await said(program, /reloaded: \d+, \d+/)
      await pause(300)
    } finally {
      clearInterval(clients)
    }
    const answered = await Promise.all(versions) // rejects where a single one was dropped or refused
    expect(new Set(answered)).toEqual(new Set(['old', 'new']))
    expect(answered.at(-1)).toBe('new')
    expect(await staying.ask('after')).toEqual({ pid: oldPid, version: 'old', text: 'after' })
    staying.close()
    await poll(() => !pids.some(isAlive), 'the old workers end when their last client has gone')
  })

  test('a connection that nothing follows is answered, whichever worker was woken for it', async () => {
    const { program, port } = await supervised()
    for (let i = 1; i <= 4; i++) {
      program.process.kill('SIGHUP')
      const done = (): boolean => (program.stdout + program.stderr).split('reloaded:').length > i
      for (const end = Date.now() + 20_000; !done() && Date.now() < end; ) await askOnce(port)
      expect(done()).toBe(true)
      for (let n = 0; n < 20; n++) await askOnce(port)
    }
  })

  test('to code that does not start keeps the old workers, and says so', async () => {
    const VERSION_FILE = join(folder(), 'version')
    writeFileSync(VERSION_FILE, 'old')
    const { program, port, pids } = await supervised({ env: { VERSION_FILE } })
    writeFileSync(VERSION_FILE, 'broken')
    program.process.kill('SIGHUP')
    await said(program, /reload failed, the old workers go on: Error: this version is broken/)
    expect(pids).toContain((await askOnce(port)).pid)
    expect(pids.filter(isAlive)).toEqual(pids)
    writeFileSync(VERSION_FILE, 'mended')
    program.process.kill('SIGHUP')
    await said(program, /reloaded: \d+, \d+/)
    await poll(async () => (await askOnce(port)).version === 'mended', 'the mended code serves')
  })
})

describe('workers and supervisors that fail', () => {
  test('a worker that blocks is killed and replaced, and its client hears of it', async () => {
    const { program, port } = await supervised({ workers: 1, heartbeat: 1000 })
    const client = await Lines.open(port)
    const { pid } = await client.ask('who')
    await expect(client.ask('block')).rejects.toThrow(/no answer: (end|ECONNRESET)/)
    await said(program, new RegExp(`\\(${pid}\\) has ended: it was blocked for 1000 ms; another one starts in`))
    expect((await askOnce(port)).pid).not.toBe(pid) // it waited in the backlog of the socket that stayed
  })

  test('workers whose supervisor was killed answer what they owe and end', async () => {
    const { program, port, pids } = await supervised()
    const client = await Lines.open(port)
    await client.ask('first')
    const answer = client.ask('last')
    await new Promise((resolve) => client.socket.write('', resolve))
    program.process.kill('SIGKILL')
    expect((await answer).text).toBe('last')
    await poll(() => !pids.some(isAlive), 'the workers end')
    expect(client.closed).toBe('end')
  })

  test('one that never comes up again ends the supervisor, with the reason and exit code 1', async () => {
    const VERSION_FILE = join(folder(), 'version')
    writeFileSync(VERSION_FILE, 'old')
    const { program, port } = await supervised({ workers: 1, env: { VERSION_FILE }, attempts: 2 })
    writeFileSync(VERSION_FILE, 'broken')
    await askOnce(port, 'crash').catch(() => {})
    expect(await program.ended(20_000)).toEqual({ code: 1, signal: null })
    expect(program.stderr).toMatch(
      /has ended: Error: this version is broken(.|\n)*; it does not come up any more: the end/,
    )
  })

  test('a second signal ends all at once', async () => {
    const { program, port, pids } = await supervised({ drain: 60_000, workers: 1 })
    const client = await Lines.open(port)
    client.socket.pause() // it owes more than the sockets hold
    client.socket.write(`${'x'.repeat(900)}\n`.repeat(20_000))
    await pause(300)
    program.process.kill('SIGTERM')
    await said(program, /SIGTERM: draining/)
    program.process.kill('SIGTERM')
    expect(await program.ended(10_000)).toEqual({ code: 143, signal: null })
    await poll(() => !pids.some(isAlive), 'the workers are gone')
  })

  test('a start that fails rejects with the reason, leaves no process and no pid file', async () => {
    const path = folder()
    writeFileSync(join(path, 'version'), 'broken')
    const pidFile = join(path, 'pid')
    const program = launch({ env: { VERSION_FILE: join(path, 'version') }, pidFile })
    expect(await program.ended(20_000)).toEqual({ code: 1, signal: null })
    expect(JSON.parse(program.stdout)).toMatchObject({ error: expect.stringContaining('this version is broken') })
    expect(existsSync(pidFile)).toBe(false)
    const { port } = await supervised({ workers: 1 })
    const second = launch({ listen: { host: '127.0.0.1', port } })
    expect(await second.ended(20_000)).toEqual({ code: 1, signal: null })
    expect(JSON.parse(second.stdout)).toMatchObject({ code: 'EADDRINUSE' })
  })
})

test('logs are opened anew on SIGUSR1, statistics come on SIGUSR2, and the pid file has one owner', async () => {
  const path = folder()
  const [log, pidFile] = [join(path, 'log'), join(path, 'pid')]
  writeFileSync(pidFile, '999999999\n') // of a process that is gone
  const { program, port, pids } = await supervised({ log, pidFile })
  expect(readFileSync(pidFile, 'utf8')).toBe(`${program.pid}\n`)
  const second = launch({ pidFile })
  expect(await second.ended(20_000)).toEqual({ code: 1, signal: null })
  expect(JSON.parse(second.stdout)).toMatchObject({ code: 'MILLRACE_ERR_PID_FILE' })

  expect(readFileSync(log, 'utf8')).toContain('millrace: 2 workers are ready: ')
  renameSync(log, `${log}.1`)
  program.process.kill('SIGUSR1')
  await poll(
    () => existsSync(log) && pids.every((pid) => readFileSync(log, 'utf8').includes(`${pid} reopens`)),
    'a new log',
  )

  const { pid } = await askOnce(port)
  program.process.kill('SIGUSR2')
  await poll(() => program.stderr.trim().split('\n').length === 2, 'two lines of statistics')
  const stats = program.stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(stats.map((one) => one.pid).sort()).toEqual([...pids].sort())
  for (const one of stats) expect(one.stats.listeners).toMatchObject([{ host: '127.0.0.1', port }])
  expect(stats.find((one) => one.pid === pid).stats.listeners[0].accepted).toBeGreaterThan(0)

  program.process.kill('SIGTERM')
  expect(await program.ended(10_000)).toEqual({ code: 0, signal: null })
  expect(existsSync(pidFile)).toBe(false)
})
