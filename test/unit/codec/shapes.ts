// Streams that cost a careless decoder more than their bytes, by length, and one ordinary frame of each decoder.
import type { Name } from '../../twins/index.ts'

export interface Shape {
  readonly name: Name
  readonly title: string
  readonly options: object
  /** A stream of nearly `bytes` bytes. */
  readonly make: (bytes: number) => Buffer
  /** Where the decoder's own limits end the shape. */
  readonly bytesMax?: number
  /** Nothing comes of it: no frame, and no error at the end. */
  readonly silent?: boolean
}

const FRAME_MAX = 1 << 22

/** `head`, and after it as many `piece`s as there is room for. */
function flood(piece: string, head = ''): (bytes: number) => Buffer {
  const repeated = Buffer.from(piece, 'latin1')
  return (bytes) => {
    const count = Math.floor((bytes - head.length) / repeated.length)
    return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.alloc(count * repeated.length, repeated)])
  }
}

const line = { maxLength: FRAME_MAX }
const delimited = (...delimiters: string[]): object => ({ delimiters, maxFrameLength: FRAME_MAX })
const field = { lengthFieldLength: 4, maxFrameLength: FRAME_MAX }
const http = { maxHeadBytes: 64 << 10, maxHeaders: 1000 }
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n'
const INLINE_MAX = 64 << 10
const LINE_MAX = 2048
const DEEP = 127

export const SHAPES: readonly Shape[] = [
  { name: 'line', title: 'a line that never ends', options: line, make: flood('a') },
  { name: 'line', title: 'carriage returns', options: line, make: flood('\r') },
  { name: 'line', title: 'empty lines', options: line, make: flood('\n') },
  { name: 'line', title: 'lines too long', options: { maxLength: 8 }, make: flood('123456789\n') },
  { name: 'line', title: 'a line too long that never ends', options: { maxLength: 8 }, make: flood('a') },
  { name: 'delimiter', title: 'a frame that never ends', options: delimited('\n'), make: flood('a') },
  { name: 'delimiter', title: 'beginnings alone', options: delimited(`${'a'.repeat(63)}b`), make: flood('a') },
  { name: 'delimiter', title: 'long beginnings', options: delimited('aaaaaaab'), make: flood('aaaaaaac') },
  { name: 'delimiter', title: 'two that overlap', options: delimited('aab', 'aba', 'aaaaab'), make: flood('aac') },
  { name: 'delimiter', title: 'delimiters alone', options: delimited('$_'), make: flood('$_') },
  { name: 'fixed', title: 'single bytes', options: { frameLength: 1 }, make: flood('a') },
  { name: 'fixed', title: 'one large frame', options: { frameLength: FRAME_MAX }, make: flood('a') },
  { name: 'length-field', title: 'empty frames', options: field, make: flood('\0\0\0\0') },
  { name: 'length-field', title: 'one large frame', options: field, make: flood('a', '\0\x30\0\0') },
  {
    name: 'length-field',
    title: 'frames too long',
    options: { ...field, maxFrameLength: 8 },
    make: flood('\0\0\0\x05abcde'),
  },
  { name: 'varint32', title: 'empty frames', options: { maxFrameLength: FRAME_MAX }, make: flood('\0') },
  { name: 'varint32', title: 'long prefixes', options: { maxFrameLength: 9 }, make: flood('\x81\x80\x80\x80\0a') },
  {
    name: 'varint32',
    title: 'one large frame',
    options: { maxFrameLength: FRAME_MAX },
    make: flood('a', '\x80\x80\x80\x01'),
  },
  { name: 'resp-requests', title: 'dollars', options: {}, make: flood('$'), bytesMax: INLINE_MAX },
  { name: 'resp-requests', title: 'words', options: {}, make: flood('a '), bytesMax: INLINE_MAX },
  { name: 'resp-requests', title: 'quotes', options: {}, make: flood('"\\x41" '), bytesMax: INLINE_MAX },
  { name: 'resp-requests', title: 'short lines', options: {}, make: flood('a\n') },
  { name: 'resp-requests', title: 'empty lines', options: {}, make: flood('\r\n'), silent: true },
  { name: 'resp-requests', title: 'empty arrays', options: {}, make: flood('*0\r\n'), silent: true },
  { name: 'resp-requests', title: 'arguments without end', options: {}, make: flood('$0\r\n\r\n', '*1000000\r\n') },
  { name: 'resp-requests', title: 'one large argument', options: {}, make: flood('a', '*1\r\n$4000000\r\n') },
  {
    name: 'resp-requests',
    title: 'a count that does not end',
    options: {},
    make: flood('1', '*'),
    bytesMax: INLINE_MAX,
  },
  {
    name: 'resp-replies',
    title: 'numbers without end',
    options: { version: 3 },
    make: flood(':1\r\n', '*1000000\r\n'),
  },
  {
    name: 'resp-replies',
    title: 'nested as deep as allowed',
    options: { version: 3 },
    make: flood(`${'*1\r\n'.repeat(DEEP)}*0\r\n`),
  },
  {
    name: 'resp-replies',
    title: 'nested wide and deep',
    options: { version: 3 },
    make: flood(`${'*2\r\n:1\r\n'.repeat(DEEP)}*0\r\n`, '*100000\r\n'),
  },
  { name: 'resp-replies', title: 'attributes without end', options: { version: 3 }, make: flood('|0\r\n') },
  {
    name: 'resp-replies',
    title: 'a simple string',
    options: { version: 3 },
    make: flood('a', '+'),
    bytesMax: INLINE_MAX,
  },
  { name: 'resp-replies', title: 'one large string', options: { version: 3 }, make: flood('a', '$4000000\r\n') },
  { name: 'resp-replies', title: 'short replies', options: { version: 3 }, make: flood('_\r\n') },
  { name: 'memcached', title: 'keys', options: { maxLine: LINE_MAX }, make: flood('a ', 'get '), bytesMax: LINE_MAX },
  { name: 'memcached', title: 'blanks', options: { maxLine: LINE_MAX }, make: flood(' '), bytesMax: LINE_MAX },
  { name: 'memcached', title: 'empty lines', options: {}, make: flood('\n') },
  { name: 'memcached', title: 'short commands', options: {}, make: flood('mn\r\n') },
  { name: 'memcached', title: 'empty values', options: {}, make: flood('set a 0 0 0\r\n\r\n') },
  { name: 'memcached', title: 'bad chunks', options: {}, make: flood('set a 0 0 1\r\nxyz') },
  { name: 'memcached', title: 'one large value', options: {}, make: flood('a', 'set a 0 0 1000000\r\n') },
  {
    name: 'http1-requests',
    title: 'fields',
    options: http,
    make: flood(`A: ${'b'.repeat(100)}\r\n`, GET),
    bytesMax: 60_000,
  },
  { name: 'http1-requests', title: 'one long field', options: http, make: flood('b', `${GET}A: `), bytesMax: 60_000 },
  { name: 'http1-requests', title: 'blanks', options: http, make: flood(' ', `${GET}A: `), bytesMax: 60_000 },
  { name: 'http1-requests', title: 'a long target', options: http, make: flood('b', 'GET /'), bytesMax: 8000 },
  { name: 'http1-requests', title: 'pipelined', options: http, make: flood(`${GET}\r\n`) },
  { name: 'http1-requests', title: 'tiny chunks', options: http, make: flood('1\r\nx\r\n', POST) },
  { name: 'http1-requests', title: 'one large chunk', options: http, make: flood('x', `${POST}400000\r\n`) },
  { name: 'http1-responses', title: 'until the end', options: http, make: flood('x', 'HTTP/1.1 200 OK\r\n\r\n') },
  { name: 'http1-responses', title: 'no bodies', options: http, make: flood('HTTP/1.1 204 No Content\r\n\r\n') },
]

const text = (latin1: string): Buffer => Buffer.from(latin1, 'latin1')
const BODY = 'x'.repeat(64)

export const ONE_FRAME: Readonly<Record<Name, { readonly options: object; readonly frame: Buffer }>> = {
  line: { options: line, frame: text(`${BODY}\r\n`) },
  delimiter: { options: delimited('$_'), frame: text(`${BODY}$_`) },
  fixed: { options: { frameLength: 64 }, frame: text(BODY) },
  'length-field': { options: field, frame: text(`\0\0\0\x40${BODY}`) },
  varint32: { options: { maxFrameLength: 100 }, frame: text(`\x40${BODY}`) },
  'resp-requests': { options: {}, frame: text(`*2\r\n$3\r\nGET\r\n$64\r\n${BODY}\r\n`) },
  'resp-replies': { options: { version: 3 }, frame: text(`*2\r\n:1\r\n$64\r\n${BODY}\r\n`) },
  memcached: { options: {}, frame: text(`set a 0 0 64\r\n${BODY}\r\n`) },
  'http1-requests': { options: http, frame: text(`GET /${BODY} HTTP/1.1\r\nHost: a\r\n\r\n`) },
  'http1-responses': { options: http, frame: text(`HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n${BODY}`) },
}
