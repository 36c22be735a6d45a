// The RESP request decoder against its twin: the same commands and the same errors however a stream is cut, no later
// and no sooner, in one pass where a command lies whole and by gathering and scanning where it does not.
import { describe, expect, test } from 'vitest'
import { Random, SEED } from '../../system/random.ts'
import { encode, show } from '../../system/wire.ts'
import { RESP_ERRORS, type RespResult, respTwin } from './resp-twin.ts'
import { codecCore, cuts, type Decoder, everyCut, Inbound } from './support.ts'

const BYTES_MAX = 8 << 20
const ERROR_NAMES = new Map(Object.entries(RESP_ERRORS).map(([name, code]) => [code as number, name]))
const core = codecCore()
const inbound = new Inbound(core, BYTES_MAX)
const { memory } = inbound

/** The decoder as a channel of a kv or a proxy has it: its scan's place is kept between chunks. */
class RespDecoder implements Decoder {
  readonly results: RespResult[] = []
  #scan: [number, number, number, number] = [0, 0, 0, -1]

  frames(at: number, end: number): number {
    core.call('scanFrom', 0, 0, 0, -1)
    let over = false
    while (at < end && !over) {
      const taken = core.call('respDecode', at, end)
      if (taken === 0) break
      over = taken < 0
      if (over) this.results.push(this.#error(taken))
      else if (core.global('respArgc') > 0) this.results.push(this.#words())
      at += taken
    }
    this.#keep()
    return over ? -1 : at
  }

  scan(base: number, end: number): boolean {
    core.call('scanFrom', ...this.#scan)
    const found = core.call('respScan', base, end)
    const place = core.global('scanAt')
    if (found === 0 && base + place > end && core.global('scanBulk') < 0) throw new Error('the scan ran past the end')
    this.#keep()
    return found !== 0
  }

  need(_base: number, have: number): number {
    core.call('scanFrom', ...this.#scan)
    return core.call('respNeed', have)
  }

  endsAtLine(base: number): boolean {
    core.call('scanFrom', ...this.#scan)
    return core.call('respIsInline', base) !== 0
  }

  #keep(): void {
    const [at, line, left, bulk] = ['scanAt', 'scanLine', 'scanLeft', 'scanBulk'].map((name) => core.global(name))
    this.#scan = [at!, line!, left!, bulk!]
  }

  #error(code: number): string {
    const name = ERROR_NAMES.get(code) ?? `error ${code}`
    return code === RESP_ERRORS.expectedBulk ? name + String.fromCharCode(core.global('respGot')) : name
  }

  #words(): string[] {
    const table = new DataView(memory.buffer)
    const argv = core.global('respArgv')
    return Array.from({ length: core.global('respArgc') }, (_, i) => {
      const at = table.getUint32(argv + 8 * i, true)
      return Buffer.from(memory.buffer, at, table.getUint32(argv + 8 * i + 4, true)).toString('latin1')
    })
  }
}

/** What the core makes of a stream in these pieces. `each` is told after every piece how far the stream has come. */
function decode(chunks: readonly Buffer[], each?: (decoder: RespDecoder, bytes: number) => void): RespResult[] {
  const decoder = new RespDecoder()
  inbound.reset()
  let bytes = 0
  for (const chunk of chunks) {
    inbound.push(decoder, chunk)
    bytes += chunk.length
    each?.(decoder, bytes)
  }
  return decoder.results
}

function compare(stream: Buffer, chunks: readonly Buffer[], restricted = false): void {
  const wanted = respTwin(stream.toString('latin1'), restricted)
  const got = decode(chunks)
  const where = chunks.length > 6 ? `${chunks.length} pieces` : chunks.map((chunk) => chunk.length).join('+')
  if (JSON.stringify(got) !== JSON.stringify(wanted)) expect(got, `"${show(stream)}" as ${where}`).toEqual(wanted)
}

const QUOTED = [
  'SET a "b c"\r\n',
  'ECHO "a\\x41\\xzz\\n\\r\\t\\b\\a\\q\\"\\\\" \'it\\\'s \\n\'\n',
  'a"b c"\n',
  '"" \'\'\n',
  ' \t GET\t\tk  \r\n',
  'x "y"\r\r\n',
  "x 'y'\r\r\nPING\n",
  'GET \\n "\\x4"\n',
  '\xff\xfe \x80\n',
]
const UNBALANCED = ['GET "a\n', "GET 'a\r\n", 'GET "a"b\n', 'GET \'a\'"b"\n', 'GET "\\"\n', "GET '\\'\n", '"\n', 'a"\n']
const SAMPLES = [
  '*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\nPING\r\n\n\r\nSET k "v w"\n',
  '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\n0123456789\r\n\r\nPING\n',
  '\r\n\n*0\r\n*-1\r\n*-10\r\nPING\r\n',
  ...QUOTED,
  ...UNBALANCED,
  `*12\r\n${'$1\r\nx\r\n'.repeat(12)}`,
  '*1\n$4\nPING\n', // waits for a carriage return
  ...['*3000000000', '*abc', '*01', '*+1', '*', '*-', '*-0', '* 1', '*1 ', '*1048577', '*9223372036854775808'].map(
    (head) => `PING\r\n${head}\r\n$4\r\nPING\r\n`,
  ),
  ...['$-10', '$-1', '$2000000000', '$536870913', '$blabla', '$+4', '$04', '$ 4', '$', '$-0', '$4 '].map(
    (head) => `*2\r\n$3\r\nGET\r\n${head}\r\nPING\r\nPING\r\n`,
  ),
  ...['foo', '*1\r\n', ':1\r\n', '\r\n', '\n', '\0', '+'].map((head) => `*2\r\n$3\r\nGET\r\n${head}`),
  '*1\r\n$4\r\nPINGxx\r\nPING\r\n',
  '*1\r\n$4\r\nPING\n\r\nPING\r\n',
  '*1\r\n$4\r\nPING\rxPING\r\n',
  '*1\r$4\r\nPING\r\n',
  '*1\rx\n$4\r\nPING\r\n',
  '*1\r\n$4\rxPING\r\n',
  '*\0\r\n',
  '*1\r\n$\0\r\n',
]

describe('every sample', () => {
  test.each(SAMPLES)('%j is decoded alike, cut anywhere', (sample) => {
    const stream = Buffer.from(sample, 'latin1')
    compare(stream, [stream])
    for (const chunks of everyCut(stream)) compare(stream, chunks)
  })

  test('is answered as soon as it can be, byte by byte', () => {
    for (const sample of SAMPLES) {
      const chunks = Array.from(Buffer.from(sample, 'latin1'), (byte) => Buffer.of(byte))
      decode(chunks, ({ results }, bytes) => {
        const wanted = respTwin(sample.slice(0, bytes))
        if (JSON.stringify(results) !== JSON.stringify(wanted)) expect(results, show(sample)).toEqual(wanted)
      })
    }
  })

  test('is decoded alike before authentication, where there is less room', () => {
    const many = (count: number): Buffer => encode(...Array<string>(count).fill('x'))
    core.call('respRestrict', 1)
    const results = [many(10), many(11), encode('a'.repeat(16_384)), encode('a'.repeat(16_385))].map((stream) => {
      compare(stream, [stream], true)
      for (const at of [1, 2, 4, 5, 8, 11, stream.length - 1]) {
        compare(stream, [stream.subarray(0, at), stream.subarray(at)], true)
      }
      for (let bytes = 1; bytes < 40; bytes++) {
        const start = stream.subarray(0, bytes) // refused as soon as it can be, not when it is whole
        compare(start, [start], true)
        compare(start, [start.subarray(0, 1), ...Array.from(start.subarray(1), (byte) => Buffer.of(byte))], true)
      }
      return respTwin(stream.toString('latin1'), true)[0]
    })
    core.call('respRestrict', 0)
    expect(results.map((result) => (typeof result === 'string' ? result : result?.length))).toEqual([
      10,
      'unauthenticatedMultibulk',
      1,
      'unauthenticatedBulk',
    ])
  })
})

test('the whitespace and the end of an inline command are those of sdssplitargs', () => {
  for (const line of ['a\vb c\fd', '\v\fa', 'a \v b', '"a"\vb', 'a\0b c', '"a\0b"', '"a"\0b', '"a\\\0"', '\0']) {
    const stream = Buffer.from(`${line}\nPING\n`, 'latin1')
    compare(stream, [stream])
    for (const chunks of everyCut(stream)) compare(stream, chunks)
  }
})

describe('limits are the same however a stream is cut', () => {
  const MAX = 65536
  const around = [MAX - 2, MAX - 1, MAX, MAX + 1, MAX + 2]
  const lines: [string, (bytes: number) => string][] = [
    ['an inline command', (bytes) => `${'a'.repeat(bytes)}\nPING\n`],
    ['an inline command with a carriage return', (bytes) => `${'a'.repeat(bytes)}\r\nPING\n`],
    ['an inline command with a carriage return in it', (bytes) => `${'a'.repeat(bytes)}\rb\nPING\n`],
    ['an endless inline command', (bytes) => 'a'.repeat(bytes)],
    ['a count', (bytes) => `*${'1'.repeat(bytes)}\r\n`],
    ['an endless count', (bytes) => `*${'\0'.repeat(bytes)}`],
    ['the length of a bulk', (bytes) => `*1\r\n$${'1'.repeat(bytes)}\r\n`],
    ['the endless length of a bulk', (bytes) => `*1\r\n$${'\0'.repeat(bytes)}`],
  ]
  test.each(lines)('%s', (_, make) => {
    const kinds = new Set<string>()
    for (const bytes of around) {
      const stream = Buffer.from(make(bytes), 'latin1')
      compare(stream, [stream])
      for (const at of [5, MAX - 1, MAX, MAX + 1, MAX + 2, MAX + 3, MAX + 4, MAX + 5, MAX + 6, MAX + 7]) {
        if (at < stream.length) compare(stream, [stream.subarray(0, at), stream.subarray(at)])
      }
      kinds.add(String(respTwin(stream.toString('latin1')).map((r) => (typeof r === 'string' ? r : r.length))))
    }
    expect(kinds.size, 'the limit lies among these').toBeGreaterThan(1)
  })

  test('as many arguments as are allowed, and one more', () => {
    const most = Buffer.from(`*1048576\r\n${'$0\r\n\r\n'.repeat(1048576)}`)
    const beyond = Buffer.from('*1048577\r\n')
    for (const chunks of [
      [most, beyond],
      [most.subarray(0, 9), most.subarray(9), beyond],
    ]) {
      const [words, error, ...more] = decode(chunks)
      expect([words?.length, error, more]).toEqual([1048576, 'badMultibulk', []])
    }
    const heap = core.call('heapUsed')
    expect(decode([Buffer.from('*1048576\r\n$0\r\n\r\n')])).toEqual([])
    expect(core.call('heapUsed'), 'nothing is allocated for a mere announcement').toBe(heap)
    for (const count of [1023, 1024, 1025, 1500, 5000]) {
      const words = Array.from({ length: count }, (_, i) => String(i % 7))
      const whole = encode(...words)
      expect(decode([whole])).toEqual([words])
      expect(decode([whole.subarray(0, 1000), whole.subarray(1000)])).toEqual([words])
      const inlined = Buffer.from(`${words.join(' ')}\n`)
      expect(decode([inlined])).toEqual([words])
    }
  })
})

test(`a command that straddles is gathered, and nothing behind it (MILLRACE_SEED=${SEED})`, () => {
  const random = new Random(SEED)
  for (let i = 0; i < 25; i++) {
    const short = random.chance(0.5)
    const words = Array.from({ length: random.between(1, 12) }, () => random.bytes(short ? 0 : random.below(30)))
    const command = encode(...words)
    const stream = Buffer.concat([command, encode('PING'), encode('GET', 'k')])
    for (let at = 1; at < command.length; at++) {
      const results = decode([stream.subarray(0, at), stream.subarray(at)])
      if (results.length !== 3 || inbound.gathered !== command.length) {
        expect.fail(`gathered ${inbound.gathered} bytes of "${show(command)}", cut at ${at}`)
      }
    }
  }
})

function piece(random: Random): string {
  const word = (): string => random.bytes(random.pick([0, 1, 9, 10, 11, 99, 100, random.below(40)])).toString('latin1')
  const letters = (): string =>
    Array.from({ length: random.below(12) }, () => random.pick([...'ab"\'\\xn4 \t'])).join('')
  switch (random.below(9)) {
    case 0:
      return random.pick(SAMPLES)
    case 1:
      return random.pick(QUOTED)
    case 2:
      return `${letters()}${random.pick(['\n', '\r\n'])}`
    case 3:
      return `${random.pick(['SET', 'get', 'x'])} ${letters().replace(/["']/g, '')}\r\n`
    case 4:
      return encode(random.bytes(random.below(random.pick([300, 20_000])))).toString('latin1')
    default: {
      const good = encode(...Array.from({ length: random.between(1, random.pick([3, 30])) }, word))
      if (random.chance(0.06))
        good[random.below(Math.min(good.length, 12))] = random.pick([0, 10, 13, 36, 42, 48, 57, 97])
      return good.toString('latin1')
    }
  }
}

test(`random streams, cut at random (MILLRACE_SEED=${SEED})`, () => {
  let results = 0
  for (let round = 0; round < 500; round++) {
    const random = new Random(SEED + round)
    const pieces = Array.from({ length: random.between(1, 14) }, () => piece(random))
    const stream = Buffer.from(pieces.join(''), 'latin1')
    compare(stream, [stream])
    for (let i = 0; i < 4; i++) compare(stream, cuts(random, stream))
    results += respTwin(stream.toString('latin1')).length
  }
  expect(results).toBeGreaterThan(1200)
})
