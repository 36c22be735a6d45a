// Sizes as people write them for Redis: 100mb, 1gb, 1073741824.
import { InvalidArgumentError } from '../core/invalid-argument.ts'

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1_000_000,
  mb: 1024 ** 2,
  g: 1_000_000_000,
  gb: 1024 ** 3,
}

/** The bytes that a value with a unit means (memtoull of Redis: kb is 1024, k is 1000); undefined: none. */
export function parseMemory(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+)([a-z]*)$/i.exec(text) ?? []
  const factor = UNITS[unit.toLowerCase()]
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor
}

/** Parses the size of an option, within limits. */
export function parseBytes(name: string, text: string, min: number, max: number): number {
  const bytes = parseMemory(text)
  if (bytes === undefined || bytes < min || bytes > max) {
    throw new InvalidArgumentError(
      name,
      `a size from ${formatBytes(min)} to ${formatBytes(max)}, as in 100mb or 1gb`,
      text,
    )
  }
  return bytes
}

/** `64mb`: the largest unit that divides. */
export function formatBytes(bytes: number): string {
  for (const unit of ['gb', 'mb', 'kb']) {
    const size = UNITS[unit] as number
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`
  }
  return `${bytes}b`
}
