// What the tests of the library share: servers of the built package in this process, which leave nothing behind, and
// scripts that use it in a process of their own. MILLRACE_WAIT decides how the loop of this process waits.
import { once } from 'node:events'
import { expect, onTestFinished } from 'vitest'
import {
  type Channel,
  type Codec,
  type Frame,
  type FrameError,
  type Handler,
  type ListenOptions,
  lengthField,
  listen,
  type Server,
} from '../../dist/src/index.js'
import { threadLoop } from '../../dist/src/loop/loop.js'
import { poll, run } from './harness.ts'
import { Wire } from './wire.ts'

export const WAITS = ['prepare', 'poll'] as const
export type WaitName = (typeof WAITS)[number]

/** Chooses how this process waits, before its loop exists. */
export function waitBy(name: WaitName): void {
  process.env.MILLRACE_WAIT = name
}

let servers = 0

/** A server for the length of one test; after the last one no channel and no skb may be left. */
export async function serve<M = undefined>(
  options: Partial<ListenOptions<M>> & Pick<ListenOptions<M>, 'handler'>,
): Promise<Server> {
  const server = await listen({ port: 0, ...options })
  servers++
  expect(threadLoop().wait.name).toBe(process.env.MILLRACE_WAIT)
  onTestFinished(async () => {
    await server.close({ drain: 0 })
    if (--servers > 0) return
    const left = (): string => {
      const { skbs, channels } = threadLoop().stats()
      return `${skbs} skbs, ${channels} channels`
    }
    await poll(() => left() === '0 skbs, 0 channels', `nothing is left; there are ${left()}`)
  })
  return server
}

/** A connection for the length of one test. */
export async function open(server: Server, options: { allowHalfOpen?: boolean } = {}): Promise<Wire> {
  const wire = await Wire.open(server.address().port, options)
  onTestFinished(() => wire.destroy())
  return wire
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** A message behind a length field of four bytes. */
export function framed(body: string | Uint8Array): Buffer {
  const bytes = Buffer.from(body as Uint8Array)
  const head = Buffer.alloc(4)
  head.writeUInt32BE(bytes.length)
  return Buffer.concat([head, bytes])
}

/** Writes everything, as fast as the other side takes it. */
export async function writeAll(wire: Wire, bytes: Buffer, step = 65536): Promise<void> {
  for (let at = 0; at < bytes.length; at += step) {
    if (!wire.socket.write(bytes.subarray(at, at + step))) await once(wire.socket, 'drain')
  }
}

/** Runs a script that imports the library, to its end. */
export function script(wait: WaitName, body: string): ReturnType<typeof run> {
  const library = new URL('../../dist/src/index.js', import.meta.url).href
  const head = `
    process.env.MILLRACE_WAIT = '${wait}'
    const { listen, raw, lengthField } = await import('${library}')
    const { connect } = await import('node:net')
    const { once } = await import('node:events')
    const say = (...words) => console.log(...words)
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  `
  return run(process.execPath, ['--input-type=module', '-e', head + body], { timeout: 15_000 })
}

/** Messages behind a length field of four bytes. */
export const four = (maxFrameLength = 16 << 20): Codec =>
  lengthField({ maxFrameLength, lengthFieldLength: 4, initialBytesToStrip: 4 })
/** The code of what an action throws, or what it returns. */
export const codeOf = (action: () => unknown): string => {
  try {
    return `returned ${action()}`
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}

/** Gives frames back as they come. What a write throws is kept, and ends the channel. */
export class Echo implements Handler {
  readonly faults: string[] = []
  /** The most that was ever queued. */
  deepest = 0

  frame(channel: Channel, frame: Frame): void {
    const fault = codeOf(() => channel.write(frame))
    this.deepest = Math.max(this.deepest, channel.writableLength)
    if (fault.startsWith('returned')) return
    this.faults.push(fault)
    channel.destroy()
  }
}

/** A handler that writes down what happens, in order. */
export class Log implements Handler {
  readonly lines: string[] = []
  channel: Channel | undefined
  /** Done for a frame after it has been written down. */
  readonly #then: (channel: Channel, text: string) => void

  constructor(then: (channel: Channel, text: string) => void = () => undefined) {
    this.#then = then
  }

  open(channel: Channel): void {
    this.channel = channel
  }

  frame(channel: Channel, frame: Frame): void {
    const text = frame.toString()
    this.lines.push(text)
    this.#then(channel, text)
  }

  error(_channel: Channel, error: Error): void {
    const { code, length } = error as FrameError
    this.lines.push(`${code} ${length}`)
  }

  end(): void {
    this.lines.push('end')
  }

  close(): void {
    this.lines.push('close')
  }

  async until(line: string): Promise<void> {
    await poll(() => this.lines.includes(line), `${line}; there was ${this.lines.slice(-20)}`)
  }
}
