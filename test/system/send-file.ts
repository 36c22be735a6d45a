// What the tests of sendFile share: files with bytes that tell where they belong, a server that answers each line with
// what a test wants, and a client that takes everything.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Channel, Server } from '../../dist/src/index.js'
import { serve } from './library.ts'

export const MIB = 1 << 20
export const GIB = 2 ** 30
export const STRATEGIES = ['auto', 'read', 'mmap', 'sendfile', 'splice', 'direct'] as const

/** A folder for the length of one test. */
export function folder(root = tmpdir()): string {
  const path = mkdtempSync(join(root, 'millrace-files-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Bytes of which no two stretches are alike. */
export function pattern(length: number, seed = 1): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4))
  let x = seed * 0x9e3779b1 + 1
  for (let i = 0; i < words.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    words[i] = x
  }
  return Buffer.from(words.buffer, 0, length)
}

/** A file of these bytes, for the length of one test. */
export function file(bytes: Uint8Array, root?: string): string {
  const path = join(folder(root), 'file')
  writeFileSync(path, bytes)
  return path
}

/** What a test wants with each request; errors that the handler hears. */
export interface FileServer {
  readonly server: Server
  readonly errors: (Error & { code?: string })[]
}

/** A server that calls `answer` for each chunk that comes. */
export async function fileServer(answer: (channel: Channel) => void, options: object = {}): Promise<FileServer> {
  const errors: (Error & { code?: string })[] = []
  const server = await serve({
    ...options,
    handler: {
      frame: (channel) => answer(channel),
      error: (_, error) => void errors.push(error),
    },
  })
  return { server, errors }
}

/** A client that has asked, and what it got so far. */
export class Taker {
  readonly socket: Socket
  readonly parts: Buffer[] = []
  length = 0
  /** How the connection ended. */
  readonly ended: Promise<'end' | 'reset'>

  constructor(server: Server) {
    this.socket = connect(server.address().port, '127.0.0.1')
    this.socket.on('data', (bytes) => {
      this.parts.push(bytes)
      this.length += bytes.length
    })
    this.ended = new Promise((resolve) => {
      this.socket.on('end', () => resolve('end')).on('error', () => resolve('reset'))
      this.socket.on('close', () => resolve('reset'))
    })
    this.socket.write('x')
    onTestFinished(() => void this.socket.destroy())
  }

  bytes(): Buffer {
    return Buffer.concat(this.parts)
  }
}

/** Everything a server sends until it ends. */
export async function taken(server: Server): Promise<Buffer> {
  const taker = new Taker(server)
  await taker.ended
  return taker.bytes()
}

/** What a promise was rejected with. */
export async function failure(promise: Promise<unknown> | undefined): Promise<Error & Record<string, unknown>> {
  if (promise === undefined) throw new Error('there is no promise')
  return promise.then(
    (value) => {
      throw new Error(`expected a rejection, got ${String(value)}`)
    },
    (error: unknown) => error as Error & Record<string, unknown>,
  )
}

/** Descriptors of this process. */
export const descriptors = (): number => readdirSync('/proc/self/fd').length
