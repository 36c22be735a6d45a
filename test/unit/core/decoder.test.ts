// The Decoder of millrace/core: what it promises beyond any one codec.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Frame, instantiateCore, lengthField, line, type Result, raw, resp } from '../../../src/core/index.ts'
import { Random, SEED } from '../../system/random.ts'

const core = instantiateCore(readFileSync(new URL('../../../build/core.wasm', import.meta.url)))
const codec = lengthField({ maxFrameLength: 32 << 20, lengthFieldLength: 4, initialBytesToStrip: 4 })

function framed(...bodies: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    bodies.flatMap((body) => {
      const bytes = Buffer.from(body as Uint8Array)
      const head = Buffer.alloc(4)
      head.writeUInt32BE(bytes.length)
      return [head, bytes]
    }),
  )
}

const texts = (results: readonly (Result | undefined)[]): string[] =>
  results.map((result) => (result?.frame ? Buffer.from(result.frame).toString() : String(result?.error?.code)))

describe('push', () => {
  test('gives views of what was pushed, and memory of their own to frames that straddle', () => {
    const decoder = core.decoder(codec)
    const bytes = framed('whole', 'cut')
    const [first] = decoder.push(bytes.subarray(0, bytes.length - 1))
    expect(first?.frame?.buffer).toBe(bytes.buffer)
    const [second] = decoder.push(bytes.subarray(bytes.length - 1))
    expect(second?.frame?.buffer).not.toBe(bytes.buffer)
    decoder.push(framed('something else, which must not overwrite it'))
    expect(texts([first, second])).toEqual(['whole', 'cut'])
    decoder.dispose()
  })

  test('takes more frames than the core has records for, and more bytes than it copies at a time', () => {
    const decoder = core.decoder(codec)
    const bodies = Array.from({ length: 50_000 }, (_, i) => String(i))
    expect(texts(decoder.push(framed(...bodies)))).toEqual(bodies)
    expect(decoder.pending).toBe(0)
    decoder.dispose()
  })

  test('takes nothing, and frames of nothing', () => {
    const decoder = core.decoder(codec)
    expect(decoder.push(new Uint8Array(0))).toEqual([])
    expect(texts(decoder.push(framed('', '')))).toEqual(['', ''])
    decoder.dispose()
  })

  test('frames of up to 8 MiB, however the stream is cut', () => {
    const random = new Random(SEED)
    const bodies = [1, 70_000, 8 << 20, 0, 65_532, 3 << 20].map((length) => random.bytes(length))
    const stream = framed(...bodies)
    for (const step of [1000, 65_536, 65_537, 1 << 20, stream.length]) {
      const decoder = core.decoder(codec)
      const results = []
      for (let at = 0; at < stream.length; at += step) results.push(...decoder.push(stream.subarray(at, at + step)))
      expect(results.length).toBe(bodies.length)
      for (const [i, body] of bodies.entries()) {
        expect(body.equals(results[i]?.frame as Uint8Array), `frame ${i} in steps of ${step}, seed ${SEED}`).toBe(true)
      }
      decoder.dispose()
    }
  })
})

describe('each', () => {
  test('hands out a flyweight that reads as bytes and as text', () => {
    const decoder = core.decoder(codec)
    const seen: string[] = []
    const frames = new Set<Frame<undefined>>()
    decoder.each(framed('äb', 'x'), {
      frame(frame) {
        frames.add(frame)
        const { length, bytes } = frame
        seen.push(`${length} ${bytes.length} ${frame} ${frame.toString('hex')} ${frame.toString('latin1')}`)
      },
    })
    expect(seen).toEqual(['3 3 äb c3a462 Ã¤b', '1 1 x 78 x'])
    expect(frames.size).toBe(1)
    decoder.dispose()
  })

  test('a handler may use the core: another decoder, another ring, an encoder', () => {
    const outer = core.decoder(codec)
    const inner = core.decoder(lengthField({ maxFrameLength: 1000, lengthFieldLength: 1, initialBytesToStrip: 1 }))
    const seen: string[] = []
    outer.each(framed('\x01a\x02bc', '\x01', 'd'), {
      frame(frame) {
        inner.each(frame.copy(), { frame: (small) => void seen.push(small.toString()) })
        core.encode(codec, 'x'.repeat(100))
        seen.push(`of ${frame.length}`)
      },
    })
    expect(seen).toEqual(['a', 'bc', 'of 5', 'of 1', 'd', 'of 1'])
    outer.dispose()
    inner.dispose()
  })

  test('unescaped words stay as they are while a handler decodes other words', () => {
    const outer = core.decoder(resp())
    const seen: string[] = []
    outer.each(Buffer.from('SET "aaaa" bb\r\n*1\r\n$4\r\nPING\r\nGET "cccc"\r\n'), {
      frame(frame) {
        for (const text of ['"xxxxxxxx" "y" z\r\n', "'zzzzzzzzzzz'\r\n"]) {
          const inner = core.decoder(resp())
          inner.each(Buffer.from(text), { frame: (f) => void seen.push(`inner ${f.partText(0)}`) })
          expect(() => outer.each(Buffer.from('PING\r\n'), { frame: () => undefined })).toThrow('at work')
          inner.dispose()
        }
        seen.push(Array.from({ length: frame.parts }, (_, i) => frame.partText(i)).join(' '))
      },
    })
    outer.dispose()
    const inner = ['inner xxxxxxxx', 'inner zzzzzzzzzzz']
    expect(seen).toEqual([...inner, 'SET aaaa bb', ...inner, 'PING', ...inner, 'GET cccc'])
    core.exports.heapCheck()
  })

  test('its own handler cannot push or dispose, and an error of the handler leaves it usable', () => {
    const decoder = core.decoder(codec)
    const state = { code: 'ERR_INVALID_STATE' }
    decoder.each(framed('a'), {
      frame() {
        expect(() => decoder.push(framed('b'))).toThrow(expect.objectContaining(state))
        expect(() => decoder.dispose()).toThrow(expect.objectContaining(state))
      },
    })
    const fail = (): never => {
      throw new Error('the handler has failed')
    }
    expect(() => decoder.each(framed('c'), { frame: fail })).toThrow('the handler has failed')
    expect(texts(decoder.push(framed('d')))).toEqual(['d'])
    decoder.dispose()
    expect(() => decoder.push(framed('e'))).toThrow(expect.objectContaining(state))
  })

  test('a handler that throws in a large push leaves the stream in step', () => {
    const decoder = core.decoder(codec)
    const body = 'x'.repeat(100_000)
    const fail = (): never => {
      throw new Error('the handler has failed')
    }
    const large = Buffer.concat([framed('a'), framed(body), framed(body), framed('b').subarray(0, 2)])
    expect(() => decoder.each(large, { frame: fail })).toThrow('the handler has failed')
    expect(texts(decoder.push(Buffer.concat([framed('b').subarray(2), framed('c')])))).toEqual(['b', 'c'])
    decoder.dispose()
  })

  test('errors come in their place', () => {
    const decoder = core.decoder(lengthField({ maxFrameLength: 6, lengthFieldLength: 4, initialBytesToStrip: 4 }))
    const seen: string[] = []
    decoder.each(framed('a', 'too long', 'b'), {
      frame: (frame) => void seen.push(frame.toString()),
      error: ({ code, length }) => void seen.push(`${code} ${length}`),
    })
    expect(seen).toEqual(['a', 'MILLRACE_ERR_FRAME_TOO_LONG 12', 'b'])
    decoder.dispose()
  })
})

describe('space and commit', () => {
  test('bring the rest of a large frame without a copy, and no byte beyond it', () => {
    const decoder = core.decoder(codec)
    const body = new Random(SEED).bytes(3 << 20)
    const bytes = framed(body)
    expect(decoder.space(10)).toBeUndefined()
    decoder.push(bytes.subarray(0, 100_000))
    const results = []
    let at = 100_000
    while (results.length === 0) {
      expect(decoder.wants).toBe(bytes.length - at)
      const space = decoder.space(40_000) as Uint8Array
      expect(space.length).toBe(Math.min(40_000, bytes.length - at))
      space.set(bytes.subarray(at, at + space.length))
      at += space.length
      results.push(...decoder.commit(space.length))
    }
    expect(at).toBe(bytes.length)
    expect(body.equals(results[0]?.frame as Uint8Array), `seed ${SEED}`).toBe(true)
    expect(() => decoder.commit(1)).toThrow(RangeError)
    decoder.dispose()
  })
})

describe('end', () => {
  test('reports what never became a frame, and nothing else, and nothing comes after it', () => {
    const decoder = core.decoder(codec)
    decoder.push(framed('abc').subarray(0, 6))
    expect(decoder.end()).toMatchObject([{ error: { code: 'MILLRACE_ERR_FRAME_INCOMPLETE', length: 6 } }])
    expect(decoder.push(framed('d'))).toEqual([])
    expect(decoder.end()).toEqual([])
    const clean = core.decoder(raw())
    clean.push(Buffer.from('x'))
    expect(clean.end()).toEqual([])
    clean.dispose()
    decoder.dispose()
  })
})

describe('memory', () => {
  test('a frame that does not fit the core ends its decoder with an error, and leaves the core whole', () => {
    const huge = lengthField({ maxFrameLength: 0x7fffffff, lengthFieldLength: 4 })
    const decoder = core.decoder(huge)
    const head = Buffer.alloc(4)
    head.writeUInt32BE(0x7ffffff0)
    const results = [...decoder.push(head)]
    const megabyte = Buffer.alloc(1 << 20)
    for (let i = 0; i < 200 && results.length === 0; i++) results.push(...decoder.push(megabyte))
    expect(results).toMatchObject([{ error: { code: 'MILLRACE_ERR_NO_MEMORY' } }])
    expect(decoder.push(megabyte)).toEqual([])
    decoder.dispose()
    const again = core.decoder(codec)
    expect(texts(again.push(framed('a')))).toEqual(['a'])
    again.dispose()
    core.exports.heapCheck()
  })

  test('a thousand decoders leave nothing behind', () => {
    core.decoder(codec).push(framed('warm'))
    const used = (): number => {
      const at = core.exports.alloc(1 << 20) >>> 0
      core.exports.free(at)
      return at
    }
    const before = used()
    for (let i = 0; i < 1000; i++) {
      const decoder = core.decoder(codec)
      decoder.push(framed('abcdef').subarray(0, 7))
      decoder.dispose()
    }
    expect(used()).toBe(before)
    core.exports.heapCheck()
  })
})

test('the smallest memory gathers frames of every size at once', () => {
  for (const build of ['core.wasm', 'core.baseline.wasm']) {
    const file = new URL(`../../../build/${build}`, import.meta.url)
    const small = instantiateCore(readFileSync(file), { memoryBytes: 4 << 20 })
    const lines = line({ maxLength: 1 << 20 })
    const sizes = Array.from({ length: 17 }, (_, i) => 3 << i)
    for (let round = 0; round < 3; round++) {
      const decoders = sizes.map(() => small.decoder(lines))
      for (const [i, size] of sizes.entries()) {
        const half = Buffer.alloc(size >> 1, 0x61 + i)
        for (const piece of [half.subarray(0, 1), half.subarray(1)]) expect(decoders[i]!.push(piece)).toEqual([])
      }
      for (const [i, size] of sizes.entries()) {
        const rest = Buffer.alloc(size - (size >> 1), 0x61 + i)
        const bytes = Buffer.alloc(size, 0x61 + i)
        const [result, ...more] = decoders[i]!.push(Buffer.concat([rest, Buffer.from('\n')]))
        expect(result?.frame && Buffer.compare(result.frame, bytes), `${size} bytes`).toBe(0)
        expect(more).toEqual([])
        decoders[i]!.dispose()
      }
      small.exports.heapCheck()
    }
  }
})

test('encode frames a message, and refuses what the codec has no frame for', () => {
  const small = lengthField({ maxFrameLength: 1000, lengthFieldLength: 1, lengthIncludesLengthField: true })
  expect(Buffer.from(core.encode(small, 'äb')).toString('hex')).toBe('04c3a462')
  expect(core.encode(small, new Uint8Array(254)).length).toBe(255)
  expect(() => core.encode(small, new Uint8Array(255))).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }))
  expect(Buffer.from(core.encode(raw(), 'x')).toString()).toBe('x')
})
