// The command line itself: help, faults and their exit codes, a port in use, draining, doctor, ring.

import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { answerPlainly, FakeServer } from './fake-server.ts'
import { client, during, freePort, millrace, poll, startMillrace } from './harness.ts'
import { bulk, Client, encode, Wire } from './wire.ts'

const TOOLS = ['up', 'kv', 'proxy', 'ring', 'doctor']

describe('help and faults', () => {
  it.each(TOOLS)('%s --help goes to stdout and exits 0', async (tool) => {
    for (const flag of ['--help', '-h']) {
      const { code, stdout, stderr } = await millrace(tool, flag)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toContain(tool)
      expect(stdout.split('\n').length).toBeGreaterThan(3)
    }
  })

  it('--help names every command, --version says one', async () => {
    const help = await millrace('--help')
    expect(help.code).toBe(0)
    for (const tool of TOOLS) expect(help.stdout).toMatch(new RegExp(`^\\s*(millrace )?${tool}\\b`, 'm'))
    const version = await millrace('--version')
    expect({ code: version.code, stderr: version.stderr }).toEqual({ code: 0, stderr: '' })
    expect(version.stdout).toMatch(/\d+\.\d+\.\d+/)
  })

  it('the help of a tool names its options', async () => {
    const kv = (await millrace('kv', '--help')).stdout
    for (const option of ['--listen', '--maxmemory', '--maxmemory-policy', '--requirepass'])
      expect(kv).toContain(option)
    const proxy = (await millrace('proxy', '--help')).stdout
    for (const option of ['--listen', '--servers', '--hash-tag', '--compat', '--timeout'])
      expect(proxy).toContain(option)
  })

  it.each([
    ['nosuchtool'],
    ['kv', '--nosuchoption'],
    ['kv', '--listen', '127.0.0.1:99999'],
    ['kv', '--listen', 'x:y'],
    ['kv', '--listen', ''],
    ['kv', '--maxmemory', 'much'],
    ['kv', '--maxmemory', '-1'],
    ['kv', '--maxmemory-policy', 'sometimes'],
    ['kv', 'surplus'],
    ['proxy', '--listen', '127.0.0.1:0'],
    ['proxy', '--listen', '127.0.0.1:0', '--servers', ''],
    ['proxy', '--listen', '127.0.0.1:0', '--servers', '127.0.0.1:1:0'],
    ['proxy', '--listen', '127.0.0.1:0', '--servers', '127.0.0.1:1:1', '--compat', 'nothing'],
    ['proxy', '--listen', '127.0.0.1:0', '--servers', '127.0.0.1:1:1', '--hash-tag', '{'],
    ['proxy', '--listen', '127.0.0.1:0', '--servers', '127.0.0.1:1:1', '--timeout', 'soon'],
    ['ring', '--servers', 'a:1:1', '--compat', 'nothing', 'key'],
    ['ring', 'key'],
  ])('a fault of usage exits 2 with a word on stderr: %j', async (...args) => {
    const { code, stdout, stderr } = await millrace(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr.trim()).not.toBe('')
    expect(stderr, 'a sentence, not a stack').not.toMatch(/^\s+at /m)
  })
})

describe('listening', () => {
  it.each(['kv', 'up', 'proxy'])('%s on a port in use says so in one sentence and exits 1', async (tool) => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    onTestFinished(() => void taken.close())
    const port = (taken.address() as { port: number }).port
    const servers = tool === 'proxy' ? ['--servers', 'embedded:1'] : []
    const { code, stderr } = await millrace(tool, '--listen', `127.0.0.1:${port}`, ...servers)
    expect(code).toBe(1)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).toContain(String(port))
    expect(stderr).toMatch(/in use/)
  })

  it('takes a port alone, and says where it listens as text or as JSON', async () => {
    const port = await freePort()
    const plain = await during(startMillrace('kv', ['--listen', String(port)]))
    expect(plain.stdout).toMatch(new RegExp(`listening on \\S+:${port}\\b`))
    expect(await (await client({ port })).ask('PING')).toBe('PONG')
    const json = await during(startMillrace('kv', ['--listen', '127.0.0.1:0', '--json']))
    const lines = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { listening?: unknown })
    expect(lines.find((line) => line.listening)?.listening).toMatchObject({ host: '127.0.0.1', port: json.port })
  })

  it('restarts at once on the port it had', async () => {
    const first = await startMillrace('kv')
    const on = await Client.open(first.port)
    expect(await on.ask('PING')).toBe('PONG')
    await first.stop()
    on.destroy()
    const second = await during(startMillrace('kv', ['--listen', `127.0.0.1:${first.port}`]))
    expect(await (await client(second)).ask('PING')).toBe('PONG')
  })
})

describe('ending', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('%s ends kv with 0, idle clients and all, soon', async (signal) => {
    const kv = await startMillrace('kv')
    const idle = await Promise.all(Array.from({ length: 20 }, () => Wire.open(kv.port)))
    idle[0]?.write('*3\r\n$3\r\nSET\r\n$1\r\na') // half a request is owed nothing
    const started = performance.now()
    kv.process.kill(signal)
    expect(await kv.ended(8_000)).toEqual({ code: 0, signal: null })
    expect(performance.now() - started).toBeLessThan(3_000)
    expect(kv.stderr).not.toMatch(/^\s+at /m)
    for (const wire of idle) expect(await wire.until(() => wire.closed, 1_000)).toBe(true)
    await expect(Client.open(kv.port)).rejects.toThrow('ECONNREFUSED')
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('%s lets a request in flight have its reply', async (signal) => {
    const slow = await during(FakeServer.start('slow'))
    const proxy = await startMillrace('proxy', ['--servers', `${slow.server}:1`])
    let asked = false
    slow.handle = ({ words, from }) => {
      if (words[0] !== 'GET') return answerPlainly('slow', words)
      asked = true
      setTimeout(() => from.write(answerPlainly('slow', words) as Buffer), 500)
      return undefined
    }
    const on = await Client.open(proxy.port)
    on.write(Buffer.concat([encode('GET', 'a'), encode('GET', 'b')]))
    await poll(() => asked, 'the request is in flight')
    proxy.process.kill(signal)
    expect((await on.reply()).equals(bulk('slow:a'))).toBe(true)
    expect((await on.reply()).equals(bulk('slow:b'))).toBe(true)
    const answered = performance.now()
    expect(await proxy.ended(8_000)).toEqual({ code: 0, signal: null })
    expect(performance.now() - answered).toBeLessThan(2_000)
    on.destroy()
  })

  it('up drains: what was sent before the signal is answered whole, or not at all', async () => {
    const up = await startMillrace('up')
    const on = await Client.open(up.port)
    await on.pipeline(Array.from({ length: 1000 }, (_, i) => ['SET', `k${i}`, `v${i}`]))
    on.write(Buffer.concat(Array.from({ length: 1000 }, (_, i) => encode('GET', `k${i}`))))
    await on.reply()
    up.process.kill('SIGINT')
    for (let i = 1; i < 1000; i++) expect((await on.reply()).equals(bulk(`v${i}`)), `reply ${i}`).toBe(true)
    expect(await up.ended(8_000)).toEqual({ code: 0, signal: null })
    on.destroy()
  })

  it('a client that never reads does not hold up the end for long', async () => {
    const kv = await startMillrace('kv')
    const on = await Client.open(kv.port)
    await on.ask('SET', 'large', Buffer.alloc(1 << 20))
    on.socket.pause()
    on.write(Buffer.concat(Array.from({ length: 100 }, () => encode('GET', 'large'))))
    const other = await Client.open(kv.port)
    await other.ask('PING')
    other.destroy()
    kv.process.kill('SIGINT')
    expect((await kv.ended(15_000)).signal, 'it was not killed').toBe(null)
    on.destroy()
  })
})

describe('doctor and ring', () => {
  it('doctor prints every feature: on or off, and why', async () => {
    const { code, stdout } = await millrace('doctor')
    expect(code).toBe(0)
    expect(stdout).toMatch(/epoll/)
    expect(stdout).toMatch(/io_uring/)
    expect(stdout).toMatch(/\b(on|off)\b/)
  })

  it('doctor --json is JSON', async () => {
    const { code, stdout } = await millrace('doctor', '--json')
    expect(code).toBe(0)
    expect(JSON.stringify(JSON.parse(stdout))).toMatch(/epoll/)
  })

  const servers = '10.0.0.1:6379:1,10.0.0.2:6379:1,10.0.0.3:6379:2'

  it.each(['ketama', 'twemproxy', 'native'])('ring --compat %s prints key and server for every key', async (compat) => {
    const keys = Array.from({ length: 50 }, (_, i) => `key-${i * 7919}`)
    const { code, stdout } = await millrace('ring', '--compat', compat, '--servers', servers, ...keys)
    expect(code).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    expect(lines.map((line) => line.split('\t')[0])).toEqual(keys)
    for (const line of lines) expect(line).toMatch(/^\S+\t10\.0\.0\.[123]:6379/)
    expect(new Set(lines.map((line) => line.split('\t')[1])).size).toBe(3)
    expect((await millrace('ring', '--compat', compat, '--servers', servers, ...keys)).stdout, 'always the same').toBe(
      stdout,
    )
  })

  it('ring --stats gives the share of every server, --json for machines', async () => {
    const stats = await millrace('ring', '--servers', servers, '--stats')
    expect(stats.code).toBe(0)
    for (const host of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) expect(stats.stdout).toContain(host)
    expect(stats.stdout).toMatch(/\d%/)
    const json = await millrace('ring', '--servers', servers, '--stats', '--json')
    expect(json.code).toBe(0)
    expect(JSON.stringify(JSON.parse(json.stdout))).toContain('10.0.0.3')
    const keys = await millrace('ring', '--servers', servers, '--json', 'a', 'b')
    expect(
      JSON.stringify(
        keys.stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown),
      ),
    ).toContain('10.0.0.')
  })
})
