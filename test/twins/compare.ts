// What a decoder said against what its twin says of the same stream.
import { type Kind, lineMatches, print } from './print.ts'
import type { Outcome, Twin } from './twin.ts'

/**
 * Ways in which a stream may go on. Where a protocol's error is certain before the line that holds it has ended, the
 * reference does not say when it is reported: an error that comes after any of these may as well come before.
 */
const CONTINUED = ['\n', '\r\n', 'x', 'xx', 'x\r\n', '\r\n\r\n', '\n\r\n\r\n', ' /x HTTP/1.1\r\n\r\n', '.0\r\n\r\n']

/** `actual` with the lines that match those of `expected` written as there. */
export function likened(actual: readonly string[], expected: readonly string[]): string[] {
  return actual.map((text, i) => (lineMatches(text, expected[i] ?? '') ? expected[i]! : text))
}

function same(actual: readonly string[], expected: readonly string[]): boolean {
  return actual.length === expected.length && actual.every((text, i) => lineMatches(text, expected[i]!))
}

function isEarly(kind: Kind, told: readonly string[], twin: Twin, stream: Buffer): boolean {
  if (kind === 'frames' || !told.at(-1)?.startsWith('error ')) return false
  return CONTINUED.some((more) => {
    const later = print(kind, twin(Buffer.concat([stream, Buffer.from(more)])).results, { raw: true })
    return same(told, later.slice(0, told.length))
  })
}

/** What differs, or undefined. */
export function difference(kind: Kind, actual: Outcome, twin: Twin, stream: Buffer): string | undefined {
  const expected = twin(stream)
  const told = print(kind, actual.results, { raw: true })
  const ended = print(kind, actual.end, { raw: true })
  const shouldTell = print(kind, expected.results, { raw: true })
  const shouldEnd = print(kind, expected.end, { raw: true })
  if (same(told, shouldTell) && (expected.endOpen === true || same(ended, shouldEnd))) return undefined
  if (ended.length === 0 && isEarly(kind, told, twin, stream)) return undefined
  const lines = (title: string, results: readonly string[], end: readonly string[]): string =>
    [`${title}:`, ...results, '-- end:', ...end].join('\n  ')
  return `${lines('decoder', told, ended)}\n${lines('twin', shouldTell, shouldEnd)}`
}
