// The HTTP/1.1 decoder case by case: what is refused, with which status; what is taken, and as what. Every case in
// every cut, byte by byte, and without SIMD.
import { describe, expect, test } from 'vitest'
import { type Http1Options, http1 } from '../../../src/core/codec/http1.ts'
import type { Codec } from '../../../src/core/index.ts'
import { brief, cores, decode, type Event, type How, latin1, lines, statusOf } from './http1-support.ts'
import { everyCut } from './support.ts'

/** The stream's events, which no cut and no build changes. */
function all(text: string, codec: Codec<unknown>, how: How = {}): Event[] {
  const stream = latin1(text)
  const whole = decode([stream], codec, how)
  const wanted = JSON.stringify(whole)
  const cuts = text.length > 1000 ? [Array.from(stream, (_, i) => stream.subarray(i, i + 1))] : everyCut(stream)
  for (const [name, core] of cores) {
    for (const chunks of [[stream], ...cuts]) {
      const got = decode(chunks, codec, { ...how, core })
      if (JSON.stringify(got) !== wanted) {
        expect(got, `${name}, ${JSON.stringify(text)} as ${chunks.map((chunk) => chunk.length)}`).toEqual(whole)
      }
    }
  }
  return whole
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: a\r\n'
const chunks = (body: string): string => `${POST}Transfer-Encoding: chunked\r\n\r\n${body}`

const refused: readonly [status: number, why: RegExp, text: string][] = [
  [400, /no Host/, lines('GET / HTTP/1.1')],
  [400, /no Host/, lines('GET http://a/ HTTP/1.1', 'X-Host: a')],
  [400, /more than one Host/, lines('GET / HTTP/1.1', 'Host: a', 'Host: a')],
  [400, /more than one Host/, lines('GET / HTTP/1.0', 'Host: a', 'host: a')],
  [400, /Host is not/, lines('GET / HTTP/1.1', 'Host: a/b')],
  [400, /Host is not/, lines('GET / HTTP/1.1', 'Host: a b')],
  [400, /Host is not/, lines('GET / HTTP/1.1', 'Host: u@a')],
  [400, /Host is not/, lines('GET / HTTP/1.1', 'Host: a:b')],
  [400, /Host is not/, lines('GET / HTTP/1.1', 'Host: a:1:2')],
  [400, /Host is not/, lines('GET / HTTP/1.1', 'Host: [::1')],
  [400, /Host is not/, lines('GET / HTTP/1.1', 'Host: []')],
  [400, /Host is not/, lines('GET / HTTP/1.1', 'Host: a%zz')],
  [400, /Host is not/, lines('GET / HTTP/1.1', 'Host: a%4')],
  [400, /Host is not/, lines('GET / HTTP/1.1', 'Host: a,b\\')],
  [400, /Host is not/, lines('GET / HTTP/1.1', 'Host: \xe4')],
  [400, /before its colon/, lines('GET / HTTP/1.1', 'Host : a')],
  [400, /before its colon/, lines('GET / HTTP/1.1', 'Host\t: a')],
  [400, /before its colon/, lines('GET / HTTP/1.1', 'Host: a', 'Content-Length : 5')],
  [400, /more than one Content-Length/, lines('POST / HTTP/1.1', 'Host: a', 'Content-Length: 5', 'Content-Length: 6')],
  [400, /more than one Content-Length/, lines('POST / HTTP/1.1', 'Host: a', 'Content-Length: 5', 'CONTENT-LENGTH: 5')],
  ...['-1', '+5', '5, 5', '5,5', '', '0x5', '5 5', '1e3', '5;', '12345678901234567890'].map(
    (length) => [400, /not a number/, `${POST}Content-Length: ${length}\r\n\r\n`] as [number, RegExp, string],
  ),
  [400, /both/, `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`],
  [400, /both/, `${POST}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n`],
  ...['identity', 'chunked, chunked', 'gzip, chunked', 'chunked, gzip', 'xchunked', 'chunkedx', '', 'chunked;q=1'].map(
    (coding) => [501, /not chunked/, `${POST}Transfer-Encoding: ${coding}\r\n\r\n`] as [number, RegExp, string],
  ),
  [400, /control/, `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n`],
  [400, /before its colon/, `${POST}Transfer-Encoding : chunked\r\n\r\n`],
  [400, /more than one Transfer-Encoding/, `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`],
  [400, /folded/, `${POST}Transfer-Encoding: chunked\r\n , identity\r\n\r\n`],
  [400, /in HTTP\/1.0/, lines('POST / HTTP/1.0', 'Transfer-Encoding: chunked')],
  [400, /a CONNECT has a body/, lines('CONNECT a:1 HTTP/1.1', 'Host: a', 'Content-Length: 1')],
  [400, /a CONNECT has a body/, lines('CONNECT a:1 HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked')],
  // chunks
  [400, /size of a chunk/, chunks('zz\r\n')],
  [400, /size of a chunk/, chunks('17 f\r\n')],
  [400, /size of a chunk/, chunks('+5\r\nhello\r\n')],
  [400, /size of a chunk/, chunks('-5\r\nhello\r\n')],
  [400, /size of a chunk/, chunks('0x5\r\nhello\r\n')],
  [400, /size of a chunk/, chunks(' 5\r\nhello\r\n')],
  [400, /size of a chunk/, chunks('\r\nhello\r\n')],
  [400, /size of a chunk/, chunks(';a=b\r\n')],
  [400, /size of a chunk/, chunks('5 \r\nhello\r\n')],
  [400, /size of a chunk/, chunks('00000000000000005\r\nhello\r\n')],
  [400, /size of a chunk/, chunks('20000000000000\r\n')],
  [400, /size of a chunk/, chunks('fffffffffffffffff\r\n')],
  [400, /without a carriage return/, chunks('5\nhello\r\n')],
  [400, /not followed by a line feed/, chunks('5\rhello\r\n')],
  [400, /not followed by a line end/, chunks('5\r\nhello\n0\r\n\r\n')],
  [400, /not followed by a line end/, chunks('5\r\nhello\rX')],
  [400, /not followed by a line end/, chunks('5\r\nhello!\r\n')],
  [400, /without a carriage return/, chunks('0\r\n\n')],
  [400, /not followed by a line feed/, chunks('0\r\n\rX')],
  [400, /without a carriage return/, chunks('5;a=b\nhello\r\n')],
  [400, /without a carriage return/, chunks('5;a="b\nc"\r\nhello\r\n')],
  [400, /extension/, chunks('5;a="b\rc"\r\nhello\r\n')],
  ...['5;', '5;=b', '5;a=', '5;a=b c', '5;a="b', '5;a="b"c', '5;a="\\', '5;a b', '5;a\0', '5; ;', '5;a '].map(
    (line) => [400, /extension|without a/, chunks(`${line}\r\n`)] as [number, RegExp, string],
  ),
  [400, /before its colon/, chunks('0\r\nX : y\r\n\r\n')],
  [400, /folded/, chunks('0\r\nX: y\r\n z\r\n\r\n')],
  // fields
  [400, /folded/, lines('GET / HTTP/1.1', 'Host: a', ' b')],
  [400, /folded/, lines('GET / HTTP/1.1', '\tHost: a')],
  [400, /control/, lines('GET / HTTP/1.1', 'Host: a', 'X: a\0b')],
  [400, /control/, lines('GET / HTTP/1.1', 'Host: a', 'X: a\x7fb')],
  [400, /not followed by a line feed/, lines('GET / HTTP/1.1', 'Host: a\rX: b')],
  [400, /no token/, lines('GET / HTTP/1.1', 'Host: a', 'X\0: b')],
  [400, /no token/, lines('GET / HTTP/1.1', 'Host: a', 'X(: b')],
  [400, /no token/, lines('GET / HTTP/1.1', 'Host: a', '\xe4: b')],
  [400, /no name/, lines('GET / HTTP/1.1', 'Host: a', ': b')],
  [400, /no colon/, lines('GET / HTTP/1.1', 'Host: a', 'nothing')],
  [400, /no colon/, 'GET / HTTP/1.1\r\nHost: a\r\nnothing\nX: y\r\n\r\n'],
  [400, /without a carriage return/, 'GET / HTTP/1.1\nHost: a\n\n'],
  [400, /without a carriage return/, 'GET / HTTP/1.1\r\nHost: a\n\r\n'],
  [400, /without a carriage return/, 'GET / HTTP/1.1\r\nHost: a\r\n\n'],
  [400, /without a carriage return/, '\nGET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  [400, /not followed by a line feed/, '\rGET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  [400, /not followed by a line feed/, 'GET / HTTP/1.1\r\nHost: a\r\n\rX'],
  [400, /empty lines/, `${'\r\n'.repeat(5)}${GET}\r\n`],
  // the first line
  [400, /method/, lines('get / HTTP/1.1', 'Host: a')],
  [400, /method/, lines('Get / HTTP/1.1', 'Host: a')],
  [400, /method/, lines(' GET / HTTP/1.1', 'Host: a')],
  [400, /method/, lines('G(T / HTTP/1.1', 'Host: a')],
  [400, /one blank between/, lines('GET  / HTTP/1.1', 'Host: a')],
  [400, /version/, lines('GET / _HTTP/1.1', 'Host: a')],
  [400, /one blank between/, lines('GET /  HTTP/1.1', 'Host: a')],
  [400, /one blank between/, lines('GET / HTTP/1.1 ', 'Host: a')],
  [400, /one blank between/, 'GET /x\r\n'],
  [400, /one blank between/, 'GET\r\n'],
  [400, /version/, lines('GET /a b HTTP/1.1', 'Host: a')],
  [400, /target has/, lines('GET /\x01 HTTP/1.1', 'Host: a')],
  [400, /target has/, lines('GET /\x7f HTTP/1.1', 'Host: a')],
  [400, /target has/, lines('GET /\t HTTP/1.1', 'Host: a')],
  [400, /target has/, lines('GET /\xc3\xa4 HTTP/1.1', 'Host: a')],
  ...['a.txt', '*', 'http:/a', 'http:///a', 'http://', 'a:80', '?', '%2f', '1http://a/'].map(
    (target): [number, RegExp, string] => [400, /does not go/, lines(`GET ${target} HTTP/1.1`, 'Host: a')],
  ),
  [400, /does not go/, lines('OPTIONS ** HTTP/1.1', 'Host: a')],
  ...['/', 'a', 'a:', ':1', 'http://a/', '*', 'a:b', 'a/b:1'].map((target): [number, RegExp, string] => [
    400,
    /does not go/,
    lines(`CONNECT ${target} HTTP/1.1`, 'Host: a'),
  ]),
  [505, /major/, lines('GET / HTTP/2.0', 'Host: a')],
  [505, /major/, lines('GET / HTTP/3.1')],
  [400, /version/, lines('GET / HTTP/0.9', 'Host: a')],
  ...['HTTP/1.10', 'HTTP/11.1', 'http/1.1', 'HTTP/1', 'HTTP/1.', 'HTTP/1.x', 'HTTPS/1.1'].map(
    (version): [number, RegExp, string] => [400, /version/, lines(`GET / ${version}`, 'Host: a')],
  ),
  [400, /does not go/, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  [400, /method/, '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
  [400, /method/, '\x80\x2e\x01\x03\x01'],
]

test.each(refused)('%i, %s: %j', (status, why, text) => {
  const events = all(text, http1())
  const last = events.at(-1) as { error: { code: string; status: number; message: string } }
  expect(last.error).toMatchObject({ code: 'MILLRACE_ERR_HTTP', status })
  expect(last.error.message).toMatch(why)
  // of a body, what came before it is delivered; of a head nothing
  const before = brief(events.slice(0, -1)).filter((event) => event !== 'POST' && !event.startsWith('"'))
  expect(before).toEqual([])
  // nothing behind it is looked at
  expect(decode([latin1(`${text}${GET}\r\n`), latin1(`${GET}\r\n`)], http1()).at(-1)).toEqual(last)
})

const taken: readonly [text: string, events: string[]][] = [
  [`${GET}\r\n${GET}\r\n`, ['GET', 'end', 'GET', 'end']],
  [`\r\n\r\n\r\n\r\n${GET}\r\n\r\n${GET}\r\n`, ['GET', 'end', 'GET', 'end']],
  [`${GET}Content-Length: 3\r\n\r\nabc${GET}\r\n`, ['GET', '"abc"', 'end', 'GET', 'end']],
  [`${POST}Content-Length: 0\r\n\r\n${GET}\r\n`, ['POST', 'end', 'GET', 'end']],
  [`${POST}Content-Length: 0000000000000000003\r\n\r\nabc`, ['POST', '"abc"', 'end']],
  [`${POST}Content-Length:\t 3 \t\r\n\r\n\r\n\r`, ['POST', '"\r\n\r"', 'end']],
  [chunks('5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n'), ['POST', '"hello world"', 'end']],
  [chunks('0\r\n\r\n'), ['POST', 'end']],
  [chunks('000\r\nA: b\r\nC:\r\n\r\n') + GET, ['POST', 'A=b,C=', 'end', 'MILLRACE_ERR_FRAME_INCOMPLETE']],
  [chunks('aF;x;y=z;q="a;\\"b" ; r = s\r\n'), ['POST', 'MILLRACE_ERR_FRAME_INCOMPLETE']],
  [chunks('0000000000000001\r\n;\r\n0;x\r\n\r\n'), ['POST', '";"', 'end']],
  [`${POST}Transfer-Encoding: CHUNKED\r\n\r\n1\r\n\n\r\n0\r\n\r\n`, ['POST', '"\n"', 'end']],
  [lines('GET / HTTP/1.0'), ['GET', 'end']],
  [lines('M-SEARCH / HTTP/1.1', 'Host: a'), ['M-SEARCH', 'end']],
  [lines('OPTIONS * HTTP/1.1', 'Host:'), ['OPTIONS', 'end']],
  [lines('GET http://a.b/c?d HTTP/1.1', 'Host: a.b'), ['GET', 'end']],
  [lines('GET //x/../y?%zz#"<>\\^`{|} HTTP/1.1', 'Host: [::1]:80'), ['GET', 'end']],
  [lines('GET / HTTP/1.1', 'Host: a%4Fb_c.d~:'), ['GET', 'end']],
  [lines('GET / HTTP/1.1', "!#$%&'*+-.^_`|~09azAZ: \t\x80\xff", 'Host: a'), ['GET', 'end']],
  [`${lines('CONNECT a.b:443 HTTP/1.1', 'Host: a.b')}GET / HTTP/2.0`, ['CONNECT', '"GET / HTTP/2.0"', 'end']],
  [GET, ['MILLRACE_ERR_FRAME_INCOMPLETE']],
  ['\r', ['MILLRACE_ERR_FRAME_INCOMPLETE']],
  ['\r\n', []],
  ['', []],
  [`${POST}Content-Length: 3\r\n\r\nab`, ['POST', '"ab"', 'MILLRACE_ERR_FRAME_INCOMPLETE']],
  [chunks('3\r\nabc'), ['POST', '"abc"', 'MILLRACE_ERR_FRAME_INCOMPLETE']],
  [chunks('3\r\nabc\r\n0\r\n\r'), ['POST', '"abc"', 'MILLRACE_ERR_FRAME_INCOMPLETE']],
  [chunks('0\r\nA: b\r\n'), ['POST', 'MILLRACE_ERR_FRAME_INCOMPLETE']],
]

test.each(taken)('%j is %j', (text, wanted) => {
  expect(brief(all(text, http1()))).toEqual(wanted)
})

describe('limits', () => {
  const at = (options: Http1Options, text: string): number => statusOf(all(text, http1(options)))
  const sized = (name: string, bytes: number): string => `${name}: ${'x'.repeat(bytes - name.length - 2)}`

  test('are those of a usual server by default', () => {
    expect(at({}, lines(`GET /${'a'.repeat(8999)} HTTP/1.1`, 'Host: a'))).toBe(414)
    expect(at({}, lines('GET / HTTP/1.1', 'Host: a', sized('X', 9000)))).toBe(431)
    expect(at({}, lines('GET / HTTP/1.1', 'Host: a', ...Array.from({ length: 500 }, (_, i) => `x-${i}: y`)))).toBe(431)
  })

  test('count to the last byte', () => {
    const target = (bytes: number) => lines(`GET /${'a'.repeat(bytes - 1)} HTTP/1.1`, 'Host: a')
    expect([at({ maxTargetBytes: 40 }, target(40)), at({ maxTargetBytes: 40 }, target(41))]).toEqual([0, 414])
    const field = (bytes: number) => lines('GET / HTTP/1.1', 'Host: a', sized('X', bytes))
    expect([at({ maxFieldBytes: 40 }, field(40)), at({ maxFieldBytes: 40 }, field(41))]).toEqual([0, 431])
    const bytes = field(40).length
    expect([at({ maxHeadBytes: bytes }, field(40)), at({ maxHeadBytes: bytes - 1 }, field(40))]).toEqual([0, 431])
    expect([at({ maxHeaders: 2 }, field(40)), at({ maxHeaders: 1 }, field(40))]).toEqual([0, 431])
    const body = (count: number) => `${POST}Content-Length: ${count}\r\n\r\n${'x'.repeat(count)}`
    expect([at({ maxBodyBytes: 5 }, body(5)), at({ maxBodyBytes: 5 }, body(6))]).toEqual([0, 413])
    const two = (count: number) => chunks(`3\r\nabc\r\n${count}\r\n${'x'.repeat(count)}\r\n0\r\n\r\n`)
    expect([at({ maxBodyBytes: 5 }, two(2)), at({ maxBodyBytes: 5 }, two(3))]).toEqual([0, 413])
    expect([at({ maxBodyBytes: 0 }, GET + lines('X: y')), at({ maxBodyBytes: 0 }, body(1))]).toEqual([0, 413])
    const line = (count: number) => chunks(`1;${'e'.repeat(count - 2)}\r\nx\r\n0\r\n\r\n`)
    expect([at({ maxChunkLineBytes: 9 }, line(9)), at({ maxChunkLineBytes: 9 }, line(10))]).toEqual([0, 413])
  })

  test('hold for trailers too', () => {
    const trailers = (...fields: string[]) => chunks(`0\r\n${lines(...fields)}`)
    const codec = { maxHeadBytes: 80, maxHeaders: 3, maxFieldBytes: 40 }
    expect(at(codec, trailers('A: b', 'C: d', 'E: f'))).toBe(0)
    expect(at(codec, trailers('A: b', 'C: d', 'E: f', 'G: h'))).toBe(431)
    expect(at(codec, trailers(sized('A', 41)))).toBe(431)
    expect(at(codec, trailers(sized('A', 38), sized('B', 40)))).toBe(431)
    expect(at(codec, trailers(sized('A', 38), sized('B', 36)))).toBe(0)
  })

  test('a target too long for the head is one too long for a target', () => {
    expect(at({ maxHeadBytes: 60 }, `GET /${'a'.repeat(60)}`)).toBe(414)
    expect(at({ maxHeadBytes: 60 }, 'A'.repeat(61))).toBe(431)
  })

  test('lengths beyond what JavaScript can name are too long, not malformed', () => {
    expect(at({}, `${POST}Content-Length: 9007199254740992\r\n\r\n`)).toBe(413)
    expect(at({}, `${POST}Content-Length: 9999999999999999999\r\n\r\n`)).toBe(413)
    expect(at({}, `${POST}Content-Length: 9007199254740991\r\n\r\n`)).toBe(-1)
    expect(at({}, chunks('1fffffffffffff\r\n'))).toBe(-1)
    expect(at({}, chunks('1\r\nx\r\n1fffffffffffff\r\n'))).toBe(413)
  })
})
