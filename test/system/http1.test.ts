// The http1 codec on real sockets, with Node's own HTTP on the other side: what one writes the other reads.
import { once } from 'node:events'
import { type ClientRequest, createServer, type IncomingMessage, request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { loadCore } from '../../dist/src/core/index.js'
import {
  type Channel,
  encodeChunk,
  encodeLastChunk,
  encodeRequestHead,
  encodeResponseHead,
  http1,
  listen,
} from '../../dist/src/index.js'

async function read(message: IncomingMessage): Promise<string> {
  let text = ''
  for await (const piece of message) text += (piece as Buffer).toString('latin1')
  return text
}

/** Answers every request with what it was, in chunks and with a trailer. */
async function echo(): Promise<number> {
  const bodies = new Map<Channel, string[]>()
  const server = await listen({
    port: 0,
    host: '127.0.0.1',
    codec: http1({ maxBodyBytes: 100_000 }),
    handler: {
      frame(channel, frame) {
        const { message } = frame
        if (message.type === 'head') {
          bodies.set(channel, [`${message.method} ${message.target} ${message.headers.length}\n`])
          if (message.expectContinue) channel.write(encodeResponseHead({ status: 100 }))
        } else if (message.type === 'data') bodies.get(channel)?.push(frame.toString('latin1'))
        else if (message.type === 'trailers') bodies.get(channel)?.push(message.headers.flat().join('='))
        else if (message.type === 'end') {
          channel.write(encodeResponseHead({ status: 200, headers: { 'Transfer-Encoding': 'chunked', Trailer: 'X' } }))
          for (const part of bodies.get(channel) ?? []) channel.write(encodeChunk(Buffer.from(part, 'latin1')))
          channel.write(encodeLastChunk({ X: 'y' }))
        }
      },
      error(channel, error) {
        const { status = 400 } = error as { status?: number }
        channel.write(encodeResponseHead({ status, headers: { 'Content-Length': 0, Connection: 'close' } }))
        channel.end()
      },
    },
  })
  onTestFinished(() => server.close({ drain: 0 }))
  return server.address().port
}

test('Node asks, and understands the answers', async () => {
  const port = await echo()
  const ask = async (change: (asked: ClientRequest) => void, options = {}): Promise<[string, unknown]> => {
    const asked = request({ host: '127.0.0.1', port, path: '/a?b', method: 'POST', ...options })
    change(asked)
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    return [await read(answer), answer.trailers]
  }
  const body = 'x'.repeat(70_000)
  const headers = { 'Content-Length': body.length }
  expect(await ask((asked) => asked.end(body), { headers })).toEqual([`POST /a?b 3\n${body}`, { x: 'y' }])
  const chunked = (asked: ClientRequest) => {
    asked.write('hello')
    asked.addTrailers({ A: 'b' })
    asked.end(' world')
  }
  expect(await ask(chunked, { headers: { Trailer: 'A' } })).toEqual(['POST /a?b 4\nhello worldA=b', { x: 'y' }])
  const expects = (asked: ClientRequest) => asked.once('continue', () => asked.end('hi')).flushHeaders()
  const wanted = ['POST /a?b 4\nhi', { x: 'y' }]
  expect(await ask(expects, { headers: { Expect: '100-continue', 'Content-Length': 2 } })).toEqual(wanted)
})

test('what is refused is answered with its status, after what came before it', async () => {
  const port = await echo()
  const socket = connect(port, '127.0.0.1')
  socket.end('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost : a\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n')
  let text = ''
  for await (const piece of socket) text += (piece as Buffer).toString('latin1')
  expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400'])
  expect(text).toContain('GET /1 1')
})

test('Node answers what was written, and its answers are understood', async () => {
  const server: Server = createServer(async (asked, answer) => {
    const body = await read(asked)
    answer.writeHead(asked.method === 'HEAD' ? 200 : 201, { 'X-Method': asked.method })
    answer.end(`${asked.url} ${body} ${JSON.stringify(asked.trailers)}`)
  })
  server.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const decoder = (await loadCore()).decoder(http1({ messages: 'responses' }))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const ask = (method: string, rest: readonly Uint8Array[], ...headers: [string, string][]) => {
    decoder.expect(method)
    socket.write(encodeRequestHead({ method, target: '/x', headers: [['Host', 'a'], ...headers] }))
    for (const bytes of rest) socket.write(bytes)
  }
  ask('HEAD', [])
  ask('POST', [encodeChunk('hi'), encodeLastChunk({ A: 'b' })], ['Transfer-Encoding', 'chunked'])
  ask('PUT', [Buffer.from('hello')], ['Content-Length', '5'], ['Connection', 'close'])
  const seen: string[] = []
  for await (const bytes of socket) {
    for (const { message, frame, error } of decoder.push(bytes as Buffer)) {
      if (error) throw new Error(error.message)
      if (message?.type === 'head') seen.push(String(message.status))
      if (message?.type === 'data') seen.push(Buffer.from(frame).toString())
      if (message?.type === 'end') seen.push('end')
    }
  }
  expect(seen.join(' ')).toBe('200 end 201 /x hi {"a":"b"} end 201 /x hello {} end')
  expect(decoder.end()).toEqual([])
  decoder.dispose()
})
