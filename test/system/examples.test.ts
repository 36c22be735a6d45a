// The examples, run as a reader would run them, with real sockets.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Program, poll } from './harness.ts'

/** Starts an example on a free port. */
async function example(name: string): Promise<Program> {
  const file = fileURLToPath(new URL(`../../examples/${name}.mjs`, import.meta.url))
  const program = new Program(name, process.execPath, [file, '0'])
  onTestFinished(() => void program.process.kill('SIGKILL'))
  const said = (): RegExpExecArray | null => /listening on \S+:(\d+)/.exec(program.stdout)
  await poll(() => program.exit || said(), `${name} listens`, 10_000)
  expect(program.exit, program.stderr).toBeUndefined()
  program.port = Number(said()?.[1])
  return program
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** Sends everything, in pieces of `step` bytes, ends its side, and returns all that comes back until the other ends. */
async function talk(socket: Socket, bytes: Buffer, step: number): Promise<Buffer> {
  const parts: Buffer[] = []
  socket.on('data', (part: Buffer) => parts.push(part))
  const ended = once(socket, 'end')
  for (let at = 0; at < bytes.length; at += step) {
    if (!socket.write(bytes.subarray(at, at + step))) await once(socket, 'drain')
  }
  socket.end()
  await ended
  return Buffer.concat(parts)
}

const message = (text: string): Buffer => {
  const body = Buffer.from(text)
  const head = Buffer.alloc(4)
  head.writeUInt32BE(body.length)
  return Buffer.concat([head, body])
}

describe('examples', () => {
  it('echo gives back what it gets, on several connections, and ends on SIGINT', async () => {
    const echo = await example('echo')
    const texts = ['hello', 'x'.repeat(300_000), '\r\n\0 bytes of every kind ÿ']
    const answers = await Promise.all(
      texts.map(async (text) => (await talk(await open(echo.port), Buffer.from(text), 50_000)).toString()),
    )
    expect(answers.map((answer, i) => answer === texts[i])).toEqual([true, true, true])
    echo.process.kill('SIGINT')
    expect(await echo.ended(8_000)).toEqual({ code: 0, signal: null })
    expect(echo.stderr).toBe('')
  })

  it('udp-echo gives datagrams back to whom they came from, and ends on SIGINT', async () => {
    const echo = await example('udp-echo')
    const [one, two] = [createSocket('udp4'), createSocket('udp4')]
    onTestFinished(() => void [one.close(), two.close()])
    for (const [socket, text] of [[one, 'hello'] as const, [two, 'x'.repeat(20_000)] as const]) {
      const came = once(socket, 'message')
      socket.send(text, echo.port, '127.0.0.1')
      expect(String((await came)[0])).toBe(text)
    }
    echo.process.kill('SIGINT')
    expect(await echo.ended(8_000)).toEqual({ code: 0, signal: null })
    expect(echo.stdout).toContain('2 received, 2 sent, 0 dropped')
    expect(echo.stderr).toBe('')
  })

  it.each([1, 7, 100_000])('length-field answers each message, cut every %i bytes', async (step) => {
    const server = await example('length-field')
    const texts = ['a', '', 'Hello, World', 'äöü', 'end']
    const answer = await talk(await open(server.port), Buffer.concat(texts.map(message)), step)
    expect(answer.equals(Buffer.concat(texts.map((text) => message(text.toUpperCase()))))).toBe(true)
  })

  it('length-field takes a message of its greatest length, and closes on one that is longer', async () => {
    const server = await example('length-field')
    const greatest = message('y'.repeat((1 << 20) - 4))
    expect((await talk(await open(server.port), greatest, 65_536)).toString('latin1', 4)).toBe(
      'Y'.repeat((1 << 20) - 4),
    )
    const socket = await open(server.port)
    socket.on('error', () => undefined) // it may be a reset: the rest of the message was never read
    socket.write(message('y'.repeat((1 << 20) - 3)))
    await new Promise((resolve) => socket.once('close', resolve))
    await poll(() => server.stderr.includes('longer than the decoder allows'), 'it says why')
    expect((await talk(await open(server.port), message('on'), 6)).equals(message('ON'))).toBe(true)
  })

  it('length-field answers thousands of messages that come at once', async () => {
    const server = await example('length-field')
    const texts = Array.from({ length: 30_000 }, (_, i) => String.fromCharCode(97 + (i % 26)))
    const socket = await open(server.port)
    const parts: Buffer[] = []
    socket.on('data', (part: Buffer) => parts.push(part))
    const started = performance.now()
    const expected = Buffer.concat(texts.map((text) => message(text.toUpperCase())))
    socket.write(Buffer.concat(texts.map(message)))
    const arrived = (): number => parts.reduce((sum, { length }) => sum + length, 0)
    await poll(() => arrived() >= expected.length, 'every answer is there', 20_000)
    expect(Buffer.concat(parts).equals(expected)).toBe(true)
    expect(performance.now() - started, 'nothing waits for an event that is not coming').toBeLessThan(3_000)
  })

  it.each([1, 7, 100_000])(
    'upgrade speaks HTTP, then frames that came with the request, cut every %i bytes',
    async (step) => {
      const server = await example('upgrade')
      const plain = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
      const upgrade = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: frames\r\n\r\n'
      const texts = ['one', '', '\r\n\r\n', 'end']
      const answer = await talk(
        await open(server.port),
        Buffer.concat([Buffer.from(plain + upgrade), ...texts.map(message)]),
        step,
      )
      const [head = '', body = ''] = answer.toString('latin1').split(/(?=HTTP\/1\.1 101)/)
      expect(head).toBe('HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\nask for an upgrade')
      const frames = Buffer.concat(texts.map((text) => message(text.toUpperCase())))
      expect(body.slice(body.indexOf('\r\n\r\n') + 4)).toBe(frames.toString('latin1'))
    },
  )
})
