// The length-field decoder and encoder against a twin over whole streams: every parameter, every cut, and errors that
// come once, in their place, with their true length.
import { describe, expect, test } from 'vitest'
import {
  CODEC_BYTES,
  DECODER_BYTES,
  ERROR_FRAME_CORRUPTED,
  ERROR_FRAME_TOO_LONG,
  RECORD_ERROR,
} from '../../../assembly/codec/abi.ts'
import { type LengthFieldOptions, lengthField } from '../../../src/core/codec/length-field.ts'
import { Random, SEED } from '../../system/random.ts'
import { codecCore, cuts, type Decoder, everyCut, Inbound } from './support.ts'

const core = codecCore()
const inbound = new Inbound(core, 1 << 20)
const codec = core.call('alloc', CODEC_BYTES)
const state = core.call('alloc', DECODER_BYTES)

/** A frame's bytes in hex, or an error with the length it concerns. */
type Result = string | readonly [error: 'TL' | 'CF', length: number]

const SAFE = BigInt(Number.MAX_SAFE_INTEGER)

function fieldOf(bytes: Buffer, options: LengthFieldOptions): bigint {
  const field = [...bytes]
  if (options.byteOrder === 'LE') field.reverse()
  const value = field.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  return field.length === 8 ? BigInt.asIntN(64, value) : value
}

/** All results of a stream that has come in one piece. */
function twin(stream: Buffer, options: LengthFieldOptions): Result[] {
  const { maxFrameLength, lengthFieldLength, lengthFieldOffset = 0, lengthAdjustment = 0 } = options
  const { initialBytesToStrip: strip = 0, failFast = true } = options
  const header = lengthFieldOffset + lengthFieldLength
  const results: Result[] = []
  for (let at = 0; at + header <= stream.length; ) {
    const value = fieldOf(stream.subarray(at + lengthFieldOffset, at + header), options)
    const length = Number(value + BigInt(lengthAdjustment + header))
    const whole = at + length <= stream.length
    if (value < 0n || value > SAFE || length < header) {
      results.push(['CF', header])
      at += header
      continue
    }
    if (length > maxFrameLength) {
      if (failFast || whole) results.push(['TL', length])
    } else if (strip > length) results.push(['CF', length])
    else if (whole) results.push(stream.toString('hex', at + strip, at + length))
    if (!whole) break
    at += length
  }
  return results
}

class Frames implements Decoder {
  readonly results: Result[] = []

  constructor(options: LengthFieldOptions) {
    const view = new DataView(inbound.memory.buffer)
    inbound.memory.fill(0, codec, codec + CODEC_BYTES)
    lengthField(options).write(view, codec)
    inbound.memory.fill(0, state, state + DECODER_BYTES)
  }

  frames(at: number, end: number): number {
    const stop = core.call('codecDecode', codec, state, at, end)
    if (stop < at || stop > end) throw new Error(`stopped ${stop - at} bytes behind the start of ${end - at}`)
    const count = core.call('recordsCount')
    const words = new Uint32Array(inbound.memory.buffer, core.call('recordsFirst'), count * 4)
    for (let i = 0; i < words.length; i += 4) {
      const [first, length, kind, extra] = words.subarray(i, i + 4) as unknown as [number, number, number, number]
      if (kind === RECORD_ERROR) {
        const name = { [ERROR_FRAME_TOO_LONG]: 'TL', [ERROR_FRAME_CORRUPTED]: 'CF' }[first] as 'TL' | 'CF'
        this.results.push([name, length + extra * 2 ** 32])
      } else {
        this.results.push(Buffer.from(inbound.memory.buffer, first, length).toString('hex'))
      }
    }
    core.call('recordsDone')
    return stop
  }

  scan(): boolean {
    return true
  }

  need(base: number, have: number): number {
    return core.call('codecNeed', codec, state, base, have)
  }

  endsAtLine(): boolean {
    return false
  }
}

function decode(chunks: readonly Buffer[], options: LengthFieldOptions): Result[] {
  const frames = new Frames(options)
  inbound.reset()
  for (const chunk of chunks) inbound.push(frames, chunk)
  return frames.results
}

function compare(stream: Buffer, chunks: readonly Buffer[], options: LengthFieldOptions): void {
  const wanted = twin(stream, options)
  const got = decode(chunks, options)
  if (JSON.stringify(got) === JSON.stringify(wanted)) return
  const where = chunks.length > 6 ? `${chunks.length} pieces` : chunks.map((chunk) => chunk.length).join('+')
  expect(got, `${stream.toString('hex')} as ${where}, ${JSON.stringify(options)}`).toEqual(wanted)
}

const H = Buffer.from('HELLO, WORLD').toString('hex')
const hex = (text: string): string => text.replace(/ /g, '').replace('H', H).toLowerCase()
type Sample = readonly [offset: number, length: 1 | 2 | 3 | 4 | 8, adjustment: number, strip: number, string, string]
const SAMPLES: Sample[] = [
  [0, 2, 0, 0, '000C H', '000C H'],
  [0, 2, 0, 2, '000C H', 'H'],
  [0, 2, -2, 0, '000E H', '000E H'],
  [2, 3, 0, 0, 'CAFE 00000C H', 'CAFE 00000C H'],
  [0, 3, 2, 0, '00000C CAFE H', '00000C CAFE H'],
  [1, 2, 1, 3, 'CA 000C FE H', 'FE H'],
  [1, 2, -3, 3, 'CA 0010 FE H', 'FE H'],
  [0, 1, 0, 1, '0C H', 'H'],
  [0, 4, 0, 4, '0000000C H', 'H'],
  [0, 8, 0, 8, '000000000000000C H', 'H'],
]

function optionsOf([lengthFieldOffset, lengthFieldLength, lengthAdjustment, initialBytesToStrip]: Sample) {
  return { maxFrameLength: 32, lengthFieldOffset, lengthFieldLength, lengthAdjustment, initialBytesToStrip }
}

describe('every sample', () => {
  test.each(SAMPLES)('(%i, %i, %i, %i) %s → %s', (...sample) => {
    const options = optionsOf(sample)
    const one = Buffer.from(hex(sample[4]), 'hex')
    const stream = Buffer.concat([one, one])
    const wanted = [hex(sample[5]), hex(sample[5])]
    for (const chunks of [[stream], ...everyCut(stream)]) expect(decode(chunks, options)).toEqual(wanted)
  })
})

const two = (stripped: number, failFast = true): LengthFieldOptions => ({
  maxFrameLength: 6,
  lengthFieldLength: 2,
  initialBytesToStrip: stripped,
  failFast,
})
const errors: [string, LengthFieldOptions, string, Result[]][] = [
  ['too long', two(2), '0001 aa 0005 bbbbbbbbbb 0004 cccccccc', ['aa', ['TL', 7], 'cccccccc']],
  ['too long, told at its end', two(2, false), '0001 aa 0005 bbbbbbbbbb 0004 cccccccc', ['aa', ['TL', 7], 'cccccccc']],
  ['too long, and never whole', two(2), '0001 aa ffff bbbbbb', ['aa', ['TL', 65537]]],
  ['too long, never whole, and not told', two(2, false), '0001 aa ffff bbbbbb', ['aa']],
  ['shorter than what is stripped', two(4), '0001 aa 0003 bbbbbb 0002 cccc', [['CF', 3], 'bb', '']],
  ['exactly what is stripped', two(2), '0000 0001 aa', ['', 'aa']],
  ['shorter than its header', { ...two(0), lengthAdjustment: -3 }, '0002 0004 dd', [['CF', 2], '0004dd']],
  [
    'negative',
    { maxFrameLength: 20, lengthFieldLength: 8, initialBytesToStrip: 8 },
    'ffffffffffffffff 0000000000000001 aa 8000000000000000 0000000000000000',
    [['CF', 8], 'aa', ['CF', 8], ''],
  ],
  [
    'beyond 2^53 − 1',
    { maxFrameLength: 20, lengthFieldLength: 8, initialBytesToStrip: 8 },
    '0020000000000000 0000000000000001 aa 001fffffffffffff bb',
    [['CF', 8], 'aa', ['TL', Number.MAX_SAFE_INTEGER + 8]],
  ],
  ['four bytes without a sign', { maxFrameLength: 20, lengthFieldLength: 4 }, 'ffffffff aa', [['TL', 0xffffffff + 4]]],
]

describe('an error comes once, in its place, with its length, however the stream is cut:', () => {
  test.each(errors)('%s', (_, options, text, wanted) => {
    const stream = Buffer.from(hex(text), 'hex')
    expect(twin(stream, options)).toEqual(wanted)
    for (const chunks of [[stream], ...everyCut(stream)]) expect(decode(chunks, options)).toEqual(wanted)
  })

  test('failFast decides when', () => {
    const stream = Buffer.from(hex('0007 bbbbbbbbbbbbbb 0000'), 'hex')
    const told = (failFast: boolean): number => {
      for (let bytes = 1; ; bytes++) {
        if (decode([stream.subarray(0, bytes)], two(2, failFast)).length > 0) return bytes
      }
    }
    expect([told(true), told(false)]).toEqual([2, 9])
  })
})

function randomOptions(random: Random): LengthFieldOptions {
  const lengthFieldLength = random.pick([1, 2, 3, 4, 8] as const)
  const lengthFieldOffset = random.chance(0.4) ? random.below(6) : 0
  return {
    lengthFieldLength,
    lengthFieldOffset,
    lengthAdjustment: random.chance(0.5) ? random.between(-12, 12) : 0,
    initialBytesToStrip: random.chance(0.6) ? random.below(16) : 0,
    maxFrameLength: lengthFieldOffset + lengthFieldLength + random.below(random.pick([3, 40, 2000])),
    byteOrder: random.pick(['BE', 'LE']),
    failFast: random.chance(0.5),
  }
}

/** A header, and as many bytes behind it as it says; or as many as anyone would send. */
function randomFrame(random: Random, options: LengthFieldOptions): Buffer {
  const { lengthFieldLength: bytes, lengthFieldOffset = 0, lengthAdjustment = 0, maxFrameLength } = options
  const header = lengthFieldOffset + bytes
  const most = 2n ** BigInt(8 * bytes) - 1n
  const room = maxFrameLength - header - lengthAdjustment // the largest value that is not too long
  const wanted = BigInt(random.pick([random.below(Math.max(1, room)), random.below(30), room, room + 1, room + 40]))
  const rare = random.pick([most, 1n << BigInt(8 * bytes - 1), SAFE, SAFE + 1n, BigInt(random.bits())])
  const value = BigInt.asUintN(8 * bytes, random.chance(0.04) ? rare : wanted)
  const field = Buffer.from(value.toString(16).padStart(2 * bytes, '0'), 'hex')
  if (options.byteOrder === 'LE') field.reverse()
  const signed = fieldOf(field, options)
  const follow = signed < 0n || signed > SAFE ? 0 : Math.max(0, Math.min(Number(signed) + lengthAdjustment, 9000))
  return Buffer.concat([random.bytes(lengthFieldOffset), field, random.bytes(follow)])
}

test(`random parameters, streams and cuts (MILLRACE_SEED=${SEED})`, () => {
  const kinds = { frame: 0, TL: 0, CF: 0 }
  for (let round = 0; round < 700; round++) {
    const random = new Random(SEED + round)
    const options = randomOptions(random)
    const frames = Array.from({ length: random.between(1, 10) }, () => randomFrame(random, options))
    const whole = Buffer.concat(frames)
    const stream = random.chance(0.3) ? whole.subarray(0, random.below(whole.length + 1)) : whole
    compare(stream, [stream], options)
    for (let i = 0; i < 4; i++) compare(stream, cuts(random, stream), options)
    for (const result of twin(stream, options)) kinds[typeof result === 'string' ? 'frame' : result[0]]++
  }
  for (const count of Object.values(kinds)) expect(count).toBeGreaterThan(150)
})

/** What the encoder puts before a body of this length; undefined where the field cannot say it. */
function encode(options: LengthFieldOptions, length: number): Buffer | undefined {
  new Frames(options)
  const to = core.put(Buffer.alloc(16, 0x7e))
  if (!core.call('lengthFieldFits', codec, length)) return undefined
  const written = core.call('lengthFieldEncode', codec, to, length)
  const bytes = Buffer.from(core.bytes.slice(to, to + 16))
  expect(bytes.subarray(written).every((byte) => byte === 0x7e)).toBe(true)
  return bytes.subarray(0, written)
}

describe('the encoder', () => {
  const max = 1 << 20
  test.each([1, 2, 3, 4, 8] as const)('a length field of %i bytes holds what fits, and refuses the next', (bytes) => {
    const most = Math.min(2 ** (8 * bytes) - 1, 0xffffffff)
    for (const byteOrder of ['BE', 'LE'] as const) {
      const options = { maxFrameLength: max, lengthFieldLength: bytes, byteOrder }
      for (const length of [0, 1, 127, 128, 254, most]) {
        const field = encode(options, length)
        expect(field?.length).toBe(bytes)
        expect(fieldOf(field!, options)).toBe(BigInt(length))
        const included = encode({ ...options, lengthIncludesLengthField: true }, length)
        if (length + bytes < 2 ** (8 * bytes)) expect(fieldOf(included!, options)).toBe(BigInt(length + bytes))
        else expect(included).toBeUndefined()
      }
      if (bytes < 4) expect(encode(options, most + 1)).toBeUndefined()
      expect(encode({ ...options, lengthAdjustment: 5 }, 4), 'a value below zero').toBeUndefined()
      if (bytes < 4) expect(encode({ ...options, lengthAdjustment: -5 }, most - 4)).toBeUndefined()
      expect(fieldOf(encode({ ...options, lengthAdjustment: -5 }, most - 5)!, options)).toBe(BigInt(most))
    }
  })

  test(`is the decoder's mirror (MILLRACE_SEED=${SEED})`, () => {
    for (let round = 0; round < 300; round++) {
      const random = new Random(SEED + round)
      const options = { ...randomOptions(random), lengthFieldOffset: 0, maxFrameLength: max }
      options.initialBytesToStrip = options.lengthFieldLength
      const bodies = Array.from({ length: 4 }, () => random.bytes(random.below(random.pick([20, 240, 2000]))))
      const fits = bodies.flatMap((body) => {
        const field = encode(options, body.length)
        return field === undefined ? [] : [{ body, framed: Buffer.concat([field, body]) }]
      })
      // an adjustment makes a frame of what stands behind the field; below the header there is none
      const stream = Buffer.concat(fits.map(({ framed }) => framed))
      expect(decode(cuts(random, stream), options)).toEqual(fits.map(({ body }) => body.toString('hex')))
    }
  })
})

describe('parameters that cannot work are refused at once, by name:', () => {
  const good: LengthFieldOptions = { maxFrameLength: 100, lengthFieldLength: 2 }
  test.each([
    ['maxFrameLength', { maxFrameLength: 0 }],
    ['maxFrameLength', { maxFrameLength: 2 ** 31 }],
    ['maxFrameLength', { maxFrameLength: 1 }],
    ['maxFrameLength', { lengthFieldOffset: 99 }],
    ['maxFrameLength', { maxFrameLength: Number.NaN }],
    ['lengthFieldLength', { lengthFieldLength: 5 as 4 }],
    ['lengthFieldLength', { lengthFieldLength: 0 as 4 }],
    ['lengthFieldOffset', { lengthFieldOffset: -1 }],
    ['lengthAdjustment', { lengthAdjustment: 0.5 }],
    ['initialBytesToStrip', { initialBytesToStrip: -1 }],
    ['byteOrder', { byteOrder: 'be' as 'BE' }],
  ])('%s in %j', (name, wrong) => {
    const named = expect.objectContaining({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringContaining(name) as string,
    }) as Error
    expect(() => lengthField({ ...good, ...wrong })).toThrow(named)
  })
})
