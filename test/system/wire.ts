// The client end of a TCP connection as a test wants it: bytes written as told, bytes and RESP replies collected.
// Strings are latin1 everywhere, one character per byte, so that binary bytes can be written as '\xff'.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export type Word = string | number | Buffer
export type Reply = string | number | bigint | boolean | null | ReplyError | Reply[] | Map<string, Reply>

/** An error reply, as a value: it may stand inside an array. */
export class ReplyError {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

export const latin1 = (data: string | Buffer): Buffer => (typeof data === 'string' ? Buffer.from(data, 'latin1') : data)

/** A request: an array of bulk strings. */
export function encode(...words: readonly Word[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${words.length}\r\n`)]
  for (const word of words) {
    const bytes = latin1(typeof word === 'number' ? String(word) : word)
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, CRLF)
  }
  return Buffer.concat(parts)
}

export const encodeAll = (commands: Iterable<readonly Word[]>): Buffer =>
  Buffer.concat(Array.from(commands, (words) => encode(...words)))

/** A bulk string reply. */
export const bulk = (data: string | Buffer): Buffer => {
  const bytes = latin1(data)
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, CRLF])
}

/** Bytes for an error message: printable, and cut where they become boring. */
export function show(data: Buffer | string, max = 400): string {
  const text = JSON.stringify(latin1(data).toString('latin1', 0, max)).slice(1, -1)
  return data.length > max ? `${text}… (${data.length} bytes)` : text
}

const CRLF = Buffer.from('\r\n')
const INCOMPLETE = -1
const MARK = '\u0001the end of the exchange\u0001'

/** Where the reply at `from` ends; or -1, and then `need.bytes` is the least length at which to look again. */
export function replyEnd(bytes: Buffer, from: number, need?: { bytes: number }): number {
  let at = from
  for (let pending = 1; pending > 0; pending--) {
    const eol = bytes.indexOf(CRLF, at)
    if (eol < 0) return INCOMPLETE
    const type = String.fromCharCode(bytes[at] ?? 0)
    if (!'+-:_#,($=!*~>%|'.includes(type)) throw new Error(`not a RESP reply: ${show(bytes.subarray(at, at + 60))}`)
    const count = '$=!*~>%|'.includes(type) ? Number(bytes.toString('latin1', at + 1, eol)) : 0
    if (!Number.isInteger(count)) throw new Error(`not a RESP length: ${show(bytes.subarray(at, eol))}`)
    at = eol + 2
    if ('$=!'.includes(type) && count >= 0) {
      at += count + 2
      if (need) need.bytes = at
      if (at > bytes.length) return INCOMPLETE
      if (bytes[at - 2] !== 13 || bytes[at - 1] !== 10) throw new Error(`a bulk of ${count} bytes does not end in CRLF`)
    } else if ('*~>'.includes(type)) pending += Math.max(count, 0)
    else if (type === '%') pending += 2 * count
    else if (type === '|') pending += 2 * count + 1
  }
  return at
}

/** The value of one complete reply. */
export function parse(bytes: Buffer): Reply {
  let at = 0
  const next = (): Reply => {
    const eol = bytes.indexOf(CRLF, at)
    const type = String.fromCharCode(bytes[at] ?? 0)
    const text = bytes.toString('latin1', at + 1, eol)
    at = eol + 2
    switch (type) {
      case '+':
        return text
      case '-':
        return new ReplyError(text)
      case ':':
        return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text)
      case '_':
        return null
      case '#':
        return text === 't'
      case ',':
        return Number(text)
      case '(':
        return BigInt(text)
      case '$':
      case '=': {
        if (text === '-1') return null
        const start = at
        at += Number(text) + 2
        return bytes.toString('latin1', type === '=' ? start + 4 : start, at - 2)
      }
      case '%': {
        const map = new Map<string, Reply>()
        for (let i = 0; i < Number(text); i++) map.set(String(next()), next())
        return map
      }
      case '*':
      case '~':
      case '>':
        return text === '-1' ? null : Array.from({ length: Number(text) }, next)
      default:
        throw new Error(`not a RESP reply: ${show(bytes)}`)
    }
  }
  return next()
}

/** A connection that only collects: for bytes that may not be RESP at all, and for the question open or closed. */
export class Wire {
  readonly socket: Socket
  closed = false
  #chunks: Buffer[] = []
  #length = 0
  #changed: (() => void)[] = []

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk)
      this.#length += chunk.length
      this.#notify()
    })
    socket.on('error', () => undefined) // a reset is a close; whether it may be one is the test's question
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.closed = true
        this.#notify()
      })
    }
  }

  static async open(port: number, options: { allowHalfOpen?: boolean } = {}): Promise<Wire> {
    const socket = connect({ port, host: '127.0.0.1', ...options })
    await once(socket, 'connect')
    return new Wire(socket)
  }

  #notify(): void {
    for (const wake of this.#changed.splice(0)) wake()
  }

  write(data: string | Buffer): void {
    if (!this.socket.destroyed) this.socket.write(latin1(data))
  }

  get length(): number {
    return this.#length
  }

  bytes(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? Buffer.alloc(0)
  }

  /** Waits until `done` holds; tells whether it did before the time was up. */
  async until(done: () => boolean, timeout = 5_000): Promise<boolean> {
    const deadline = Date.now() + timeout
    while (!done()) {
      const left = deadline - Date.now()
      if (left <= 0) return false
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        this.#changed.push(resolve)
        timer = setTimeout(resolve, left)
      })
      clearTimeout(timer)
    }
    return true
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/** A RESP client: commands out, replies in, in order. */
export class Client {
  readonly socket: Socket
  closed = false
  #ready: Buffer[] = []
  #taken = 0
  #rest: Buffer[] = []
  #restLength = 0
  #need = { bytes: 0 }
  #wake: (() => void) | undefined
  #fault: Error | undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('error', (error) => {
      this.#fault ??= error
    })
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.closed = true
        this.#wake?.()
      })
    }
  }

  static async open(port: number): Promise<Client> {
    const socket = connect({ port, host: '127.0.0.1' })
    await once(socket, 'connect')
    return new Client(socket)
  }

  #receive(chunk: Buffer): void {
    this.#rest.push(chunk)
    this.#restLength += chunk.length
    if (this.#restLength < this.#need.bytes || this.#fault) return
    const bytes = this.#rest.length === 1 ? chunk : Buffer.concat(this.#rest)
    let at = 0
    try {
      while (at < bytes.length) {
        this.#need.bytes = at
        const end = replyEnd(bytes, at, this.#need)
        if (end === INCOMPLETE) break
        this.#ready.push(bytes.subarray(at, end))
        at = end
      }
    } catch (error) {
      this.#fault = error as Error
    }
    this.#need.bytes = Math.max(0, this.#need.bytes - at)
    this.#rest = at < bytes.length ? [bytes.subarray(at)] : []
    this.#restLength = bytes.length - at
    this.#wake?.()
  }

  write(data: string | Buffer): void {
    this.socket.write(latin1(data))
  }

  send(...words: readonly Word[]): void {
    this.socket.write(encode(...words))
  }

  /** The next reply, as bytes. A close or silence is an error that tells what did arrive. */
  async reply(timeout = 10_000): Promise<Buffer> {
    const deadline = Date.now() + timeout
    for (;;) {
      const next = this.#ready[this.#taken]
      if (next) {
        if (++this.#taken === this.#ready.length || this.#taken > 4096) {
          this.#ready.splice(0, this.#taken)
          this.#taken = 0
        }
        return next
      }
      const left = deadline - Date.now()
      const partial = `; of the next reply arrived "${show(Buffer.concat(this.#rest), 80)}"`
      if (this.#fault && !(this.#fault as NodeJS.ErrnoException).code) throw this.#fault
      if (this.closed) throw new Error(`the connection was closed, a reply was awaited${partial}`)
      if (left <= 0) throw new Error(`no reply within ${timeout} ms${partial}`)
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        timer = setTimeout(resolve, left)
      })
      clearTimeout(timer)
    }
  }

  async replies(count: number, timeout?: number): Promise<Buffer[]> {
    const all: Buffer[] = []
    while (all.length < count) all.push(await this.reply(timeout))
    return all
  }

  /** Sends one command and waits for its reply. */
  async raw(...words: readonly Word[]): Promise<string> {
    this.send(...words)
    return (await this.reply()).toString('latin1')
  }

  async ask(...words: readonly Word[]): Promise<Reply> {
    this.send(...words)
    return parse(await this.reply())
  }

  /** Sends all in one write and waits for all replies. */
  async pipeline(commands: readonly (readonly Word[])[], timeout?: number): Promise<Buffer[]> {
    this.write(encodeAll(commands))
    return this.replies(commands.length, timeout)
  }

  destroy(): void {
    this.socket.destroy()
  }
}

export type Exchange = { reply: string; state: 'open' | 'closed' }

/**
 * Sends the bytes, then asks for an echo: what arrived before it, and whether it arrived. The echo may hide a close
 * that the bytes alone should cause, so where that is expected `patience` ms are given before it is asked for.
 */
export async function exchange(port: number, bytes: string | Buffer, patience = 0): Promise<Exchange> {
  const wire = await Wire.open(port)
  try {
    wire.write(bytes)
    if (patience > 0) await wire.until(() => wire.closed, patience)
    wire.write(encode('ECHO', MARK))
    const marker = bulk(MARK)
    const echoed = (): boolean => wire.length >= marker.length && wire.bytes().subarray(-marker.length).equals(marker)
    if (!(await wire.until(() => wire.closed || echoed()))) {
      throw new Error(`neither closed nor answering 5 s after "${show(bytes, 120)}"`)
    }
    const text = wire.bytes().toString('latin1')
    return echoed() ? { reply: text.slice(0, -marker.length), state: 'open' } : { reply: text, state: 'closed' }
  } finally {
    wire.destroy()
  }
}
