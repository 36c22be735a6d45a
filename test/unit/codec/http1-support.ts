// What the tests of http1 share: cores with and without SIMD, and a stream's events in a form that can be compared.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { RECORD_BYTES, RECORD_ERROR } from '../../../assembly/codec/abi.ts'
import type { Codec } from '../../../src/core/codec/codec.ts'
import { type DecodeError, decodeError } from '../../../src/core/errors.ts'
import { Frame } from '../../../src/core/frame.ts'
import { type Core, instantiateCore } from '../../../src/core/load.ts'

const ROOT = resolve(import.meta.dirname, '../../..')

/** The core as it is shipped, and as a host without SIMD would need it. */
export const cores: readonly (readonly [name: string, core: Core])[] = [
  ['with SIMD', instantiateCore(readFileSync(join(ROOT, 'build/core.wasm')))],
  ['without SIMD', instantiateCore(readFileSync(join(ROOT, 'build/core.baseline.wasm')))],
]
export const [[, core]] = cores as [[string, Core]]
// what a push at the very end of the memory looks at beyond its bytes, traps
for (const [, { memory }] of cores) memory.grow(16)

/** What a stream holds: messages as the codec gives them, bodies in one piece, errors. */
export type Event =
  | { readonly type: string; readonly raw?: string }
  | { readonly data: string }
  | { readonly error: DecodeError }

export interface How {
  readonly core?: Core
  /** What is said before the first byte. */
  readonly expect?: readonly string[]
  /** The stream does not end. */
  readonly open?: boolean
}

/** The events of a stream; each piece of it is pushed where the memory ends. */
export function decode(chunks: readonly Buffer[], codec: Codec<unknown>, how: How = {}): Event[] {
  const { exports, memory, ...rest } = { ...how, ...exportsOf(how.core ?? core) }
  const record = rest.core.writeCodec(codec)
  const stream = exports.streamCreate(record) >>> 0
  const events: Event[] = []
  const frame = new Frame(rest.core, codec.message)
  const collect = () => {
    const count = exports.recordsCount()
    const records = new Uint32Array(memory.buffer, exports.recordsFirst() >>> 0, (count * RECORD_BYTES) / 4).slice()
    for (let i = 0; i < records.length; ) {
      if (records[i + 2] === RECORD_ERROR) {
        const length = (records[i + 1] as number) + (records[i + 3] as number) * 2 ** 32
        events.push({ error: decodeError(records[i] as number, length) })
        i += 4
      } else {
        i = frame.point(records, i)
        add(events, frame)
      }
    }
  }
  try {
    for (const what of how.expect ?? []) {
      if (!exports.streamTell(stream, codec.tell?.(what) ?? 0)) throw new Error(`${what} cannot be expected`)
    }
    for (const chunk of chunks) {
      let at = memory.buffer.byteLength - chunk.length
      rest.core.bytes.set(chunk, at)
      for (;;) {
        const taken = exports.streamPush(stream, at, memory.buffer.byteLength - at)
        collect()
        if (taken >= 0) break
        at += ~taken
      }
    }
    if (how.open) return events
    exports.streamEnd(stream)
    collect()
    return events
  } finally {
    exports.streamFree(stream)
    exports.free(record)
    exports.heapCheck()
  }
}

function exportsOf(core: Core) {
  return { core, exports: core.exports, memory: core.memory }
}

function add(events: Event[], frame: Frame): void {
  const message = frame.message as { type: string }
  if (message.type !== 'data') {
    const raw = message.type === 'end' ? {} : { raw: frame.toString('latin1') }
    events.push({ ...message, ...raw })
    return
  }
  const last = events.at(-1)
  const data = frame.toString('latin1')
  if (last !== undefined && 'data' in last) events[events.length - 1] = { data: last.data + data }
  else events.push({ data })
}

/** The status of a stream's first error, or 0. */
export function statusOf(events: readonly Event[]): number {
  for (const event of events) if ('error' in event) return event.error.status ?? -1
  return 0
}

/** Shorthand for what a stream holds: methods, statuses, bodies, codes of errors. */
export function brief(events: readonly Event[]): string[] {
  return events.map((event) => {
    if ('error' in event) return event.error.status ? String(event.error.status) : event.error.code
    if ('data' in event) return `"${event.data}"`
    const { type, method, status, headers } = event as unknown as Record<string, string> & { headers: string[][] }
    if (type === 'head') return method ?? `head ${status}`
    return type === 'trailers' ? headers.map((header) => header.join('=')).join() : type
  })
}

/** The lines of a head, with the empty line. */
export const lines = (...text: readonly string[]): string => `${text.join('\r\n')}\r\n\r\n`
export const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')
