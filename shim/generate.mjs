// Writes shim/abi.h from assembly/abi.ts; with --check only says whether the file on disk is current.
import { readFileSync, writeFileSync } from 'node:fs'

const HEADERS = [
  { source: 'assembly/abi.ts', target: 'shim/abi.h', guard: 'MR_ABI_H' },
  { source: 'assembly/sim/abi.ts', target: 'shim/sim/abi.h', guard: 'MR_SIM_ABI_H' },
]
const place = (path) => new URL(`../${path}`, import.meta.url)

const head = (source, guard) => `// Generated from ${source} by shim/generate.mjs: edit that file and run \`make shim\`.
// clang-format off
#ifndef ${guard}
#define ${guard}
`

/** What stands behind this line is of no concern to C. */
const END = '\n// Below: between the core and its host alone'

/** The header's text for the text of an abi.ts. A line that is neither a constant nor a comment is an error. */
export function header(text, { source, guard } = HEADERS[0]) {
  const [shared = ''] = text.split(END)
  const lines = shared.split('\n').map((line) => {
    if (line === '' || line.startsWith('//')) return line
    if (line.startsWith('/**')) return line.replace(/^\/\*\* (.*) \*\/$/, '// $1')
    const constant = /^export const ([A-Z][A-Z0-9_]*) = (-?(?:0x[0-9a-f]+|\d+))( \/\/ .*)?$/.exec(line)
    if (!constant) throw new Error(`${source}: not a plain constant: ${line}`)
    const [, name, value, comment = ''] = constant
    return `#define MR_${name} ${value.startsWith('-') ? `(${value})` : value}${comment}`
  })
  return `${head(source, guard)}\n${lines.join('\n').trimEnd()}\n\n#endif\n`
}

if (process.argv[1] && import.meta.url.endsWith('/generate.mjs') && process.argv[1].endsWith('generate.mjs')) {
  for (const each of HEADERS) {
    const text = header(readFileSync(place(each.source), 'utf8'), each)
    if (!process.argv.includes('--check')) writeFileSync(place(each.target), text)
    else if (readFileSync(place(each.target), 'utf8') !== text) {
      console.error(`${each.target} is stale: run \`node shim/generate.mjs\``)
      process.exitCode = 1
    }
  }
}
