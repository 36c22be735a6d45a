// For the tests of supervised processes: a supervisor as a program, and clients that speak lines with its workers.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { Program, poll } from './harness.ts'

const MAIN = fileURLToPath(new URL('../fixtures/supervised/main.mjs', import.meta.url))
const HOST = '127.0.0.1'

export interface Supervised {
  readonly program: Program
  readonly port: number
  readonly pids: readonly number[]
}

/** The program, before anything is ready. It is killed when the test ends. */
export function launch(options: Readonly<Record<string, unknown>>): Program {
  const all = { module: './echo.mjs', workers: 2, listen: { host: HOST, port: 0 }, ...options }
  const program = new Program('supervisor', process.execPath, [MAIN, JSON.stringify(all)])
  onTestFinished(async () => {
    program.process.kill('SIGTERM')
    await program.ended(5000)
  })
  return program
}

export async function supervised(options: Readonly<Record<string, unknown>> = {}): Promise<Supervised> {
  const program = launch(options)
  await said(program, /^\{.*\}$/m, 20_000)
  const facts = JSON.parse(/^\{.*\}$/m.exec(program.stdout)?.[0] ?? '') as {
    addresses?: { port: number }[]
    pids?: number[]
  }
  if (facts.pids === undefined) throw new Error(`it did not start: ${program.stdout}${program.stderr}`)
  return { program, port: facts.addresses?.[0]?.port ?? 0, pids: facts.pids }
}

/** Waits until the program has said so; → the match. */
export function said(program: Program, what: RegExp, timeout = 10_000): Promise<RegExpExecArray> {
  const match = (): RegExpExecArray | null => {
    const found = what.exec(program.stdout + program.stderr)
    if (found === null && program.exit) throw new Error(`it ended: ${program.stdout}${program.stderr}`)
    return found
  }
  return poll(match, `${what} is said`, timeout) as Promise<RegExpExecArray>
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

export interface Answer {
  readonly pid: number
  readonly version: string
  readonly text: string
}

/** A client that asks line by line. */
export class Lines {
  readonly socket: Socket
  readonly #waiting: ((line: string | Error) => void)[] = []
  #text = ''
  /** The peer has ended, or the connection has failed. */
  closed: string | undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes) => {
      const lines = (this.#text + bytes.toString()).split('\n')
      this.#text = lines.pop() ?? ''
      for (const line of lines) this.#waiting.shift()?.(line)
    })
    const end = (why: string): void => {
      this.closed ??= why
      for (const give of this.#waiting.splice(0)) give(new Error(`no answer: ${why}`))
    }
    socket.on('error', (error) => end((error as NodeJS.ErrnoException).code ?? error.message))
    socket.on('end', () => end('end'))
    socket.on('close', () => end('close'))
  }

  static async open(port: number): Promise<Lines> {
    const socket = connect(port, HOST)
    await once(socket, 'connect')
    return new Lines(socket)
  }

  async ask(text: string): Promise<Answer> {
    if (this.closed !== undefined) throw new Error(`no answer: ${this.closed}`)
    const line = await new Promise<string | Error>((resolve) => {
      this.#waiting.push(resolve)
      this.socket.write(`${text}\n`)
    })
    if (line instanceof Error) throw line
    const [pid, version = '', answer = ''] = line.split(' ')
    return { pid: Number(pid), version, text: answer }
  }

  close(): void {
    this.socket.destroy()
  }
}

/** Connects, asks once, and goes. */
export async function askOnce(port: number, text = 'hello'): Promise<Answer> {
  const client = await Lines.open(port)
  try {
    return await client.ask(text)
  } finally {
    client.close()
  }
}
