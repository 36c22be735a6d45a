// The RESP reply scanner against its twin: where replies end, and what is malformed, however they are cut; RESP2 and
// RESP3 apart, and no deeper than a limit. The twin is recursive and starts anew each time.
import { describe, expect, test } from 'vitest'
import { Random, SEED } from '../../system/random.ts'
import { show } from '../../system/wire.ts'
import { integer } from './resp-twin.ts'
import { codecCore, cuts, type Decoder, everyCut, Inbound } from './support.ts'

const DEPTH_MAX = 128
const LINE_MAX = 65536
const core = codecCore()
const inbound = new Inbound(core, 1 << 20)
const state = core.call('alloc', core.global('REPLY_STATE_BYTES'))

const VALUES: Readonly<Record<string, RegExp>> = {
  _: /^$/,
  '#': /^[tf]$/,
  ',': /^[+-]?(\d+(\.\d+)?([eE][+-]?\d+)?|inf|nan)$/,
  '(': /^[+-]?\d+$/,
}

/** Where the reply at `at` ends: 0 where it is not whole, −1 where it is malformed. */
function replyTwin(text: string, at: number, resp3: boolean, depth = 0): number {
  if (at >= text.length) return 0
  const type = text.charAt(at)
  if (!(resp3 ? '+-:$*_#,(=!~%' : '+-:$*').includes(type)) return -1
  const stop = text.slice(at).search(/[\r\n]/)
  const cr = stop < 0 ? -1 : at + stop
  if ((cr < 0 ? text.length : cr) - at - 1 > LINE_MAX) return -1
  if (text[cr] === '\n') return -1
  if (cr < 0 || cr + 1 === text.length) return 0
  if (text[cr + 1] !== '\n') return -1
  let next = cr + 2
  const line = text.slice(at + 1, cr)
  if ('+-'.includes(type)) return next
  const grammar = VALUES[type]
  if (grammar !== undefined) return grammar.test(line) ? next : -1
  if (type === ':') return integer(line.replace(/^\+(?!-)/, '')) === undefined ? -1 : next
  const count = integer(line)
  if (count === undefined) return -1
  if (count < ('$*'.includes(type) ? -1n : 0n)) return -1
  if (count <= 0n && '*~%'.includes(type)) return next
  if ('$=!'.includes(type)) {
    if (count < 0n) return next
    if (count > 536870912n || (type === '=' && count < 4n)) return -1
    next += Number(count)
    if (next + 2 > text.length) return 0
    if (type === '=' && text[cr + 5] !== ':') return -1
    return text.slice(next, next + 2) === '\r\n' ? next + 2 : -1
  }
  if (depth === DEPTH_MAX || count > 0x7fffffffn) return -1
  for (let left = type === '%' ? 2n * count : count; left > 0n; left--) {
    const end = replyTwin(text, next, resp3, depth + 1)
    if (end <= 0) return end
    next = end
  }
  return next
}

/** The ends of all replies of a stream, and −1 behind them where what follows is malformed. */
function endsTwin(text: string, resp3: boolean): number[] {
  const ends: number[] = []
  for (let at = 0; at < text.length; ) {
    const end = replyTwin(text, at, resp3)
    if (end !== 0) ends.push(end)
    if (end <= 0) break
    at = end
  }
  return ends
}

/** The scanner as the connection to a server has it. */
class Replies implements Decoder {
  readonly ends: number[] = []
  #end = 0

  constructor(resp3: boolean) {
    core.call('replyBegin', state)
    core.call('replyProtocol', state, resp3 ? 1 : 0)
  }

  frames(at: number, end: number): number {
    while (at < end) {
      const length = core.call('replyScan', state, at, end)
      if (length === 0) break
      if (length < 0) {
        this.ends.push(-1)
        return -1
      }
      core.call('replyBegin', state)
      this.#end += length
      this.ends.push(this.#end)
      at += length
    }
    return at
  }

  scan(base: number, end: number): boolean {
    if (core.call('replyScan', state, base, end) === 0) return false
    core.call('replyBegin', state)
    return true
  }

  need(_base: number, have: number): number {
    return core.call('replyNeed', state, have)
  }

  endsAtLine(): boolean {
    return false
  }
}

function decode(chunks: readonly Buffer[], resp3: boolean): number[] {
  const replies = new Replies(resp3)
  inbound.reset()
  for (const chunk of chunks) inbound.push(replies, chunk)
  return replies.ends
}

function compare(stream: Buffer, chunks: readonly Buffer[], resp3: boolean): void {
  const wanted = endsTwin(stream.toString('latin1'), resp3)
  const got = decode(chunks, resp3)
  const where = `"${show(stream)}" as ${chunks.length > 6 ? `${chunks.length} pieces` : chunks.map((c) => c.length)}`
  if (String(got) !== String(wanted)) expect(got, where).toEqual(wanted)
}

const RESP2 = [
  '+OK\r\n-ERR no\r\n:-12\r\n$5\r\nhello\r\n$-1\r\n$0\r\n\r\n*-1\r\n*0\r\n+\r\n',
  '*3\r\n*2\r\n:1\r\n$2\r\n\r\n\r\n$-1\r\n*1\r\n*0\r\n+next\r\n',
  '$12\r\n\r\n$5\r\n+OK\r\n\r\n\r\n:1\r\n',
  `*12\r\n${':1\r\n'.repeat(12)}:2\r\n`,
]
const RESP3 = [
  '_\r\n#t\r\n,1.5\r\n,-inf\r\n(12345678901234567890\r\n=8\r\ntxt:text\r\n!5\r\nERR x\r\n',
  '%2\r\n+a\r\n:1\r\n+b\r\n~2\r\n_\r\n#f\r\n%0\r\n~0\r\n+next\r\n',
  '*3\r\n_\r\n_\r\n_\r\n+next\r\n',
  ',+1.5e-9\r\n,12E3\r\n,nan\r\n,+inf\r\n(-1\r\n(+0012\r\n=4\r\ntxt:\r\n:+5\r\n',
]
const MALFORMED = [
  ...['x\r\n', '\r\n', '\0', 'OK\r\n', '$', '*'].map((text) => `+OK\r\n${text}`),
  ...['$abc', '$', '$-2', '$+5', '$05', '$5 ', '$536870913', '$99999999999999999999', '$1.0'].map(
    (head) => `${head}\r\nhello\r\n`,
  ),
  ...['*abc', '*-2', '*', '*+1', '*01', '*2147483648'].map((head) => `:1\r\n${head}\r\n:1\r\n`),
  ...[':', ':x', ':1.5', ':9223372036854775808', ':-', ':01', ':-0', ': 1', ':+', ':+-1', ':++1', ':+01'].map(
    (head) => `${head}\r\n`,
  ),
  ...['_x', '#', '#x', '#tt', ',', ',.5', ',1.', ',1e', ',1e+', ',x', ',infx', ',1.5.2', '(', '(-', '(1.5', '(0x1'].map(
    (line) => `+OK\r\n${line}\r\n`,
  ),
  ...['%-1', '~-1', '=-1', '!-1'].map((head) => `*-1\r\n${head}\r\n+OK\r\n`), // nulls in RESP2 alone
  ...['=3\r\ntxt', '=4\r\ntxt;', '=0\r\n', '=7\r\ntx:text'].map((head) => `+OK\r\n${head}\r\n+OK\r\n`),
  '$6\r\nfoobarr\r\n',
  '$3\r\nfoo\rx+OK\r\n',
  '$0\r\nx\r\n',
  '$0\n\r\n',
  '+OK\rx\r\n',
  '+OK\n+OK\r\n',
  '*1\r\n*1\r\nx\r\n',
  '>2\r\n+message\r\n+x\r\n', // a push and an attribute cannot be matched to a request
  '|1\r\n+a\r\n+b\r\n+c\r\n',
  '*2\r\n>1\r\n+x\r\n:1\r\n',
]

describe.each([
  ['RESP2', false],
  ['RESP3', true],
] as const)('%s', (_, resp3) => {
  test.each([...RESP2, ...RESP3, ...MALFORMED])('%j is scanned alike, cut anywhere', (sample) => {
    const stream = Buffer.from(sample, 'latin1')
    compare(stream, [stream], resp3)
    for (const chunks of everyCut(stream)) compare(stream, chunks, resp3)
  })

  test.each([...'*~%'])('%s nests as deep as the limit, and no deeper', (type) => {
    const inner = type === '%' ? '+k\r\n' : ''
    for (const leaf of [':1\r\n', '$3\r\nabc\r\n', '*0\r\n', '*-1\r\n', '*1\r\n:1\r\n']) {
      const at = (depth: number): Buffer => Buffer.from(`${`${type}1\r\n${inner}`.repeat(depth)}${leaf}+next\r\n`)
      for (const depth of [1, DEPTH_MAX - 1, DEPTH_MAX, DEPTH_MAX + 1]) {
        const stream = at(depth)
        compare(stream, [stream], resp3)
        for (const step of [1, 7, 300]) {
          const chunks = Array.from({ length: Math.ceil(stream.length / step) }, (_, i) => i * step)
          compare(
            stream,
            chunks.map((at) => stream.subarray(at, at + step)),
            resp3,
          )
        }
      }
      if (resp3 || type === '*') {
        const ends = (depth: number): number[] => decode([at(depth)], resp3)
        expect(ends(DEPTH_MAX + 1)).toEqual([-1])
        if (leaf === ':1\r\n') expect(ends(DEPTH_MAX)).toHaveLength(2)
      }
    }
  })
})

test('a line is as long as the limit, and no longer, however it is cut', () => {
  for (const bytes of [LINE_MAX - 1, LINE_MAX, LINE_MAX + 1, LINE_MAX + 2]) {
    for (const line of ['+', ':', '$', '*'].map((type) => Buffer.from(`${type}${'1'.repeat(bytes)}\r\n+OK\r\n`))) {
      compare(line, [line], false)
      for (const at of [1, LINE_MAX - 1, LINE_MAX, LINE_MAX + 1, LINE_MAX + 2, LINE_MAX + 3]) {
        compare(line, [line.subarray(0, at), line.subarray(at)], false)
      }
    }
  }
  expect(decode([Buffer.from(`+${'1'.repeat(LINE_MAX)}\r\n`)], false)).toEqual([LINE_MAX + 3])
  expect(decode([Buffer.from(`+${'1'.repeat(LINE_MAX + 1)}`)], false)).toEqual([-1])
})

/** A valid reply of any kind. */
function reply(random: Random, resp3: boolean, depth = 0): string {
  const kinds = resp3 ? '+-:$$*_#,(=!~%' : '+-:$$*'
  const type = random.pick([...(depth > 4 ? kinds.replace(/[*~%]/g, '') : kinds)])
  const bytes = (): string => random.bytes(random.below(random.pick([3, 12, 90]))).toString('latin1')
  switch (type) {
    case '*':
    case '~':
    case '%': {
      const count = random.below(5)
      const values = Array.from({ length: type === '%' ? 2 * count : count }, () => reply(random, resp3, depth + 1))
      return `${type}${count}\r\n${values.join('')}`
    }
    case '$':
    case '=':
    case '!': {
      const value = type === '=' ? `txt:${bytes()}` : bytes()
      return type === '$' && random.chance(0.1) ? '$-1\r\n' : `${type}${value.length}\r\n${value}\r\n`
    }
    case ':':
      return `:${random.between(-1000, 1000)}\r\n`
    case '_':
      return '_\r\n'
    case '#':
      return `#${random.pick(['t', 'f'])}\r\n`
    case ',':
      return `,${random.pick(['inf', '-inf', 'nan', String(random.between(-99, 99) / 8), '1e+21'])}\r\n`
    case '(':
      return `(${random.pick(['', '-', '+'])}${random.between(0, 1000)}000000000000000000000\r\n`
    default:
      return `${type}${bytes().replace(/[\r\n]/g, '')}\r\n`
  }
}

test(`random replies, cut at random (MILLRACE_SEED=${SEED})`, () => {
  let whole = 0
  for (let round = 0; round < 800; round++) {
    const random = new Random(SEED + round)
    const resp3 = random.chance(0.6)
    const text = Array.from({ length: random.between(1, 8) }, () => reply(random, random.chance(0.03) || resp3)).join(
      '',
    )
    const stream = Buffer.from(text, 'latin1')
    if (random.chance(0.3)) stream[random.below(stream.length)] = random.pick([13, 10, 42, 36, 58, 48, 57, 0])
    compare(stream, [stream], resp3)
    for (let i = 0; i < 4; i++) compare(stream, cuts(random, stream), resp3)
    whole += endsTwin(stream.toString('latin1'), resp3).length
  }
  expect(whole).toBeGreaterThan(1500)
})

test(`what a reply needs is never more than its rest (MILLRACE_SEED=${SEED})`, () => {
  const random = new Random(SEED)
  for (let round = 0; round < 400; round++) {
    const resp3 = random.chance(0.5)
    const stream = Buffer.from(reply(random, resp3), 'latin1')
    inbound.reset()
    const replies = new Replies(resp3)
    for (let have = 1; have < stream.length; have++) {
      inbound.push(replies, stream.subarray(have - 1, have))
      const need = replies.need(0, have)
      if (need < 1 || need > stream.length - have) {
        expect.fail(`needs ${need} of the ${stream.length - have} bytes behind "${show(stream.subarray(0, have))}"`)
      }
    }
  }
})
