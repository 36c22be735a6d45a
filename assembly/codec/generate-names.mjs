// Writes http1-names.ts from the HTTP1_FIELD_* of abi.ts; with --check only says whether the file on disk is current.
import { readFileSync, writeFileSync } from 'node:fs'

const source = new URL('abi.ts', import.meta.url)
const target = new URL('http1-names.ts', import.meta.url)
const SLOT_BITS = 9

/** Field names by number; 0 is none. */
export function fieldNames(abi) {
  const names = ['']
  for (const [, constant, number] of abi.matchAll(/^export const HTTP1_FIELD_([A-Z0-9_]+) = (\d+)/gm)) {
    names[Number(number)] = constant.toLowerCase().replaceAll('_', '-')
  }
  return names
}

/** Eight bytes of a name from `at` on, little-endian. */
function word(name, at) {
  const bytes = Buffer.alloc(8)
  bytes.write(name.slice(Math.max(0, at), Math.max(0, at) + 8), 'latin1')
  return bytes.readBigUInt64LE()
}

/** A multiplier under which all names have slots of their own, by their last word and their length. */
function spread(keys) {
  for (let seed = 1n; ; seed++) {
    const multiplier = BigInt.asUintN(64, seed * 0x9e3779b97f4a7c15n) | 1n
    const slots = keys.map((key) => Number(BigInt.asUintN(64, key * multiplier) >> BigInt(64 - SLOT_BITS)))
    if (new Set(slots).size === slots.length) return { multiplier, slots }
  }
}

function rows(values, perRow) {
  const lines = []
  for (let i = 0; i < values.length; i += perRow) lines.push(`  ${values.slice(i, i + perRow).join(', ')},`)
  return lines.join('\n')
}

const hex = (value) => `0x${value.toString(16)}`

/** The text of http1-names.ts for the text of abi.ts. */
export function table(abi) {
  const names = fieldNames(abi)
  const last = names.map((name) => word(name, name.length - 8))
  const keys = names.map((name, id) => last[id] ^ BigInt(name.length))
  const { multiplier, slots } = spread(keys.slice(1))
  const ids = new Array(1 << SLOT_BITS).fill(0)
  for (const [i, slot] of slots.entries()) ids[slot] = i + 1
  const words = names.flatMap((name, id) => [last[id], word(name, 0), word(name, 8), word(name, 16)].map(hex))
  const how = 'edit that list and run `node assembly/codec/generate-names.mjs`'
  return `// Field names, generated from abi.ts: ${how}.

export const NAME_MULTIPLIER: u64 = ${hex(multiplier)}
export const NAME_SHIFT: u64 = ${64 - SLOT_BITS}
/** Bytes of a field's words: its last eight bytes, its first, those from 8 and those from 16 on. */
export const NAME_WORDS_BYTES: usize = 32

// biome-ignore format: a table
/** The field in each slot; 0: none. */
export const NAME_SLOTS = memory.data<u8>([
${rows(ids, 32)}
])

// biome-ignore format: a table
/** How long each name is. */
export const NAME_LENGTHS = memory.data<u8>([
${rows(
  names.map((name) => name.length),
  32,
)}
])

// biome-ignore format: a table
/** The words of each name, in lower case. */
export const NAME_WORDS = memory.data<u64>([
${rows(words, 4)}
])
`
}

if (process.argv[1]?.endsWith('generate-names.mjs')) {
  const text = table(readFileSync(source, 'utf8'))
  if (!process.argv.includes('--check')) writeFileSync(target, text)
  else if (readFileSync(target, 'utf8') !== text) {
    console.error('http1-names.ts is stale: run `node assembly/codec/generate-names.mjs`')
    process.exit(1)
  }
}
