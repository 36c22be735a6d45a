// Spoils a stream: flips, splices, cuts, repeats, numbers off by one, and words its protocol takes seriously.
import type { Random } from '../system/random.ts'
import type { Name } from '../twins/index.ts'

const STREAM_BYTES_MAX = 3000

const NUMBERS = ['0', '-1', '1', '00', '9', '10', '127', '255', '256', '65535', '65536', '2147483647', '4294967296']
const HUGE = ['9223372036854775807', '18446744073709551616', '99999999999999999999', '-9223372036854775808', '+1']
const LINE_ENDS = ['\r', '\n', '\r\n', '\r\r\n', '\n\r', '\r\n\r\n', '\0', ' ', '\t', '\xff']
const RESP = ['*1\r\n', '*0\r\n', '*-1\r\n', '$0\r\n\r\n', '$-1\r\n', '*', '$', '"', "'", '\\x41', 'POST', 'Host:']
const RESP3 = [
  '%1\r\n',
  '|1\r\n',
  '~1\r\n',
  '>1\r\n',
  '_\r\n',
  '#t\r\n',
  ',nan\r\n',
  '(1\r\n',
  '=4\r\ntxt:\r\n',
  '!1\r\n',
]
const MEMCACHED = ['get ', 'set a 0 0 1\r\n', 'noreply', 'ms a 1\r\n', 'mn\r\n', 'cas ', 'a b c ', 'incr a 1\r\n']
const HTTP = [
  ...['GET / HTTP/1.1\r\n', 'Host: a\r\n', 'Content-Length: 1\r\n', 'Transfer-Encoding: chunked\r\n', 'HTTP/1.0', ':'],
  ...['0\r\n\r\n', '1\r\nx\r\n', ';a=b', 'Connection: close\r\n', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 204 X\r\n\r\n'],
]
const BYTES = ['\x00\x00\x00\x00', '\xff\xff\xff\xff', '\x80\x00', '\x7f', '\x80\x80\x80\x80\x08', '\x00\x01']

const WORDS: Readonly<Record<Name, readonly string[]>> = {
  line: [],
  delimiter: ['$_', '$', 'ab', 'abc', 'aa', '--b--', '-'.repeat(63)],
  fixed: [],
  'length-field': BYTES,
  varint32: BYTES,
  'resp-requests': RESP,
  'resp-replies': [...RESP, ...RESP3],
  memcached: MEMCACHED,
  'http1-requests': HTTP,
  'http1-responses': HTTP,
}

function splice(stream: Buffer, at: number, drop: number, insert: Uint8Array): Buffer {
  return Buffer.concat([stream.subarray(0, at), insert, stream.subarray(at + drop)])
}

function once(random: Random, name: Name, stream: Buffer, other: Buffer): Buffer {
  const at = random.below(stream.length + 1)
  const length = 1 + random.below(random.chance(0.2) ? 200 : 8)
  switch (random.below(9)) {
    case 0: {
      if (stream.length === 0) return stream
      const changed = Buffer.from(stream)
      const place = at % stream.length
      changed[place] = changed[place]! ^ (1 << random.below(8))
      return changed
    }
    case 1:
      return splice(stream, at, 1, random.bytes(1))
    case 2:
      return splice(stream, at, length, Buffer.alloc(0))
    case 3: // again
      return splice(stream, at, 0, stream.subarray(at, at + length))
    case 4: {
      const from = random.below(other.length + 1)
      return Buffer.concat([stream.subarray(0, at), other.subarray(from)])
    }
    case 5: {
      const words = [...WORDS[name], ...LINE_ENDS]
      return splice(stream, at, random.chance(0.5) ? 0 : length, Buffer.from(random.pick(words), 'latin1'))
    }
    case 6: {
      const numbers = [...stream.toString('latin1').matchAll(/[0-9]+/g)]
      if (numbers.length === 0) return stream
      const { index, 0: text } = random.pick(numbers)
      const near = String(Number(text) + random.between(-2, 2))
      const by = random.chance(0.6) ? near : random.pick(random.chance(0.7) ? NUMBERS : HUGE)
      return splice(stream, index, text.length, Buffer.from(by))
    }
    case 7: // a run of one byte, as long as limits are
      return splice(stream, at, 0, Buffer.alloc(random.below(300), stream[at] ?? 0x61))
    default:
      return stream.subarray(0, at)
  }
}

/** `stream` changed a few times, with parts of `other`. */
export function mutate(random: Random, name: Name, stream: Buffer, other: Buffer): Buffer {
  let out = stream
  for (let times = 1 + random.below(4); times > 0; times--) out = once(random, name, out, other)
  return Buffer.from(out.subarray(0, STREAM_BYTES_MAX))
}
