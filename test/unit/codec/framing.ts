// What the tests of the framing codecs share: streams through both builds of the core, with and without SIMD, and
// through the bare contract of a decoder. Input lies at the very end of the memory, where one byte further traps.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'vitest'
import { DECODER_BYTES, RECORD_ERROR } from '../../../assembly/codec/abi.ts'
import type { Codec } from '../../../src/core/codec/codec.ts'
import { decodeError } from '../../../src/core/errors.ts'
import { type Core, instantiateCore } from '../../../src/core/load.ts'
import type { Random } from '../../system/random.ts'
import type { TestCore } from '../core-test.ts'
import { codecCore, cuts } from './support.ts'

/** A frame as latin1 text, or an error: too long, corrupted, incomplete. */
export type Result = string | readonly [error: 'TL' | 'CF' | 'IN' | 'NM', length: number]

/** What a stream gives, and what its end adds. */
export interface Outcome {
  readonly results: Result[]
  readonly end: Result[]
}

/** A decoder written naively: a function of the whole stream. */
export type Twin = (stream: Buffer) => Outcome

export interface Subject {
  push(chunk: Buffer): void
  end(): void
  readonly results: Result[]
  dispose(): void
}

const NAMES: Readonly<Record<string, 'TL' | 'CF' | 'IN' | 'NM'>> = {
  MILLRACE_ERR_FRAME_TOO_LONG: 'TL',
  MILLRACE_ERR_FRAME_CORRUPTED: 'CF',
  MILLRACE_ERR_FRAME_INCOMPLETE: 'IN',
  MILLRACE_ERR_NO_MEMORY: 'NM',
}

function read(memory: ArrayBuffer, first: number, count: number, into: Result[]): void {
  const words = new Uint32Array(memory, first, count * 4)
  for (let i = 0; i < words.length; i += 4) {
    const [at = 0, length = 0, kind = 0, extra = 0] = words.subarray(i, i + 4)
    if (kind === RECORD_ERROR) {
      const error = decodeError(at, length + extra * 2 ** 32)
      into.push([NAMES[error.code] ?? 'NM', error.length])
    } else {
      into.push(Buffer.from(memory, at, length).toString('latin1'))
    }
  }
}

const INPUT_PAGES = 3
const PAGE_BYTES = 65536

/** A stream of core.wasm. */
class Stream implements Subject {
  readonly results: Result[] = []
  readonly #core: Core
  readonly #record: number
  readonly #stream: number

  constructor(core: Core, codec: Codec) {
    this.#core = core
    this.#record = core.writeCodec(codec)
    this.#stream = core.exports.streamCreate(this.#record)
  }

  push(chunk: Buffer): void {
    const { bytes, exports } = this.#core
    const at = bytes.length - chunk.length
    bytes.set(chunk, at)
    for (let done = 0; ; ) {
      const taken = exports.streamPush(this.#stream, at + done, chunk.length - done)
      this.#read()
      if (taken >= 0) return
      done += ~taken
    }
  }

  end(): void {
    this.#core.exports.streamEnd(this.#stream)
    this.#read()
  }

  #read(): void {
    const { exports, memory } = this.#core
    read(memory.buffer, exports.recordsFirst(), exports.recordsCount(), this.results)
  }

  get pending(): number {
    return this.#core.exports.streamPending(this.#stream)
  }

  dispose(): void {
    this.#core.exports.streamFree(this.#stream)
    this.#core.exports.free(this.#record)
  }
}

/** What would complete a frame for a decoder that looks behind the gathered bytes. */
const BEHIND = Buffer.from('\r\n\nab\n$_aab\n')

/** The contract itself: decode, take, need and end, with few records, and with the frame elsewhere at every call. */
class Contract implements Subject {
  readonly results: Result[] = []
  readonly #core: TestCore
  readonly #codec: number
  readonly #state: number
  readonly #gathered: number
  #held: Buffer = Buffer.alloc(0)
  /** The most bytes that were ever gathered. */
  heldMost = 0

  constructor(core: TestCore, codec: Codec, gathered: number) {
    this.#core = core
    this.#gathered = gathered
    this.#codec = core.call('alloc', codec.bytes)
    this.#state = core.call('alloc', DECODER_BYTES)
    core.bytes.fill(0, this.#codec, this.#codec + codec.bytes)
    codec.write(new DataView(core.exports.memory.buffer), this.#codec)
    core.bytes.fill(0, this.#state, this.#state + DECODER_BYTES)
  }

  push(chunk: Buffer): void {
    const core = this.#core
    let rest = chunk
    while (this.#held.length > 0 && rest.length > 0) {
      const have = this.#keep()
      const need = core.call('codecNeed', this.#codec, this.#state, this.#gathered, have)
      const at = this.#put(rest)
      const taken = core.call('codecTake', this.#codec, this.#state, this.#gathered, have, at, at + rest.length)
      if (taken < 1 || taken > rest.length || need < 1)
        throw new Error(`takes ${taken} of ${rest.length}, needs ${need}`)
      this.#held = Buffer.concat([this.#held, rest.subarray(0, taken)])
      this.heldMost = Math.max(this.heldMost, this.#held.length)
      rest = rest.subarray(taken)
      this.#held = this.#held.subarray(this.#decode(this.#held))
    }
    if (rest.length > 0) this.#held = rest.subarray(this.#decode(rest))
  }

  end(): void {
    this.#core.call('recordsDone')
    if (!this.#core.call('recordsRoom', this.#core.global('END_RECORDS'))) throw new Error('no room for an end')
    this.#core.call('codecEnd', this.#codec, this.#state, this.#gathered, this.#keep())
    this.#read()
  }

  #keep(): number {
    this.#core.bytes.set(this.#held, this.#gathered)
    this.#core.bytes.set(BEHIND, this.#gathered + this.#held.length)
    return this.#held.length
  }

  #put(bytes: Buffer): number {
    const memory = this.#core.bytes
    const at = memory.length - bytes.length
    memory.set(bytes, at)
    return at
  }

  #decode(bytes: Buffer): number {
    const base = this.#put(bytes)
    for (let at = base; ; ) {
      const stop = this.#core.call('codecDecode', this.#codec, this.#state, at, base + bytes.length)
      if (stop < at || stop > base + bytes.length) throw new Error(`stopped at ${stop - base} of ${bytes.length}`)
      const short = this.#core.global('recordsShort') !== 0
      if (short && this.#core.call('recordsCount') === 0) throw new Error('no room for a record in an empty region')
      this.#read()
      at = stop
      if (!short) return at - base
    }
  }

  #read(): void {
    const core = this.#core
    read(core.exports.memory.buffer as ArrayBuffer, core.call('recordsFirst'), core.call('recordsCount'), this.results)
    core.call('recordsDone')
  }

  dispose(): void {
    this.#core.call('free', this.#codec)
    this.#core.call('free', this.#state)
  }
}

const BUILD = resolve(import.meta.dirname, '../../../build')

function open(name: string): Core {
  const core = instantiateCore(new Uint8Array(readFileSync(join(BUILD, name))))
  core.memory.grow(INPUT_PAGES)
  return core
}

/** The cores, for what the tests do with them beside. */
export const SIMD: Core = open('core.wasm')
export const SCALAR: Core = open('core.baseline.wasm')

const RECORDS = [1, 2, 3, 5, 4096]
const bare = RECORDS.map((records) => {
  const core = codecCore()
  core.exports.memory.grow(INPUT_PAGES)
  if (!core.call('recordsCreate', records)) throw new Error('no memory for records')
  return { name: `contract, ${records} records`, core, gathered: core.call('alloc', INPUT_PAGES * PAGE_BYTES) }
})

/** Every way to decode. */
export const WAYS: readonly (readonly [name: string, make: (codec: Codec) => Subject])[] = [
  ['SIMD', (codec) => new Stream(SIMD, codec)],
  ['scalar', (codec) => new Stream(SCALAR, codec)],
  ...bare.map(({ name, core, gathered }) => [name, (codec: Codec) => new Contract(core, codec, gathered)] as const),
]

/** What a way of decoding makes of a stream in chunks; `told` after each chunk. */
export function decode(
  make: (codec: Codec) => Subject,
  codec: Codec,
  chunks: readonly Buffer[],
  told?: (results: Result[], bytes: number) => void,
): Outcome {
  const subject = make(codec)
  let bytes = 0
  for (const chunk of chunks) {
    subject.push(chunk)
    bytes += chunk.length
    told?.(subject.results, bytes)
  }
  const results = [...subject.results]
  subject.end()
  subject.dispose()
  return { results, end: subject.results.slice(results.length) }
}

const show = (outcome: Outcome): string => JSON.stringify(outcome)

/** Every way, with the stream whole, byte by byte and cut at random, against the twin. */
export function prove(codec: Codec, twin: Twin, stream: Buffer, random: Random, about: string): Outcome {
  const wanted = twin(stream)
  const cutting: Buffer[][] = [[stream], cuts(random, stream), cuts(random, stream)]
  if (stream.length <= 300) cutting.push(Array.from(stream, (_, i) => stream.subarray(i, i + 1)))
  for (const [name, make] of WAYS) {
    for (const chunks of cutting) {
      const got = decode(make, codec, chunks)
      if (show(got) === show(wanted)) continue
      const sizes = chunks.map((chunk) => chunk.length).join('+')
      expect(got, `${name}: ${JSON.stringify(stream.toString('latin1'))} as ${sizes}, ${about}`).toEqual(wanted)
    }
  }
  return wanted
}

/** After each push everything is told that is certain. */
export function proveTold(codec: Codec, twin: Twin, stream: Buffer, about: string): void {
  for (const [name, make] of WAYS.slice(0, 2)) {
    const single = Array.from(stream, (_, i) => stream.subarray(i, i + 1))
    decode(make, codec, single, (results, bytes) => {
      const wanted = twin(stream.subarray(0, bytes)).results
      if (JSON.stringify(results) === JSON.stringify(wanted)) return
      const read = JSON.stringify(stream.toString('latin1', 0, bytes))
      expect(results, `${name}: after ${read}, ${about}`).toEqual(wanted)
    })
  }
}

/** Microseconds of CPU for `bytes`, pushed in pieces, the best of three. */
export function timeOf(core: Core, codec: Codec, bytes: Buffer, piece: number): number {
  const record = core.writeCodec(codec)
  const at = core.bytes.length - piece
  core.bytes.set(bytes.subarray(0, piece), at)
  const once = (): number => {
    const stream = core.exports.streamCreate(record)
    const start = process.cpuUsage()
    for (let pushed = 0; pushed < bytes.length; pushed += piece) {
      for (let taken = core.exports.streamPush(stream, at, piece), done = 0; taken < 0; ) {
        done += ~taken
        taken = core.exports.streamPush(stream, at + done, piece - done)
      }
    }
    const { user, system } = process.cpuUsage(start) // only their sum is exact
    core.exports.streamFree(stream)
    return user + system
  }
  const best = Math.min(once(), once(), once())
  core.exports.free(record)
  return best
}
