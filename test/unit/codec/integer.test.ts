// Integers as Redis reads and writes them: string2ll accepts one spelling of each, up to the ends of 64 bits.
import { expect, test } from 'vitest'
import { Random, SEED } from '../../system/random.ts'
import { TestCore } from '../core-test.ts'
import { integer } from './resp-twin.ts'

const core = new TestCore({ heapBytes: 1 << 20, slabBytes: 1 << 20 })
const MAX = 2n ** 63n - 1n
const MIN = -(2n ** 63n)

/** What the core reads, with digits behind it that are not part of it. */
function parse(text: string): bigint | undefined {
  const at = core.put(Buffer.from(`${text}7\r\n`, 'latin1'))
  if (core.call('parseInteger', at, text.length) === 0) return undefined
  return (core.exports.parsedInteger as unknown as WebAssembly.Global<'i64'>).value
}

function write(name: 'writeInteger' | 'writeUnsigned', value: bigint): string {
  const at = core.put(Buffer.alloc(40, '~'))
  const length = core.call(name, at, value)
  expect(core.bytes[at + length], 'nothing is written behind it').toBe(126)
  return Buffer.from(core.bytes.slice(at, at + length)).toString()
}

const BORDERS = [0n, 9n, 10n, 99n, 100n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 10n ** 18n, 10n ** 19n, MAX, -MIN, 2n ** 64n]

test('the borders, one beyond and one before, with either sign', () => {
  const values = BORDERS.flatMap((border) => [border - 1n, border, border + 1n])
  for (const value of values.flatMap((each) => [each, -each])) {
    const inside = value >= MIN && value <= MAX
    expect(parse(String(value)), String(value)).toBe(inside ? value : undefined)
    if (inside) expect(write('writeInteger', value)).toBe(String(value))
  }
})

test('every length of digits', () => {
  for (let digits = 1; digits <= 20; digits++) {
    for (const digit of ['1', '5', '9']) {
      const value = BigInt(digit.repeat(digits))
      if (value >= 2n ** 64n) continue
      expect(write('writeUnsigned', value)).toBe(String(value))
      expect(core.call('digitsOf', value)).toBe(digits)
      expect(parse(String(value))).toBe(value <= MAX ? value : undefined)
    }
  }
  expect(write('writeUnsigned', 2n ** 64n - 1n)).toBe('18446744073709551615')
  expect(write('writeUnsigned', 10n ** 19n)).toBe('10000000000000000000')
})

test.each([
  '',
  '-',
  '+',
  '+1',
  '-0',
  '00',
  '01',
  '-01',
  ' 1',
  '1 ',
  '1a',
  'a',
  '1\0',
  '0x1',
  '1.0',
  '1e3',
  '--1',
  '1-',
  '\xb1',
])('%j is no integer', (text) => expect(parse(text)).toBeUndefined())

test('too many digits are no integer, and do not wrap', () => {
  for (const text of [
    String(2n ** 64n),
    `${2n ** 64n}1`,
    '9'.repeat(19),
    '9'.repeat(20),
    '1'.repeat(40),
    `-${2n ** 64n - 1n}`,
  ]) {
    expect(parse(text), text).toBeUndefined()
  }
  expect(parse(`0${'1'.repeat(19)}`)).toBeUndefined()
})

test(`what is written is read again, and random texts are read as by the twin (MILLRACE_SEED=${SEED})`, () => {
  const random = new Random(SEED)
  for (let i = 0; i < 20_000; i++) {
    const bits = (BigInt(random.bits()) << 32n) | BigInt(random.bits())
    const value = BigInt.asIntN(64, bits) >> BigInt(random.below(64))
    if (parse(write('writeInteger', value)) !== value) expect.fail(`${value} is not read again`)
    const text = Array.from({ length: random.between(1, 21) }, (_, at) =>
      random.chance(at ? 0.005 : 0.3) ? random.pick([...'-+0a ']) : String(random.below(10)),
    ).join('')
    if (parse(text) !== integer(text)) expect(parse(text), text).toBe(integer(text))
  }
})
