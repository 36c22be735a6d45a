// Timers of the tools that must come though nothing else happens: keys that expire while nobody talks to the server,
// and a connect that nobody ever answers.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { client, during, PROXY_IS, poll, startMillrace, startProxy, titled } from './harness.ts'
import { pause } from './library.ts'

const OURS_ONLY = PROXY_IS === 'millrace' ? '' : `${PROXY_IS} stands in for the proxy`

test('keys expire while nobody talks to the server', async () => {
  const kv = await during(startMillrace('kv'))
  const on = await client(kv)
  await on.pipeline(Array.from({ length: 2000 }, (_, i) => ['SET', `k${i}`, 'v', 'PX', 50 + (i % 200)]))
  await on.ask('SET', 'later', 'v', 'PX', 1600) // longer than the loop sleeps at once
  await on.ask('SET', 'much later', 'v', 'EX', 100_000)
  await pause(700)
  expect(await on.ask('DBSIZE')).toBe(2)
  await pause(1300)
  expect(await on.ask('DBSIZE')).toBe(1)
  await on.ask('PEXPIRE', 'much later', 100) // sooner than what the loop sleeps for
  await pause(500)
  expect(await on.ask('DBSIZE')).toBe(0)
})

/** A server in a process that is stopped, with a backlog that is full: connects to it are neither taken nor refused. */
async function blackHole(): Promise<{ port: number; wake: () => void }> {
  const body = `
    const server = require('node:net').createServer((socket) => {
      socket.on('data', () => socket.write('+PONG\\r\\n')).on('error', () => {})
    })
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port))`
  const child = spawn(process.execPath, ['-e', body], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(line)
  child.kill('SIGSTOP')
  const fillers = Array.from({ length: 6 }, () => connect(port, '127.0.0.1').on('error', () => undefined))
  onTestFinished(() => {
    for (const filler of fillers) filler.destroy()
  })
  await pause(200)
  expect(fillers.some((filler) => filler.connecting)).toBe(true) // the backlog is full
  return { port, wake: () => void child.kill('SIGCONT') }
}

describe.skipIf(OURS_ONLY)(titled('a server that answers no connect', OURS_ONLY), () => {
  test('is given up after --connect-timeout, and tried again', async () => {
    const { port, wake } = await blackHole()
    const from = performance.now()
    const proxy = await during(startProxy([`127.0.0.1:${port}:1`], ['--connect-timeout', '700']))
    const on = await client(proxy)
    const reply = await on.ask('GET', 'a')
    expect(reply).toMatchObject({ message: expect.stringContaining('Connection timed out') as string })
    expect(performance.now() - from).toBeGreaterThan(700)
    wake()
    await poll(async () => (await on.ask('GET', 'a')) === 'PONG', 'it is found when it answers', 10_000, 50)
  })
})
