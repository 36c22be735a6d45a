// The RESP codec against the real redis-server: requests that one refuses the other does, in the same words; and every
// type of reply that Redis can make, in both protocols.
import { describe, expect, test } from 'vitest'
import { resp } from '../../src/core/codec/resp.ts'
import { encodeCommand } from '../../src/core/codec/resp-encode.ts'
import { RespAttributed, RespError, RespPush, type RespValue, RespVerbatim } from '../../src/core/codec/resp-value.ts'
import { instantiateCore } from '../../src/core/load.ts'
import { readCore } from '../../src/kernel/core-file.ts'
import { NO_REDIS, shared, startRedis, titled } from './harness.ts'
import { Wire } from './wire.ts'

const REFUSED = [
  ...['*3000000000\r\n', '*abc\r\n', '*01\r\n', '*1\r\n$-10\r\n', '*1\r\n$2000000000\r\n', '*1\r\n$blabla\r\n'],
  ...['*1\r\n$+4\r\n', '*1\r\n$04\r\n', '*1\r\n$-1\r\n', '*1\r\nfoo\r\n', '*1\r\n*1\r\n', 'GET "a\r\n', "GET 'a'b\r\n"],
  ...['x'.repeat(70_000), `*${'1'.repeat(70_000)}`, `*1\r\n$${'1'.repeat(70_000)}`],
]

const TYPES: Readonly<Record<string, readonly [resp2: unknown, resp3: unknown]>> = {
  string: [bytes('Hello World'), bytes('Hello World')],
  integer: [12345, 12345],
  double: [bytes('3.141'), Number('3.141')],
  null: [null, null],
  array: [
    [0, 1, 2],
    [0, 1, 2],
  ],
  set: [[0, 1, 2], new Set([0, 1, 2])],
  map: [
    [0, 0, 1, 1, 2, 0],
    new Map<number, unknown>([
      [0, false],
      [1, true],
      [2, false],
    ]),
  ],
  bignum: [bytes('1234567999999999999999999999999999999'), 1234567999999999999999999999999999999n],
  true: [1, true],
  false: [0, false],
  verbatim: [bytes('This is a verbatim\nstring'), new RespVerbatim('txt', bytes('This is a verbatim\nstring'))],
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text))
}

describe.skipIf(NO_REDIS)(titled('the RESP codec against redis-server', NO_REDIS), () => {
  const redis = shared(() => startRedis())
  const core = instantiateCore(readCore())

  test.each(REFUSED.map((stream) => [stream.slice(0, 30), stream] as const))(
    '%j is refused alike',
    async (_, stream) => {
      const decoder = core.decoder(resp())
      const errors = decoder.push(Buffer.from(stream)).map(({ error }) => error?.message)
      const wire = await Wire.open(redis().port)
      wire.write(stream)
      await wire.until(() => wire.closed)
      expect(wire.bytes().toString()).toBe(`-ERR ${errors.join()}\r\n`)
      wire.destroy()
    },
  )

  test.each(['POST / HTTP/1.1\r\n', 'Host: a\r\n', '*1\r\n$4\r\npOsT\r\n'])(
    '%j ends without an answer',
    async (stream) => {
      const [result] = core.decoder(resp()).push(Buffer.from(stream))
      expect(result!.error!.message).toContain('cross-protocol')
      const wire = await Wire.open(redis().port)
      wire.write(stream)
      expect(await wire.until(() => wire.closed)).toBe(true)
      expect(wire.length).toBe(0)
    },
  )

  test.each([2, 3] as const)('every type of reply, in RESP%i', async (version) => {
    const decoder = core.decoder(resp({ messages: 'replies', version }))
    const wire = await Wire.open(redis().port)
    let taken = 0
    const values: RespValue[] = []
    const call = async (...words: string[]): Promise<RespValue | undefined> => {
      wire.write(Buffer.from(encodeCommand(words)))
      const before = values.length
      await wire.until(() => {
        const fresh = wire.bytes().subarray(taken)
        taken += fresh.length
        for (const byte of fresh) values.push(...decoder.push(Uint8Array.of(byte)).map(({ message }) => message!))
        return values.length > before
      })
      return values.at(-1)
    }
    const hello = await call('HELLO', String(version))
    expect(version === 3 ? hello instanceof Map : Array.isArray(hello)).toBe(true)
    for (const [type, wanted] of Object.entries(TYPES)) {
      expect(await call('DEBUG', 'PROTOCOL', type), type).toEqual(wanted[version - 2])
    }
    expect(await call('NOSUCH')).toBeInstanceOf(RespError)
    if (version === 3) {
      expect(await call('DEBUG', 'PROTOCOL', 'attrib')).toBeInstanceOf(RespAttributed)
      await call('DEBUG', 'PROTOCOL', 'push')
      expect(values.some((value) => value instanceof RespPush)).toBe(true)
    }
    wire.destroy()
  })
})
