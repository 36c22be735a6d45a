// What the tests of `connect` share: servers of node:net that answer, are not there, or take nobody; and channels that
// leave nothing behind.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as netConnect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { type Channel, type ConnectOptions, connect } from '../../dist/src/index.js'
import { threadLoop } from '../../dist/src/loop/loop.js'
import { poll } from './harness.ts'

export const silent = { frame: (): undefined => undefined }

/** A server of Node's for the length of one test. */
export async function netServer(host: string, taken: (socket: Socket) => void, at = 0): Promise<number> {
  const server = createServer(taken)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
  })
  server.listen(at, host)
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

let dialled = 0

/** Connects for the length of one test; afterwards nothing may be left in the loop. */
export async function dial<M>(options: ConnectOptions<M>): Promise<Channel> {
  const channel = await connect(options)
  dialled++
  onTestFinished(async () => {
    channel.destroy()
    if (--dialled === 0) await nothingLeft()
  })
  return channel
}

export async function nothingLeft(): Promise<void> {
  await poll(() => threadLoop().stats().channels === 0 && threadLoop().stats().skbs === 0, 'nothing is left')
}

export const failure = async (
  promise: Promise<unknown>,
): Promise<NodeJS.ErrnoException & { address?: string; port?: number }> =>
  promise.then(
    () => Promise.reject(new Error('it has not failed')),
    (error) => error,
  )

/** A port on which nobody listens. */
export async function deadPort(host = '127.0.0.1'): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** The port of a listener that takes nobody, in a process that is stopped. */
export async function fullBacklog(): Promise<number> {
  const code = `const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 },
    () => { console.log(s.address().port); process.kill(process.pid, 'SIGSTOP') })`
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(line.toString())
  const fillers = Array.from({ length: 4 }, () => netConnect(port, '127.0.0.1'))
  for (const filler of fillers) filler.on('error', () => undefined)
  onTestFinished(() => {
    for (const filler of fillers) filler.destroy()
  })
  await new Promise((resolve) => setTimeout(resolve, 200))
  return port
}
