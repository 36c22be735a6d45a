// The library with codecs whose frames have parts: requests answered through real sockets, held while a channel is
// paused, in pieces of any size; and an error that ends the connection once it was told.
import { expect, test } from 'vitest'
import { type Channel, encodeReply, type Handler, memcached, type RespValue, resp } from '../../dist/src/index.js'
import { poll } from './harness.ts'
import { open, pause, serve, waitBy } from './library.ts'
import { Random, SEED } from './random.ts'
import { encode } from './wire.ts'

waitBy('prepare')
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

/** Answers each command with its arguments. */
function echo(
  onFrame: (channel: Channel, words: readonly Uint8Array[]) => void = () => undefined,
): Handler<Uint8Array[]> {
  return {
    frame(channel, frame) {
      channel.write(encodeReply(frame.message))
      onFrame(channel, frame.message)
    },
    error(channel, error) {
      channel.write(`-ERR ${error.message}\r\n`)
    },
  }
}

test(`RESP requests of any size come back, however they are cut (MILLRACE_SEED=${SEED})`, async () => {
  const server = await serve({ codec: resp(), handler: echo() })
  const random = new Random(SEED)
  const wire = await open(server)
  const commands = Array.from({ length: 300 }, () =>
    Array.from({ length: random.between(1, 5) }, () => random.bytes(random.below(random.pick([5, 90, 40_000])))),
  )
  const stream = Buffer.concat(commands.map((words) => encode(...words)))
  const writing = (async () => {
    for (let at = 0; at < stream.length; ) {
      const to = at + 1 + random.below(random.pick([3, 2000, 90_000]))
      wire.write(stream.subarray(at, to))
      at = to
      if (random.chance(0.2)) await pause(1)
    }
  })()
  expect(await wire.until(() => wire.length === stream.length, 20_000)).toBe(true)
  await writing
  expect(wire.bytes().equals(stream), `seed ${SEED}`).toBe(true)
})

test('commands that came while a channel was paused keep their parts', async () => {
  const words: string[] = []
  const handler = echo((channel, message) => {
    words.push(message.map(text).join(' '))
    channel.pause()
    setTimeout(() => channel.resume(), 2)
  })
  const server = await serve({ codec: resp(), handler })
  const wire = await open(server)
  const sent = Array.from({ length: 30 }, (_, i) =>
    i % 3 ? encode('SET', `k${i}`, 'v') : Buffer.from(`GET "k\\x3${i % 10}"\r\n`),
  )
  wire.write(Buffer.concat(sent))
  await wire.until(() => words.length === sent.length)
  expect(words).toEqual(sent.map((_, i) => (i % 3 ? `SET k${i} v` : `GET k${i % 10}`)))
})

test('a protocol error is told, and ends the connection', async () => {
  const server = await serve({ codec: resp(), handler: echo() })
  const wire = await open(server)
  wire.write('PING\r\n*1\r\nfoo\r\nPING\r\n')
  expect(await wire.until(() => wire.closed)).toBe(true)
  expect(wire.bytes().toString()).toBe("*1\r\n$4\r\nPING\r\n-ERR Protocol error: expected '$', got 'f'\r\n")
})

test('a command of more parts than a turn has records for moves their region, and is found there', async () => {
  const seen: string[] = []
  const server = await serve({
    codec: resp(),
    handler: {
      frame(channel, frame) {
        if (seen.length === 6) return channel.destroy()
        seen.push(`${frame.parts} ${frame.partText(0)} ${frame.partText(frame.parts - 1)}`)
      },
    },
  })
  const wire = await open(server)
  const words = Array.from({ length: 40_000 }, (_, i) => `w${i}`)
  for (let round = 0; round < 2; round++) wire.write(Buffer.concat([encode('PING'), encode(...words), encode('PONG')]))
  await poll(() => seen.length >= 6, 'all commands')
  const round = ['1 PING PING', '40000 w0 w39999', '1 PONG PONG']
  expect(seen).toEqual([...round, ...round])
})

test('RESP replies have their values', async () => {
  const values: RespValue[] = []
  const server = await serve({
    codec: resp({ messages: 'replies' }),
    handler: { frame: (_, frame) => values.push(frame.message) },
  })
  const wire = await open(server)
  for (const byte of encodeReply([1, 'a', null, new Map([['k', [true]]])], 3)) {
    wire.write(Buffer.of(byte))
    await pause(0)
  }
  await wire.until(() => values.length > 0, 2000)
  expect(values).toEqual([[1, 'a', null, new Map([['k', [true]]])]])
})

test('memcached commands and their errors keep their order', async () => {
  const server = await serve({
    codec: memcached(),
    handler: {
      frame(channel, frame) {
        channel.write(`${frame.message.words.map(text).join(' ')}=${text(frame.message.data ?? Buffer.of())}\r\n`)
      },
      error(channel, error: Error & { noreply?: true }) {
        if (!error.noreply) channel.write(`${error.message}\r\n`)
      },
    },
  })
  const wire = await open(server)
  wire.write(`get a\r\nset k 0 0 3\r\nabc\r\nfoo\r\nset k x 0 3\r\nabc\r\nset k x 0 3 noreply\r\nabc\r\nmn\r\n`)
  wire.write(`set k 0 0 2000000\r\n${'x'.repeat(2_000_000)}\r\nmn\r\n\x80`)
  expect(await wire.until(() => wire.closed)).toBe(true)
  expect(wire.bytes().toString()).toBe(
    [
      'get a=\r\nset k 0 0 3=abc\r\nERROR\r\nCLIENT_ERROR bad command line format\r\nmn=\r\n',
      'SERVER_ERROR object too large for cache\r\nmn=\r\nCLIENT_ERROR binary protocol is not supported\r\n',
    ].join(''),
  )
})
