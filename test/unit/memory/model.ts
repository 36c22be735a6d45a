// Naive buffers beside the real skbs and queues: what each must hold, and a comparison of everything with it.

import type { Build } from '../core-build.ts'
import { TestCore } from '../core-test.ts'
import { must } from './support.ts'

const SKB_NEXT = 0
const SKB_BLOCK = 4

/** An skb as it should be. */
export interface Buffered {
  readonly skb: number
  bytes: Buffer
  holders: number
}

/** A queue as it should be: what its skbs hold, one after the other. */
export interface Queued {
  readonly at: number
  bytes: Buffer
}

/** The naive side of a run. */
export interface Model {
  readonly skbs: Buffered[]
  readonly queues: Queued[]
}

/** The real side of a run: the core, and a means to take its memory away. */
export class Real {
  readonly core: TestCore
  readonly view: DataView
  readonly memory: Uint8Array
  readonly #iovecs: number
  readonly #scratch: number
  readonly #heap: number
  #hoard: number[] = []
  #starved = false
  #mark = 0

  constructor(build: Build) {
    this.core = new TestCore({ heapBytes: 8 << 20, slabBytes: 6 << 20, build })
    this.view = new DataView(this.core.exports.memory.buffer)
    this.memory = this.core.bytes
    this.#iovecs = this.core.call('alloc', 64 * 16)
    this.#scratch = this.core.call('alloc', 1 << 20)
    this.#heap = this.core.call('heapUsed')
  }

  get starved(): boolean {
    return this.#starved
  }

  queue(): Queued {
    const at = this.core.call('alloc', this.core.global('QUEUE_RECORD_BYTES'))
    this.core.call('queueInit', at)
    return { at, bytes: Buffer.alloc(0) }
  }

  /** Leaves the core `left` headers or small blocks, and of every larger block at most what is in its pages. */
  starve(left: number): void {
    const { core } = this
    this.#starved = true
    for (let i = 0; i < left; i++) this.#hoard.push(core.call('slabAlloc', 0))
    core.call('slabLimit', 0)
    for (let cls = 9; cls >= 0; cls -= 3) {
      for (let at = core.call('slabAlloc', cls); at !== 0; at = core.call('slabAlloc', cls)) this.#hoard.push(at)
    }
    for (let i = 0; i < left; i++) core.call('slabFree', this.#hoard.pop()!)
  }

  relieve(): void {
    for (const at of this.#hoard) this.core.call('slabFree', at)
    this.#hoard = []
    this.#starved = false
    this.core.call('slabLimit', 0xffffffff)
    this.core.call('queueLost')
  }

  /** Bytes that are nowhere else for a while. */
  fresh(length: number): Buffer {
    const bytes = Buffer.alloc(length)
    for (let i = 0; i < length; i++) bytes[i] = this.#mark++ % 251
    return bytes
  }

  blockOf(skb: number): number {
    return this.view.getUint32(skb + SKB_BLOCK, true)
  }

  next(skb: number): number {
    return this.view.getUint32(skb + SKB_NEXT, true)
  }

  /** The skb and its fragments. */
  pieces(skb: number): number[] {
    const all = [skb]
    for (let piece = this.core.call('skbFragments', skb); piece !== 0; piece = this.next(piece)) all.push(piece)
    return all
  }

  bytesOf(piece: number): Uint8Array {
    const data = this.core.call('skbData', piece)
    return this.memory.subarray(data, data + this.core.call('skbLength', piece))
  }

  /** The bytes of an skb, fragment by fragment; and they are as many as it says, and what skbRead finds. */
  held(skb: number): Buffer {
    const { core } = this
    const pieces = this.pieces(skb)
    const bytes = Buffer.concat(pieces.map((piece) => this.bytesOf(piece)))
    must(core.call('skbTotal', skb) === bytes.length, `the skb has ${bytes.length} bytes`)
    must(
      pieces.slice(1).every((piece) => core.call('skbLength', piece) > 0),
      'no fragment is empty',
    )
    must(pieces.length === 1 || core.call('skbTailroom', skb) === 0, 'nothing can be put before a fragment')
    const from = bytes.length >> 1
    const length = Math.min(bytes.length - from, 1 << 20)
    core.call('skbRead', skb, from, this.#scratch, length)
    const read = this.memory.subarray(this.#scratch, this.#scratch + length)
    must(bytes.subarray(from, from + length).equals(read), 'the second half reads as it lies there')
    return bytes
  }

  queued(queue: number): number[] {
    const all: number[] = []
    for (let skb = this.view.getUint32(queue, true); skb !== 0; skb = this.next(skb)) all.push(skb)
    must((all.at(-1) ?? 0) === this.view.getUint32(queue + 4, true), 'the tail is the last skb')
    return all
  }

  /** What the next gathered send of a queue would carry. */
  #gathered(queue: number): Buffer {
    const count = this.core.call('gather', queue, this.#iovecs)
    const parts = Array.from({ length: count }, (_, i) => {
      const at = Number(this.view.getBigUint64(this.#iovecs + i * 16, true))
      const length = Number(this.view.getBigUint64(this.#iovecs + i * 16 + 8, true))
      must(length > 0, 'no iovec is empty')
      return this.memory.subarray(at, at + length)
    })
    const bytes = Buffer.concat(parts)
    must(this.core.global('gathered') === bytes.length, `${bytes.length} bytes are gathered`)
    must(count === 64 || bytes.length === this.core.call('queueBytes', queue), 'all pieces are gathered, or 64')
    return bytes
  }

  /** Compares every byte, and counts every header. */
  check({ skbs, queues }: Model): void {
    let headers = 0
    for (const { skb, bytes } of skbs) {
      must(this.held(skb).equals(bytes), `an skb holds its ${bytes.length} bytes`)
      headers += this.pieces(skb).length
    }
    for (const { at, bytes } of queues) {
      const all = this.queued(at)
      must(this.core.call('queueBytes', at) === bytes.length, `a queue counts ${bytes.length} bytes`)
      must(Buffer.concat(all.map((skb) => this.held(skb))).equals(bytes), `a queue holds its ${bytes.length} bytes`)
      const gathered = this.#gathered(at)
      must(bytes.subarray(0, gathered.length).equals(gathered), 'a send would carry the bytes at the front')
      for (const skb of all) headers += this.pieces(skb).length
    }
    must(this.core.call('skbLive') === headers, `${headers} headers are alive, all of them reached`)
  }

  /** Frees everything; then nothing is left. */
  end({ skbs, queues }: Model): void {
    for (const { skb, holders } of skbs) for (let i = 0; i < holders; i++) this.core.call('skbFree', skb)
    for (const { at } of queues) {
      this.core.call('queueClear', at)
      this.core.call('free', at)
    }
    this.relieve()
    this.core.check()
    must(this.core.call('heapUsed') === this.#heap, 'the heap has everything back')
  }
}
