// The RESP encoder as the mirror of the reply decoder, and what it refuses.
import { expect, test } from 'vitest'
import { type RespOptions, resp } from '../../../src/core/codec/resp.ts'
import { encodeCommand, encodeReply } from '../../../src/core/codec/resp-encode.ts'
import {
  RespAttributed,
  RespError,
  RespPush,
  type RespValue,
  RespVerbatim,
} from '../../../src/core/codec/resp-value.ts'
import type { Result } from '../../../src/core/decoder.ts'
import { instantiateCore } from '../../../src/core/load.ts'
import { readCore } from '../../../src/kernel/core-file.ts'
import { Random, SEED } from '../../system/random.ts'
import { cuts } from './support.ts'

const core = instantiateCore(readCore())

type Options = Omit<RespOptions, 'messages'>

function decode(chunks: readonly Buffer[], options: Options = {}): Result<RespValue>[] {
  const decoder = core.decoder(resp({ ...options, messages: 'replies' }))
  const results = chunks.flatMap((chunk) => decoder.push(chunk))
  results.push(...decoder.end())
  decoder.dispose()
  return results
}

function value(random: Random, depth = 0): RespValue {
  const many = (): RespValue[] => Array.from({ length: random.below(4) }, () => value(random, depth + 1))
  const text = (): string => random.bytes(random.below(9)).toString('base64')
  switch (random.below(depth > 3 ? 10 : 15)) {
    case 0:
      return text()
    case 1:
      return random.pick([0, 1, -5, 2 ** 53 - 1, 1.5, -0, 1e300, Infinity, -Infinity, NaN])
    case 2:
      return random.pick([5n, -(2n ** 60n), 2n ** 63n, -(10n ** 30n)])
    case 3:
      return random.chance(0.5)
    case 4:
      return null
    case 5:
      return new RespError(`ERR ${text()}`)
    case 6:
      return new RespError('ERR two\r\nlines')
    case 7:
      return new RespVerbatim('txt', Uint8Array.from(random.bytes(random.below(20))))
    case 8:
    case 9:
      return Uint8Array.from(random.bytes(random.below(40)))
    case 10:
      return new Map(many().map((key) => [key, value(random, depth + 1)]))
    case 11:
      return new Set(many())
    case 12:
      return new RespAttributed(new Map([[text(), value(random, depth + 1)]]), value(random, depth + 1))
    case 13:
      return depth === 0 ? new RespPush(many()) : many()
    default:
      return many()
  }
}

test(`the encoder is the decoder's mirror (MILLRACE_SEED=${SEED})`, () => {
  for (let round = 0; round < 500; round++) {
    const random = new Random(SEED + round)
    const values = Array.from({ length: random.between(1, 4) }, () => value(random))
    const stream = Buffer.concat(values.map((one) => encodeReply(one, 3)))
    expect(decode(cuts(random, stream)).map(({ message }) => message)).toEqual(values)
    // RESP2 has fewer types, but every value has a form there
    const old = decode(cuts(random, Buffer.concat(values.map((one) => encodeReply(one, 2)))), { version: 2 })
    expect(old.map(({ error }) => error)).toEqual(values.map(() => undefined))
  }
})

test('the encoder never lets a text break a line, and refuses what it cannot say', () => {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
  expect(text(encodeReply('a\r\n+b'))).toBe('$5\r\na\r\n+b\r\n')
  expect(text(encodeReply(new RespError('ERR a\r\nb')))).toBe('-ERR a  b\r\n')
  expect(text(encodeReply(new Map([['a', true]])))).toBe('*2\r\n+a\r\n:1\r\n')
  expect(text(encodeReply(1.5))).toBe('$3\r\n1.5\r\n')
  expect(text(encodeCommand(['SET', 'k', Uint8Array.of(0), 5]))).toBe(
    '*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n\0\r\n$1\r\n5\r\n',
  )
  for (const wrong of [undefined, {}, [[new RespPush([])]], new RespVerbatim('text', new Uint8Array(0))]) {
    expect(() => encodeReply(wrong as RespValue, 3)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
  }
  expect(() => encodeCommand([])).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
})
