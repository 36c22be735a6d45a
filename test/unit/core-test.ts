// The core under test without sockets or a loop: build/test.wasm in a memory of its own, fed with RESP requests.
// A test that finds it missing or older than its sources compiles it first (core-build.ts).
import { encode, type Word } from '../system/wire.ts'
import { BUILD, type Build, coreModule } from './core-build.ts'

coreModule() // compiled before the clock of a test runs

type Call = (...args: (number | bigint)[]) => number
type Exports = Record<string, Call> & { memory: WebAssembly.Memory }

// What kvExecute returns and kvStat knows, as in assembly/service/kv.
export const KV = { DONE: 0, CLOSE: 1, CLOSE_SILENT: 2, UPCALL: 3 } as const
const STATS = ['commands', 'hits', 'misses', 'expired', 'evicted', 'used', 'peak', 'maxmemory'] as const
export const SESSION = { RESP3: 1, AUTHENTICATED: 2, AUTH_REQUIRED: 4 } as const

const START_MS = 1_700_000_000_000

/** One instance of the core with its arena and its clock. */
export class TestCore {
  readonly exports: Exports
  nowMs: number = START_MS
  #input = 0
  #inputBytes = 0

  constructor({ heapBytes = 64 << 20, slabBytes = 16 << 20, seed = 1n, build = BUILD as Build } = {}) {
    this.exports = new WebAssembly.Instance(coreModule(build), {}).exports as Exports
    if (!this.call('testCreate', heapBytes, slabBytes, seed)) throw new Error('no memory for the arena')
    this.advance(0)
  }

  call(name: string, ...args: (number | bigint)[]): number {
    const found = this.exports[name]
    if (!found) throw new Error(`test.wasm does not export ${name}`)
    return found(...args)
  }

  /** The value of an exported variable or constant. */
  global(name: string): number {
    const found: unknown = this.exports[name]
    if (!(found instanceof WebAssembly.Global)) throw new Error(`test.wasm exports no variable ${name}`)
    return Number(found.value)
  }

  hold(bytes: number): number {
    return this.call('alloc', bytes)
  }

  drop(at: number): void {
    this.call('free', at)
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer)
  }

  /** Moves the clock on. */
  advance(ms: number): void {
    this.nowMs += ms
    this.call('clockSet', BigInt(this.nowMs), BigInt(this.nowMs) * 1_000_000n)
  }

  /** Where `data` lies in the core's memory, until the next call. */
  put(data: Uint8Array): number {
    if (data.length > this.#inputBytes) {
      if (this.#input) this.call('free', this.#input)
      this.#inputBytes = Math.max(data.length, 65536)
      this.#input = this.call('alloc', this.#inputBytes)
      if (!this.#input) throw new Error('no memory for the input')
    }
    this.bytes.set(data, this.#input)
    return this.#input
  }

  /** Checks the heap, and that no reply is left over. */
  check(): void {
    this.call('heapCheck')
    if (this.call('skbLive') !== 0 || this.call('slabUsed') !== 0) throw new Error('an skb or a block is left over')
  }
}

export interface KvOptions {
  readonly maxmemory?: number
  readonly policy?: 'noeviction' | 'allkeys-lru'
  readonly databases?: number
}

/** A keyspace and one session with it. */
export class TestKv {
  readonly core: TestCore
  readonly kv: number
  readonly session: number

  constructor(core: TestCore, options: KvOptions | { readonly kv: number } = {}) {
    this.core = core
    this.kv = 'kv' in options ? options.kv : create(core, options)
    if (this.kv === 0) throw new Error('no memory for the keyspace')
    this.session = core.call('testSession', 7n)
  }

  /** Another keyspace over the same memory. */
  share(): TestKv {
    return new TestKv(this.core, { kv: this.core.call('kvShare', this.kv) })
  }

  /** The reply to raw bytes. */
  feed(request: Buffer): Buffer {
    const { core } = this
    const taken = core.call('testFeed', this.kv, this.session, core.put(request), request.length)
    if (taken !== request.length && this.result === KV.DONE) throw new Error(`decoded ${taken} of ${request.length}`)
    const length = core.call('testReplyBytes')
    const at = core.call('alloc', length + 1)
    if (!at) throw new Error('no memory for the reply')
    core.call('testReply', at)
    const reply = Buffer.from(core.bytes.slice(at, at + length))
    core.call('free', at)
    return reply
  }

  /** The reply to one command, as latin1. */
  run(...words: readonly Word[]): string {
    return this.feed(encode(...words)).toString('latin1')
  }

  /** What the last command returned, KV. */
  get result(): number {
    return this.core.call('testResult')
  }

  get flags(): number {
    return new DataView(this.core.exports.memory.buffer).getUint32(this.session, true)
  }

  set flags(flags: number) {
    new DataView(this.core.exports.memory.buffer).setUint32(this.session, flags, true)
  }

  stat(name: (typeof STATS)[number]): number {
    return this.core.call('kvStat', this.kv, STATS.indexOf(name))
  }

  keys(database = 0): number {
    return this.core.call('kvKeys', this.kv, database)
  }

  expires(database = 0): number {
    return this.core.call('kvExpires', this.kv, database)
  }

  /** Ticks until there is nothing more to do now; returns how often. */
  tick(): number {
    for (let ticks = 1; ; ticks++) if (!this.core.call('kvTick', this.kv)) return ticks
  }

  /** When a tick has something to do, in milliseconds of the epoch; 0: now, Infinity: never. */
  next(): number {
    const next = BigInt.asUintN(64, BigInt(this.core.call('kvNext', this.kv)))
    return next === 2n ** 64n - 1n ? Infinity : Number(next)
  }

  setPassword(password: string): void {
    const bytes = Buffer.from(password)
    this.core.call('kvSetPassword', this.kv, this.core.put(bytes), bytes.length)
  }

  /** Checks that the pool is whole, and that no flushed key, skb or block is left. */
  checkEmpty(): void {
    this.run('FLUSHALL')
    this.tick()
    this.core.call('testPoolCheck', this.kv)
    this.core.check()
    if (this.stat('used') !== 0) throw new Error(`${this.stat('used')} bytes are left over`)
  }
}

function create(core: TestCore, options: KvOptions): number {
  const { maxmemory = 16 << 20, policy = 'noeviction', databases = 16 } = options
  return core.call('kvCreate', maxmemory, policy === 'allkeys-lru' ? 1 : 0, databases)
}

/** Runs a transcript: each line a command, as words split at blanks or as a list, and its reply. */
export type Exchange = readonly [command: string | readonly Word[], reply: string]

export function converse(kv: TestKv, exchanges: readonly Exchange[]): [string, string][] {
  return exchanges.map(([command]) => {
    const words = typeof command === 'string' ? command.split(' ') : command
    return [words.join(' '), kv.run(...words)]
  })
}

export function expected(exchanges: readonly Exchange[]): [string, string][] {
  return exchanges.map(([command, reply]) => [typeof command === 'string' ? command : command.join(' '), reply])
}
