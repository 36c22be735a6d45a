// Writes what docs/core-abi.md and examples/hosts/c/abi.h take from the sources: the exports of core.wasm, the constants
// of the abi.ts files, the errors. With --check only says whether the files on disk are current. Wants `make ts`.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const HOST = join(ROOT, 'assembly/host.ts')

/** The constants that a host needs, by file; of a shared file only some sections. */
const CONSTANTS = [
  { file: 'assembly/codec/abi.ts' },
  { file: 'assembly/abi.ts', only: /^(RING|HASH)_/ },
  { file: 'assembly/ring/abi.ts' },
  { file: 'assembly/timer/abi.ts' },
].filter(({ file }) => existsSync(join(ROOT, file)))

const read = (path) => readFileSync(path, 'utf8')
const cell = (text) => text.replaceAll('|', '\\|').replace(/\s+/g, ' ').trim()

/** `name → file` of everything that host.ts exports, in its order. */
function exportsOf(text) {
  const found = []
  const forms = /^export \{([^}]*)\} from '([^']+)'|^export function (\w+)/gm
  for (const [, list, from, own] of text.matchAll(forms)) {
    const file = own === undefined ? resolve(dirname(HOST), `${from}.ts`) : HOST
    const names = own === undefined ? list.split(',').map((name) => name.trim()) : [own]
    for (const name of names.filter(Boolean)) found.push({ name, file })
  }
  return found
}

/** An exported function as its source has it, with the comment before it. */
function describe({ name, file }) {
  const text = read(file)
  const declared = new RegExp(`^export function ${name}\\(([^)]*)\\): (\\w+) \\{`, 'm').exec(text)
  if (declared === null) throw new Error(`${relative(ROOT, file)} has no \`export function ${name}\``)
  const before = text.slice(0, declared.index).replace(/(\/\/ @ts-ignore: decorator\n)?(@inline\n)?$/, '')
  const comment = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n$/.exec(before)
  if (comment === null) throw new Error(`${relative(ROOT, file)}: ${name} wants a comment, for docs/core-abi.md`)
  const parameters = declared[1].split(',').map((parameter) => parameter.trim())
  const result = declared[2] === 'void' ? '' : `: ${declared[2]}`
  return {
    signature: `${name}(${parameters.filter(Boolean).join(', ')})${result}`,
    text: cell(comment[1].replace(/^ \* ?/gm, ' ')),
  }
}

const TITLES = { host: 'The module', memory: 'Memory', codec: 'Streams and codecs', ring: 'Rings', timer: 'Timers' }

function exportTables() {
  const groups = new Map()
  for (const found of exportsOf(read(HOST))) {
    const room = found.file === HOST ? 'host' : relative(dirname(HOST), found.file).split('/')[0]
    const rows = groups.get(room) ?? []
    groups.set(room, rows)
    const { signature, text } = describe(found)
    rows.push(`| \`${signature}\` | ${text} |`)
  }
  const order = [...new Set(['host', ...groups.keys()])]
  return order.map(
    (room) => `### ${TITLES[room] ?? room}\n\n| export | what it does |\n|---|---|\n${groups.get(room).join('\n')}`,
  )
}

/** The sections of a file of constants: their comment, and the constants up to the next. */
function sectionsOf({ file, only }) {
  const sections = []
  let heading = []
  for (const line of read(join(ROOT, file)).split('\n').slice(1)) {
    const constant = /^export const ([A-Z]\w*) = (\S+)(?: \/\/ (.*))?$/.exec(line)
    if (constant !== null) {
      if (heading !== undefined) sections.push({ heading: heading.join(' '), rows: [] })
      heading = undefined
      sections.at(-1).rows.push(constant.slice(1))
    } else if (line.startsWith('export ')) {
      throw new Error(`${file}: not a plain constant: ${line}`)
    } else if (line.startsWith('//')) {
      heading = [...(heading ?? []), line.slice(3)]
    } else if (line === '') {
      heading = []
    }
  }
  return sections
    .map(({ heading, rows }) => ({ heading, rows: rows.filter(([name]) => only === undefined || only.test(name)) }))
    .filter(({ rows }) => rows.length > 0)
}

function constantTables() {
  return CONSTANTS.flatMap(sectionsOf).map(({ heading, rows }) => {
    const table = rows.map(([name, value, meaning = '']) => `| \`${name}\` | ${value} | ${cell(meaning)} |`)
    return `${heading}\n\n| name | value | meaning |\n|---|---|---|\n${table.join('\n')}`.trim()
  })
}

async function errorTable() {
  const { ERRORS } = await import('../dist/src/core/errors.js')
  const rows = Object.entries(ERRORS).map(
    ([number, { code, message, fatal }]) =>
      `| ${number} | \`${code}\` | ${cell(message)} | ${fatal ? 'ends' : 'goes on'} |`,
  )
  return [`| number | code | meaning | the stream |\n|---|---|---|---|\n${rows.join('\n')}`]
}

const HEAD = `// The core's numbers, for C. Generated from assembly/ by docs/generate.mjs: run \`make abi-doc\`.
// clang-format off
#ifndef MILLRACE_CORE_ABI_H
#define MILLRACE_CORE_ABI_H
`

function header() {
  const blocks = CONSTANTS.flatMap(sectionsOf).map(({ heading, rows }) => {
    const lines = rows.map(([name, value, meaning]) => `#define MR_${name} ${value}${meaning ? ` // ${meaning}` : ''}`)
    return [...(heading === '' ? [] : wrap(heading)), ...lines].join('\n')
  })
  return `${HEAD}\n${blocks.join('\n\n')}\n\n#endif\n`
}

function wrap(text) {
  const lines = ['//']
  for (const word of text.split(' ')) {
    if (lines.at(-1).length + word.length >= 120) lines.push('//')
    lines.push(`${lines.pop()} ${word}`)
  }
  return lines
}

/** The document with its generated parts made anew. */
async function document(text) {
  const parts = { exports: exportTables(), constants: constantTables(), errors: await errorTable() }
  for (const [name, blocks] of Object.entries(parts)) {
    const marks = new RegExp(`(<!-- generated: ${name} -->)[\\s\\S]*?(<!-- end -->)`)
    if (!marks.test(text)) throw new Error(`docs/core-abi.md has no part \`generated: ${name}\``)
    text = text.replace(marks, (_, start, end) => `${start}\n\n${blocks.join('\n\n')}\n\n${end}`)
  }
  return text
}

const files = new Map([
  ['docs/core-abi.md', await document(read(join(ROOT, 'docs/core-abi.md')))],
  ['examples/hosts/c/abi.h', header()],
])
for (const [path, text] of files) {
  const file = join(ROOT, path)
  if (existsSync(file) && read(file) === text) continue
  if (!process.argv.includes('--check')) {
    writeFileSync(file, text)
    continue
  }
  console.error(`${path} is stale: run \`make abi-doc\``)
  process.exitCode = 1
}
