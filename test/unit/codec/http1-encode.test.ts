// What HTTP/1.1 is written with: it is read as what it was given as, and nothing slips through it.
import { expect, test } from 'vitest'
import { http1 } from '../../../src/core/codec/http1.ts'
import {
  encodeChunk,
  encodeLastChunk,
  encodeRequestHead,
  encodeResponseHead,
} from '../../../src/core/codec/http1-encode.ts'
import { core, decode } from './http1-support.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

test('heads and chunks', () => {
  expect(text(encodeRequestHead({ method: 'GET', target: '/', headers: { Host: 'a', Accept: ['b', 'c'] } }))).toBe(
    'GET / HTTP/1.1\r\nHost: a\r\nAccept: b\r\nAccept: c\r\n\r\n',
  )
  expect(text(encodeResponseHead({ status: 404, version: '1.0', headers: [['Content-Length', 0]] }))).toBe(
    'HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n',
  )
  expect(text(encodeResponseHead({ status: 299, reason: 'caf\xe9' }))).toBe('HTTP/1.1 299 caf\xe9\r\n\r\n')
  expect(text(encodeResponseHead({ status: 299 }))).toBe('HTTP/1.1 299 \r\n\r\n')
  expect(text(encodeChunk('\xe9'.repeat(8)))).toBe(`10\r\n${'\xc3\xa9'.repeat(8)}\r\n`)
  expect(text(encodeChunk(new Uint8Array(0)))).toBe('')
  expect(text(encodeLastChunk())).toBe('0\r\n\r\n')
  expect(text(encodeLastChunk([['A', 'b']]))).toBe('0\r\nA: b\r\n\r\n')
})

test('what was written is read as it was given', () => {
  const headers: [string, string][] = [
    ['Host', 'a'],
    ['Transfer-Encoding', 'chunked'],
    ['X', '\x80\xff "\t'.trim()],
  ]
  const parts = [
    encodeRequestHead({ method: 'POST', target: '/a?b', headers }),
    encodeChunk('hello'),
    encodeChunk(''),
    encodeChunk(' world'),
    encodeLastChunk({ A: 'b' }),
  ]
  const events = decode([Buffer.concat(parts)], http1())
  expect(events).toMatchObject([
    { method: 'POST', target: '/a?b', headers, chunked: true },
    { data: 'hello world' },
    { type: 'trailers', headers: [['A', 'b']] },
    { type: 'end' },
  ])
  expect(core.encode(http1(), parts[0] as Uint8Array)).toEqual(parts[0])
})

const BAD = ['\r', '\n', '\0', '\r\nX: y', '\x7f', '\u{100}', '\x1f']

test.each(BAD)('%j is refused everywhere', (bad) => {
  const invalid = { code: 'ERR_INVALID_ARG_VALUE' }
  const at = (write: () => unknown) => expect(write)
  at(() => encodeRequestHead({ method: `A${bad}`, target: '/' })).toThrow(expect.objectContaining(invalid))
  at(() => encodeRequestHead({ method: 'A', target: `/${bad}` })).toThrow(expect.objectContaining(invalid))
  at(() => encodeRequestHead({ method: 'A', target: '/', headers: { [`a${bad}`]: 'b' } })).toThrow(
    expect.objectContaining(invalid),
  )
  const char = { code: 'ERR_INVALID_CHAR' }
  at(() => encodeRequestHead({ method: 'A', target: '/', headers: { a: `b${bad}c` } })).toThrow(
    expect.objectContaining(char),
  )
  at(() => encodeResponseHead({ status: 200, reason: `b${bad}c` })).toThrow(expect.objectContaining(char))
  at(() => encodeLastChunk([['a', `b${bad}`]])).toThrow(expect.objectContaining(char))
})

test('what contradicts itself is refused', () => {
  const refuse = (write: () => unknown) =>
    expect(write).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
  refuse(() => encodeRequestHead({ method: 'get', target: '/' }))
  refuse(() => encodeRequestHead({ method: '', target: '/' }))
  refuse(() => encodeRequestHead({ method: 'A', target: '' }))
  refuse(() => encodeRequestHead({ method: 'A', target: '/ b' }))
  refuse(() => encodeRequestHead({ method: 'A', target: '/', version: '2.0' as '1.1' }))
  refuse(() => encodeRequestHead({ method: 'A', target: '/', headers: { '': 'b' } }))
  refuse(() => encodeResponseHead({ status: 99 }))
  refuse(() => encodeResponseHead({ status: 200, headers: { 'Content-Length': -1 } }))
  refuse(() => encodeResponseHead({ status: 200, headers: { 'content-length': ['1', '1'] } }))
  refuse(() => encodeResponseHead({ status: 200, headers: { 'Content-Length': 1, 'transfer-encoding': 'chunked' } }))
  refuse(() => encodeLastChunk({ 'Content-Length': 1 }))
})
