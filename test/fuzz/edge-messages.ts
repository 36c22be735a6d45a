// Decoders of messages, whose every input lies against the end of the memory as in edge.ts. What they say is read as
// the library reads it.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { RECORD_BYTES, RECORD_ERROR } from '../../assembly/codec/abi.ts'
import type { Codec } from '../../src/core/codec/codec.ts'
import { decodeError } from '../../src/core/errors.ts'
import { Frame } from '../../src/core/frame.ts'
import { instantiateCore } from '../../src/core/load.ts'
import { SUBJECTS, type Subject } from '../twins/index.ts'
import type { Result } from '../twins/twin.ts'
import { type Build, type Decoder, kept, type Open } from '../unit/codec/builds.ts'

const FOLDER = resolve(import.meta.dirname, '../../build')
const WORDS = RECORD_BYTES / 4

type Make = (options: object) => Codec<unknown>

/** Opens decoders at the edge. */
export async function openMessagesAtEdge(build: Build): Promise<Open> {
  const api = (await import('../../src/core/index.ts')) as unknown as Readonly<Record<string, Make>>
  const core = instantiateCore(new Uint8Array(readFileSync(join(FOLDER, build))))
  core.memory.grow(1) // for the inputs, behind what the core has
  const { exports } = core

  function records(frame: Frame<unknown>, { message, tokens }: Codec<unknown>): Result[] {
    const from = exports.recordsFirst() >>> 0
    const words = new Uint32Array(core.memory.buffer, from, exports.recordsCount() * WORDS).slice()
    const results: Result[] = []
    for (let i = 0; i < words.length; ) {
      if (words[i + 2] === RECORD_ERROR) {
        results.push({ error: decodeError(words[i]!, words[i + 1]! + words[i + 3]! * 2 ** 32) })
        i += WORDS
      } else {
        i = frame.point(words, i)
        const { at, length } = frame
        const found = { frame: core.bytes.slice(at, at + length), message: message?.(frame) }
        results.push(tokens ? { ...found, tokens: tokens(frame) } : found)
      }
    }
    return kept(results)
  }

  return (name, options): Decoder => {
    const { codec: kind, always }: Subject = SUBJECTS[name]
    const codec = api[kind]!({ ...always, ...options })
    const record = core.writeCodec(codec)
    const stream = exports.streamCreate(record) >>> 0
    const frame = new Frame(core, codec.message)
    return {
      push(input) {
        const results: Result[] = []
        const edge = core.bytes.length
        core.bytes.set(input, edge - input.length)
        for (let left = input.length; ; ) {
          const answer = exports.streamPush(stream, edge - left, left)
          results.push(...records(frame, codec))
          if (answer >= 0) return results
          left -= ~answer
        }
      },
      end() {
        exports.streamEnd(stream)
        return records(frame, codec)
      },
      [Symbol.dispose]() {
        exports.streamFree(stream)
        exports.free(record)
      },
    }
  }
}
