// The HTTP/1.1 decoder over whole streams: random messages in random cuts, regions of records that are full, heads that
// arrive slowly, every byte in every place, and what a decoder must be told.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import * as abi from '../../../assembly/codec/abi.ts'
import { type Http1Options, type Http1RequestHead, http1 } from '../../../src/core/codec/http1.ts'
import { Random, SEED } from '../../system/random.ts'
import { brief, core, cores, decode, type Event, latin1, lines, statusOf } from './http1-support.ts'
import { cuts, everyCut } from './support.ts'

const responses = http1({ messages: 'responses' })
const requests = http1()

const TOKEN = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const word = (random: Random, from: string, most: number): string =>
  Array.from({ length: random.between(1, most) }, () => random.pick([...from])).join('')

const NAMES = Object.keys(abi).filter((name) => name.startsWith('HTTP1_FIELD_'))
const FRAMING = /^(host|connection|content-length|transfer-encoding|expect|upgrade)$/
const nameOf = (constant: string): string => constant.slice('HTTP1_FIELD_'.length).toLowerCase().replaceAll('_', '-')

function randomField(random: Random): [string, string] {
  const known = nameOf(random.pick(NAMES))
  const name = random.chance(0.5) && !FRAMING.test(known) ? known : `x${word(random, TOKEN, random.pick([1, 8, 40]))}`
  const inside = () => String.fromCharCode(random.pick([9, 32, random.between(33, 126), random.between(128, 255)]))
  const value = Array.from({ length: random.below(random.pick([1, 20, 90])) }, inside).join('')
  return [random.chance(0.3) ? name.toUpperCase() : name, value.replace(/^[ \t]+|[ \t]+$/g, '')]
}

/** A good request, and the events that it is. */
function randomRequest(random: Random): [text: string, events: Event[]] {
  const old = random.chance(0.15)
  const minor = old ? 0 : random.pick([1, 1, 1, 2, 9])
  const method = random.pick(['GET', 'POST', 'HEAD', 'DELETE', 'M-SEARCH', 'X', 'PROPPATCH', 'A1_!'])
  const visible = Array.from({ length: random.below(60) }, () => String.fromCharCode(random.between(33, 126)))
  const target = `/${visible.join('')}`
  const chunked = !old && random.chance(0.3)
  const body = chunked || random.chance(0.4) ? random.bytes(random.below(random.pick([1, 30, 3000]))) : undefined
  const headers: [string, string][] = [
    ['Host', random.pick(['a', 'b.example:80', '[::1]:8080', ''])],
    ...Array.from({ length: random.below(12) }, () => randomField(random)),
  ]
  const add = (name: string, value: string) => headers.splice(random.below(headers.length + 1), 0, [name, value])
  if (chunked) add('Transfer-Encoding', random.pick(['chunked', 'Chunked']))
  else if (body !== undefined) add('content-length', String(body.length))
  const close = random.chance(0.2)
  const keep = old && random.chance(0.5)
  const connection = [...(close ? ['Close'] : []), ...(keep ? ['keep-alive'] : []), 'x-other']
  if (connection.length > 1) add('Connection', connection.join(random.pick([',', ' , '])))
  const expects = random.chance(0.1)
  if (expects) add('Expect', '100-Continue')
  const blank = () => random.pick(['', ' ', '\t', '  '])
  const fieldLines = headers.map(([name, value]) => `${name}:${blank()}${value}${blank()}`)
  const raw = lines(`${method} ${target} HTTP/1.${minor}`, ...fieldLines)
  const events: Event[] = [
    {
      type: 'head',
      method,
      target,
      version: old ? '1.0' : '1.1',
      headers,
      ...(body !== undefined && !chunked ? { contentLength: body.length } : undefined),
      chunked,
      keepAlive: !close && (!old || keep),
      upgrade: false,
      expectContinue: expects && !old,
      raw,
    } as Event,
  ]
  if (body?.length) events.push({ data: body.toString('latin1') })
  let text = raw
  if (body !== undefined && !chunked) text += body.toString('latin1')
  if (chunked && body !== undefined) {
    for (const piece of body.length ? cuts(random, body) : []) {
      const size = piece.length.toString(16).padStart(random.pick([1, 1, 8]), '0')
      const extension = random.pick(['', '', ';a', ';a=b', ' ; a = "x;\\"\t\\\\"', ';a;b=c'])
      text += `${random.chance(0.5) ? size.toUpperCase() : size}${extension}\r\n${piece.toString('latin1')}\r\n`
    }
    const trailers = random.chance(0.3) ? Array.from({ length: random.between(1, 4) }, () => randomField(random)) : []
    const block = trailers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    text += `0\r\n${block}\r\n`
    if (trailers.length) events.push({ type: 'trailers', headers: trailers, raw: `${block}\r\n` } as Event)
  }
  return [text, [...events, { type: 'end' }]]
}

/** Puts in, drops or changes a byte: mostly one that means something. */
function spoil(random: Random, text: string): string {
  const at = random.below(text.length)
  const byte = random.chance(0.7)
    ? random.pick([...'\r\n\t\0 :;,"=0fAz/*\x7f\xff'])
    : String.fromCharCode(random.below(256))
  return text.slice(0, at) + random.pick(['', byte, byte + text[at]]) + text.slice(at + 1)
}

test(`good messages, in any cut, are what they were made of (MILLRACE_SEED=${SEED})`, () => {
  for (let round = 0; round < 150; round++) {
    const random = new Random(SEED + round)
    const made = Array.from({ length: random.between(1, 6) }, () => randomRequest(random))
    const stream = latin1(made.map(([text]) => text).join(random.pick(['', '', '\r\n'])))
    const wanted = made.flatMap(([, events]) => events)
    for (const [name, which] of cores) {
      for (const chunks of [[stream], cuts(random, stream), cuts(random, stream)]) {
        const got = decode(chunks, requests, { core: which })
        if (JSON.stringify(got) !== JSON.stringify(wanted)) {
          expect(got, `${name}, round ${round}, ${chunks.map((chunk) => chunk.length)}`).toEqual(wanted)
        }
      }
    }
  }
})

test(`spoilt messages are the same in any cut and any build (MILLRACE_SEED=${SEED})`, () => {
  const limits: Http1Options = { maxHeadBytes: 900, maxTargetBytes: 50, maxFieldBytes: 120, maxHeaders: 12 }
  let bad = 0
  for (let round = 0; round < 1200; round++) {
    const random = new Random(SEED + round)
    const codec = http1(random.chance(0.5) ? limits : { maxBodyBytes: 2000, maxChunkLineBytes: 20 })
    let text = randomRequest(random)[0] + randomRequest(random)[0]
    for (let i = random.between(1, 3); i > 0; i--) text = spoil(random, text)
    const stream = latin1(text)
    const whole = decode([stream], codec)
    const bytes = Array.from(stream, (_, i) => stream.subarray(i, i + 1))
    for (const [name, which] of cores) {
      for (const chunks of [[stream], cuts(random, stream), ...(round % 4 ? [] : [bytes])]) {
        const got = decode(chunks, codec, { core: which })
        if (JSON.stringify(got) !== JSON.stringify(whole)) {
          expect(got, `${name}, round ${round}, ${JSON.stringify(text)} as ${chunks.map((c) => c.length)}`).toEqual(
            whole,
          )
        }
      }
    }
    for (const event of whole)
      if ('error' in event) expect(event.error.message).not.toMatch(/head is malformed|unknown/)
    if (statusOf(whole) > 0) bad++
  }
  expect(bad).toBeGreaterThan(300)
})

describe('every byte in every place', () => {
  const places: readonly [string, RegExp, (byte: string) => string][] = [
    ['method', /[!#$%&'*+\-.^_`|~0-9A-Z]/, (byte) => lines(`A${byte}B / HTTP/1.1`, 'Host: a')],
    ['target', /[\x21-\x7e]/, (byte) => lines(`GET /aaaaaaaaaaaaaaaa${byte}b HTTP/1.1`, 'Host: a')],
    [
      'name',
      /[!#$%&'*+\-.^_`|~0-9A-Za-z:]/,
      (byte) => lines('GET / HTTP/1.1', 'Host: a', `aaaaaaaaaaaaaaaaa${byte}b: c`),
    ],
    ['value', /[\t\x20-\x7e\x80-\xff]/, (byte) => lines('GET / HTTP/1.1', 'Host: a', `a: aaaaaaaaaaaaaaaaa${byte}b`)],
    ['Host', /[!$&'()*+,;=\-._~0-9A-Za-z\t\x20]/, (byte) => lines('GET / HTTP/1.1', `Host: a${byte}`)],
    ['reason', /[\t\x20-\x7e\x80-\xff]/, (byte) => lines(`HTTP/1.1 204 a${byte}b`)],
  ]
  test.each(places)('of a %s', (place, allowed, make) => {
    for (let i = 0; i < 256; i++) {
      const byte = String.fromCharCode(i)
      if (place === 'Host' && byte === ':') continue // before a port
      const codec = place === 'reason' ? responses : requests
      for (const [name, which] of cores) {
        // far from the end of what can be read, and near it
        for (const more of ['', lines('GET / HTTP/1.1', 'Host: a')]) {
          const text = latin1(make(byte) + (place === 'reason' ? '' : more))
          expect(statusOf(decode([text], codec, { core: which })), `${name}: byte ${i}`).toBe(
            allowed.test(byte) ? 0 : 400,
          )
        }
      }
    }
  })
})

test('known fields have their number, in any case, and others none', () => {
  const heads = NAMES.map(nameOf)
  const close = heads.flatMap((name) => [`${name}x`, `x${name}`, name.replace('e', 'x'), name.replace(/.$/, '_')])
  const names = [...heads, ...heads.map((name) => name.toUpperCase()), ...close.filter((name) => !heads.includes(name))]
  for (const [, which] of cores) {
    const decoder = which.decoder(http1({ maxHeaders: 1000 }))
    const got: number[] = []
    for (const name of names) {
      if (FRAMING.test(name.toLowerCase())) continue
      decoder.each(latin1(lines('GET / HTTP/1.1', 'Host: a', `${name}: b`)), {
        frame(frame) {
          if (frame.kind === abi.RECORD_HEAD) got.push(frame.partExtra(abi.HTTP1_HEAD_PARTS + 2))
        },
      })
    }
    decoder.dispose()
    const numbers: Record<string, number> = { ...abi }
    const number = (name: string) => numbers[`HTTP1_FIELD_${name.toUpperCase().replaceAll('-', '_')}`]
    const wanted = names.filter((name) => !FRAMING.test(name.toLowerCase()))
    expect(got).toEqual(wanted.map((name) => (heads.includes(name.toLowerCase()) ? number(name) : 0)))
  }
})

test('a region of records that is full at any place loses nothing', () => {
  const small = lines('GET / HTTP/1.0')
  const rest = `${lines('POST / HTTP/1.1', 'Host: a', 'Content-Length: 2')}hi${lines(
    'POST / HTTP/1.1',
    'Host: a',
    'Transfer-Encoding: chunked',
  )}3\r\nabc\r\n3\r\ndef\r\n0\r\nA: b\r\nC: d\r\n\r\n${lines('POST /x HTTP/1.1', 'Host: a')}`
  const wanted = brief(decode([latin1(rest)], requests))
  for (let count = 668; count < 684; count++) {
    const got = brief(decode([latin1(small.repeat(count) + rest)], requests))
    expect(got.slice(0, -wanted.length).length, `${count}`).toBe(2 * count)
    expect(got.slice(-wanted.length)).toEqual(wanted)
  }
})

test('a head may have more fields than there are records', () => {
  const codec = http1({ maxHeaders: 6000, maxHeadBytes: 1 << 20 })
  const headers = Array.from({ length: 5999 }, (_, i) => [`x-${i}`, String(i)])
  const head = lines('GET / HTTP/1.1', 'Host: a', ...headers.map((header) => header.join(':')))
  const stream = latin1(lines('GET / HTTP/1.0') + head + lines('GET / HTTP/1.0'))
  for (const chunks of [[stream], [stream.subarray(0, 30_000), stream.subarray(30_000)]]) {
    const events = decode(chunks, codec) as unknown as Http1RequestHead[]
    expect(brief(events as unknown as Event[])).toEqual(['GET', 'end', 'GET', 'end', 'GET', 'end'])
    expect(events[2]?.headers.slice(1)).toEqual(headers)
  }
})

test('a head that arrives byte by byte is looked at once, and never kept beyond its limit', () => {
  const codec = http1({ maxHeadBytes: 400_000, maxFieldBytes: 400_000 })
  const decoder = core.decoder(codec)
  const stream = latin1(`GET / HTTP/1.1\r\nHost: a\r\nx: ${'y'.repeat(500_000)}`)
  let most = 0
  let events = 0
  for (let i = 0; i < stream.length; i++) {
    events += decoder.push(stream.subarray(i, i + 1)).length
    if (i % 1000 === 0) most = Math.max(most, decoder.pending)
  }
  expect([events, most <= 400_000, decoder.pending]).toEqual([1, true, 0])
  decoder.dispose()
})

test('of a body nothing is kept', () => {
  const decoder = core.decoder(requests)
  decoder.push(latin1(lines('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked')))
  for (const byte of latin1(`5;${'a'.repeat(900)}\r\nhello\r\n0`)) {
    decoder.push(Uint8Array.of(byte))
    expect(decoder.pending).toBe(0)
  }
  decoder.dispose()
})

describe('a decoder of responses', () => {
  const head = (status: number, ...fields: string[]) => lines(`HTTP/1.1 ${status} x`, ...fields)
  const read = (text: string, ...expect: string[]) => {
    const stream = latin1(text)
    const events = decode([stream], responses, { expect })
    for (const chunks of everyCut(stream)) {
      for (const [, which] of cores) {
        const got = decode(chunks, responses, { expect, core: which })
        if (JSON.stringify(got) !== JSON.stringify(events))
          throw new Error(`${JSON.stringify(text)} depends on its cut`)
      }
    }
    return brief(events)
  }

  test('knows where bodies end', () => {
    expect(
      read(`${head(200, 'Content-Length: 2')}hi${head(204)}${head(304, 'Content-Length: 9')}${head(200)}x`),
    ).toEqual([...['head 200', '"hi"', 'end', 'head 204', 'end', 'head 304', 'end', 'head 200', '"x"', 'end']])
    expect(read(`${head(200, 'Transfer-Encoding: chunked')}2\r\nhi\r\n0\r\nA: b\r\n\r\n`)).toEqual([
      ...['head 200', '"hi"', 'A=b', 'end'],
    ])
    expect(read(head(200))).toEqual(['head 200', 'end'])
    expect(read(lines('HTTP/1.0 200'))).toEqual(['head 200', 'end'])
    expect(read(`${head(200, 'Content-Length: 3')}hi`).at(-1)).toBe('MILLRACE_ERR_FRAME_INCOMPLETE')
  })

  test('is told what was asked', () => {
    const length = head(200, 'Content-Length: 2')
    expect(read(`${head(100)}${length}${length}hi`, 'HEAD', 'GET')).toEqual([
      ...['head 100', 'end', 'head 200', 'end', 'head 200', '"hi"', 'end'],
    ])
    const chunked = head(200, 'Transfer-Encoding: chunked')
    expect(read(`${chunked}${head(200)}raw`, 'HEAD', 'CONNECT')).toEqual([
      'head 200',
      'end',
      'head 200',
      '"raw"',
      'end',
    ])
    expect(read(`${head(407, 'Content-Length: 2')}hi${length}hi`, 'CONNECT')).toEqual([
      ...['head 407', '"hi"', 'end', 'head 200', '"hi"', 'end'],
    ])
    expect(read(`${head(101)}raw`, 'GET')).toEqual(['head 101', '"raw"', 'end'])
  })

  test('remembers 15 requests', () => {
    const decoder = core.decoder(responses)
    for (let i = 0; i < 15; i++) decoder.expect(i % 3 ? 'GET' : 'HEAD')
    expect(() => decoder.expect('GET')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }))
    const message = (i: number) => `${head(200, 'Content-Length: 1')}${i % 3 ? 'x' : ''}`
    const text = Array.from({ length: 15 }, (_, i) => message(i)).join('')
    expect(decoder.push(latin1(text)).length).toBe(15 * 2 + 10)
    decoder.expect('CONNECT')
    expect(() => decoder.expect('GET')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }))
    decoder.dispose()
  })

  test('refuses what is no response', () => {
    const texts = [
      'HTTP/1.1 20 x',
      'HTTP/1.1 2000 x',
      'HTTP/1.1 099 x',
      'HTTP/1.1  200 x',
      'HTTP/1.1 20x x',
      'http/1.1 200 x',
    ]
    for (const text of texts) expect(read(lines(text))).toEqual(['400'])
    expect(read(lines('HTTP/2.0 200 x'))).toEqual(['505'])
    expect(read(lines('ICY 200 OK'))).toEqual(['400'])
    expect(read(`\r\n${head(200)}`)).toEqual(['400'])
    expect(read(head(200, 'Content-Length: 1', 'Transfer-Encoding: chunked'))).toEqual(['400'])
    expect(read(head(200, 'Transfer-Encoding: gzip'))).toEqual(['501'])
    expect(
      brief(decode([latin1(head(200, 'Content-Length: 6'))], http1({ messages: 'responses', maxBodyBytes: 5 }))),
    ).toEqual(['413'])
  })
})

test('a decoder of requests is told when HTTP is over', () => {
  const decoder = core.decoder(requests)
  const upgrade = lines('GET / HTTP/1.1', 'Host: a', 'Connection: x, Upgrade', 'Upgrade: y')
  expect(decoder.push(latin1(upgrade))[0]?.message).toMatchObject({ upgrade: true, keepAlive: true })
  decoder.push(latin1('GET /'))
  decoder.expect('upgrade')
  const [result] = decoder.push(latin1('\x81\x00'))
  expect(Buffer.from(result?.frame ?? []).toString('latin1')).toBe('GET /')
  expect(decoder.end()).toEqual([])
  decoder.dispose()
  const other = core.decoder(requests)
  other.push(latin1(lines('POST / HTTP/1.1', 'Host: a', 'Content-Length: 5')))
  expect(() => other.expect('upgrade')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }))
  expect(() => other.expect('HEAD')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
  other.dispose()
})

test('parameters are checked at once', () => {
  const wrong: readonly Http1Options[] = [
    { messages: 'both' as 'requests' },
    { maxHeadBytes: 15 },
    { maxTargetBytes: 0 },
    { maxFieldBytes: 2 ** 21 },
    { maxHeaders: 65536 },
    { maxBodyBytes: -1 },
    { maxChunkLineBytes: 0.5 },
  ]
  for (const options of wrong) {
    const [name] = Object.keys(options)
    expect(() => http1(options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }))
    expect(() => http1(options)).toThrow(name)
  }
})

test('the table of names is what its generator makes of the list', () => {
  const generator = fileURLToPath(new URL('../../../assembly/codec/generate-names.mjs', import.meta.url))
  expect(() => execFileSync(process.execPath, [generator, '--check'])).not.toThrow()
})
