// What the codec tests share: a stream cut into chunks, each at a place of its own with misleading bytes behind it, and
// the way turn/inbound takes them: in place where a frame is whole, gathered and scanned where it straddles.
import type { Random } from '../../system/random.ts'
import { TestCore } from '../core-test.ts'

/** What follows a chunk in memory: bytes that would complete a line or a bulk for a decoder that looks too far. */
const BEHIND = Buffer.from('\r\n\n0\r\n$1\r\nx\r\n"\r\n')

/** A decoder in the core, as the gathering needs it. Addresses are in the core's memory. */
export interface Decoder {
  /** Takes every whole frame in `[at, end)`; returns where it stopped, or −1 when the stream is over. */
  frames(at: number, end: number): number
  /** Whether the gathered `[base, end)` is whole or wrong. */
  scan(base: number, end: number): boolean
  /** Bytes to add to the `have` gathered ones at `base`. */
  need(base: number, have: number): number
  /** Whether the gathered frame ends at a line feed. */
  endsAtLine(base: number): boolean
}

/** The inbound side of a channel over one decoder. */
export class Inbound {
  readonly core: TestCore
  readonly memory: Uint8Array
  readonly #chunk: number
  readonly #gathered: number
  #base = 0
  #have = 0
  #over = false
  /** Bytes that were gathered since the stream began, rather than handled where they lay. */
  gathered = 0

  constructor(core: TestCore, bytesMax: number) {
    this.core = core
    this.memory = core.bytes
    this.#chunk = core.call('alloc', bytesMax + BEHIND.length)
    this.#gathered = core.call('alloc', bytesMax + BEHIND.length)
  }

  /** Forgets everything: another stream begins. */
  reset(): void {
    this.#have = 0
    this.#over = false
    this.gathered = 0
  }

  push(decoder: Decoder, chunk: Uint8Array): void {
    this.memory.set(chunk, this.#chunk)
    this.memory.set(BEHIND, this.#chunk + chunk.length)
    const end = this.#chunk + chunk.length
    let at = this.#chunk
    while (at < end && this.#have > 0 && !this.#over) {
      let take = end - at
      if (decoder.endsAtLine(this.#base)) {
        const feed = this.memory.subarray(at, end).indexOf(10)
        if (feed >= 0) take = feed + 1
      } else {
        const need = decoder.need(this.#base, this.#have)
        if (need <= 0) throw new Error(`needs ${need} bytes more, of ${this.#have}`)
        take = Math.min(take, need)
      }
      this.#gather(at, take)
      at += take
      if (decoder.scan(this.#base, this.#base + this.#have)) this.#drain(decoder)
    }
    if (at < end && !this.#over) at = this.#frames(decoder, at, end)
    if (at < end && !this.#over) this.#gather(at, end - at)
  }

  #gather(from: number, bytes: number): void {
    if (this.#have === 0) this.#base = this.#gathered
    this.memory.copyWithin(this.#base + this.#have, from, from + bytes)
    this.#have += bytes
    this.gathered += bytes
    this.memory.set(BEHIND, this.#base + this.#have)
  }

  #drain(decoder: Decoder): void {
    const stop = this.#frames(decoder, this.#base, this.#base + this.#have)
    this.#have -= stop - this.#base
    this.#base = stop
  }

  #frames(decoder: Decoder, at: number, end: number): number {
    const stop = decoder.frames(at, end)
    if (stop < 0) this.#over = true
    return stop < 0 ? end : stop
  }
}

/** A core for decoders alone. */
export function codecCore(): TestCore {
  return new TestCore({ heapBytes: 64 << 20, slabBytes: 1 << 20 })
}

/** Cuts a stream at random: into many small pieces, into few, or everywhere. */
export function cuts(random: Random, bytes: Buffer): Buffer[] {
  const step = random.pick([1, 3, 20, 400, 5000])
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const to = Math.min(bytes.length, at + 1 + random.below(2 * step - 1))
    chunks.push(bytes.subarray(at, to))
    at = to
  }
  return chunks
}

/** The stream in two pieces, for every cut; and byte by byte. */
export function* everyCut(bytes: Buffer): Generator<Buffer[]> {
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)]
  yield Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))
}
