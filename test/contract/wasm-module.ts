// A small reader of WebAssembly modules: what one imports and exports, with signatures, and whether it can hold SIMD
// code. Sections: https://webassembly.github.io/spec/core/binary/modules.html

const VALUE_TYPES: Readonly<Record<number, string>> = {
  127: 'i32',
  126: 'i64',
  125: 'f32',
  124: 'f64',
  123: 'v128',
  112: 'funcref',
  111: 'externref',
}
const KINDS = ['func', 'table', 'memory', 'global'] as const
const SECTION = { type: 1, import: 2, function: 3, memory: 5, global: 6, export: 7, code: 10 } as const

export interface WasmModule {
  /** `env.memory: memory 16 … 65536 shared`, in the module's order. */
  readonly imports: readonly string[]
  /** `ringLookup: (i32, i32, i32) → i32`, by name. */
  readonly exports: readonly string[]
  /** Every value type that a signature names. */
  readonly types: ReadonlySet<string>
  /** The bytes of each function, its locals included. */
  readonly code: readonly Uint8Array[]
}

class Reader {
  readonly bytes: Uint8Array
  at: number
  readonly end: number

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  byte(): number {
    if (this.at >= this.end) throw new Error(`the module ends at ${this.at}, inside of something`)
    return this.bytes[this.at++]!
  }

  /** A LEB128 number, unsigned. */
  number(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte()
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }

  name(): string {
    return new TextDecoder().decode(this.take(this.number()))
  }

  take(count: number): Uint8Array {
    this.at += count
    if (this.at > this.end) throw new Error(`the module ends before ${this.at}`)
    return this.bytes.subarray(this.at - count, this.at)
  }

  list<T>(item: () => T): T[] {
    return Array.from({ length: this.number() }, item)
  }

  type(): string {
    const byte = this.byte()
    const type = VALUE_TYPES[byte]
    if (type === undefined) throw new Error(`an unknown value type, ${byte}`)
    return type
  }

  limits(): string {
    const flags = this.number()
    const least = this.number()
    return `memory ${least} … ${flags & 1 ? this.number() : 'any'}${flags & 2 ? ' shared' : ''}`
  }

  global(): string {
    const type = this.type()
    return `global ${this.byte() ? 'mut ' : ''}${type}`
  }
}

/** Reads a module; what it has that we do not know of is an error. */
export function readWasm(bytes: Uint8Array): WasmModule {
  const sections = sectionsOf(bytes)
  const section = <T>(id: number, read: (reader: Reader) => T[]): T[] => {
    const reader = sections.get(id)
    const items = reader === undefined ? [] : read(reader)
    if (reader !== undefined && reader.at !== reader.end) throw new Error(`section ${id} is longer than what it lists`)
    return items
  }
  const types = new Set<string>()
  const signatures = section(SECTION.type, (reader) =>
    reader.list(() => {
      if (reader.byte() !== 0x60) throw new Error('a type that is not a function')
      const [from, to] = [reader.list(() => reader.type()), reader.list(() => reader.type())]
      for (const type of [...from, ...to]) types.add(type)
      return `(${from.join(', ')})${to.length > 0 ? ` → ${to.join(', ')}` : ''}`
    }),
  )
  // what an index of each kind means: imports first
  const spaces: Record<(typeof KINDS)[number], string[]> = { func: [], table: [], memory: [], global: [] }
  const imports = section(SECTION.import, (reader) =>
    reader.list(() => {
      const name = `${reader.name()}.${reader.name()}`
      const kind = KINDS[reader.byte()]!
      const what =
        kind === 'func' ? signatures[reader.number()]! : kind === 'memory' ? reader.limits() : reader.global()
      spaces[kind].push(what)
      return `${name}: ${what}`
    }),
  )
  spaces.func.push(...section(SECTION.function, (reader) => reader.list(() => signatures[reader.number()]!)))
  spaces.memory.push(...section(SECTION.memory, (reader) => reader.list(() => reader.limits())))
  const exports = section(SECTION.export, (reader) =>
    reader.list(() => {
      const name = reader.name()
      const kind = KINDS[reader.byte()]!
      return `${name}: ${spaces[kind][reader.number()] ?? kind}`
    }),
  ).sort()
  const code = section(SECTION.code, (reader) => reader.list(() => reader.take(reader.number())))
  return { imports, exports, types, code }
}

function sectionsOf(bytes: Uint8Array): Map<number, Reader> {
  const reader = new Reader(bytes)
  const head = [...reader.take(8)].join()
  if (head !== '0,97,115,109,1,0,0,0') throw new Error('not a WebAssembly module, version 1')
  const sections = new Map<number, Reader>()
  while (reader.at < reader.end) {
    const id = reader.byte()
    const length = reader.number()
    sections.set(id, new Reader(bytes, reader.at, reader.at + length))
    reader.take(length)
  }
  return sections
}
