// The key hash spreads what people use as keys, depends on its seed, and globs match as Redis's do.
import { describe, expect, test } from 'vitest'
import { TestCore } from '../core-test.ts'

const KEYS = 1 << 16

function hashes(core: TestCore, keyOf: (i: number) => string): number[] {
  return Array.from({ length: KEYS }, (_, i) => {
    const key = Buffer.from(keyOf(i), 'latin1')
    return core.call('hashKey', core.put(key), key.length) >>> 0
  })
}

/** Chi-square of the counts in 256 bins: 255 expected, with a deviation of 23. */
function chiSquare(values: number[], shift: number): number {
  const bins = new Uint32Array(256)
  for (const value of values) bins[(value >>> shift) & 255]! += 1
  const mean = values.length / 256
  return bins.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0)
}

const KINDS: [name: string, keyOf: (i: number) => string][] = [
  ['numbers', (i) => String(i)],
  ['padded numbers', (i) => `key:${String(i).padStart(12, '0')}`],
  ['binary', (i) => String.fromCharCode(i & 255, i >> 8)],
  ['a long prefix', (i) => `${'user:session:'.repeat(4)}${i}`],
  ['a long suffix', (i) => `${i}${'x'.repeat(40)}`],
  ['runs of one byte', (i) => String.fromCharCode(i & 255).repeat(1 + (i >> 8))],
]

describe('hashKey', () => {
  test.each(KINDS)('spreads %s', (_name, keyOf) => {
    const values = hashes(new TestCore(), keyOf)
    expect(new Set(values).size).toBeGreaterThan(KEYS - 12) // a birthday or two in 2^32
    for (const shift of [0, 8, 16, 24]) expect(chiSquare(values, shift)).toBeLessThan(255 + 6 * 23)
  })

  test('depends on the seed', () => {
    const keyOf = (i: number): string => `key:${i}`
    const a = hashes(new TestCore({ seed: 1n }), keyOf)
    const b = hashes(new TestCore({ seed: 2n }), keyOf)
    const again = hashes(new TestCore({ seed: 1n }), keyOf)
    expect(again).toEqual(a)
    expect(a.filter((value, i) => (value & 255) === (b[i]! & 255)).length).toBeLessThan(400)
  })
})

test.each([
  ['*', '', true],
  ['*', 'anything', true],
  ['', '', true],
  ['', 'a', false],
  ['h?llo', 'hello', true],
  ['h?llo', 'hllo', false],
  ['h*llo', 'heeeello', true],
  ['h*llo', 'hllo', true],
  ['h*l*o*', 'hello world', true],
  ['h*l*x', 'hello world', false],
  ['h[ae]llo', 'hallo', true],
  ['h[ae]llo', 'hillo', false],
  ['h[^e]llo', 'hallo', true],
  ['h[^e]llo', 'hello', false],
  ['h[a-b]llo', 'hbllo', true],
  ['h[b-a]llo', 'hbllo', true],
  ['h[a-b]llo', 'hcllo', false],
  ['h\\*llo', 'h*llo', true],
  ['h\\*llo', 'hello', false],
  ['[\\]]', ']', true],
  ['[abc', 'c', true],
  ['[abc', 'd', false],
  ['a[', 'a', false],
  ['*\\', 'a\\', true],
  ['a**b', 'axxb', true],
  [`${'*a'.repeat(20)}b`, 'a'.repeat(200), false],
] as const)('%j and %j', (pattern, text, matches) => {
  const core = new TestCore()
  const bytes = Buffer.from(pattern + text, 'latin1')
  const at = core.put(bytes)
  const middle = at + pattern.length
  expect(core.call('globMatch', at, middle, middle, middle + text.length) !== 0).toBe(matches)
})
