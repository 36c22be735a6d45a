// Sockets that outlive a worker process: the supervisor binds them and never listens, a worker inherits and listens.
// What waits in their backlog is not lost when a worker gives way to the next (nginx's `reuseport` does the same).
import { closeSync } from 'node:fs'
import * as abi from '../../assembly/abi.ts'
import { readSocketAddress, resolveTcp, type TcpAddress } from '../channel/address.ts'
import { check } from '../kernel/errors.ts'
import { Loop } from '../loop/loop.ts'

/** Where a worker process finds what it inherited: JSON of `Inheritance`, in its environment. */
export const INHERITANCE = 'MILLRACE_INHERITED'

/** A socket, and what was asked for: a module that asks for the same is given it. */
export interface Inherited extends TcpAddress {
  readonly fd: number
}

/** One address with a socket for every worker. */
export interface SharedAddress {
  /** What was asked for; its port may be 0. */
  readonly asked: TcpAddress
  readonly address: TcpAddress & { family: 'IPv4' | 'IPv6' }
  /** A socket that is bound and never listens, so that the address stays ours. The caller closes it. */
  readonly holder: number
}

/** Takes an address. Rejects with EADDRINUSE where anybody listens already, willing to share or not. */
export function holdShared(asked: TcpAddress): Promise<SharedAddress> {
  return withLoop(async (loop) => {
    if (asked.port !== 0) {
      const alone = await bound(loop, asked, false)
      try {
        check(loop.call(abi.CALL_LISTEN, alone, 1), 'listen', { address: asked.host, port: asked.port })
      } finally {
        closeSync(alone)
      }
    }
    const holder = await bound(loop, asked, true)
    check(loop.call(abi.CALL_GETSOCKNAME, holder, loop.stage, 128), 'getsockname')
    return { asked, address: readSocketAddress(loop.view, loop.stage), holder }
  })
}

/** A socket of its own for a worker at every address, bound with SO_REUSEPORT; → descriptors, the caller's to close. */
export async function bindShared(addresses: readonly SharedAddress[]): Promise<number[]> {
  const fds: number[] = []
  try {
    await withLoop(async (loop) => {
      for (const { address } of addresses) fds.push(await bound(loop, address, true))
    })
  } catch (error) {
    for (const fd of fds) closeSync(fd)
    throw error
  }
  return fds
}

let inherited: Inherited[] | undefined

/** In a worker process: the socket that the supervisor has bound for this address. Each is given once. */
export function takeInherited({ host, port }: TcpAddress): number | undefined {
  inherited ??= JSON.parse(process.env[INHERITANCE] || '[]') as Inherited[]
  const i = inherited.findIndex((socket) => socket.host === host && socket.port === port)
  return i < 0 ? undefined : inherited.splice(i, 1)[0]?.fd
}

async function bound(loop: Loop, at: TcpAddress, shared: boolean): Promise<number> {
  const subject = { address: at.host, port: at.port }
  const { family, bytes } = await resolveTcp(at.host, at.port)
  const fd = check(loop.call(abi.CALL_SOCKET, -1, family, abi.SOCK_STREAM), 'socket', subject)
  try {
    for (const option of shared ? [abi.SO_REUSEADDR, abi.SO_REUSEPORT] : [abi.SO_REUSEADDR]) {
      check(loop.call(abi.CALL_SETSOCKOPT, fd, abi.SOL_SOCKET, option, 1), 'setsockopt', subject)
    }
    loop.bytes.set(bytes, loop.stage)
    check(loop.call(abi.CALL_BIND, fd, loop.stage, bytes.length), 'listen', subject)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return fd
}

/** The supervisor serves nobody: a loop lives as long as the calls that need one. */
async function withLoop<T>(use: (loop: Loop) => Promise<T>): Promise<T> {
  const small = { channels: 64, buffers: 4, bufferBytes: 4096, slabBytes: 1 << 20, heapBytes: 1 << 20 }
  const loop = new Loop({ ...small, kernel: 'poll' })
  try {
    return await use(loop)
  } finally {
    loop.close()
  }
}
