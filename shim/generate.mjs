// Writes shim/abi.h from assembly/abi.ts; with --check only says whether the file on disk is current.
import { readFileSync, writeFileSync } from 'node:fs'

const source = new URL('../assembly/abi.ts', import.meta.url)
const target = new URL('abi.h', import.meta.url)
const head = `// Generated from assembly/abi.ts by shim/generate.mjs: edit that file and run \`make shim\`.
// clang-format off
#ifndef MR_ABI_H
#define MR_ABI_H
`

/** The header's text for the text of abi.ts. A line that is neither a constant nor a comment is an error. */
export function header(text) {
  const lines = text.split('\n').map((line) => {
    if (line === '' || line.startsWith('//')) return line
    if (line.startsWith('/**')) return line.replace(/^\/\*\* (.*) \*\/$/, '// $1')
    const constant = /^export const ([A-Z][A-Z0-9_]*) = (-?(?:0x[0-9a-f]+|\d+))( \/\/ .*)?$/.exec(line)
    if (!constant) throw new Error(`abi.ts: not a plain constant: ${line}`)
    const [, name, value, comment = ''] = constant
    return `#define MR_${name} ${value.startsWith('-') ? `(${value})` : value}${comment}`
  })
  return `${head}\n${lines.join('\n').trimEnd()}\n\n#endif\n`
}

if (process.argv[1] && import.meta.url.endsWith('/generate.mjs') && process.argv[1].endsWith('generate.mjs')) {
  const text = header(readFileSync(source, 'utf8'))
  if (!process.argv.includes('--check')) writeFileSync(target, text)
  else if (readFileSync(target, 'utf8') !== text) {
    console.error('shim/abi.h is stale: run `node shim/generate.mjs`')
    process.exit(1)
  }
}
