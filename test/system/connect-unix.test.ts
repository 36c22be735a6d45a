// Unix sockets: both ends ours, and each against node:net.
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, connect as netConnect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { listen } from '../../dist/src/index.js'
import { dial, failure, nothingLeft, silent } from './connecting.ts'
import { Echo, four, framed, Log, waitBy } from './library.ts'

beforeAll(() => waitBy('prepare'))

function place(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'socket')
}

async function askByNode(path: string): Promise<void> {
  const socket = netConnect(path)
  socket.write(framed('from node'))
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  expect(bytes.toString('latin1')).toContain('from node')
  socket.destroy()
}

test.each([
  ['a path', place],
  ['an abstract name', () => `\0millrace-${process.pid}-${Date.now()}`],
])('%s is listened on and connected to', async (_title, where) => {
  const path = where()
  const server = await listen({ path, codec: four(), handler: new Echo() })
  expect(server.address()).toBe(path)
  const log = new Log()
  const channel = await dial({ path, codec: four(), handler: log })
  expect(channel.remoteAddress).toBeUndefined()
  channel.write('hello')
  await log.until('hello')
  if (!path.startsWith('\0')) await askByNode(path) // libuv knows no abstract names in Node 20
  channel.destroy()
  await server.close({ drain: 0 })
  expect(existsSync(path.replace('\0', ''))).toBe(false)
  await nothingLeft()
})

test('a path that exists is EADDRINUSE, and stays', async () => {
  const path = place()
  const server = createServer().listen(path)
  await once(server, 'listening')
  const error = await failure(listen({ path, handler: silent }))
  expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', address: path })
  expect(existsSync(path)).toBe(true)
  server.close()
})

test('nobody there is ENOENT, a socket of nobody ECONNREFUSED', async () => {
  const { connect } = await import('../../dist/src/index.js')
  const path = place()
  expect(await failure(connect({ path, handler: silent }))).toMatchObject({
    code: 'ENOENT',
    syscall: 'connect',
    address: path,
  })
  const { spawnSync } = await import('node:child_process')
  spawnSync(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ])
  expect(existsSync(path)).toBe(true)
  expect(await failure(connect({ path, handler: silent }))).toMatchObject({ code: 'ECONNREFUSED', address: path })
  await nothingLeft()
})
