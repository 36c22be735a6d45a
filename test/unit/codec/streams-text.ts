// Random streams of Redis requests and replies and of memcached commands.
import fc from 'fast-check'
import { around, type Case, streamOf, textOf } from './streams-common.ts'

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')
const joined = (...parts: (string | Uint8Array)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? latin1(part) : part)))
const bulk = (type: string, bytes: Uint8Array): Buffer => joined(`${type}${bytes.length}\r\n`, bytes, '\r\n')

const BAD_REQUESTS = [
  ...['*abc\r\n', '*01\r\n', '*+1\r\n', '*\r\n', '*3000000000\r\n', '*99999999999999999999\r\n', '*1\r\nfoo\r\n'],
  ...['*1\r\n$-1\r\n', '*1\r\n$04\r\nPING\r\n', '*1\r\n$4\r\nPINGxx', '*1\r\n*1\r\n', '*2\r\n$1\r\na\r\n:1\r\n'],
  ...['POST / HTTP/1.1\r\n', 'host: x\r\n', 'set "a\r\n', "set 'a'b\r\n", '*1\n$4\nPING\n'],
]
const INLINE = ['PING', 'set a "b c"', `a 'it\\'s' x"y z"`, '"\\x41\\n\\q" b', '  a\t b ', '', ' ', '""', "'\\x41'"]

export const respRequestStreams: fc.Arbitrary<Case> = fc
  .record({
    maxBulkLength: fc.integer({ min: 4, max: 80 }),
    maxInline: fc.integer({ min: 64, max: 160 }),
    maxElements: fc.integer({ min: 2, max: 12 }),
  })
  .chain((options) => {
    const word = fc.oneof(
      { weight: 6, arbitrary: textOf(fc.nat(options.maxBulkLength), 'abc\r\n$*\0\xff') },
      textOf(around(options.maxBulkLength), 'abc'),
    )
    const few = fc.array(word, { minLength: 1, maxLength: 3 })
    const many = fc.array(textOf(fc.nat(3), 'xyz'), { minLength: 1, maxLength: options.maxElements + 1 })
    const command = fc.oneof({ weight: 4, arbitrary: few }, many).map((words) => {
      return joined(`*${words.length}\r\n`, ...words.map((bytes) => bulk('$', bytes)))
    })
    const inline = fc.tuple(fc.constantFrom(...INLINE), fc.constantFrom('\r\n', '\n')).map(([text, end]) => text + end)
    const long = fc
      .tuple(around(options.maxInline - 4), fc.constantFrom('\r\n', '\n', ''))
      .map(([length, end]) => `get ${'k'.repeat(length)}${end}`)
    const piece = fc.oneof(
      { weight: 8, arbitrary: command },
      { weight: 3, arbitrary: inline.map(latin1) },
      { weight: 1, arbitrary: long.map(latin1) },
      { weight: 1, arbitrary: fc.constantFrom('\r\n', '*0\r\n', '*-1\r\n', '*-10\r\n').map(latin1) },
      { weight: 1, arbitrary: fc.constantFrom(...BAD_REQUESTS).map(latin1) },
    )
    return streamOf(piece).map((stream) => ({ options, stream }))
  })

const LINES2 = [
  '+OK\r\n',
  '+\r\n',
  '-ERR no such thing\r\n',
  ':0\r\n',
  ':-17\r\n',
  ':+5\r\n',
  ':9223372036854775807\r\n',
]
const LINES3 = [
  '_\r\n',
  '#t\r\n',
  '#f\r\n',
  ',1.5\r\n',
  ',-2e10\r\n',
  ',inf\r\n',
  ',nan\r\n',
  '(123456789012345678901\r\n',
]
const BAD_REPLIES = [
  ...['*\r\n', ':x\r\n', ':01\r\n', ':9223372036854775808\r\n', '$6\r\nfoobarr\r\n', '$0\n', '$-2\r\n', '*-2\r\n'],
  ...[
    '#x\r\n',
    '_x\r\n',
    ',abc\r\n',
    '(1.5\r\n',
    '?\r\n',
    '%-1\r\n',
    '=3\r\ntxt\r\n',
    '$99999999999999999999\r\n',
    '>',
  ],
]

export const respReplyStreams: fc.Arbitrary<Case> = fc
  .record({
    version: fc.constantFrom(2 as const, 3 as const),
    maxBulkLength: fc.integer({ min: 20, max: 80 }),
    maxInline: fc.integer({ min: 64, max: 160 }),
    maxElements: fc.integer({ min: 4, max: 12 }).map((half) => half * 2),
    maxDepth: fc.integer({ min: 2, max: 6 }),
  })
  .chain((options) => {
    const three = options.version === 3
    const bytes = textOf(fc.oneof(fc.nat(20), around(options.maxBulkLength)), 'ab\r\n$\0')
    const line = fc.constantFrom(...LINES2, ...(three ? LINES3 : []))
    const text = fc
      .tuple(fc.constantFrom('+', '-'), around(options.maxInline))
      .map(([type, length]) => `${type}${'m'.repeat(length)}\r\n`)
    const bulkString = fc.tuple(fc.constantFrom('$', ...(three ? ['!'] : [])), bytes).map(([type, b]) => bulk(type, b))
    const verbatim = textOf(fc.nat(12), 'abc').map((b) => bulk('=', joined('txt:', b)))
    const leaf = fc.oneof(
      { weight: 4, arbitrary: line.map(latin1) },
      { weight: 4, arbitrary: bulkString },
      { weight: three ? 1 : 0, arbitrary: verbatim },
      { weight: 1, arbitrary: fc.constantFrom('$-1\r\n', '*-1\r\n').map(latin1) },
    )
    const inside = (value: fc.Arbitrary<Buffer>, depth: number): fc.Arbitrary<Buffer> => {
      if (depth > options.maxDepth + 1) return value
      const list = fc
        .tuple(fc.constantFrom('*', ...(three ? ['~'] : [])), fc.array(value, { minLength: 1, maxLength: 4 }))
        .map(([type, items]) => joined(`${type}${items.length}\r\n`, ...items))
      const pairs = fc
        .array(fc.tuple(value, value), { minLength: 1, maxLength: 2 })
        .map((items) => joined(`%${items.length}\r\n`, ...items.flat()))
      const noted = fc.tuple(value, value, value).map(([k, v, what]) => joined('|1\r\n', k, v, what))
      const deeper = three ? fc.oneof({ weight: 3, arbitrary: list }, pairs, noted) : list
      return inside(fc.oneof({ weight: 3, arbitrary: value }, deeper), depth + 1)
    }
    const value = inside(leaf, 1)
    const push = fc
      .array(leaf, { minLength: 1, maxLength: 3 })
      .map((items) => joined(`>${items.length}\r\n+message\r\n`, ...items.slice(1)))
    const counted = around(options.maxElements).map((count) => joined(`*${count}\r\n`, ':1\r\n'.repeat(count)))
    const piece = fc.oneof(
      { weight: 8, arbitrary: value },
      { weight: 4, arbitrary: leaf },
      { weight: 1, arbitrary: text.map(latin1) },
      { weight: 1, arbitrary: counted },
      { weight: three ? 2 : 0, arbitrary: push },
      { weight: 1, arbitrary: fc.constantFrom(...BAD_REPLIES).map(latin1) },
    )
    return streamOf(piece).map((stream) => ({ options, stream }))
  })

const LINES = [
  ...['get a', 'get a b  c', 'gets a', 'gat 0 a', 'delete a', 'delete a noreply', 'incr n 1', 'decr n 1 noreply', 'mn'],
  ...['touch a 0', 'version', 'stats', 'flush_all', 'verbosity 1', 'mg a v', 'mg a t Oab', 'md a q', 'ma a N0', 'me a'],
]
const BAD_LINES = [
  'get',
  'GET a',
  '',
  'incr a -1',
  'incr a x',
  'touch a',
  'cas a 0 0',
  'nope',
  'ms a S3',
  'gat x a',
  'x',
]

export const memcachedStreams: fc.Arbitrary<Case> = fc
  .record({
    maxKeyLength: fc.integer({ min: 16, max: 250 }),
    maxItemSize: fc.integer({ min: 16, max: 100 }),
    maxLine: fc.integer({ min: 2048, max: 8192 }),
  })
  .chain((options) => {
    const key = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('a', 'key:17', 'b') },
      around(options.maxKeyLength).map((length) => 'k'.repeat(Math.max(length, 1))),
    )
    const data = textOf(fc.oneof(fc.nat(12), around(options.maxItemSize)), 'abc\r\n\0\xff')
    const head = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('set * 0 0 #', 'add * 1 -1 #', 'append * 0 0 # noreply', 'ms * # T0') },
      { weight: 2, arbitrary: fc.constantFrom('cas * 4294967296 0 # 99', 'prepend * 0 100 #', 'replace * 7 1 #') },
      { weight: 1, arbitrary: fc.constantFrom('set * x 0 #', 'set * 0 y #', 'cas * 0 0 # z', 'set * -1 0 #') },
    )
    const store = fc
      .tuple(head, key, data, fc.constantFrom(0, 0, 0, 0, 0, 1, -1), fc.constantFrom('\r\n', '\r\n', '\n'))
      .map(([text, name, bytes, wrong, end]) => {
        const length = Math.max(bytes.length + wrong, 0)
        return joined(`${text.replace('*', name).replace('#', String(length))}${end}`, bytes, '\r\n')
      })
    const end = fc.constantFrom('\r\n', '\r\n', '\r\n', '\n')
    const line = fc.tuple(
      fc.oneof(
        fc.constantFrom(...LINES),
        key.map((name) => `get ${name}`),
      ),
      end,
    )
    const bad = fc.tuple(fc.constantFrom(...BAD_LINES), end)
    const long = around(options.maxLine - 4).map((length) => `get ${'x '.repeat(length).slice(0, length)}\r\n`)
    const piece = fc.oneof(
      { weight: 8, arbitrary: store },
      { weight: 6, arbitrary: line.map((parts) => latin1(parts.join(''))) },
      { weight: 3, arbitrary: bad.map((parts) => latin1(parts.join(''))) },
      { weight: 1, arbitrary: long.map(latin1) },
    )
    return streamOf(piece).map((stream) => ({ options, stream }))
  })
