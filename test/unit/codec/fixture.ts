// Reads the protocol samples of test/fixtures; the form is described in the README there.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Name } from '../../twins/index.ts'

const FOLDER = resolve(import.meta.dirname, '../../fixtures')

export interface Sample {
  readonly title: string
  readonly options: Readonly<Record<string, unknown>>
  readonly input: Buffer
  /** Lines as `print` of test/twins/print.ts writes them. */
  readonly results: readonly string[]
  readonly end: readonly string[]
}

/** `\{text*3}` written out, from the inside of a fixture. */
function repeated(text: string): string {
  return text.replace(/\\\{(.*?)\*([0-9]+)\}/gs, (_, piece: string, count: string) => piece.repeat(Number(count)))
}

function bytesOf(text: string): Buffer {
  const names: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', '\\': '\\', '"': '"' }
  const escapes = /\\(?:x([0-9a-f]{2})|([rnt\\"])|)/g
  const plain = repeated(text.replaceAll('\n', '')).replace(escapes, (all, hex?: string, name?: string) => {
    if (hex) return String.fromCharCode(Number.parseInt(hex, 16))
    if (name) return names[name]!
    throw new Error(`no such escape: ${all}`)
  })
  return Buffer.from(plain, 'latin1')
}

function linesOf(text: string): string[] {
  return text
    .replaceAll(/\n +/g, ' ')
    .split('\n')
    .filter((line) => line !== '')
    .map(repeated)
}

function blockOf(section: string, kind: string): string | undefined {
  return new RegExp(`^\`\`\`${kind}\\n(.*?)^\`\`\`$`, 'ms').exec(section)?.[1]
}

function sampleOf(section: string, shared: object): Sample {
  const title = section.split('\n', 1)[0]!
  const input = blockOf(section, 'input')
  const results = blockOf(section, 'results')
  if (input === undefined || results === undefined) throw new Error(`${title}: no input or no results`)
  const options = JSON.parse(blockOf(section, 'json') ?? '{}') as object
  const lines = linesOf(results)
  const end = lines.indexOf('end:')
  return {
    title,
    options: { ...shared, ...options },
    input: bytesOf(input),
    results: end < 0 ? lines : lines.slice(0, end),
    end: end < 0 ? [] : lines.slice(end + 1),
  }
}

export function samplesOf(name: Name): Sample[] {
  const text = readFileSync(join(FOLDER, `${name}.md`), 'utf8')
  const [preface = '', ...sections] = text.split(/^## /m)
  const shared = JSON.parse(blockOf(preface, 'json') ?? '{}') as object
  return sections.map((section) => sampleOf(section, shared))
}

/** The samples with their titles before them, as a table of tests. */
export function titledSamplesOf(name: Name): [title: string, sample: Sample][] {
  return samplesOf(name).map((sample) => [sample.title, sample])
}
