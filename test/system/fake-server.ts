// A server that speaks RESP as badly as a test wants: behind the proxy it answers late, wrong, too early or not at all.

import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { bulk } from './wire.ts'

export type Request = { readonly words: readonly string[]; readonly from: Socket; readonly connection: number }
type Answer = string | Buffer | undefined
/**
 * What to answer; `undefined` if nothing, or if the handler writes to the socket itself. After a promise the requests
 * behind it on the same connection wait, as in a real server: their replies may be late but not out of order.
 */
export type Handler = (request: Request) => Answer | Promise<Answer>

/** What any server answers to what a proxy may send on its own account; values of keys are `server:key`. */
export function answerPlainly(name: string, words: readonly string[]): string | Buffer {
  const [command = '', key = ''] = words
  switch (command.toUpperCase()) {
    case 'GET':
      return bulk(`${name}:${key}`)
    case 'MGET':
      return Buffer.concat([
        Buffer.from(`*${words.length - 1}\r\n`),
        ...words.slice(1).map((word) => bulk(`${name}:${word}`)),
      ])
    case 'PING':
      return '+PONG\r\n'
    case 'DEL':
    case 'UNLINK':
    case 'EXISTS':
    case 'TOUCH':
      return `:${words.length - 1}\r\n`
    case 'HELLO':
      return '-NOPROTO unsupported protocol version\r\n'
    default:
      return '+OK\r\n'
  }
}

export class FakeServer {
  readonly name: string
  readonly sockets = new Set<Socket>()
  /** How many connections there have been. */
  connections = 0
  port = 0
  /** Called for each complete request; the plain answers if not set. */
  handle: Handler | undefined
  /** Called for each piece of bytes as it arrives, before it is parsed. */
  onBytes: ((bytes: Buffer, from: Socket) => void) | undefined
  #server: Server | undefined

  private constructor(name: string) {
    this.name = name
  }

  static async start(name: string, handle?: Handler, port = 0): Promise<FakeServer> {
    const fake = new FakeServer(name)
    fake.handle = handle
    await fake.listen(port)
    return fake
  }

  get server(): string {
    return `127.0.0.1:${this.port}`
  }

  async listen(port = this.port): Promise<void> {
    this.#server = createServer((socket) => this.#accept(socket)).listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (address && typeof address === 'object') this.port = address.port
  }

  #accept(socket: Socket): void {
    const connection = this.connections++
    let rest = Buffer.alloc(0)
    let busy = false
    const write = (answer: Answer): void => {
      if (answer !== undefined && !socket.destroyed && !socket.writableEnded) socket.write(answer as Buffer)
    }
    const work = (): void => {
      while (!busy) {
        const parsed = parseRequest(rest)
        if (!parsed) return
        rest = rest.subarray(parsed.length)
        const request = { words: parsed.words, from: socket, connection }
        const answer = this.handle ? this.handle(request) : answerPlainly(this.name, parsed.words)
        if (!(answer instanceof Promise)) write(answer)
        else {
          busy = true
          void answer.then((late) => {
            busy = false
            write(late)
            work()
          })
        }
      }
    }
    this.sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => undefined) // the proxy closes connections that misbehave
    socket.on('close', () => this.sockets.delete(socket))
    socket.on('data', (chunk) => {
      this.onBytes?.(chunk, socket)
      rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
      work()
    })
  }

  /** Ends all connections with a reset, and goes on listening. */
  reset(): void {
    for (const socket of this.sockets) socket.resetAndDestroy()
  }

  async stop(): Promise<void> {
    const closed = this.#server?.listening ? once(this.#server, 'close') : undefined
    this.#server?.close()
    for (const socket of this.sockets) socket.destroy()
    await closed
  }
}

/** One complete request at the start of the bytes; a proxy sends arrays of bulk strings and nothing else. */
function parseRequest(bytes: Buffer): { words: string[]; length: number } | undefined {
  const line = (at: number, type: string): { count: number; next: number } | undefined => {
    if (bytes.length > at && bytes[at] !== type.charCodeAt(0)) {
      throw new Error(`the proxy sent ${JSON.stringify(bytes.toString('latin1', at, at + 40))}`)
    }
    const eol = bytes.indexOf('\r\n', at)
    return eol < 0 ? undefined : { count: Number(bytes.toString('latin1', at + 1, eol)), next: eol + 2 }
  }
  if (bytes.length === 0) return undefined
  const head = line(0, '*')
  if (!head) return undefined
  const words: string[] = []
  let at = head.next
  while (words.length < head.count) {
    const length = line(at, '$')
    if (!length || length.next + length.count + 2 > bytes.length) return undefined
    words.push(bytes.toString('latin1', length.next, length.next + length.count))
    at = length.next + length.count + 2
  }
  return { words, length: at }
}

/** Finds, through the proxy, `count` keys that it sends to the named fake server. */
export async function keysOf(
  ask: (key: string) => Promise<unknown>,
  name: string,
  count: number,
  prefix = 'key',
): Promise<string[]> {
  const keys: string[] = []
  for (let i = 0; keys.length < count; i++) {
    if (i > 10_000) throw new Error(`no keys for ${name}`)
    if (String(await ask(`${prefix}:${i}`)).startsWith(`${name}:`)) keys.push(`${prefix}:${i}`)
  }
  return keys
}
