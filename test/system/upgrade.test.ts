// Channels that change their protocol: what is behind the frame that says so belongs to the new one, however it was
// cut on the way.
import { describe, expect, it } from 'vitest'
import {
  type Channel,
  type Codec,
  delimiter,
  type Frame,
  fixed,
  http1,
  lengthField,
  line,
  memcached,
  raw,
  resp,
  varint32,
} from '../../dist/src/index.js'
import { codeOf, four, framed, open, pause, serve, waitBy } from './library.ts'
import type { Wire } from './wire.ts'

waitBy('prepare')

const REQUEST = 'GET /plain HTTP/1.1\r\nHost: a\r\n\r\n'
const UPGRADE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: frames\r\n\r\n'
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: frames\r\n\r\n'

/** Frames of the new protocol, answered in upper case. */
const upper = {
  frame(channel: Channel, frame: Frame): void {
    channel.write(frame.toString().toUpperCase())
  },
}

/** Sends the two halves of a stream so that they do not arrive together, ends, and returns all that comes back. */
async function halves(wire: Wire, stream: Buffer, cut: number): Promise<string> {
  if (cut > 0) wire.socket.write(stream.subarray(0, cut))
  await pause(30)
  wire.socket.end(stream.subarray(cut))
  await wire.until(() => wire.closed)
  return wire.bytes().toString('latin1')
}

async function everyCut(port: { address(): { port: number } }, stream: Buffer): Promise<Set<string>> {
  const answers = new Set<string>()
  for (let from = 0; from <= stream.length; from += 64) {
    const cuts = Array.from({ length: Math.min(64, stream.length + 1 - from) }, (_, i) => from + i)
    const some = await Promise.all(
      cuts.map(async (cut) => halves(await open(port as never, { allowHalfOpen: true }), stream, cut)),
    )
    for (const answer of some) answers.add(answer)
  }
  return answers
}

describe('upgrade', () => {
  it('takes effect exactly behind the request, cut at every byte, with frames behind it in one segment', async () => {
    const server = await serve({
      codec: http1(),
      upgradable: true,
      handler: {
        frame(channel, frame) {
          const { message } = frame
          if (message.type !== 'head') return
          if (!('upgrade' in message && message.upgrade)) return void channel.write(ANSWER)
          channel.write(SWITCHING)
          channel.upgrade({ codec: four(), handler: upper })
        },
      },
    })
    // the new protocol's bytes are such as http would swallow (empty lines) or choke on
    const frames = ['one', '\r\n\r\n', '', 'GET / HTTP/1.1\r\n\r\n', 'x'.repeat(90)]
    const stream = Buffer.concat([Buffer.from(REQUEST + REQUEST + UPGRADE), ...frames.map(framed)])
    const expected = Buffer.concat([
      Buffer.from(ANSWER + ANSWER + SWITCHING),
      ...frames.map((text) => framed(text.toUpperCase())),
    ])
    expect([...(await everyCut(server, stream))]).toEqual([expected.toString('latin1')])
  })

  const codecs: readonly (readonly [string, Codec<unknown>, string])[] = [
    ['line', line({ maxLength: 4 }), 'up\n'],
    ['line, failing fast', line({ maxLength: 4, failFast: true }), 'up\r\n'],
    ['delimiter', delimiter({ delimiters: ['\0', '\r\n'], maxFrameLength: 4 }), 'up\r\n'],
    ['delimiter, failing fast', delimiter({ delimiters: [';'], maxFrameLength: 4, failFast: true }), 'up;'],
    ['fixed', fixed({ frameLength: 2 }), 'up'],
    ['lengthField', lengthField({ maxFrameLength: 8, lengthFieldLength: 1, initialBytesToStrip: 1 }), '\x02up'],
    ['varint32', varint32({ maxFrameLength: 4 }), '\x02up'],
    ['resp', resp() as Codec<unknown>, 'up\r\n'],
    ['resp, an array', resp() as Codec<unknown>, '*1\r\n$2\r\nup\r\n'],
    ['resp replies', resp({ messages: 'replies' }) as Codec<unknown>, '+up\r\n'],
    ['memcached', memcached() as Codec<unknown>, 'get up\r\n'],
  ]
  it.each(codecs)('leaves what follows to the new codec: %s', async (_name, codec, frame) => {
    const server = await serve<unknown>({
      codec,
      upgradable: true,
      handler: {
        frame(channel, got) {
          if (!got.toString('latin1').includes('up')) return void channel.write('early')
          channel.upgrade({ codec: line({ maxLength: 100 }), handler: upper })
        },
        error: (channel, error) => void channel.write(`error ${error.message}`),
      },
    })
    // empty lines first, which some decoders skip, and then a line that is too long for others
    const stream = Buffer.from(`${frame}\r\n\n\r\n${'y'.repeat(40)}\n\xff\xff\xff\xff\xffz\n`, 'latin1')
    const answers = await everyCut(server, stream)
    const expected = ['', '', '', 'Y'.repeat(40), `${'\ufffd'.repeat(5)}Z`].map((text) => `${text}\n`)
    expect([...answers].map((answer) => Buffer.from(answer, 'latin1').toString())).toEqual([expected.join('')])
  })

  it('may wait for something else: the handler pauses, and upgrades later', async () => {
    const server = await serve({
      codec: line({ maxLength: 100 }),
      upgradable: true,
      handler: {
        frame(channel, frame) {
          if (frame.toString() !== 'up') return void channel.write(`old ${frame}`)
          channel.pause()
          setTimeout(() => {
            channel.upgrade({ codec: four(), handler: upper, upgradable: true })
            channel.resume()
          }, 20)
        },
      },
    })
    const stream = Buffer.concat([Buffer.from('a\nup\n'), framed('b'), framed('c\n')])
    expect([...(await everyCut(server, stream))]).toEqual([
      Buffer.concat([Buffer.from('old a\n'), framed('B'), framed('C\n')]).toString('latin1'),
    ])
  })

  it('goes back and forth, many times in one segment', async () => {
    const old = {
      frame(channel: Channel, frame: Frame): void {
        channel.write(`line ${frame}`)
        channel.upgrade({ codec: fixed({ frameLength: 3 }), handler: other, upgradable: true })
      },
    }
    const other = {
      frame(channel: Channel, frame: Frame): void {
        channel.write(frame)
        channel.upgrade({ codec: line({ maxLength: 10 }), handler: old, upgradable: true })
      },
    }
    const server = await serve({ codec: line({ maxLength: 10 }), upgradable: true, handler: old })
    const wire = await open(server)
    const turns = 3000
    wire.write('ab\n\n\n!'.repeat(turns))
    const expected = 'line ab\n\n\n!'.repeat(turns)
    await wire.until(() => wire.length >= expected.length, 15_000)
    expect(wire.bytes().toString('latin1') === expected).toBe(true)
  })

  it('gives large frames to the new codec, received into their place', async () => {
    const server = await serve({
      codec: line({ maxLength: 10 }),
      upgradable: true,
      highWaterMark: 4 << 20,
      handler: {
        frame(channel) {
          channel.upgrade({ codec: four(), handler: { frame: (c, frame) => void c.write(frame) } })
        },
      },
    })
    const wire = await open(server)
    const bytes = Buffer.concat([framed(Buffer.alloc(1_000_000, 'q')), framed('end')])
    wire.write(Buffer.concat([Buffer.from('up\n'), bytes]))
    await wire.until(() => wire.length >= bytes.length)
    expect(wire.bytes().equals(bytes)).toBe(true)
  })

  it('refuses where the place in the stream is not certain, or nothing more can come', async () => {
    const codes: string[] = []
    let channel: Channel | undefined
    const target = { codec: raw(), handler: upper }
    const plain = await serve({
      codec: line({ maxLength: 10 }),
      handler: { frame: (c) => void codes.push(codeOf(() => c.upgrade(target))) },
    })
    ;(await open(plain)).write('x\n')
    const server = await serve({
      codec: line({ maxLength: 10 }),
      upgradable: true,
      handler: {
        open: (c) => {
          channel = c
        },
        frame(c, frame) {
          if (`${frame}` === 'bye') c.end()
          if (`${frame}` === 'bye') codes.push(codeOf(() => c.upgrade(target)))
          else c.write('seen')
        },
      },
    })
    const wire = await open(server)
    wire.write('x\n')
    await wire.until(() => wire.length >= 5)
    codes.push(codeOf(() => channel?.upgrade(target)))
    wire.write('bye\n')
    await wire.until(() => wire.closed)
    expect(codes).toEqual(['ERR_INVALID_STATE', 'ERR_INVALID_STATE', 'ERR_INVALID_STATE'])
  })

  it('tells the end and the close to the new handler', async () => {
    const told: string[] = []
    const server = await serve({
      codec: line({ maxLength: 10 }),
      upgradable: true,
      handler: {
        frame(channel) {
          channel.upgrade({
            codec: four(),
            handler: {
              frame: () => void told.push('frame'),
              error: (_c, error) => void told.push((error as NodeJS.ErrnoException).code ?? ''),
              end: () => void told.push('end'),
              close: () => void told.push('close'),
            },
          })
        },
        end: () => void told.push('old end'),
        close: () => void told.push('old close'),
      },
    })
    const wire = await open(server)
    wire.socket.end(Buffer.concat([Buffer.from('up\n'), framed('a'), Buffer.from([0, 0])]))
    await wire.until(() => wire.closed && told.includes('close'))
    expect(told).toEqual(['frame', 'MILLRACE_ERR_FRAME_INCOMPLETE', 'end', 'close'])
  })
})
