// A host of the core written against docs/core-abi.md alone, that lays every input against the end of the memory: a
// decoder that reads one byte beyond its input traps. It knows the framing decoders, whose results are plain records.
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Name } from '../twins/index.ts'
import { CORRUPTED, frameError, INCOMPLETE, type Result, TOO_LONG } from '../twins/twin.ts'
import type { Build, Decoder, Open } from '../unit/codec/builds.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const PAGE = join(ROOT, 'docs/core-abi.md')
const EDGE_PAGES = 1 // kept out of the core's memory, for the inputs
const PAGE_BYTES = 65536
const CODEC_ROOM = 4096

type Call = (...args: number[]) => number
type Exports = Readonly<Record<string, Call>> & { readonly memory: WebAssembly.Memory }

/** The constants of the page's tables, by name. */
function documented(): (name: string) => number {
  const rows = readFileSync(PAGE, 'utf8').matchAll(/^\| `([A-Z0-9_]+)` \| ([0-9]+) \|/gm)
  const values = new Map([...rows].map(([, name, value]) => [name!, Number(value)]))
  return (name) => {
    const value = values.get(name)
    if (value === undefined) throw new Error(`docs/core-abi.md does not document ${name}`)
    return value
  }
}

interface Options {
  readonly maxLength?: number
  readonly maxFrameLength?: number
  readonly frameLength?: number
  readonly stripDelimiter?: boolean
  readonly failFast?: boolean
  readonly delimiters?: readonly (string | Uint8Array)[]
  readonly lengthFieldOffset?: number
  readonly lengthFieldLength?: number
  readonly lengthAdjustment?: number
  readonly initialBytesToStrip?: number
  readonly byteOrder?: 'BE' | 'LE'
}

/** The codec record of a framing decoder; undefined for the others. */
function recordOf(name: Name, options: Options, at: (name: string) => number): Buffer | undefined {
  const kinds: Partial<Record<Name, string>> = {
    line: 'CODEC_LINE',
    delimiter: 'CODEC_DELIMITER',
    fixed: 'CODEC_FIXED',
    'length-field': 'CODEC_LENGTH_FIELD',
    varint32: 'CODEC_VARINT32',
  }
  const kind = kinds[name]
  if (!kind) return undefined
  const record = Buffer.alloc(CODEC_ROOM)
  const { failFast = name !== 'line', stripDelimiter = true } = options
  const flags = [
    failFast ? at('CODEC_FLAG_FAIL_FAST') : 0,
    stripDelimiter ? at('CODEC_FLAG_STRIP') : 0,
    options.byteOrder === 'LE' ? at('CODEC_FLAG_LITTLE_ENDIAN') : 0,
  ]
  record.writeUInt32LE(at(kind), at('CODEC_KIND'))
  record.writeUInt32LE(
    flags.reduce((sum, flag) => sum + flag),
    at('CODEC_FLAGS'),
  )
  const max = options.maxLength ?? options.maxFrameLength ?? options.frameLength ?? 0
  record.writeBigUInt64LE(BigInt(max), at('CODEC_MAX_FRAME'))
  if (name === 'length-field') {
    record.writeUInt32LE(options.lengthFieldOffset ?? 0, at('CODEC_FIELD_OFFSET'))
    record.writeUInt32LE(options.lengthFieldLength ?? 0, at('CODEC_FIELD_LENGTH'))
    record.writeBigInt64LE(BigInt(options.lengthAdjustment ?? 0), at('CODEC_ADJUSTMENT'))
    record.writeUInt32LE(options.initialBytesToStrip ?? 0, at('CODEC_STRIP'))
  }
  if (name === 'delimiter') {
    const texts = (options.delimiters ?? []).map((bytes) => Buffer.from(bytes as string).toString('latin1'))
    const delimiters = [...new Set(texts)].map((text) => Buffer.from(text, 'latin1')) // each once
    delimiters.sort((a, b) => b.length - a.length)
    record.writeUInt32LE(delimiters.length, at('CODEC_DELIMITERS'))
    let place = at('CODEC_DELIMITER_TABLE')
    record.writeUInt32LE(place, at('CODEC_DELIMITER_FIRST')) // whichever: nothing is encoded
    for (const bytes of delimiters) {
      record.writeUInt32LE(bytes.length, place)
      bytes.copy(record, place + 4)
      place += 4 + Math.ceil(bytes.length / 4) * 4
    }
    record.writeUInt32LE(place, at('CODEC_DELIMITER_WORK'))
    const all = delimiters.flatMap((bytes) => [...bytes])
    const [node, unit] = [at('DELIMITER_NODE_BYTES') + 2 * (new Set(all).size + 1), at('DELIMITER_UNIT_BYTES')]
    const work = at('DELIMITER_WORK_BYTES') + (1 + all.length) * Math.ceil(node / unit) * unit
    return Buffer.concat([record.subarray(0, place), Buffer.alloc(work)])
  }
  return record
}

/** Opens decoders at the edge, or undefined where the page or its exports are missing. */
export async function openAtEdge(build: Build): Promise<Open | undefined> {
  const file = join(ROOT, 'build', build)
  if (!existsSync(PAGE) || !existsSync(file)) return undefined
  const { instance } = await WebAssembly.instantiate(new Uint8Array(readFileSync(file)))
  const core = instance.exports as Exports
  const at = documented()
  core.memory.grow(EDGE_PAGES)
  const edge = core.memory.buffer.byteLength
  if (!core.coreCreate!(edge - EDGE_PAGES * PAGE_BYTES)) throw new Error('the core does not fit')
  const bytes = (): Buffer => Buffer.from(core.memory.buffer)
  const codes = new Map([
    [at('ERROR_FRAME_TOO_LONG'), TOO_LONG],
    [at('ERROR_FRAME_CORRUPTED'), CORRUPTED],
    [at('ERROR_PREFIX_CORRUPTED'), CORRUPTED],
    [at('ERROR_FRAME_INCOMPLETE'), INCOMPLETE],
  ])

  function records(): Result[] {
    const memory = bytes()
    return Array.from({ length: core.recordsCount!() }, (_, i) => {
      const record = (core.recordsFirst!() >>> 0) + i * at('RECORD_BYTES')
      const field = (name: string): number => memory.readUInt32LE(record + at(name))
      const [first, length, extra] = [field('RECORD_AT'), field('RECORD_LENGTH'), field('RECORD_EXTRA')]
      if (field('RECORD_KIND') === at('RECORD_FRAME'))
        return { frame: Buffer.from(memory.subarray(first, first + length)) }
      return frameError(codes.get(first) ?? String(first), extra * 2 ** 32 + length)
    })
  }

  return (name, options): Decoder => {
    const record = recordOf(name, options, at)
    if (!record) throw new Error(`${name} is not opened at the edge`)
    const codec = core.alloc!(record.length) >>> 0
    bytes().set(record, codec)
    const stream = core.streamCreate!(codec)
    return {
      push(input) {
        const results: Result[] = []
        for (let from = edge - input.length, first = true; first || from < edge; first = false) {
          if (first) bytes().set(input, from)
          const answer = core.streamPush!(stream, from, edge - from)
          results.push(...records())
          from += answer < 0 ? ~answer : answer
          if (answer === 0) break
        }
        return results
      },
      end() {
        core.streamEnd!(stream)
        return records()
      },
      [Symbol.dispose]() {
        core.streamFree!(stream)
        core.free!(codec)
      },
    }
  }
}
