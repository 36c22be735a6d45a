// Loading the core on any host: a module without imports, and the one instance of it that a process shares by default.

import { CORE_ABI, CORE_FEATURE_SIMD } from '../../assembly/codec/abi.ts'
import type { Codec } from './codec/codec.ts'
import { Decoder, INPUT_BYTES } from './decoder.ts'
import { InvalidArgumentError } from './invalid-argument.ts'
import type { RingExports } from './ring-build.ts'
import { simdWanted } from './simd.ts'
import type { TimerExports } from './timing-wheel.ts'

/** What build/core.wasm exports; docs/core-abi.md describes each. */
export interface CoreExports extends RingExports, TimerExports {
  readonly memory: WebAssembly.Memory
  coreAbi(): number
  coreFeatures(): number
  coreCreate(end: number): number
  streamCreate(codec: number): number
  streamFree(stream: number): void
  streamPush(stream: number, at: number, length: number): number
  streamEnd(stream: number): void
  streamPending(stream: number): number
  streamWants(stream: number): number
  streamRoom(stream: number, bytes: number): number
  streamTell(stream: number, what: number): number
  streamPut(stream: number, bytes: number): number
  recordsCount(): number
  recordsFirst(): number
  codecBound(codec: number, length: number): number
  codecEncode(codec: number, to: number, from: number, length: number): number
  alloc(bytes: number): number
  free(at: number): void
  /** Traps where the heap is broken. */
  heapCheck(): void
}

export type CoreSource = BufferSource | WebAssembly.Module

/** What an instance of the core is made with. */
export interface InstanceOptions {
  /** Bytes of its memory, static data included: a multiple of 64 KiB from 4 MiB to 2 GiB. 128 MiB by default. */
  readonly memoryBytes?: number | undefined
}

/** An instance of the core, with its memory and a place in it where keys are put for reading. */
export class Core {
  readonly memory: WebAssembly.Memory
  readonly exports: CoreExports
  #bytes: Uint8Array
  #u32: Uint32Array
  #stage = 0
  #stageBytes = 0
  /** Places for a push, free to be taken. */
  readonly #inputs: number[] = []
  /** @internal Decoders whose handlers are at work. */
  readonly readers = new Set<{ keep(): void }>()

  /** @internal Use loadCore or instantiateCore. */
  constructor(instance: WebAssembly.Instance, { memoryBytes = MEMORY_BYTES }: InstanceOptions = {}) {
    checkMemory(memoryBytes)
    this.exports = instance.exports as unknown as CoreExports
    if (this.exports.coreAbi?.() !== CORE_ABI) throw new Error('this is not the core.wasm that belongs to this package')
    this.memory = this.exports.memory
    const missing = memoryBytes - this.memory.buffer.byteLength
    if (missing > 0) this.memory.grow(missing / PAGE_BYTES)
    if (!this.exports.coreCreate(memoryBytes)) throw new RangeError('the core does not fit its memory')
    this.#bytes = new Uint8Array(this.memory.buffer)
    this.#u32 = new Uint32Array(this.memory.buffer)
  }

  /** Whether this build uses SIMD. */
  get simd(): boolean {
    return (this.exports.coreFeatures() & CORE_FEATURE_SIMD) !== 0
  }

  /** The whole memory, as it is now. */
  get bytes(): Uint8Array {
    if (this.#bytes.buffer !== this.memory.buffer) this.#bytes = new Uint8Array(this.memory.buffer)
    return this.#bytes
  }

  /** The whole memory in words. */
  get u32(): Uint32Array {
    if (this.#u32.buffer !== this.memory.buffer) this.#u32 = new Uint32Array(this.memory.buffer)
    return this.#u32
  }

  /** A decoder of one stream. */
  decoder<M>(codec: Codec<M>): Decoder<M> {
    return new Decoder(this, codec)
  }

  /**
   * A message with the codec's framing, in memory of its own. Throws ERR_OUT_OF_RANGE where the codec has no frame of
   * that length.
   */
  encode(codec: Codec<unknown>, message: Uint8Array | string): Uint8Array {
    const length = this.put(message)
    const record = this.writeCodec(codec)
    const to = this.exports.alloc(this.exports.codecBound(record, length)) >>> 0
    try {
      if (to === 0) throw this.exhausted(`a message of ${length} bytes`)
      const written = this.exports.codecEncode(record, to, this.#stage, length)
      if (written < 0) throw outOfRange(codec.name, length)
      return this.bytes.slice(to, to + written)
    } finally {
      if (to !== 0) this.exports.free(to)
      this.exports.free(record)
    }
  }

  /** @internal A block for a frame that is retained. */
  hold(bytes: number): number {
    const at = this.exports.alloc(bytes) >>> 0
    if (at === 0) throw this.exhausted(`a frame of ${bytes} bytes`)
    return at
  }

  /** @internal */
  drop(at: number): void {
    this.exports.free(at)
  }

  /** @internal The codec's record, which the caller frees. */
  writeCodec(codec: Codec<unknown>): number {
    const record = this.exports.alloc(codec.bytes) >>> 0
    if (record === 0) throw this.exhausted('a codec')
    this.bytes.fill(0, record, record + codec.bytes)
    codec.write(new DataView(this.memory.buffer), record)
    return record
  }

  /** @internal Before anything is decoded: handlers may still read what was decoded before. */
  keepRead(): void {
    if (this.readers.size > 0) for (const reader of this.readers) reader.keep()
  }

  /** @internal A place of INPUT_BYTES for a push, to be given back. */
  takeInput(): number {
    const input = this.#inputs.pop() ?? this.exports.alloc(INPUT_BYTES) >>> 0
    if (input === 0) throw this.exhausted('a push')
    return input
  }

  /** @internal */
  giveInput(input: number): void {
    this.#inputs.push(input)
  }

  /** @internal The error of a core whose memory is used up. */
  exhausted(what: string): Error {
    return Object.assign(new RangeError(`the core has no room for ${what}`), { code: 'MILLRACE_ERR_NO_MEMORY' })
  }

  /** Where `put` put its bytes. */
  get stage(): number {
    return this.#stage
  }

  /** Copies text (as UTF-8) or bytes to `stage` and returns their length. */
  put(data: string | Uint8Array): number {
    if (typeof data !== 'string') {
      this.#reserve(data.length)
      this.bytes.set(data, this.#stage)
      return data.length
    }
    this.#reserve(data.length * 3)
    const bytes = this.bytes
    if (data.length > SHORT) return this.#encode(data)
    for (let i = 0; i < data.length; i++) {
      const code = data.charCodeAt(i)
      if (code > 0x7f) return this.#encode(data)
      bytes[this.#stage + i] = code
    }
    return data.length
  }

  #encode(text: string): number {
    return encoder.encodeInto(text, this.bytes.subarray(this.#stage, this.#stage + this.#stageBytes)).written
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#stageBytes) return
    const size = Math.max(STAGE_BYTES_MIN, bytes)
    const stage = this.exports.alloc(size) >>> 0
    if (stage === 0) throw this.exhausted(`${size} bytes`)
    if (this.#stage !== 0) this.exports.free(this.#stage)
    this.#stage = stage
    this.#stageBytes = size
  }
}

const encoder = new TextEncoder()
const PAGE_BYTES = 65536
const MEMORY_BYTES = 2048 * PAGE_BYTES // hosts commit a page of memory only when it is touched
const MEMORY_BYTES_MIN = 4 << 20
const MEMORY_BYTES_MAX = 2 ** 31
const STAGE_BYTES_MIN = 4096
const SHORT = 64 // up to here a loop beats TextEncoder

function checkMemory(bytes: number): void {
  if (Number.isInteger(bytes / PAGE_BYTES) && bytes >= MEMORY_BYTES_MIN && bytes <= MEMORY_BYTES_MAX) return
  throw new InvalidArgumentError('memoryBytes', 'a multiple of 65536 from 4194304 to 2147483648', bytes)
}

function outOfRange(codec: string, length: number): Error {
  const message = `a message of ${length} bytes does not fit the frames of ${codec}`
  return Object.assign(new RangeError(message), { code: 'ERR_OUT_OF_RANGE' })
}

/** How to load the core. */
export interface LoadOptions extends InstanceOptions {
  /** True or false chooses the build with SIMD or the baseline; otherwise it is the best that the host can run. */
  readonly simd?: boolean | undefined
}

/** Instantiates at once, where the host allows it; browsers want `await loadCore()` on their main thread. */
export function instantiateCore(source: CoreSource, options: InstanceOptions = {}): Core {
  const module = source instanceof WebAssembly.Module ? source : new WebAssembly.Module(source)
  return share(new Core(new WebAssembly.Instance(module), options))
}

let shared: Core | undefined
let loading: Promise<Core> | undefined
let provide: ((simd: boolean) => CoreSource) | undefined

/** Tells how to get the core when the first one who needs it has brought none. */
export function provideCore(source: (simd: boolean) => CoreSource): void {
  provide = source
}

/** The core that everybody shares who names no other. */
export function sharedCore(): Core {
  if (shared === undefined && provide !== undefined) return instantiateCore(provide(simdWanted()))
  if (shared === undefined) throw new Error("the core is not loaded: first `await loadCore()`, from 'millrace/core'")
  return shared
}

/** The first core that a process makes is the shared one. */
function share(core: Core): Core {
  shared ??= core
  return core
}

/**
 * Loads the core. Without a source it is the shared one, from this package's build folder: with SIMD where the host has
 * it. With bytes, a module, a response or its URL, or with options, it is an instance of its own.
 */
export async function loadCore(source?: CoreSource | Response | URL | string | LoadOptions): Promise<Core> {
  if (source === undefined) {
    if (shared !== undefined || provide !== undefined) return sharedCore()
    loading ??= loadShared()
    return loading
  }
  return isOptions(source) ? load(ownBuild(source.simd ?? simdWanted()), source) : load(source, {})
}

async function loadShared(): Promise<Core> {
  try {
    await load(ownBuild(simdWanted()), {})
    return sharedCore()
  } finally {
    loading = undefined
  }
}

async function load(source: CoreSource | Response | URL | string, options: InstanceOptions): Promise<Core> {
  return share(new Core(await WebAssembly.instantiate(await compile(source)), options))
}

/** A literal each, so that bundlers see the files and bring them along. */
function ownBuild(simd: boolean): URL {
  return simd
    ? new URL('../../../build/core.wasm', import.meta.url)
    : new URL('../../../build/core.baseline.wasm', import.meta.url)
}

/** Plain objects of any realm. */
function isOptions(source: object | string): source is LoadOptions {
  if (typeof source === 'string') return false
  const prototype = Object.getPrototypeOf(source)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

async function compile(source: CoreSource | Response | URL | string): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source
  if (source instanceof URL || typeof source === 'string') return WebAssembly.compile(await download(source))
  if (source instanceof Response) return WebAssembly.compile(await source.arrayBuffer())
  return WebAssembly.compile(source)
}

interface NodeFiles {
  readFile(url: URL): Promise<Uint8Array<ArrayBuffer>>
}

/** Node's fetch reads no files; its file system is found without an import, which other hosts would stumble over. */
async function download(source: URL | string): Promise<BufferSource> {
  const url = new URL(source, import.meta.url)
  const host = globalThis as { process?: { getBuiltinModule?: (name: string) => NodeFiles | undefined } }
  const files = url.protocol === 'file:' ? host.process?.getBuiltinModule?.('fs/promises') : undefined
  if (files !== undefined) return files.readFile(url)
  const response = await fetch(url)
  if (!response.ok) throw new Error(`the core could not be loaded: ${url} answered ${response.status}`)
  return response.arrayBuffer()
}
