// Random streams of HTTP/1.1 requests and responses.
import fc from 'fast-check'
import { around, type Case, streamOf, textOf } from './streams-common.ts'

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

const FIELDS = [
  'Accept: */*',
  'x-a:b',
  'Empty:',
  'Cookie:  a=b; c="d"\t ',
  'Connection: keep-alive',
  'N: caf\xe9',
  'TE: x',
]
const BAD_FIELDS = [
  ...[
    'Host : a',
    'Host: a/b',
    'Host: b',
    'A b: c',
    ': c',
    'abc',
    ' folded',
    'A: b\0c',
    'A\0: b',
    'A: b\rc',
    'A: b\nB: c',
  ],
  ...['Content-Length: -1', 'Content-Length: +5', 'Content-Length: 5, 5', 'Content-Length: 99999999999999999999'],
  ...['Content-Length: 3', 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity', 'Transfer-Encoding : chunked'],
  ...['Transfer-Encoding: xchunked', 'Transfer-Encoding: chunked, chunked', 'Content-Length:'],
]
const BAD_REQUEST_LINES = [
  ...['get / HTTP/1.1', ' GET / HTTP/1.1', 'GET /a b HTTP/1.1', 'GET /\x01 HTTP/1.1', 'GET a.txt HTTP/1.1'],
  ...[
    'GET * HTTP/1.1',
    'GET / HTTP/2.0',
    'GET /x',
    'PRI * HTTP/2.0',
    '\x16\x03\x01',
    'GET / http/1.1',
    'GET / HTTP/1.x',
  ],
]
const BAD_CHUNKS = [
  'zz\r\n',
  '17 f\r\n',
  '\r\n',
  '3\nabc\r\n',
  '3\r\nabcd\r\n',
  '10000000000000003\r\nabc',
  '-1\r\n',
  '3\r\nabc\n',
]

const limits = {
  maxHeadBytes: fc.integer({ min: 1024, max: 2048 }),
  maxTargetBytes: fc.integer({ min: 64, max: 256 }),
  maxHeaders: fc.integer({ min: 6, max: 12 }),
}

const body = textOf(fc.nat(60), 'abc\r\n0;:')

const chunked = fc
  .tuple(
    fc.array(
      fc.tuple(textOf(fc.integer({ min: 1, max: 40 }), 'xyz\r\n'), fc.constantFrom('', '', ';a', ';a=b', ';a="b;c"')),
    ),
    fc.constantFrom('', '', 'X-Sum: 5\r\n', 'A: b\r\nC:\r\n'),
    fc.constantFrom(...Array(12).fill(''), ...BAD_CHUNKS),
    fc.constantFrom('0', '0', '000', '0;last'),
  )
  .map(([chunks, trailers, bad, last]) => {
    const sized = chunks.flatMap(([bytes, more], i) => {
      const size = i % 2 ? bytes.length.toString(16).toUpperCase() : `0${bytes.length.toString(16)}`
      return [latin1(`${size}${more}\r\n`), bytes, latin1('\r\n')]
    })
    return Buffer.concat([...sized, latin1(`${bad}${last}\r\n${trailers}\r\n`)])
  })

/** A message with this first line, these fields, and no body, one with a length, or chunks. */
function message(first: fc.Arbitrary<string>, given: string[], maxHeaders: number, maxHeadBytes: number) {
  const usual = fc.array(fc.constantFrom(...FIELDS), { maxLength: 3 })
  const many = around(maxHeaders - given.length - 1, maxHeaders + 3).map((count) => Array<string>(count).fill('A: b'))
  const large = around(maxHeadBytes - 60).map((length) => [`Big: ${'v'.repeat(length)}`])
  const bad = fc.tuple(usual, fc.constantFrom(...BAD_FIELDS)).map(([list, field]) => [...list, field])
  const fields = fc.oneof(
    { weight: 12, arbitrary: usual },
    { weight: 1, arbitrary: many },
    { weight: 1, arbitrary: large },
    { weight: 1, arbitrary: bad },
  )
  const withBody = fc.oneof(
    fc.constant({ field: [] as string[], bytes: Buffer.alloc(0) }),
    body.map((bytes) => ({ field: [`Content-Length: ${bytes.length}`], bytes })),
    chunked.map((bytes) => ({ field: ['Transfer-Encoding: chunked'], bytes })),
  )
  return fc.tuple(first, fields, withBody).map(([line, list, { field, bytes }]) => {
    const head = [line, ...given, ...list, ...field].map((text) => `${text}\r\n`).join('')
    return Buffer.concat([latin1(`${head}\r\n`), bytes])
  })
}

export const httpRequests: fc.Arbitrary<Case> = fc.record(limits).chain((options) => {
  const target = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('/', '/index.html?a=b', '/%20', 'http://a/b') },
    around(options.maxTargetBytes - 1).map((length) => `/${'t'.repeat(length)}`),
  )
  const method = fc.constantFrom('GET', 'POST', 'DELETE', 'PATCH')
  const good = fc.tuple(method, target).map(([name, path]) => `${name} ${path} HTTP/1.1`)
  const line = fc.oneof({ weight: 14, arbitrary: good }, fc.constantFrom(...BAD_REQUEST_LINES))
  const { maxHeaders, maxHeadBytes } = options
  const piece = fc.oneof(
    { weight: 14, arbitrary: message(line, ['Host: a:80'], maxHeaders, maxHeadBytes) },
    {
      weight: 1,
      arbitrary: message(fc.constant('GET / HTTP/1.0'), ['Connection: keep-alive'], maxHeaders, maxHeadBytes),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('GET / HTTP/1.1\r\n\r\n', '\r\n', 'OPTIONS * HTTP/1.1\r\nHost:a\r\n\r\n').map(latin1),
    },
  )
  return streamOf(piece, 4).map((stream) => ({ options, stream }))
})

export const httpResponses: fc.Arbitrary<Case> = fc
  .record({ maxHeadBytes: limits.maxHeadBytes, maxHeaders: limits.maxHeaders })
  .chain((options) => {
    const good = fc.constantFrom('HTTP/1.1 200 OK', 'HTTP/1.1 404 Not Found', 'HTTP/1.1 500 ', 'HTTP/1.0 200 OK')
    const bad = fc.constantFrom('HTTP/1.1 abc', 'HTTP/3 200 OK', 'http/1.1 200 OK', 'HTTP/1.1  200 OK')
    const line = fc.oneof({ weight: 14, arbitrary: good }, bad)
    const bodiless = fc
      .constantFrom('HTTP/1.1 204 No Content', 'HTTP/1.1 304 Not Modified', 'HTTP/1.1 100 Continue')
      .map((first) => latin1(`${first}\r\nA: b\r\n\r\n`))
    const piece = fc.oneof(
      { weight: 8, arbitrary: message(line, ['Server: x'], options.maxHeaders, options.maxHeadBytes) },
      { weight: 1, arbitrary: bodiless },
    )
    return streamOf(piece, 4).map((stream) => ({ options, stream }))
  })
