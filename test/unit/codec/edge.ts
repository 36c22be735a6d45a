// A decoder whose input ends where the linear memory ends: whoever reads a byte too far traps. What straddles is
// gathered as a stream does it; the newest bytes lie at the edge, and the gathered ones when they are decoded.
import { DECODER_BYTES, DECODER_DEAD, DECODER_FLAGS, RECORD_BYTES, RECORD_ERROR } from '../../../assembly/codec/abi.ts'
import type { Codec } from '../../../src/core/codec/codec.ts'
import type { Result } from '../../../src/core/decoder.ts'
import { decodeError } from '../../../src/core/errors.ts'
import { Frame } from '../../../src/core/frame.ts'
import type { TestCore } from '../core-test.ts'

const PAGE = 65536
const WORDS = RECORD_BYTES / 4
/** Behind every arena of codecCore. */
const HOME = 66 << 20

export class Edge<M> {
  readonly results: Result<M>[] = []
  readonly #core: TestCore
  readonly #codec: Codec<M>
  readonly #record: number
  readonly #state: number
  #gathered: Buffer = Buffer.alloc(0)

  constructor(core: TestCore, codec: Codec<M>) {
    this.#core = core
    this.#codec = codec
    this.#record = core.call('alloc', codec.bytes)
    this.#state = core.call('alloc', DECODER_BYTES)
    core.bytes.fill(0, this.#record, this.#record + codec.bytes)
    core.bytes.fill(0, this.#state, this.#state + DECODER_BYTES)
    codec.write(new DataView(core.exports.memory.buffer), this.#record)
  }

  push(chunk: Buffer): void {
    let rest = chunk
    while (this.#gathered.length > 0 && rest.length > 0) {
      const [at, end] = this.#place(rest)
      const base = at - this.#gathered.length - 64
      this.#core.bytes.set(this.#gathered, base)
      const taken = this.#call('codecTake', base, this.#gathered.length, at, end)
      if (taken < 1 || taken > rest.length) throw new Error(`takes ${taken} of ${rest.length} bytes`)
      const all = Buffer.concat([this.#gathered, rest.subarray(0, taken)])
      this.#gathered = this.#decode(all)
      if (this.#gathered.length > 0 && this.#gathered.length < all.length && taken > 1 && !this.#dead) {
        throw new Error('took more than the incomplete frame')
      }
      rest = rest.subarray(taken)
    }
    if (rest.length > 0) this.#gathered = this.#decode(rest)
  }

  end(): void {
    const [at] = this.#place(this.#gathered)
    this.#call('codecEnd', at, this.#gathered.length)
    this.#read()
    this.#call('codecRelease')
    this.#core.call('free', this.#record)
    this.#core.call('free', this.#state)
  }

  /** Bytes that the incomplete frame is said to need. */
  need(): number {
    const [at] = this.#place(this.#gathered)
    return this.#call('codecNeed', at, this.#gathered.length)
  }

  get gathered(): number {
    return this.#gathered.length
  }

  get #dead(): boolean {
    return (
      (new DataView(this.#core.exports.memory.buffer).getUint32(this.#state + DECODER_FLAGS, true) & DECODER_DEAD) > 0
    )
  }

  #call(name: string, ...args: number[]): number {
    return this.#core.call(name, this.#record, this.#state, ...args)
  }

  /** Puts bytes where the memory ends. */
  #place(bytes: Buffer): [at: number, end: number] {
    const { memory } = this.#core.exports
    const wanted = HOME + bytes.length + 2 * this.#gathered.length + PAGE
    if (memory.buffer.byteLength < wanted) memory.grow(Math.ceil((wanted - memory.buffer.byteLength) / PAGE))
    const end = memory.buffer.byteLength
    this.#core.bytes.set(bytes, end - bytes.length)
    return [end - bytes.length, end]
  }

  /** Decodes, however often the records are full; returns what stays. */
  #decode(bytes: Buffer): Buffer {
    let rest = bytes
    for (;;) {
      const [at, end] = this.#place(rest)
      const stop = this.#call('codecDecode', at, end)
      if (stop < at || stop > end) throw new Error(`stopped at ${stop - at} of ${rest.length} bytes`)
      const short = this.#core.global('recordsShort') !== 0
      const found = this.#read()
      rest = rest.subarray(stop - at)
      if (!short) return Buffer.from(rest)
      if (found === 0) throw new Error('no room even in empty records')
    }
  }

  #read(): number {
    const count = this.#core.call('recordsCount')
    const first = this.#core.call('recordsFirst')
    const records = new Uint32Array(this.#core.exports.memory.buffer, first, count * WORDS).slice()
    const frame = new Frame<M>(this.#core, this.#codec.message)
    for (let i = 0; i < records.length; ) {
      if (records[i + 2] === RECORD_ERROR) {
        const [number = 0, low = 0, , high = 0] = records.subarray(i)
        this.results.push({ error: decodeError(number, low + high * 2 ** 32) })
        i += WORDS
        continue
      }
      i = frame.point(records, i)
      const tokens = this.#codec.tokens?.(frame)
      this.results.push({ frame: frame.copy(), message: frame.message, ...(tokens && { tokens }) })
    }
    this.#core.call('recordsDone')
    return count
  }
}
