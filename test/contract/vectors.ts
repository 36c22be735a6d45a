// What every build of the core must do alike: streams and what decoders make of them, messages and how they are framed,
// rings and who owns a key. A codec that this package does not export (yet) is left out; one that has no vectors is a
// failure of wasm.test.ts.
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Codec, Core, Result, RingOptions, RingServer } from '../../dist/src/core/index.js'
import * as api from '../../dist/src/core/index.js'

type Make = (options?: object) => Codec<unknown>

export interface DecoderVector {
  readonly name: string
  readonly codec: Codec<unknown>
  readonly stream: Uint8Array
  /** What comes out, however the stream is cut; undefined where another test says it. */
  readonly results?: readonly string[] | undefined
  /** A message and its frame, as latin1. */
  readonly encoded?: readonly [message: string, frame: string] | undefined
}

interface Sample {
  readonly codec: string
  readonly options?: object
  readonly stream: string
  readonly results?: readonly string[]
  readonly encoded?: readonly [message: string, frame: string]
}

const SAMPLES: readonly Sample[] = [
  {
    codec: 'lengthField',
    options: { maxFrameLength: 16, lengthFieldLength: 2, initialBytesToStrip: 2 },
    stream: `\x00\x05hello\x00\x00\x00\x05world\x00\xff${'x'.repeat(255)}\x00\x02ok\x00\x09cut`,
    results: ['hello', '', 'world', 'FRAME_TOO_LONG 257', 'ok', 'FRAME_INCOMPLETE 5'],
    encoded: ['hello', '\x00\x05hello'],
  },
  {
    codec: 'lengthField',
    options: { maxFrameLength: 64, lengthFieldLength: 4, lengthFieldOffset: 1, lengthAdjustment: -5, byteOrder: 'LE' },
    stream: '!\x08\x00\x00\x00abc?\x05\x00\x00\x00#\x01\x00\x00\x00*\x06\x00\x00\x00z',
    results: ['!\x08\x00\x00\x00abc', '?\x05\x00\x00\x00', 'FRAME_CORRUPTED 5', '*\x06\x00\x00\x00z'],
  },
  {
    codec: 'lengthField',
    options: { maxFrameLength: 64, lengthFieldLength: 8, initialBytesToStrip: 8, failFast: false },
    stream: `\0\0\0\0\0\0\0\x03abc\0\0\0\0\0\0\0\x50${'y'.repeat(80)}\0\0\0\0\0\0\0\x01d`,
    results: ['abc', 'FRAME_TOO_LONG 88', 'd'],
    encoded: ['abc', '\0\0\0\0\0\0\0\x03abc'],
  },
  { codec: 'raw', stream: '', results: [] },
  {
    codec: 'line',
    options: { maxLength: 40 },
    stream: `a\r\nbc\n\n${'long line of text '.repeat(2)}\r\nlone\rreturn\n`,
    results: ['a', 'bc', '', 'long line of text '.repeat(2), 'lone\rreturn'],
    encoded: ['abc', 'abc\n'],
  },
  {
    codec: 'delimiter',
    options: { delimiters: ['$_', '\0', '--- boundary ---'], maxFrameLength: 40 },
    stream: `a$b$_c\0\0${'long text '.repeat(3)}--- boundary ---$_`,
    results: ['a$b', 'c', '', 'long text '.repeat(3), ''],
    encoded: ['abc', 'abc$_'],
  },
  { codec: 'fixed', options: { frameLength: 3 }, stream: 'abcdefghi', results: ['abc', 'def', 'ghi'] },
  {
    codec: 'varint32',
    options: { maxFrameLength: 300 },
    stream: `\x03abc\x00\xac\x02${'v'.repeat(300)}\x01z`,
    results: ['abc', '', 'v'.repeat(300), 'z'],
    encoded: ['v'.repeat(300), `\xac\x02${'v'.repeat(300)}`],
  },
  {
    codec: 'resp',
    stream:
      '*2\r\n$3\r\nGET\r\n$1\r\na\r\n*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$4\r\n\r\n\r\n\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n',
  },
  { codec: 'memcached', stream: 'get a\r\nset b 0 0 4\r\n\r\n\r\n\r\nget a bb ccc\r\ndelete d noreply\r\nversion\r\n' },
  {
    codec: 'http1',
    stream:
      'GET /index.html?q=1 HTTP/1.1\r\nHost: a.example\r\nAccept: text/html, application/json\r\n\r\n' +
      'POST /form HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: b\r\n\r\n',
  },
]

const DECLARATIONS = resolve(import.meta.dirname, '../../dist/src/core/codec')

/** The functions that this package exports and that make codecs, by their declared types. */
export const CODECS: readonly string[] = readdirSync(DECLARATIONS)
  .filter((name) => name.endsWith('.d.ts'))
  .flatMap((name) => {
    const made = readFileSync(join(DECLARATIONS, name), 'utf8').matchAll(
      /^export declare function (\w+)\(.*\): Codec\b/gm,
    )
    return Array.from(new Set(Array.from(made, ([, found = '']) => found)))
  })
  .filter((name) => name in api)

export const WITH_VECTORS: ReadonlySet<string> = new Set(SAMPLES.map((sample) => sample.codec))

export const DECODERS: readonly DecoderVector[] = SAMPLES.flatMap((sample, i) => {
  const make = (api as unknown as Record<string, Make | undefined>)[sample.codec]
  if (make === undefined) return []
  const { stream, results, encoded } = sample
  const codec = sample.options === undefined ? make() : make(sample.options)
  return [{ name: `${sample.codec} (${i + 1})`, codec, stream: Buffer.from(stream, 'latin1'), results, encoded }]
})

/** A result in one line: a frame's bytes with what it means, or an error and its length. */
function show({ error, frame, message }: Result<unknown>): string {
  if (error !== undefined) return `${error.code.replace('MILLRACE_ERR_', '')} ${error.length}`
  const bytes = Buffer.from(frame).toString('latin1')
  return message === undefined ? bytes : `${bytes} ${JSON.stringify(message, plain)}`
}

function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value
}

/** All results of a stream that comes in these pieces, its end included; a body's pieces are put together again. */
export function decodeAll(core: Core, codec: Codec<unknown>, pieces: readonly Uint8Array[]): string[] {
  const decoder = core.decoder(codec)
  const lines: string[] = []
  let body: string | undefined
  const take = (results: readonly Result<unknown>[]): void => {
    // at once: a view of what was pushed shows what is there now
    for (const result of results) {
      if ((result.message as { type?: string } | undefined)?.type === 'data' && result.frame !== undefined) {
        body = (body ?? '') + Buffer.from(result.frame).toString('latin1')
        continue
      }
      if (body !== undefined) lines.push(`data ${body}`)
      body = undefined
      lines.push(show(result))
    }
  }
  for (const piece of pieces) take(decoder.push(piece))
  take(decoder.end())
  if (body !== undefined) lines.push(`data ${body}`)
  decoder.dispose()
  return lines
}

export interface RingVector {
  readonly servers: readonly RingServer[]
  readonly options: RingOptions
  /** The owner of each of RING_KEYS. */
  readonly owners: string
}

const three = ['10.0.0.1:11211', '10.0.0.2:11211', '10.0.0.3:11211']
const weighted: readonly RingServer[] = three.map((id, i) => ({ id, weight: i + 1 }))
const tagged = (i: number): string =>
  i % 3 === 0 ? `{user${i % 12}}:long tail of a key, longer than sixteen:${i}` : `k${i}`

export const RING_KEYS: readonly string[] = ['', 'a', 'é', ...Array.from({ length: 37 }, (_, i) => tagged(i))]

/** Owners by their place in the list. What is right is proved in test/unit/ring; here it must be so in every build. */
export const RINGS: readonly RingVector[] = [
  { servers: weighted, options: { compat: 'native' }, owners: '2211111121022202221111212221201102212201' },
  {
    servers: weighted,
    options: { compat: 'native', hashTag: '{}' },
    owners: '2210112122021200222112211220202102211200',
  },
  { servers: weighted, options: { compat: 'ketama' }, owners: '1202212222120210111220111212212221010202' },
  { servers: weighted, options: { compat: 'twemproxy' }, owners: '2112221222221112111110112112111110112112' },
  {
    servers: weighted,
    options: { compat: 'twemproxy', hash: 'murmur', hashTag: '{}' },
    owners: '2022022122001202222222221222112122001122',
  },
]
