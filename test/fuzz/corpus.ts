// Inputs worth keeping: a line of JSON with the codec's options, then the stream. One file each, by decoder.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Name } from '../twins/index.ts'

const FOLDER = resolve(import.meta.dirname, 'corpus')

export interface Entry {
  readonly title: string
  readonly options: object
  readonly stream: Buffer
}

export function corpusOf(name: Name): Entry[] {
  const folder = join(FOLDER, name)
  if (!existsSync(folder)) return []
  const files = readdirSync(folder).filter((file) => file.endsWith('.bin'))
  return files.sort().map((file) => {
    const bytes = readFileSync(join(folder, file))
    const end = bytes.indexOf('\n')
    return { title: file, options: JSON.parse(bytes.toString('utf8', 0, end)), stream: bytes.subarray(end + 1) }
  })
}

/** Writes an entry where the next run finds it; returns its path from the root. */
export function keepEntry(name: Name, options: object, stream: Buffer): string {
  const plain = JSON.stringify(options, (_, value) =>
    value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value,
  )
  const bytes = Buffer.concat([Buffer.from(`${plain}\n`), stream])
  const file = `${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}.bin`
  mkdirSync(join(FOLDER, name), { recursive: true })
  writeFileSync(join(FOLDER, name, file), bytes)
  return `test/fuzz/corpus/${name}/${file}`
}
