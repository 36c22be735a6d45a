// Random streams by decoder, those of the framing decoders first, and random cuttings.
import fc from 'fast-check'
import type { Name } from '../../twins/index.ts'
import { around, type Case, streamOf, textOf } from './streams-common.ts'
import { httpRequests, httpResponses } from './streams-http.ts'
import { memcachedStreams, respReplyStreams, respRequestStreams } from './streams-text.ts'

const limit = (max: number): fc.Arbitrary<number> =>
  fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max }))

const lineCase = fc
  .record({ maxLength: limit(140), stripDelimiter: fc.boolean(), failFast: fc.boolean() })
  .chain((options) => {
    const content = fc.oneof(textOf(around(options.maxLength), 'abcdefg'), textOf(around(options.maxLength), 'a\r'))
    const end = fc.constantFrom('\n', '\r\n', '\r\n', '\r\r\n', '\n\n', '\r', '')
    const piece = fc.tuple(content, end).map(([text, by]) => Buffer.concat([text, Buffer.from(by)]))
    return streamOf(piece).map((stream) => ({ options, stream }))
  })

const DELIMITERS = [
  '$_',
  '\n',
  '\r\n',
  '\0',
  'ab',
  'abc',
  'bc',
  'abcd',
  'aab',
  'aa',
  'aba',
  '--b--',
  `${'-'.repeat(63)}+`,
]

const delimiterCase = fc
  .record({
    delimiters: fc.array(fc.constantFrom(...DELIMITERS), { minLength: 1, maxLength: 4 }),
    maxFrameLength: limit(140),
    stripDelimiter: fc.boolean(),
    failFast: fc.boolean(),
  })
  .chain((options) => {
    const content = textOf(around(options.maxFrameLength), 'abc-$')
    const half = fc.tuple(fc.constantFrom(...options.delimiters), fc.nat(8)).map(([text, n]) => text.slice(0, n))
    const end = fc.oneof(fc.constantFrom(...options.delimiters), fc.constantFrom(...options.delimiters), half)
    const piece = fc.tuple(content, end).map(([text, by]) => Buffer.concat([text, Buffer.from(by, 'latin1')]))
    const listed = options.delimiters.map((text, i) => (i % 2 ? Buffer.from(text, 'latin1') : text)) // both kinds
    return streamOf(piece).map((stream) => ({ options: { ...options, delimiters: listed }, stream }))
  })

const fixedCase = fc.record({
  options: fc.record({ frameLength: limit(70) }),
  stream: textOf(fc.integer({ min: 0, max: 300 }), 'abcdefghi\n\0\xff'),
})

function fieldOf(value: number, length: number, byteOrder: string): Buffer {
  const field = Buffer.alloc(8)
  field.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)))
  const bytes = field.subarray(8 - length)
  return byteOrder === 'BE' ? bytes : Buffer.from(bytes).reverse()
}

const lengthFieldCase = fc
  .record({
    lengthFieldOffset: fc.nat(4),
    lengthFieldLength: fc.constantFrom(1, 2, 3, 4, 8),
    lengthAdjustment: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.integer({ min: -12, max: 6 })),
    initialBytesToStrip: fc.oneof({ weight: 5, arbitrary: fc.nat(5) }, fc.nat(16)),
    byteOrder: fc.constantFrom('BE', 'LE'),
    failFast: fc.boolean(),
    room: fc.oneof({ weight: 2, arbitrary: fc.nat(60) }, fc.nat(4)),
  })
  .chain(({ room, ...fields }) => {
    const header = fields.lengthFieldOffset + fields.lengthFieldLength
    const options = { ...fields, maxFrameLength: header + room }
    const body = fc.tuple(around(room), fc.constantFrom(0, 0, 0, 0, 0, 1, -1)).map(([length, wrong]) => {
      const value = Math.max(length + wrong - fields.lengthAdjustment, 0)
      const field = fieldOf(Math.min(value, 255), fields.lengthFieldLength, fields.byteOrder)
      return Buffer.concat([Buffer.alloc(fields.lengthFieldOffset, 0xca), field, Buffer.alloc(length, 0x41 + length)])
    })
    const wild = fc
      .tuple(
        fc.uint8Array({ minLength: header, maxLength: header }),
        fc.constantFrom(0, 1, 0x1f, 0x20, 0x7f, 0x80, 0xff),
      )
      .map(([bytes, top]) => {
        const high = fields.lengthFieldOffset + (fields.byteOrder === 'BE' ? 0 : fields.lengthFieldLength - 1)
        bytes[high] = top
        return Buffer.from(bytes)
      })
    const piece = fc.oneof({ weight: 9, arbitrary: body }, wild)
    return streamOf(piece).map((stream) => ({ options, stream }))
  })

function varint(value: number, padding: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest % 128)
    if (rest < 128) break
  }
  while (bytes.length < Math.min(bytes.length + padding, 5) && padding-- > 0) bytes.push(0)
  return Buffer.from(bytes.map((byte, i) => (i < bytes.length - 1 ? byte | 0x80 : byte)))
}

const varintCase = fc.record({ maxFrameLength: fc.oneof(limit(40), limit(300)) }).chain((options) => {
  const whole = fc.tuple(around(options.maxFrameLength), fc.constantFrom(0, 0, 0, 1, 4)).map(([length, padding]) => {
    return Buffer.concat([varint(length, padding), Buffer.alloc(length, 0x61)])
  })
  const wild = fc.uint8Array({ minLength: 1, maxLength: 6 }).map((bytes) => Buffer.from(bytes.map((b) => b | 0x80)))
  const large = fc.integer({ min: 2 ** 28, max: 2 ** 32 + 5 }).map((value) => varint(value, 0))
  const piece = fc.oneof({ weight: 12, arbitrary: whole }, wild, large)
  return streamOf(piece).map((stream) => ({ options, stream }))
})

export const CASES: Readonly<Record<Name, fc.Arbitrary<Case>>> = {
  line: lineCase,
  delimiter: delimiterCase,
  fixed: fixedCase,
  'length-field': lengthFieldCase,
  varint32: varintCase,
  'resp-requests': respRequestStreams,
  'resp-replies': respReplyStreams,
  memcached: memcachedStreams,
  'http1-requests': httpRequests,
  'http1-responses': httpResponses,
}

/** Where to cut a stream: one byte at a time, or at a few places, some of them twice, which makes an empty push. */
export const cutting: fc.Arbitrary<readonly number[] | 'bytes'> = fc.oneof(
  { weight: 1, arbitrary: fc.constant('bytes' as const) },
  { weight: 3, arbitrary: fc.array(fc.nat(10_000), { minLength: 1, maxLength: 6 }) },
)

/** The places of a cutting in a stream of `length` bytes, ascending. */
export function placesOf(how: readonly number[] | 'bytes', length: number): number[] {
  if (how === 'bytes') return Array.from({ length: Math.max(length - 1, 0) }, (_, i) => i + 1)
  return how.map((place) => place % (length + 1)).sort((a, b) => a - b)
}
