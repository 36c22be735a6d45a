// Worker processes under a supervisor: real processes, real clients, real signals.
import { describe, expect, test } from 'vitest'
import { poll } from './harness.ts'
import { askOnce, isAlive, Lines, said, supervised } from './supervised.ts'

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
