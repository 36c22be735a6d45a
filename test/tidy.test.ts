// The rules of STYLE.md that a test can enforce, over every file of the tree that is written by hand.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '..')
const THIS_FILE = 'test/tidy.test.ts' // names what it forbids
const LINE_LENGTH_MAX = 120
const FILE_LINES_MAX = 400
const HEADER_LINES_MAX = 3 // a shebang may stand before the first comment

const SOURCE_ROOMS = ['assembly', 'shim', 'src', 'test', 'bench', 'examples']
const SOURCE_EXTENSIONS = new Set(['.ts', '.mjs', '.c', '.h'])
const SKIPPED_FOLDERS = new Set(['node_modules', 'build', 'dist', '.git', 'fixtures', 'results'])

/** The rooms of src/ from the ground up; a file imports only from rooms below its own, or from its own. */
const ROOM_RANK: Readonly<Record<string, number>> = {
  core: 0,
  kernel: 0,
  loop: 1,
  channel: 2,
  reactor: 3,
  service: 4,
  metrics: 4,
  cli: 5,
}
const ENTRY = 'src/index.ts' // the export list sees every room; the other files directly in src/ see none

function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : filesIn(path)
    return entry.isFile() ? [path] : []
  })
}

const all = filesIn('.')
const sources = all.filter(
  (path) => SOURCE_ROOMS.includes(path.split('/')[0] ?? '') && SOURCE_EXTENSIONS.has(extname(path)),
)
const textOf = new Map(all.filter(isText).map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]))

function isText(path: string): boolean {
  return /\.(ts|mjs|c|h|md|json|mk|yml|sh)$|(^|\/)(Makefile|run|peers|LICENSE)$/.test(path)
}

function text(path: string): string {
  return textOf.get(path) ?? ''
}

/** Every place where `find` matches a line of `paths`, as `file:line`. */
function places(paths: readonly string[], find: (line: string) => boolean): string[] {
  return paths.flatMap((path) =>
    text(path)
      .split('\n')
      .flatMap((line, index) => (find(line) ? [`${path}:${index + 1}`] : [])),
  )
}

/** What a TypeScript file imports: bare names as written, relative ones as paths from the root. */
function importsOf(path: string): string[] {
  const forms = [
    /^(?:import|export)\s[^'"=();]*?\bfrom\s+['"]([^'"]+)['"]/gm,
    /^import\s+['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]/g,
  ]
  const names = forms.flatMap((form) => [...text(path).matchAll(form)].map(([, name = '']) => name))
  return names.map((name) => (name.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(path), name)) : name))
}

function room(path: string): string {
  return path.split('/').length > 2 ? (path.split('/')[1] ?? '') : ''
}

function mayImport(from: string, to: string): boolean {
  if (from === ENTRY || room(from) === room(to)) return to !== ENTRY
  if (room(to) === '') return to !== ENTRY
  if (room(from) === '') return false
  return (ROOM_RANK[room(from)] ?? -1) > (ROOM_RANK[room(to)] ?? Infinity)
}

const inRoom = (folder: string): string[] => sources.filter((path) => path.startsWith(`${folder}/`))
const typescript = (folder: string): string[] => inRoom(folder).filter((path) => extname(path) === '.ts')

describe('every source file', () => {
  test(`has lines of at most ${LINE_LENGTH_MAX} characters`, () => {
    expect(places(sources, (line) => [...line].length > LINE_LENGTH_MAX)).toEqual([])
  })

  test(`has at most ${FILE_LINES_MAX} lines`, () => {
    const long = sources.filter((path) => text(path).split('\n').length - 1 > FILE_LINES_MAX)
    expect(long).toEqual([])
  })

  test('says in its first line what belongs in it', () => {
    const silent = sources.filter((path) => {
      const lines = text(path).split('\n').slice(0, HEADER_LINES_MAX)
      const first = lines.find((line) => !line.startsWith('#!')) ?? ''
      return !/^(\/\/|\/\*\*?) ?\S.{7}/.test(first)
    })
    expect(silent).toEqual([])
  })

  test('has no debts and no left-over focus', () => {
    const debt = /\b(TODO|FIXME|XXX|HACK)\b|\.only\(/
    const others = sources.filter((path) => path !== THIS_FILE)
    expect(places(others, (line) => debt.test(line))).toEqual([])
  })

  test('ends in one newline and has no tabs or trailing blanks', () => {
    expect(sources.filter((path) => !/[^\n]\n$/.test(text(path)))).toEqual([])
    expect(places(sources, (line) => /\t|[ ]$/.test(line))).toEqual([])
  })

  test('has no default export', () => {
    const modules = sources.filter((path) => /\.(ts|mjs)$/.test(path))
    expect(places(modules, (line) => /^export default\b/.test(line))).toEqual([])
  })
})

describe('dependencies', () => {
  test('only src/kernel/native.ts knows koffi, and the lab, which blocks in the C library itself', () => {
    const users = sources.filter((path) => /\.(ts|mjs)$/.test(path) && importsOf(path).includes('koffi'))
    expect(users.sort()).toEqual(['bench/lab/echo-worker.mjs', 'src/kernel/native.ts'])
  })

  test('src/core runs on any host: it imports nothing from Node and nothing from npm', () => {
    const foreign = typescript('src/core').flatMap((path) =>
      importsOf(path)
        .filter((name) => !name.startsWith('src/') && !name.startsWith('assembly/'))
        .map((name) => `${path} imports ${name}`),
    )
    expect(foreign).toEqual([])
  })

  test('src/core names nothing that only Node or only a page has: it compiles with the library of a web worker', () => {
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
    const found = spawnSync(process.execPath, [tsc, '-p', 'src/core/tsconfig.json'], { cwd: ROOT, encoding: 'utf8' })
    expect(found.stdout + found.stderr).toBe('')
    expect(found.status).toBe(0)
  })

  test('assembly/ imports only itself', () => {
    const foreign = typescript('assembly').flatMap((path) =>
      importsOf(path)
        .filter((name) => !name.startsWith('assembly/'))
        .map((name) => `${path} imports ${name}`),
    )
    expect(foreign).toEqual([])
  })

  test('src/ imports nothing of assembly/ but the plain constants of its abi.ts files', () => {
    const isConstants = (path: string): boolean => path.startsWith('assembly/') && basename(path) === 'abi.ts'
    const impure = places(sources.filter(isConstants), (line) => !/^($|\/\/|\/?\*| \*|export const [A-Z])/.test(line))
    expect(impure).toEqual([])
    const foreign = typescript('src').flatMap((path) =>
      importsOf(path)
        .filter((name) => name.startsWith('assembly/') && !isConstants(name))
        .map((name) => `${path} imports ${name}`),
    )
    expect(foreign).toEqual([])
  })

  test('src/ depends one way: cli → service → reactor → channel → loop → core, kernel', () => {
    const unknown = typescript('src').filter((path) => room(path) !== '' && !(room(path) in ROOM_RANK))
    expect(unknown).toEqual([])
    const upward = typescript('src').flatMap((path) =>
      importsOf(path)
        .filter((name) => name.startsWith('src/') && !mayImport(path, name))
        .map((name) => `${path} imports ${name}`),
    )
    expect(upward).toEqual([])
  })
})

describe('documents', () => {
  const documents = all.filter((path) => extname(path) === '.md')

  test('have exactly one heading of the first rank, at their top', () => {
    const wrong = documents.filter((path) => {
      const prose = text(path).replace(/^```.*?^```/gms, '')
      return !prose.startsWith('# ') || (prose.match(/^# /gm) ?? []).length !== 1
    })
    expect(wrong).toEqual([])
  })

  test('the changelog lists releases, newest first, by the three kinds of change', () => {
    const lines = text('CHANGELOG.md').split('\n')
    const releases = lines.filter((line) => line.startsWith('## '))
    expect(releases.length).toBeGreaterThan(0)
    for (const release of releases) {
      expect(release).toMatch(/^## (Unreleased|\d+\.\d+\.\d+ \(\d{4}-\d{2}-\d{2}\)|\d+\.\d+\.\d+ \(unreleased\))$/)
    }
    for (const section of lines.filter((line) => line.startsWith('### '))) {
      expect(section).toMatch(/^### (Safety and performance|Features|Internals)$/)
    }
    const { version } = JSON.parse(text('package.json')) as { version: string }
    expect(releases.some((release) => release.includes(version))).toBe(true)
  })
})

test('no file names a path of the machine it was written on', () => {
  const machinePath = /(^|[^\w.])\/(home|root|work|Users)\/\w/
  const files = [...textOf.keys()].filter((path) => path !== THIS_FILE)
  expect(places(files, (line) => machinePath.test(line))).toEqual([])
})

test('the lock file names no registry', () => {
  expect(places(['package-lock.json'], (line) => line.includes('"resolved"'))).toEqual([])
})
