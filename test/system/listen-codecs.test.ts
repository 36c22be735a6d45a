// The framing codecs through real sockets: frames in place and gathered, errors between them, and what an end leaves.
import { describe, expect, test } from 'vitest'
import { delimiter, fixed, line, varint32 } from '../../dist/src/index.js'
import { codeOf, Echo, Log, open, serve, waitBy, writeAll } from './library.ts'
import { Random, SEED } from './random.ts'

waitBy('prepare')

const letters = (random: Random, length: number): string =>
  random
    .bytes(length)
    .toString('latin1')
    .replace(/[^a-z]/g, 'x')

describe('what is sent comes back', () => {
  test.each([
    ['line', line({ maxLength: 1 << 20, delimiter: '\r\n' }), (body: string) => `${body}\r\n`],
    ['delimiter', delimiter({ delimiters: ['$_', '\n'], maxFrameLength: 1 << 20 }), (body: string) => `${body}$_`],
    ['varint32', varint32({ maxFrameLength: 1 << 20 }), varint],
  ] as const)('%s', async (_, codec, framed) => {
    const echo = new Echo()
    const server = await serve({ codec, handler: echo })
    const random = new Random(SEED)
    const sizes = [
      0,
      1,
      127,
      128,
      16_383,
      16_384,
      700_000,
      3,
      0,
      ...Array.from({ length: 500 }, () => random.below(200)),
    ]
    const bytes = Buffer.from(sizes.map((size) => framed(letters(random, size))).join(''), 'latin1')
    const wire = await open(server)
    await writeAll(wire, bytes, random.between(1000, 70_000))
    await wire.until(() => wire.closed || wire.length === bytes.length, 20_000)
    expect([echo.faults, wire.length]).toEqual([[], bytes.length])
    expect(wire.bytes().equals(bytes), `seed ${SEED}`).toBe(true)
  })

  test('fixed, and a message of another length is refused', async () => {
    let refused = ''
    const server = await serve({
      codec: fixed({ frameLength: 7 }),
      handler: {
        frame(channel, frame) {
          refused = codeOf(() => channel.write('12345678'))
          channel.write(frame)
        },
      },
    })
    const wire = await open(server)
    const bytes = Buffer.from('abcdefg'.repeat(20_000))
    await writeAll(wire, bytes, 9973)
    expect(await wire.until(() => wire.length === bytes.length)).toBe(true)
    expect(wire.bytes().equals(bytes)).toBe(true)
    expect(refused).toBe('ERR_OUT_OF_RANGE')
  })
})

function varint(body: string): string {
  let head = ''
  let rest = body.length
  for (; rest > 127; rest >>= 7) head += String.fromCharCode((rest & 127) | 128)
  return head + String.fromCharCode(rest) + body
}

describe('errors come in their place, and an end says what was incomplete:', () => {
  test.each([
    [
      'line',
      line({ maxLength: 5 }),
      'ok\r\n12345678\r\n12345\r\nrest\r',
      ['ok', 'MILLRACE_ERR_FRAME_TOO_LONG 8', '12345', 'MILLRACE_ERR_FRAME_INCOMPLETE 5', 'end', 'close'],
    ],
    [
      'delimiter',
      delimiter({ delimiters: ['ab', 'abc', 'b'], maxFrameLength: 5 }),
      '1abc2b123456ab345ab',
      ['1', '2', 'MILLRACE_ERR_FRAME_TOO_LONG 6', '345', 'end', 'close'],
    ],
    [
      'delimiters that may become longer',
      delimiter({ delimiters: ['a', 'aaaab'], maxFrameLength: 5 }),
      '1aaaa',
      ['1', '', '', '', 'end', 'close'],
    ],
    ['fixed', fixed({ frameLength: 3 }), 'abcd', ['abc', 'MILLRACE_ERR_FRAME_INCOMPLETE 1', 'end', 'close']],
    [
      'varint32',
      varint32({ maxFrameLength: 5 }),
      '\x02ok\x06123456\x0212\x05123',
      ['ok', 'MILLRACE_ERR_FRAME_TOO_LONG 6', '12', 'MILLRACE_ERR_FRAME_INCOMPLETE 4', 'end', 'close'],
    ],
  ] as const)('%s', async (_, codec, text, lines) => {
    for (const piece of [text.length, 1]) {
      const log = new Log()
      const server = await serve({ codec, handler: log })
      const wire = await open(server)
      await writeAll(wire, Buffer.from(text, 'latin1'), piece)
      wire.socket.end()
      await log.until('close')
      expect(log.lines).toEqual(lines)
    }
  })
})

test('a varint that is none ends the channel', async () => {
  const log = new Log()
  const server = await serve({ codec: varint32({ maxFrameLength: 5 }), handler: log })
  const wire = await open(server)
  wire.write(Buffer.from('\x02ok\xff\xff\xff\xff\xff\x02no', 'latin1'))
  expect(await wire.until(() => wire.closed)).toBe(true)
  await log.until('close')
  expect(log.lines).toEqual(['ok', 'MILLRACE_ERR_FRAME_CORRUPTED 5', 'end', 'close'])
})

test('frames gathered together stay whole while what is behind them is gathered on', async () => {
  const frames: string[] = []
  const server = await serve({
    codec: delimiter({ delimiters: ['a', `${'a'.repeat(60)}b`], maxFrameLength: 100 }),
    handler: { frame: (_, frame) => void frames.push(frame.toString()) },
  })
  const wire = await open(server)
  await writeAll(wire, Buffer.from(`zzz${'a'.repeat(50)}${'yyyaxxxa'.repeat(20_000)}zzza_`), 4099)
  wire.socket.end()
  expect(await wire.until(() => wire.closed)).toBe(true)
  expect(frames.slice(0, 50)).toEqual(['zzz', ...new Array<string>(49).fill('')])
  expect(frames.slice(50, -1)).toEqual(Array.from({ length: 40_000 }, (_, i) => (i % 2 ? 'xxx' : 'yyy')))
})
