// The WebAssembly builds whose decoders are proven, and how to open them. Here is the one list of them.
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Name, SUBJECTS, type Subject } from '../../twins/index.ts'
import type { Outcome, Result } from '../../twins/twin.ts'

const FOLDER = resolve(import.meta.dirname, '../../../build')
const ALL = ['core.wasm', 'core.baseline.wasm'] as const
const ALWAYS = ALL[0] // so that a missing build fails instead of passing unseen

export type Build = (typeof ALL)[number]
export const BUILDS: readonly Build[] = ALL.filter((name) => name === ALWAYS || existsSync(join(FOLDER, name)))

export interface Decoder {
  push(bytes: Uint8Array): readonly Result[]
  end(): readonly Result[]
  /** Gives back the decoder's memory, where the host has a word for it. */
  [Symbol.dispose]?(): void
}

export type Open = (name: Name, options: object) => Decoder

interface CoreModule {
  loadCore(bytes: Uint8Array): Promise<{ decoder(codec: unknown): Decoder }>
  readonly [codec: string]: unknown
}

/** Loads a build; what it returns opens a decoder by the name of its subject. */
export async function openBuild(build: Build): Promise<Open> {
  const file = join(FOLDER, build)
  if (!existsSync(file)) throw new Error(`build/${build} is missing: run make`)
  // Not imported at the top, and not typed there: a codec that does not exist fails its own tests alone.
  const api = (await import('../../../src/core/index.ts')) as unknown as CoreModule
  const core = await api.loadCore(new Uint8Array(readFileSync(file)))
  return (name, options) => {
    const { codec, always }: Subject = SUBJECTS[name]
    const make = api[codec]
    if (typeof make !== 'function') throw new Error(`src/core/index.ts does not export ${codec}`)
    return core.decoder(make({ ...always, ...options }))
  }
}

/** Cuts `stream` after each of `cuts`, which ascend. */
export function pieces(stream: Buffer, cuts: readonly number[]): Buffer[] {
  return [0, ...cuts].map((from, i) => stream.subarray(from, cuts[i] ?? stream.length))
}

/** Results that stay: the decoder may use their memory again with the next push. */
export function kept(results: readonly Result[]): Result[] {
  const copy = (value: unknown): unknown => {
    if (value instanceof Uint8Array) return Buffer.from(value)
    if (Array.isArray(value)) return value.map(copy)
    if (typeof value !== 'object' || value === null || value instanceof Map || value instanceof Set) return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copy(inner)]))
  }
  return results.map((result) => {
    if ('error' in result) return { error: { ...pick(result.error) } }
    const { frame, message, tokens } = result
    return copy({ frame, ...(message === undefined ? {} : { message }), ...(tokens ? { tokens } : {}) }) as Result
  })
}

function pick({ code, message, length, status }: Extract<Result, { error: unknown }>['error']) {
  return { code, message, length, ...(status === undefined ? {} : { status }) }
}

/** Pushes the pieces one after the other. `look` sees what has come after each. */
export function feed(
  decoder: Decoder,
  chunks: readonly Buffer[],
  look?: (results: readonly Result[], pushed: number) => void,
): Outcome {
  const results: Result[] = []
  let pushed = 0
  for (const chunk of chunks) {
    results.push(...kept(decoder.push(chunk)))
    pushed += chunk.length
    look?.(results, pushed)
  }
  const end = kept(decoder.end())
  decoder[Symbol.dispose]?.()
  return { results, end }
}
